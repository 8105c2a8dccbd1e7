"""The sections of the report, in the order in which they are printed.

A new section is a function from Subject to Markdown and a line here.
"""

from collections.abc import Callable

from reports.sections import measurements
from reports.sections.claims import claims
from reports.sections.decoders import columns_not_run, decoder_tables, published, sweep_tables
from reports.sections.differences import differences, rank_sections
from reports.sections.overview import budget, files, reading, summary, what_was_run
from reports.sections.rates import learning_rates
from reports.sections.section import Subject
from reports.sections.training import best_points, costs, speed, stability

SECTIONS: tuple[Callable[[Subject], str], ...] = (
    summary,
    decoder_tables,
    claims,
    what_was_run,
    differences,
    rank_sections,
    measurements.quality_tables,
    measurements.iwae,
    columns_not_run,
    sweep_tables,
    learning_rates,
    stability,
    measurements.convergence,
    speed,
    best_points,
    measurements.information,
    measurements.latents,
    measurements.rate_distortion,
    measurements.calibration,
    measurements.images,
    measurements.other,
    costs,
    reading,
    published,
    files,
)

__all__ = ["SECTIONS", "Subject", "budget"]
