"""The sections of the report, in the order in which they are printed.

A new section is a function from Subject to Section and a line here.
"""

from collections.abc import Callable

from reports.sections import measurements
from reports.sections.claims import claims
from reports.sections.decoders import columns_not_run, decoder_tables, sweep_tables
from reports.sections.differences import differences, rank_sections
from reports.sections.overview import budget, summary, what_was_run
from reports.sections.reference import files, published, reading
from reports.sections.section import Section, Subject
from reports.sections.training import cost_tables, speed, stability

SECTIONS: tuple[Callable[[Subject], Section], ...] = (
    summary,
    what_was_run,
    claims,
    decoder_tables,
    differences,
    rank_sections,
    measurements.quality_tables,
    measurements.iwae,
    columns_not_run,
    sweep_tables,
    stability,
    measurements.convergence,
    speed,
    measurements.information,
    measurements.latents,
    measurements.rate_distortion,
    measurements.calibration,
    measurements.images,
    measurements.other,
    cost_tables,
    reading,
    published,
    files,
)

__all__ = ["SECTIONS", "Section", "Subject", "budget"]
