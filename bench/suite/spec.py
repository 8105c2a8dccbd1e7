"""One run: everything that determines its weights and its history, and the hash that names it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from bench.settings import Option
from bench.training import VERSION as TRAINING_VERSION
from bench.training import History, Training
from reports import Row

VARIED = ("likelihood", "likelihood_options", "likelihood_source", "seed")
"""What differs between the runs of one column; all else is its protocol."""


@dataclass(frozen=True)
class RunSpec:
    """A run. What cannot change its weights (device, jobs, folder, evaluation) is not in it."""

    data_set: str
    data_checksum: str
    model: str
    model_options: dict[str, Option]
    model_version: int
    likelihood: str
    likelihood_options: dict[str, Option]
    likelihood_source: str
    """SHA-256 of what defines the likelihood: its file, and the core that all stand on."""
    training: Training
    history: History
    seed: int
    training_version: int = TRAINING_VERSION

    def content(self) -> dict[str, Any]:
        """The run as plain JSON data."""
        plain = asdict(self)
        plain["training"] = self.training.model_dump(mode="json")
        plain["history"] = self.history.model_dump(mode="json")
        return plain

    @classmethod
    def from_content(cls, content: dict[str, Any]) -> RunSpec:
        """The inverse of `content`.

        Raises:
            ValueError: the content is not that of a run of this version.
        """
        try:
            settings = {
                "training": Training.model_validate_json(json.dumps(content["training"])),
                "history": History.model_validate_json(json.dumps(content["history"])),
            }
            return cls(**content | settings)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a run of this version: {error}") from error

    @property
    def label(self) -> str:
        """The likelihood with its options, e.g. `name(option=0.1)`."""
        if not self.likelihood_options:
            return self.likelihood
        options = ", ".join(f"{key}={value}" for key, value in self.likelihood_options.items())
        return f"{self.likelihood}({options})"

    def belongs_to(self, row: Row) -> bool:
        """Whether the run is one of a row of the report."""
        return row.holds(self.likelihood, self.likelihood_options)

    @cached_property
    def column_key(self) -> str:
        """Short hash of what the runs of one column have in common; it tells columns apart."""
        content = {key: value for key, value in self.content().items() if key not in VARIED}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]

    @cached_property
    def row_key(self) -> str:
        """What a report takes only one run of in each column: likelihood, options and seed."""
        return json.dumps([self.likelihood, self.likelihood_options, self.seed], sort_keys=True)

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
