"""The sections of the report, in the order in which they are printed, and the pages beside it.

A new section is a function from Subject to Markdown and a line here.
"""

from collections.abc import Callable
from typing import NamedTuple

from reports.sections import measurements
from reports.sections.audit import published
from reports.sections.claims import claims, claims_in_short
from reports.sections.decoders import decoder_tables, layers, sweep_tables, videos
from reports.sections.differences import differences, rank_sections
from reports.sections.overview import budget, columns_not_run, note, reading, what_was_run
from reports.sections.rates import learning_rates
from reports.sections.section import Subject
from reports.sections.training import best_points, costs, speed, stability
from reports.sections.verdict import recommended, verdict

Section = Callable[[Subject], str]

SECTIONS: tuple[Section, ...] = (
    verdict,
    decoder_tables,
    measurements.samples,
    claims_in_short,
    measurements.convergence,
    measurements.information,
    measurements.rate_distortion,
    measurements.histograms,
    measurements.reconstructions,
)
"""Of README.md: the answer, then what it rests on, then the figures."""


class Page(NamedTuple):
    """A page beside README.md; without anything to say it is not written."""

    title: str
    sections: tuple[Section, ...]


PAGES = {
    "differences.md": Page("How sure the order is", (differences, rank_sections)),
    "claims.md": Page("Claims of the paper", (claims,)),
    "sweep.md": Page("Sweep and learning rates", (sweep_tables, learning_rates)),
    "quality.md": Page("Generated images and videos", (measurements.quality_tables, videos)),
    "codes.md": Page(
        "Bounds and codes", (measurements.iwae, measurements.latents, layers, measurements.other)
    ),
    "calibration.md": Page("Calibration", (measurements.calibration,)),
    "training.md": Page("Training: losses, speed, costs", (stability, speed, best_points, costs)),
    "published.md": Page("Published numbers", (published,)),
    "runs.md": Page(
        "What was run, and what each number is", (what_was_run, columns_not_run, reading)
    ),
}

__all__ = ["PAGES", "SECTIONS", "Page", "Subject", "budget", "note", "recommended"]
