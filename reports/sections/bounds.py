"""How far the ELBO of each decoder is from a tighter bound."""

from __future__ import annotations

from reports.cells import NOT_MEASURED, Metric
from reports.comparison import Group
from reports.markup import LEFT, escape, listing, number, paragraphs
from reports.sections.section import Section, Subject, subsection
from reports.statistics import values
from reports.tables import from_columns, measured

IWAE = Metric("iwae_bits_per_dim", "IWAE bits/dim", 3, best="lowest")
READING = (
    "The ELBO is a bound, and it is looser for one decoder than for another: the importance-"
    "weighted bound of K posterior samples an image (IWAE) lies between it and the true value. "
    "Both are of the same images and samples, so that they differ in nothing but the bound. Where "
    "the ranks of the two differ, the encoder lags behind, and the ELBO says less about the "
    "decoder than it seems. Lower is better; native NLL compares within one measure only."
)


def bounds(subject: Subject) -> Section:
    """Return ELBO and importance-weighted bound of each decoder; say where there is none."""
    parts = [subsection(group, *_of(group)) for group in subject.groups]
    return Section("Tighter bounds", paragraphs(READING, *(parts or ["There are no runs."])))


def _of(group: Group) -> tuple[str, ...]:
    if not values(group.runs, IWAE.column).size:
        return (f"The importance-weighted bound was {NOT_MEASURED}.",)
    samples, images = (
        listing([number(each, 0) for each in sorted(set(values(group.runs, column)))])
        for column in ("importance_samples", "importance_images")
    )
    metrics = (
        Metric("iwae_elbo_bits_per_dim", "ELBO bits/dim", 3, best="lowest"),
        IWAE,
        Metric("iwae_elbo_nats", f"ELBO NLL (nats/{group.unit})", 1, native=True, best="lowest"),
        Metric("iwae_nats", f"IWAE NLL (nats/{group.unit})", 1, native=True, best="lowest"),
    )
    table = from_columns(
        [
            ("decoder", LEFT, [escape(entry.label) for entry in group.entries]),
            *measured(group.entries, metrics),
        ]
    )
    return f"K = {samples}, on {images} test {group.unit}s.", table
