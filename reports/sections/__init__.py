"""The sections of the report, in the order in which they are printed.

A new section is a function from Subject to Section and a line here.
"""

from collections.abc import Callable

from reports.sections.bounds import bounds
from reports.sections.calibration import calibration
from reports.sections.claims import claims
from reports.sections.codes import codes
from reports.sections.differences import differences, ranks
from reports.sections.overview import budget, summary, what_was_run
from reports.sections.pictures import convergence, images, information
from reports.sections.quality import quality_tables
from reports.sections.rates import rate_distortion
from reports.sections.reference import files, published, reading
from reports.sections.results import columns_not_run, cost_tables, decoder_tables, sweep_tables
from reports.sections.section import Section, Subject
from reports.sections.speed import speed
from reports.sections.stability import stability

SECTIONS: tuple[Callable[[Subject], Section], ...] = (
    summary,
    what_was_run,
    claims,
    decoder_tables,
    differences,
    ranks,
    quality_tables,
    bounds,
    columns_not_run,
    sweep_tables,
    stability,
    convergence,
    speed,
    information,
    codes,
    rate_distortion,
    calibration,
    images,
    cost_tables,
    reading,
    published,
    files,
)

__all__ = ["SECTIONS", "Section", "Subject", "budget"]
