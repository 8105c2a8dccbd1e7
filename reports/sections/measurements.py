"""One section for each measurement that a run may hold: tables, figures, and how to read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from matplotlib.figure import Figure

from reports.analysis.groups import Entry, Group, lacking
from reports.analysis.intervals import LEVEL
from reports.analysis.statistics import estimate, values
from reports.analysis.takeoff import SHARE, NoTakeOff, TakeOff, take_off
from reports.content import Content
from reports.figures import curves, grids, panels, sweeps
from reports.metric import Metric
from reports.printing import tables
from reports.printing.cells import NOT_MEASURED, absent, cell, decimals_of, gap, short_interval
from reports.printing.markup import RIGHT, Part, bullets, escape, paragraphs
from reports.printing.words import listing, number, short
from reports.sections.section import Subject, by_group
from reports.sections.training import caveats

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
    "is not certain. [Errors and coverages](#calibration)."
)
CONVERGING = (
    "NLL bound on validation images during training, against steps (left) and against seconds "
    "(right); lower is better, and the line that falls first converges fastest. The first row has "
    "all decoders in the unit they share, the others native NLL where it compares. A line is the "
    "mean over seeds; a thin one that ends in a cross is a run that did not finish. Early values "
    "and spikes may lie above the axis."
)
COVERED = (
    "*Calibration error* is the mean distance of the distribution of u (see the histograms of the "
    "[report](#histograms)) from the uniform one, from 0 to 0.5, lower is better (↓). An interval "
    "covers as many percent of the values as its name says, or the decoder is too wide (more) or "
    "too narrow (less). A calibrated decoder need not be a good one: one that ignores the image "
    "can be, so read this beside bits/dim."
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


@by_group(
    "Sample quality",
    lambda subject: paragraphs(GENERATED, bullets(_protocols(subject.content))),
    nothing="Nothing was measured of generated images.",
)
def quality_tables(subject: Subject, group: Group) -> Iterator[Part]:
    """Yield the metrics of generated images, one table for each kind of features."""
    for features in subject.content.features:
        metrics = group.measured(*(m.key for m in _metrics(subject.content, features)))
        if metrics:
            sizes = "; ".join(tables.counts(group, group.measured(*SIZES)))
            yield f"**{escape(features)}** features: {sizes or 'numbers of images not recorded'}."
            yield tables.metric_table(group, metrics)
            yield _floors(metrics, group)


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


@by_group("Tighter bounds", TIGHTER, nothing="The importance-weighted bound was not measured.")
def iwae(subject: Subject, group: Group) -> Iterator[Part]:
    """Yield ELBO and importance-weighted bound of each decoder."""
    if not group.measured("iwae_bits_per_dim"):
        return
    sizes = ("importance_samples", "importance_images")
    samples, images = (listing(tables.numbers(group.runs, key)) for key in sizes)
    keys = ("iwae_elbo_bits_per_dim", "iwae_bits_per_dim", "iwae_elbo_nats", "iwae_nats")
    yield f"K = {samples}, on {images} test {'frame' if group.video else 'image'}s."
    yield tables.metric_table(group, [group.metric(key) for key in keys])


@by_group(
    "Calibration",
    COVERED,
    nothing="The calibration was not measured.",
    anchor="calibration",
)
def calibration(_: Subject, group: Group) -> Iterator[Part]:
    """Yield the error and the coverage of intervals of each decoder."""
    error, covered = (group.measured(key) for key in ("calibration_error", "coverage_{c}_percent"))
    yield tables.metric_table(group, [*error, *covered] if error else [])


@by_group(
    "Calibration",
    CALIBRATED,
    nothing="The calibration was not measured.",
    anchor="histograms",
)
def histograms(subject: Subject, group: Group) -> Iterator[str]:
    """Yield the histograms of each decoder."""
    yield subject.picture(group, "calibration", panels.calibration(group, subject.styles))


@by_group("Codes", LATENTS)
def latents(subject: Subject, group: Group) -> Iterator[Part]:
    """Yield what each decoder makes of the latents: KL, information, what is read off them."""
    entries = group.entries
    measured = [group.metric("kl_nats"), group.metric("mse")]
    fields = [tables.decoders(entries), *tables.metric_fields(entries, measured)]
    if group.measured("information_nats"):
        active = group.metric("active_units")
        cells = [_active_units(entry, active) for entry in entries]
        fields += [*tables.information_fields(group, entries), (active.heading, RIGHT, cells)]
    fields += tables.metric_fields(entries, group.measured("probe_accuracy"))
    yield tables.table_of_entries(entries, tables.with_references(group, fields, measured))
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


@by_group(
    "Other measurements",
    "Measurements without a section of their own: [what each is](#numbers).",
    nothing="",
)
def other(subject: Subject, group: Group) -> tuple[Part, str]:
    """Return the metrics that no other section shows."""
    metrics = [m for m in group.measured(*group.described) if not m.own_section]
    table = tables.metric_table(group, [metric for metric in metrics if not metric.count])
    return table, bullets(tables.counts(group, [metric for metric in metrics if metric.count]))


@by_group(
    "Convergence",
    lambda subject: paragraphs(CONVERGING, caveats(subject.content)),
    nothing="No run recorded validation measurements during training.",
    anchor="convergence",
)
def convergence(subject: Subject, group: Group) -> list[str]:
    """Return the convergence curves."""
    drawn = curves.convergence(subject.content, group, subject.styles)
    recorded = subject.content.histories
    missing = [e for e in group.entries if not any(str(run) in recorded for run in e.runs["run"])]
    return _pictures(subject, group, {"convergence": drawn}, missing)


@by_group(
    "Information and marginal KL",
    "A smaller variance puts more information about the image into the code (left), until the "
    "codes no longer fit the prior and KL(m‖p) takes off (right): samples from the prior then "
    "miss what the decoder was trained on. The line is the sweep; a vertical line with its own "
    "point is a variance learned in one run. The best place is the inflection, as far left as "
    "KL(m‖p) stays low. KL(m‖p) takes off at the variance where its mean over seeds crosses floor "
    f"+ {SHARE:.0%} of its range over the sweep (floor: its minimum), interpolated linearly in log "
    "σ²; of several crossings the one at the smallest variance counts, after which it stays above. "
    "The shaded region is its interval. Bands and bars are the sample standard deviation over "
    "seeds.",
    nothing="No sweep with measured information: the plot needs at least one.",
    anchor="information",
)
def information(subject: Subject, group: Group) -> list[str]:
    """Return the inflection plot and where KL(m‖p) takes off, or why there is none."""
    drawn = sweeps.inflection(subject.content, group, subject.styles)
    shown = _pictures(subject, group, {"information": drawn})
    swept = [(entry.decoder.label, take_off(entry)) for entry in group.entries if entry.settings]
    stated = (f"{escape(label)}: {_stated(rise)}" for label, rise in swept)
    return [*shown, *stated] if shown else []


@by_group(
    "Rate and distortion",
    "What a code costs (rate, the KL) against the error that is left (distortion, the MSE of "
    "decoder means). Down and to the left is better; the sweep draws the frontier of this "
    "network, its chosen value is large. A decoder above that line spends its code on "
    "something that the squared error does not see, or is not trained out. Bars are the sample "
    "standard deviation over seeds.",
    nothing="No finished run measured both rate and distortion.",
)
def rate_distortion(subject: Subject, group: Group) -> list[str]:
    """Return the rate-distortion plane."""
    drawn = sweeps.rate_distortion(group, subject.styles)
    return _pictures(subject, group, {"rate-distortion": drawn})


@by_group(
    "Samples",
    "The first samples of the lowest seed, not selected: decoder means of codes drawn from the "
    "prior, the same codes for every decoder. Look for broken shapes (codes that miss the prior). "
    "Of video a row is one test video: the frames given, then one prediction.",
    nothing="No finished run kept images.",
)
def samples(subject: Subject, group: Group) -> list[str]:
    """Return the grid of samples."""
    drawn = grids.sample_grid(subject.content, group)
    held = subject.content.samples
    missing = [e for e in group.entries if grids.shown_run(e, held) is None]
    return _pictures(subject, group, {"samples": drawn}, missing)


@by_group(
    "Reconstructions",
    "Decoder means of codes of the test images in the row above, of the lowest seed, not selected. "
    "Look for blur (too large a variance). Of video: of each frame from the true frames before it "
    "and its own code.",
    nothing="No finished run kept images.",
)
def reconstructions(subject: Subject, group: Group) -> list[str]:
    """Return the grid of reconstructions."""
    drawn = grids.reconstruction_grid(subject.content, group)
    return _pictures(subject, group, {"reconstructions": drawn})


def _pictures(
    subject: Subject, group: Group, made: Mapping[str, Figure | None], missing: Sequence[Entry] = ()
) -> list[str]:
    """Return the figures that are there, and below them who is missing, with the reason."""
    shown = [subject.picture(group, name, figure) for name, figure in made.items() if figure]
    without = listing([f"{escape(entry.label)} ({gap(entry)})" for entry in missing])
    return [*shown, f"Not shown: {without}."] if shown and without else shown


def _stated(rise: TakeOff | NoTakeOff) -> str:
    if isinstance(rise, NoTakeOff):
        return f"no take-off, {rise.why}."
    interval = "the values of the sweep around it; the seeds give no interval"
    if rise.kind == "seeds":
        interval = f"{LEVEL:.0%} interval over {len(rise.by_seed)} seeds, by the jackknife"
    text = (
        f"KL(m‖p) takes off at σ² = {short_interval(rise.variance, rise.interval)} ({interval}), "
        f"where it crosses {number(rise.threshold, 2)} nats."
    )
    if rise.capped:
        text += " I_e is near its cap ln N there, so KL(m‖p) is too high and the place unreliable."
    return text
