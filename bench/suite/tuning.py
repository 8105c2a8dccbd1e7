"""A learning rate for each decoder, chosen by trials on validation data.

As in a self-tuning benchmark (Dahl et al. 2023, "Benchmarking Neural Network Training Algorithms",
arXiv:2306.07179) the budget of the search is fixed: every decoder, and every value of a sweep, gets
the same rates and the same number of trials. Trials have seeds of their own, below 0, so that no
reported run had a say in the choice of its rate.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bench.evaluation import Measurement
from bench.suite.schema import Tuning
from bench.suite.spec import RunSpec
from reports import COLLAPSE_KEYS

SELECTOR = "validation_bits_per_dim"
"""The number that chooses: the one unit that all decoders share."""
LEAD = 0.02
"""Bits a value by which another rate has to be better than the fixed one.

Trials of few seeds do not tell smaller differences from those between seeds (docs/validity.md)."""


class Score(NamedTuple):
    """What became of a trial."""

    bits_per_dim: float
    """On validation images; infinite if the trial did not finish or was not measured."""
    sound: bool
    """Whether it finished and is not collapsed."""


@dataclass(frozen=True)
class Search:
    """The trials of one decoder in a column, and the runs that its rate is chosen for."""

    key: str
    """Of the column of the runs at chosen rates."""
    runs: tuple[RunSpec, ...]
    """At the rate that is fixed for all decoders of the column."""
    trials: tuple[RunSpec, ...]

    @property
    def fixed(self) -> float:
        """The rate that is the same for all decoders."""
        return self.runs[0].training.learning_rate

    def choose(self, score: Callable[[RunSpec], Score]) -> float:
        """Return the rate with the most sound trials, and of those the one of the lowest mean.

        The mean is over the sound trials; where a rate has none, over those that finished. The
        fixed rate counts as better by `LEAD`. Equal rates: the fixed one, else the smaller.
        """
        scores: dict[float, list[Score]] = {}
        for trial in self.trials:
            scores.setdefault(trial.training.learning_rate, []).append(score(trial))

        def place(rate: float) -> tuple[int, float, bool, float]:
            sound = [each.bits_per_dim for each in scores[rate] if each.sound]
            every = [each.bits_per_dim for each in scores[rate]]
            kept = sound or [bits for bits in every if math.isfinite(bits)] or [math.inf]
            lead = LEAD if rate == self.fixed else 0.0
            return -len(sound), statistics.fmean(kept) - lead, rate != self.fixed, rate

        return min(scores, key=place)

    def at(self, rate: float) -> list[RunSpec]:
        """The reported runs at a rate."""
        return [run.at(rate, run.seed) for run in self.runs]


def searches(runs: Sequence[RunSpec], tuning: Tuning) -> list[Search]:
    """Return a search for each decoder among the runs of a column."""
    rates = sorted({*tuning.rates, runs[0].training.learning_rate})
    key = f"{runs[0].column_key}-rates-{'-'.join(map(str, rates))}-trials-{tuning.seeds}"
    by_decoder: dict[str, list[RunSpec]] = {}
    for run in runs:
        by_decoder.setdefault(run.decoder_key, []).append(run)
    return [
        Search(
            key,
            tuple(own),
            tuple(own[0].at(rate, -seed) for rate in rates for seed in range(1, tuning.seeds + 1)),
        )
        for own in by_decoder.values()
    ]


def judges(measurement: Measurement) -> bool:
    """Whether a measurement is one of those that a trial is judged by."""
    return not {SELECTOR, *COLLAPSE_KEYS}.isdisjoint(each.key for each in measurement.metrics)
