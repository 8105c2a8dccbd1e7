"""What each decoder makes of the code: its price, what it holds, and what can be read off it."""

from __future__ import annotations

from reports.cells import NOT_MEASURED, Metric, absent, cell
from reports.comparison import Entry, Group, recorded
from reports.markup import LEFT, RIGHT, escape, listing, number, paragraphs, short
from reports.sections.section import Section, Subject, subsection
from reports.statistics import estimate, values
from reports.tables import from_columns, information, measured

READING = (
    "*Rate* is the KL, *distortion* the MSE of decoder means. I_e(x;z) is what the code says of "
    "the image, estimated from N images, so it cannot exceed ln N; KL(m‖p) is what a sample from "
    "the prior misses. A unit is *active* if its posterior mean moves between images. *Probe* is "
    "the share of test images whose class a linear classifier reads off the posterior mean."
)


def codes(subject: Subject) -> Section:
    """Return the measures of the code of each group."""
    parts = [subsection(group, *_of(group)) for group in subject.groups]
    return Section("Codes", paragraphs(READING, *(parts or ["There are no runs."])))


def _of(group: Group) -> tuple[str, ...]:
    metrics = [Metric("kl_nats", "rate (nats)", 2), Metric("mse", "distortion (MSE)")]
    columns = [
        ("decoder", LEFT, [escape(entry.label) for entry in group.entries]),
        *measured(group.entries, metrics),
    ]
    if values(group.runs, "information_nats").size:
        columns += [
            ("I_e(x;z) (nats)", RIGHT, [information(entry) for entry in group.entries]),
            *measured(group.entries, [Metric("marginal_kl_nats", "KL(m‖p) (nats)", 2)]),
            ("active units", RIGHT, [_active(entry) for entry in group.entries]),
        ]
    if values(group.runs, "probe_accuracy").size:
        probe = Metric("probe_accuracy", "probe accuracy", 3, best="highest")
        columns += measured(group.entries, [probe])
    return from_columns(columns), paragraphs(*_remarks(group))


def _active(entry: Entry) -> str:
    if entry.runs.empty:
        return absent(entry)
    found = estimate(entry.runs, "active_units")
    units = values(entry.runs, "latent_units")
    text = cell(entry, Metric("active_units", "", 1 if found and found.count > 1 else 0))
    return f"{text} of {units.max():.0f}" if found and units.size else text


def _remarks(group: Group) -> list[str]:
    caps = sorted({short(cap) for cap in values(group.runs, "information_cap_nats")})
    missing = recorded(group.runs, "probe_absent")
    probed = sorted(set(values(group.runs, "probe_images")))
    return [
        f"The cap ln N is {listing(caps)} nats." if caps else escape(group.without_information),
        f"The probe was fitted on {listing([number(each, 0) for each in probed])} training images."
        if probed
        else f"The probe was {NOT_MEASURED}: {escape(missing)}."
        if missing
        else "",
    ]
