"""The figures with the sentences that one needs to read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from matplotlib.figure import Figure

from reports import figures
from reports.analysis.groups import Entry, Group
from reports.analysis.intervals import LEVEL
from reports.analysis.takeoff import SHARE, NoTakeOff, TakeOff, take_off
from reports.printing.cells import gap, short_interval
from reports.printing.markup import escape, paragraphs
from reports.printing.tables import without_information
from reports.printing.words import listing, number
from reports.sections.section import Section, Subject, by_group, picture

RULE = (
    f"KL(m‖p) takes off at the variance where its mean over seeds crosses floor + {SHARE:.0%} of "
    "its range over the sweep (floor: its minimum), interpolated linearly in log σ²; of several "
    "crossings the one at the smallest variance counts, after which it stays above."
)


def convergence(subject: Subject) -> Section:
    """Return the convergence curves of each group."""
    content = subject.content
    return _pictures(
        subject,
        "Convergence",
        "NLL bound on validation images during training, against steps (left) and against seconds "
        "(right); lower is better, and the line that falls first converges fastest. The first row "
        "has all decoders in the unit they share, the others native NLL where it compares. A line "
        "is the mean over seeds; a thin one that ends in a cross is a run that did not finish. "
        "Early values and spikes may lie above the axis.",
        draw={"convergence": lambda each: figures.convergence(content, each, subject.styles)},
        nothing="No run recorded validation measurements during training.",
        anchor="convergence",
        drawable=lambda entry: any(str(run) in content.histories for run in entry.runs["run"]),
    )


def information(subject: Subject) -> Section:
    """Return the inflection plot of each group."""
    content = subject.content
    return _pictures(
        subject,
        "Information and marginal KL",
        "A smaller variance puts more information about the image into the code (left), until the "
        "codes no longer fit the prior and KL(m‖p) takes off (right): samples from the prior then "
        "miss what the decoder was trained on. The line is the sweep; a vertical line with its own "
        "point is a variance learned in one run. The best place is the inflection, as far left as "
        f"KL(m‖p) stays low. {RULE} The shaded region is its interval. Bands and bars are the "
        "sample standard deviation over seeds.",
        draw={"information": lambda each: figures.inflection(content, each, subject.styles)},
        nothing="No sweep with measured information: the plot needs at least one.",
        reason=lambda group: escape(without_information(group)),
        remark=_take_offs,
        anchor="information",
    )


def rate_distortion(subject: Subject) -> Section:
    """Return the rate-distortion plane of each group."""
    return _pictures(
        subject,
        "Rate and distortion",
        "What a code costs (rate, the KL) against the error that is left (distortion, the MSE of "
        "decoder means). Down and to the left is better; the sweep draws the frontier of this "
        "network, its chosen value is large. A decoder above that line spends its code on "
        "something that the squared error does not see, or is not trained out. Bars are the sample "
        "standard deviation over seeds.",
        draw={"rate-distortion": lambda group: figures.rate_distortion(group, subject.styles)},
        nothing="No finished run measured both rate and distortion.",
    )


def images(subject: Subject) -> Section:
    """Return the grids of samples and reconstructions of each group."""
    return _pictures(
        subject,
        "Samples and reconstructions",
        "The first images of the lowest seed, not selected. Samples are decoder means of codes "
        "drawn from the prior, the same codes for every decoder; reconstructions are decoder means "
        "of codes of the test images in the row above. Look for blur (too large a variance) in the "
        "reconstructions and for broken shapes (codes that miss the prior) in the samples. Of "
        "video a row is one test video: the frames given, then one prediction, not selected, or "
        "the reconstruction of each frame from the true frames before it and its own code.",
        draw={
            "samples": lambda group: figures.sample_grid(subject.content, group),
            "reconstructions": lambda group: figures.reconstruction_grid(subject.content, group),
        },
        nothing="No finished run kept images.",
        drawable=lambda entry: figures.shown_run(entry, subject.content.samples) is not None,
    )


def _pictures(
    subject: Subject,
    title: str,
    reading: str,
    *,
    draw: Mapping[str, Callable[[Group], Figure | None]],
    nothing: str,
    drawable: Callable[[Entry], bool] = lambda entry: True,
    reason: Callable[[Group], str] = lambda group: "",
    remark: Callable[[Group], str] = lambda group: "",
    anchor: str = "",
) -> Section:
    """Draw each figure for each group; where there is none, print the reason or `nothing`.

    Decoders that are not `drawable` are named below the figures, with the reason, after a `remark`.
    """
    drawn: dict[str, Figure] = {}

    def part(group: Group) -> list[str]:
        shows = [picture(drawn, group, name, make(group)) for name, make in draw.items()]
        if not any(shows):
            return [reason(group) or nothing]
        missing = [f"{escape(e.label)} ({gap(e)})" for e in group.entries if not drawable(e)]
        return [*shows, remark(group), f"Not shown: {listing(missing)}." if missing else ""]

    return by_group(subject, title, reading, part, nothing=nothing, figures=drawn, anchor=anchor)


def _take_offs(group: Group) -> str:
    """Say where KL(m‖p) takes off along each sweep, or why it does not."""
    swept = [(e.decoder.label, take_off(e)) for e in group.entries if e.settings]
    return paragraphs(*(f"{escape(label)}: {_stated(rise)}" for label, rise in swept))


def _stated(rise: TakeOff | NoTakeOff) -> str:
    if isinstance(rise, NoTakeOff):
        return f"no take-off, {rise.why}."
    interval = "the values of the sweep around it; the seeds give no interval"
    if rise.kind == "seeds":
        interval = f"{LEVEL:.0%} interval over {rise.seeds} seeds, by the jackknife"
    text = (
        f"KL(m‖p) takes off at σ² = {short_interval(rise.variance, rise.interval)} ({interval}), "
        f"where it crosses {number(rise.threshold, 2)} nats."
    )
    if rise.capped:
        text += " I_e is near its cap ln N there, so KL(m‖p) is too high and the place unreliable."
    return text
