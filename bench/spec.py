"""One run: everything that determines its numbers, and the hash that names it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from bench.suite import Evaluation, Option, Training

PROTOCOL = 4
"""Version of the harness's own arithmetic. Raise it with any change to models, training, seeding
or evaluation that changes numbers: stored runs of another version are then not reused."""

TOO_LARGE = "too large"
"""Status of a run that does not fit into the memory of this machine."""

VARIED = ("likelihood", "likelihood_options", "likelihood_source", "seed")
"""What differs between the runs of one column; all else is its protocol."""


@dataclass(frozen=True)
class RunSpec:
    """A run. What cannot change its numbers (device, jobs, folder) is not in it."""

    data_set: str
    data_checksum: str
    model: str
    model_options: dict[str, Option]
    likelihood: str
    likelihood_options: dict[str, Option]
    likelihood_source: str
    """SHA-256 of what defines the likelihood: its file, and the core that all stand on."""
    training: Training
    evaluation: Evaluation
    extractors: dict[str, str]
    """Feature extractors of the Frechet distances, with the fingerprint of each."""
    seed: int
    protocol: int = PROTOCOL

    def content(self) -> dict[str, Any]:
        """The run as plain JSON data."""
        plain = asdict(self)
        plain["training"] = self.training.model_dump(mode="json")
        plain["evaluation"] = self.evaluation.model_dump(mode="json")
        return plain

    @classmethod
    def from_content(cls, content: dict[str, Any]) -> RunSpec:
        """The inverse of `content`.

        Raises:
            ValueError: the content is not that of a run of this version.
        """
        try:
            training = Training.model_validate_json(json.dumps(content["training"]))
            evaluation = Evaluation.model_validate_json(json.dumps(content["evaluation"]))
            return cls(**content | {"training": training, "evaluation": evaluation})
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a run of this version: {error}") from error

    @property
    def label(self) -> str:
        """The likelihood with its options, e.g. `name(option=0.1)`."""
        if not self.likelihood_options:
            return self.likelihood
        options = ", ".join(f"{key}={value}" for key, value in self.likelihood_options.items())
        return f"{self.likelihood}({options})"

    @cached_property
    def protocol_key(self) -> str:
        """What the runs of one column have in common, as text."""
        content = {key: value for key, value in self.content().items() if key not in VARIED}
        return json.dumps(content, sort_keys=True)

    @cached_property
    def column_key(self) -> str:
        """The same as a short hash; what tells columns apart."""
        return hashlib.sha256(self.protocol_key.encode()).hexdigest()[:10]

    @cached_property
    def run_id(self) -> str:
        """Readable name and hash; the name of the run's folder."""
        # The budget's name is not in it: two budgets of the same content are one run.
        canonical = json.dumps(self.content(), sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(canonical.encode()).hexdigest()[:10]
        options = "".join(f"-{key}={value}" for key, value in self.likelihood_options.items())
        name = f"{self.data_set}-{self.model}-{self.likelihood}{options}-seed={self.seed}"
        safe = "".join(c if c.isalnum() or c in "-_=." else "_" for c in name)
        return f"{safe}-{digest}"
