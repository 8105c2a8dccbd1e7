"""What a measurement is: an object that turns a trained model into columns of the results."""

import hashlib
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.data import Data
from bench.models import Model
from bench.settings import Count, Settings
from reports import Metric

Images = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float32]


class NotApplicableError(Exception):
    """A measurement that does not exist for this model or these data; the message is the reason."""


class NotFiniteError(FloatingPointError):
    """A number or an image is not finite; the message says which."""


class Cache(Protocol):
    """Where what costs much and depends on the data alone is kept between runs."""

    def cached(self, key: str) -> dict[str, Any] | None:
        """What is kept under a key; None if there is nothing."""

    def cache(self, key: str, state: dict[str, Any]) -> None:
        """Keep tensors and plain values under a key that names everything they depend on."""


class MemoryCache(dict[str, dict[str, Any]]):
    """A cache that lasts as long as the object."""

    cached = dict.get
    cache = dict.__setitem__


@dataclass(eq=False)
class Trained:
    """A trained model in evaluation mode, and the data that it is measured on."""

    model: Model
    data: Data
    seed: int  # of the run: the noise of every measurement is derived from it
    cache: Cache = field(default_factory=MemoryCache)
    shared: dict[object, Any] = field(default_factory=dict)
    """What one measurement computed and another may use, by everything that it depends on."""

    def once(self, key: object, compute: Callable[[], Any]) -> Any:
        """Return what `compute` returns, from the first call under this key."""
        if key not in self.shared:
            self.shared[key] = compute()
        return self.shared[key]


@dataclass(frozen=True)
class Measured:
    """What a measurement yields; the images are for a person to look at."""

    columns: Mapping[str, Any]  # numbers, and a few words, by the key of their metric
    images: Mapping[str, Images] = field(default_factory=dict)  # name -> uint8 (n, H, W, C)
    per_image: Mapping[str, Values] = field(default_factory=dict)
    """Key of a metric -> its value for each test item, (n,), in the fixed order of the items."""


ENOUGH = 0.25
"""Seconds beside which what is done in a first call alone (allocations) does not count."""


class Trial:
    """Times a few items of a model that need not be trained, for the estimate of a run."""

    def __init__(self, trained: Trained, items: int = 8) -> None:
        self.trained = trained
        self.few = trained.data.validation[:items]
        self._seconds: dict[str, float] = {}

    def seconds(self, name: str, work: Callable[[Tensor], object]) -> float:
        """Seconds that `work` takes for each of a few items; under one name it is timed once."""
        if name not in self._seconds:
            self._seconds[name] = timed_by_item(
                lambda count: work(self.few[:count]), len(self.few), self.trained.model.device
            )
        return self._seconds[name]


def timed_by_item(
    work: Callable[[int], object], items: int, device: torch.device, *, fewest: int = 1
) -> float:
    """Seconds of work on so many items, divided by their number.

    On a CPU fewer are tried first, until they take `ENOUGH` seconds for a clock. What only a first
    call does (imports, allocations) is not timed.
    """
    count = fewest
    if device.type == "cpu" and count < items:
        work(count)
    while device.type == "cpu" and count < items:
        started = clock(device)
        work(count)
        if (seconds := clock(device) - started) > ENOUGH:
            return seconds / count
        count *= 4
    return timed(lambda: work(items), device) / items


def timed(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of one call, after a first one (allocations, choice of kernels) that is not timed."""
    work()
    started = clock(device)
    work()
    return clock(device) - started


def clock(device: torch.device) -> float:
    """Seconds of a clock, read when the device has done all that it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


class Measurement(Settings, ABC):
    """One measurement of a trained model. Its fields are its parameters.

    A suite sets the parameters in its table `evaluation`, where those of all measurements stand
    side by side: one name means the same in all of them. Raise `version` with any change of the
    arithmetic: stored results of another version are then made anew, and no others.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    batch_size: Count = 128  # items in one batch of the evaluation

    @property
    @abstractmethod
    def metrics(self) -> tuple[Metric, ...]:
        """The columns that it yields."""

    @abstractmethod
    def measure(self, trained: Trained) -> Measured:
        """Measure a model.

        Raises:
            NotApplicableError: there is no such number for this model or these data.
            NotFiniteError: a number or an image is not finite.
        """

    @abstractmethod
    def seconds(self, trial: Trial) -> float:
        """Expected seconds of `measure`."""

    def describe(self, items: str) -> str:
        """What is measured on how many `items` (images or videos), for the head of a report."""
        return ""

    def fits(self, model: type[Model]) -> bool:
        """Whether models of this family are measured at all."""
        return True

    def parts(self) -> tuple[Self, ...]:
        """The measurements that are stored on their own: here the one."""
        return (self,)

    def prepared(self, *, fetch: bool) -> Self:
        """The measurement with the fingerprints of all that it needs: here it needs nothing.

        Args:
            fetch: whether what is absent is fetched; else its fingerprint stays empty.

        Raises:
            bench.metrics.FeatureError: what it needs cannot be had.
        """
        return self

    @property
    def to_fetch(self) -> str:
        """What it needs that is not here, in words; "" if nothing."""
        return ""

    @property
    def label(self) -> str:
        """What tells it from the others of one evaluation."""
        return self.name

    def content(self) -> dict[str, Any]:
        """Name, version and parameters, as plain JSON data."""
        parameters = self.model_dump(mode="json")
        return {"name": self.name, "version": self.version, "parameters": parameters}

    @property
    def key(self) -> str:
        """Label and hash of the content; what its results are stored under."""
        canonical = json.dumps(self.content(), sort_keys=True, separators=(",", ":"))
        return f"{self.label}-{hashlib.sha256(canonical.encode()).hexdigest()[:10]}"
