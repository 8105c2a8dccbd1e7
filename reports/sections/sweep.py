"""Table A: every value of a swept option, then each variance that was learned in one run."""

from __future__ import annotations

from reports.analysis.groups import Entry, Group, learned
from reports.analysis.ranks import compared_metrics
from reports.analysis.statistics import estimate, values
from reports.content import Content
from reports.printing.cells import cell
from reports.printing.markup import (
    LEFT,
    RIGHT,
    escape,
    listing,
    number,
    paragraphs,
    short,
    table,
    table_of,
)
from reports.printing.tables import information_fields, metric_fields, without_information
from reports.published import LEARNED, SWEEP_COLUMN, TABLE_A
from reports.sections.section import Section, Subject, caption, subsection


def sweep_tables(subject: Subject) -> Section:
    """Return table A, one table for each group with a sweep."""
    swept = [group for group in subject.groups if any(e.settings for e in group.entries)]
    if not swept:
        return Section(
            "Table A: sweep", "No option was swept, so there is no table.", anchor="table-a"
        )
    options = dict.fromkeys(e.decoder.sweep or "" for g in swept for e in g.entries if e.settings)
    parts = []
    for group in swept:
        published = group.published(subject.content.budget) == SWEEP_COLUMN
        parts.append(
            subsection(
                group,
                sweep_table(subject.content, group),
                caption([setting.runs for e in group.entries for setting in e.settings]),
                _cap(group) or escape(without_information(group)),
                _published_sweep() if published else "",
            )
        )
    return Section(
        f"Table A: sweep of {listing(list(options))}",
        paragraphs(
            "Each value of the swept option is a run of its own, followed by the decoders that "
            "learned one shared variance in a single run: their σ² is an effective β. NLL is that "
            "of a Gaussian with the variance shown, so it can be compared down the table. I_e(x;z) "
            "is the information in the code, KL(m‖p) what the prior misses of the codes; their sum "
            "is the rate, the KL of the ELBO, here on the images of the estimate.",
            *parts,
        ),
        anchor="table-a",
    )


def sweep_table(content: Content, group: Group) -> str:
    """Return table A of one group: every value of a sweep, then each learned variance.

    The group must hold a sweep.
    """
    swept = [
        Entry(entry.decoder, setting.runs, chosen=setting.value)
        for entry in group.entries
        for setting in entry.settings
    ]
    rows = [*swept, *learned(content, group)]
    option = next(entry.decoder.sweep or "" for entry in group.entries if entry.settings)
    fields = [
        ("decoder", LEFT, [escape(entry.decoder.label) for entry in rows]),
        (option, RIGHT, ["learned" if e.chosen is None else f"{e.chosen:g}" for e in rows]),
        (group.metric("variance").label, RIGHT, [_variance(group, entry) for entry in rows]),
        *metric_fields(rows, compared_metrics(group)),
        *information_fields(group, rows),
    ]
    return table_of(fields)


def _variance(group: Group, entry: Entry) -> str:
    variance = estimate(entry.runs, "variance")
    if variance is None:
        return cell(entry, group.metric("variance"))
    mean = short(variance.mean)
    return mean if not variance.spread else f"{mean} ± {variance.spread:.1g}"


def _cap(group: Group) -> str:
    cap = values(group.runs, "information_cap_nats")
    if not cap.size:
        return ""
    return (
        f"The estimate of I_e cannot exceed ln N = {number(cap.max(), 2)} nats, N the number of "
        "images; one marked *near cap* comes out too low, and its KL(m‖p) too high."
    )


def _published_sweep() -> str:
    rows = [
        [r.decoder, f"{r.beta:g}", f"{r.beta / 2:g}", f"{r.nll_nats:g}", f"{r.fid:g}"]
        for r in (*TABLE_A, LEARNED)
    ]
    headers = ["published", "β (learned: σ²)", "σ² that fits the NLL", "NLL (nats/image)", "FID"]
    return table(headers, rows)
