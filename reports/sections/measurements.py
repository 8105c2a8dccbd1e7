"""One section for each measurement that a run may hold: its tables and how to read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from matplotlib.figure import Figure

from reports import figures
from reports.analysis.groups import Entry, Group, lacking
from reports.analysis.statistics import estimate, values
from reports.content import Content
from reports.metric import Metric
from reports.printing import tables
from reports.printing.cells import NOT_MEASURED, absent, cell, decimals_of
from reports.printing.markup import RIGHT, bullets, escape, paragraphs, table_of
from reports.printing.words import listing, number, short
from reports.sections.section import Section, Subject, by_group, picture

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
FLOORS = ("frechet_floor_images", "kernel_floor_images")
MANIFOLDS = ("manifold_images", "manifold_reference_images")
SIZES = ("frechet_images", "sample_images", "frechet_reference_images", *MANIFOLDS, *FLOORS)
"""Numbers of images, the same for all features."""
GENERATED = (
    "Generated images against test images, by features of both; ↓ lower is better, ↑ higher. "
    "*Means* are the decoder means of codes from the prior, which is what is shown; *samples* have "
    "the noise of the decoder's distribution as well, x ~ p(x|z), which is what the likelihood is "
    "of. Distances and shares depend on the features and on the numbers of images, and compare "
    "only where both are the same. A *floor* is what two random halves of the test images reach of "
    "each other: no model can be told apart from the data below it. Half as many images bias a "
    "Frechet distance upward, so of the whole test part it is lower."
)


def quality_tables(subject: Subject) -> Section:
    """Return the metrics of generated images, one table for each group and kind of features."""

    def part(group: Group) -> Iterator[str]:
        for features in subject.content.features:
            metrics = group.measured(*(m.key for m in _metrics(subject.content, features)))
            if metrics:
                sizes = "; ".join(tables.counts(group, group.measured(*SIZES)))
                none = "numbers of images not recorded"
                yield f"**{escape(features)}** features: {sizes or none}."
                yield tables.metric_table(group, metrics)
                yield _floors(metrics, group)

    reading = paragraphs(GENERATED, bullets(_protocols(subject.content)))
    nothing = "Nothing was measured of generated images."
    return by_group(subject, "Sample quality", reading, part, nothing=nothing, alone=True)


def _metrics(content: Content, features: str) -> list[Metric]:
    """Return the metrics on these features, but for what the data themselves would reach."""
    floors = {metric.floor for metric in content.metrics}
    return [m for m in content.metrics if m.features == features and m.key not in floors]


def _protocols(content: Content) -> Iterator[str]:
    for name, protocol in content.features.items():
        yield f"**{escape(name)}** features: {protocol}."
    names: dict[str, dict[str, None]] = {}
    for features in content.features:
        for metric in _metrics(content, features):
            names.setdefault(metric.protocol.rstrip("."), {})[metric.name] = None
    for protocol, of_it in names.items():
        yield f"{listing(list(of_it))}: {protocol}."


def _floors(metrics: list[Metric], group: Group) -> str:
    """State what the data themselves, or a perfect model, would reach."""
    stated = []
    for metric in metrics:
        reached = values(group.runs, metric.floor) if metric.floor else ()
        if len(reached):
            decimals = decimals_of(metric, [float(value) for value in reached])
            printed = dict.fromkeys(number(value, decimals) for value in reached)
            stated.append(f"{metric.name} {listing(list(printed))}")
    return f"Floor, or mean of a perfect model: {', '.join(stated)}." if stated else ""


def iwae(subject: Subject) -> Section:
    """Return ELBO and importance-weighted bound of each decoder; say where there is none."""
    return by_group(subject, "Tighter bounds", TIGHTER, _iwae)


def _iwae(group: Group) -> Iterator[str]:
    if not group.measured("iwae_bits_per_dim"):
        yield f"The importance-weighted bound was {NOT_MEASURED}."
        return
    sizes = ("importance_samples", "importance_images")
    samples, images = (listing(tables.numbers(group.runs, key)) for key in sizes)
    keys = ("iwae_elbo_bits_per_dim", "iwae_bits_per_dim", "iwae_elbo_nats", "iwae_nats")
    yield f"K = {samples}, on {images} test {'frame' if group.video else 'image'}s."
    yield tables.metric_table(group, [group.metric(key) for key in keys])


def calibration(subject: Subject) -> Section:
    """Return table and histograms of each group; say where nothing was measured."""
    drawn: dict[str, Figure] = {}

    def part(group: Group) -> Iterator[str]:
        yield calibration_table(group) or f"The calibration was {NOT_MEASURED}."
        yield picture(drawn, group, "calibration", figures.calibration(group, subject.styles))

    return by_group(subject, "Calibration", CALIBRATED, part, figures=drawn)


def calibration_table(group: Group) -> str:
    """Return how well each decoder is calibrated; "" where that was not measured."""
    error = group.measured("calibration_error")
    covered = group.measured("coverage_{c}_percent")
    return tables.metric_table(group, [*error, *covered] if error else [])


def latents(subject: Subject) -> Section:
    """Return what each decoder makes of the latents: KL, information, what can be read off them."""
    return by_group(subject, "Codes", LATENTS, _latents)


def _latents(group: Group) -> Iterator[str]:
    entries = group.entries
    measured = [group.metric("kl_nats"), group.metric("mse")]
    fields = [tables.decoders(entries), *tables.metric_fields(entries, measured)]
    if group.measured("information_nats"):
        active = group.metric("active_units")
        cells = [_active_units(entry, active) for entry in entries]
        fields += [*tables.information_fields(group, entries), (active.heading, RIGHT, cells)]
    fields += tables.metric_fields(entries, group.measured("probe_accuracy"))
    yield table_of(tables.with_references(group, fields, measured))
    caps = sorted({short(cap) for cap in values(group.runs, "information_cap_nats")})
    unknown = escape(tables.without_information(group))
    yield f"The cap ln N is {listing(caps)} nats." if caps else unknown
    if probed := tables.numbers(group.runs, "probe_images"):
        yield f"The probe was fitted on {listing(probed)} training images."
    elif missing := lacking(group.runs, "probe"):
        yield f"The probe was {NOT_MEASURED}: {escape(missing)}."


def _active_units(entry: Entry, active: Metric) -> str:
    if entry.runs.empty:
        return absent(entry)
    mean, units = estimate(entry.runs, active.key), values(entry.runs, "latent_units")
    one = mean is None or mean.count == 1
    count = cell(entry, replace(active, decimals=0) if one else active)
    return f"{count} of {units.max():.0f}" if mean and units.size else count


def other(subject: Subject) -> Section:
    """Return the metrics that no other section shows; nothing where there are none."""

    def part(group: Group) -> tuple[str, str]:
        metrics = [m for m in group.measured(*group.described) if not m.own_section]
        table = tables.metric_table(group, [metric for metric in metrics if not metric.count])
        return table, bullets(tables.counts(group, [metric for metric in metrics if metric.count]))

    reading = "Measurements without a section of their own; the glossary below defines each."
    return by_group(subject, "Other measurements", reading, part, nothing="", alone=True)
