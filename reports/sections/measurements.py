"""One section for each measurement that a run may hold: its tables and how to read them."""

from __future__ import annotations

from dataclasses import replace

from matplotlib.figure import Figure

from reports import figures
from reports.analysis.groups import Entry, Group, lacking
from reports.analysis.statistics import estimate, values
from reports.printing.cells import NOT_MEASURED, absent, cell
from reports.printing.markup import (
    RIGHT,
    Field,
    bullets,
    escape,
    listing,
    number,
    paragraphs,
    short,
    table_of,
)
from reports.printing.tables import (
    counts,
    decoders,
    information_fields,
    metric_fields,
    metric_table,
    without_information,
)
from reports.sections.section import Section, Subject, by_group, picture, subsection

TIGHTER = (
    "The ELBO is a bound, and it is looser for one decoder than for another: the importance-"
    "weighted bound of K posterior samples an image (IWAE) lies between it and the true value. "
    "Both are of the same images and samples, so that they differ in nothing but the bound. Where "
    "the ranks of the two differ, the encoder lags behind, and the ELBO says less about the "
    "decoder than it seems. Lower is better; native NLL compares within one measure only."
)
CALIBRATED = (
    "Does what a decoder calls improbable happen as rarely as it says? Of each value of a test "
    "image, u is the probability that the decoder gives to darker values, at a random place within "
    "the probability of its own grey level; the code is drawn from q(z|x). Under the true "
    "distribution u is uniform. A hump in the middle: the decoder is too wide, values lie nearer "
    "to its mean than it says. High ends: too narrow. A slope: its values are too dark (high "
    "towards 1) or too bright. A step that begins at 0 is a black background of which the decoder "
    "is not certain. *Calibration error* is the mean distance of the distribution of u "
    "from the uniform one, from 0 to 0.5, lower is better (↓). An interval covers as many percent "
    "of the values as its name says, or the decoder is too wide (more) or too narrow (less). A "
    "calibrated decoder need not be a good one: one that ignores the image can be, so read this "
    "beside bits/dim."
)
LATENTS = (
    "*Rate* is the KL, *distortion* the MSE of decoder means. I_e(x;z) is what the code says of "
    "the image, estimated from N images, so it cannot exceed ln N; KL(m‖p) is what a sample from "
    "the prior misses. A unit is *active* if its posterior mean moves between images. *Probe* is "
    "the share of test images whose class a linear classifier reads off the posterior mean."
)


def iwae(subject: Subject) -> Section:
    """Return ELBO and importance-weighted bound of each decoder; say where there is none."""
    return by_group(subject, "Tighter bounds", TIGHTER, _iwae)


def _iwae(group: Group) -> tuple[str, ...]:
    if not group.measured("iwae_bits_per_dim"):
        return (f"The importance-weighted bound was {NOT_MEASURED}.",)
    samples, images = (
        listing([number(each, 0) for each in sorted(set(values(group.runs, key)))])
        for key in ("importance_samples", "importance_images")
    )
    keys = ("iwae_elbo_bits_per_dim", "iwae_bits_per_dim", "iwae_elbo_nats", "iwae_nats")
    table = metric_table(group, [group.metric(key) for key in keys])
    return f"K = {samples}, on {images} test {group.image}s.", table


def calibration(subject: Subject) -> Section:
    """Return table and histograms of each group; say where nothing was measured."""
    drawn: dict[str, Figure] = {}

    def part(group: Group) -> tuple[str, ...]:
        table = calibration_table(group) or f"The calibration was {NOT_MEASURED}."
        histograms = figures.calibration(group, subject.styles)
        return table, picture(drawn, group, "calibration", histograms)

    return by_group(subject, "Calibration", CALIBRATED, part, figures=drawn)


def calibration_table(group: Group) -> str:
    """Return how well each decoder is calibrated; "" where that was not measured."""
    error = group.measured("calibration_error")
    covered = group.measured("coverage_{c}_percent")
    return metric_table(group, [*error, *covered] if error else [])


def latents(subject: Subject) -> Section:
    """Return what each decoder makes of the latents: KL, information, what can be read off them."""
    return by_group(subject, "Codes", LATENTS, _latents)


def _latents(group: Group) -> tuple[str, ...]:
    entries = group.entries
    fields = [
        decoders(entries),
        *metric_fields(entries, [group.metric("kl_nats"), group.metric("mse")]),
    ]
    if group.measured("information_nats"):
        fields += [*information_fields(group, entries), _active_units(group)]
    fields += metric_fields(entries, group.measured("probe_accuracy"))
    return table_of(fields), paragraphs(*_remarks(group))


def _active_units(group: Group) -> Field:
    active = group.metric("active_units")

    def text(entry: Entry) -> str:
        if entry.runs.empty:
            return absent(entry)
        mean = estimate(entry.runs, active.key)
        units = values(entry.runs, "latent_units")
        one = mean is None or mean.count == 1
        count = cell(entry, replace(active, decimals=0) if one else active)
        return f"{count} of {units.max():.0f}" if mean and units.size else count

    return active.heading, RIGHT, [text(entry) for entry in group.entries]


def _remarks(group: Group) -> list[str]:
    caps = sorted({short(cap) for cap in values(group.runs, "information_cap_nats")})
    missing = lacking(group.runs, "probe")
    probed = sorted(set(values(group.runs, "probe_images")))
    return [
        f"The cap ln N is {listing(caps)} nats." if caps else escape(without_information(group)),
        f"The probe was fitted on {listing([number(each, 0) for each in probed])} training images."
        if probed
        else f"The probe was {NOT_MEASURED}: {escape(missing)}."
        if missing
        else "",
    ]


def other(subject: Subject) -> Section:
    """Return the metrics that no other section shows; nothing where there are none."""
    parts = []
    for group in subject.groups:
        metrics = [m for m in group.measured(*group.described) if not m.own_section]
        table = metric_table(group, [metric for metric in metrics if not metric.count])
        sizes = bullets(counts(group, [metric for metric in metrics if metric.count]))
        parts += [subsection(group, table, sizes)] if metrics else []
    reading = "Measurements without a section of their own; the glossary below defines each."
    return Section("Other measurements", paragraphs(reading, *parts) if parts else "")
