"""One run: everything that determines its weights and its history, and the hash that names it."""

from __future__ import annotations

import hashlib
import json

from bench.settings import Option, Settings
from bench.training import VERSION, History, Training
from reports import Row

VARIED = {"likelihood", "likelihood_options", "likelihood_source", "seed"}
"""What differs between the runs of one column; all else is its protocol."""


class RunSpec(Settings, protected_namespaces=()):
    """A run. What cannot change its weights (device, jobs, folder, evaluation) is not in it."""

    data_set: str
    data_checksum: str
    model: str
    model_options: dict[str, Option]
    model_version: int | str
    """See `bench.models.version`."""
    likelihood: str
    likelihood_options: dict[str, Option]
    likelihood_source: str
    """SHA-256 of what defines the likelihood: its file, and the core that all stand on."""
    training: Training
    history: History
    seed: int
    training_version: int = VERSION

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

    @property
    def column_key(self) -> str:
        """Short hash of what the runs of one column have in common; it tells columns apart."""
        return _digest(json.dumps(self.model_dump(mode="json", exclude=VARIED), sort_keys=True))

    @property
    def row_key(self) -> str:
        """What a report takes only one run of in each column: likelihood, options and seed."""
        return json.dumps([self.decoder_key, self.seed])

    @property
    def decoder_key(self) -> str:
        """What all seeds of a decoder share: likelihood and options."""
        return json.dumps([self.likelihood, self.likelihood_options], sort_keys=True)

    @property
    def is_trial(self) -> bool:
        """Whether it is there to choose a learning rate, and is never reported."""
        return self.seed < 0

    @property
    def title(self) -> str:
        """What tells it from the others of a command, for a line on the terminal."""
        which = f"seed {self.seed}"
        if self.is_trial:
            which = f"trial {-self.seed} of rate {self.training.learning_rate:g}"
        return f"{self.data_set} {self.model} {self.label} {which}"

    def at(self, learning_rate: float, seed: int) -> RunSpec:
        """The same run at another learning rate, on another seed."""
        training = self.training.model_copy(update={"learning_rate": learning_rate})
        return self.model_copy(update={"training": training, "seed": seed})

    @property
    def run_id(self) -> str:
        """Readable name and hash; the name of the run's folder."""
        # The budget's name is not in it: two budgets of the same content are one run.
        options = "".join(f"-{key}={value}" for key, value in self.likelihood_options.items())
        name = f"{self.data_set}-{self.model}-{self.likelihood}{options}-seed={self.seed}"
        content = self.model_dump(mode="json")
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        # A name of a file has at most 255 bytes.
        readable = as_file_name(name).encode()[:244].decode(errors="ignore")
        return f"{readable}-{_digest(canonical)}"


def as_file_name(text: str) -> str:
    """A text as one part of a path."""
    return "".join(c if c.isalnum() or c in "-_=." else "_" for c in text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]
