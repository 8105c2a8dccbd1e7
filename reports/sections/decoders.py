"""Table B: every decoder. Table A: every value of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import pandas as pd

from reports import published as paper
from reports.analysis.collapse import COLLAPSED
from reports.analysis.groups import Entry, Group, learned, recorded
from reports.analysis.moving import AWAY, moving
from reports.analysis.ranks import compared_metrics
from reports.analysis.statistics import estimate, values
from reports.analysis.takeoff import NEAR_CAP
from reports.content import LACKING, Content, Status
from reports.printing import tables
from reports.printing.cells import BOUND, DAGGER, absent, cell, mark
from reports.printing.markup import (
    LEFT,
    RIGHT,
    Part,
    Table,
    bullets,
    escape,
    fold,
    paragraphs,
)
from reports.printing.words import listing, number, short
from reports.sections.audit import published_sweep
from reports.sections.section import Subject, by_group, caption

LONGEST_ERROR = 160
"""Characters of an error message that are printed; results.csv holds all."""
BESIDE = (
    "Published: Rybkin et al. 2021, in the paper's own convention and with its own FID protocol; "
    "see their [audit](#published) before comparing."
)
SWEPT = (
    "Each value of the swept option is a run of its own, followed by the decoders that learned one "
    "shared variance in a single run: their σ² is an effective β. NLL is that of a Gaussian with "
    "the variance shown, so it can be compared down the table. I_e(x;z) is the information in the "
    "code, KL(m‖p) what the prior misses of the codes; their sum is the rate, the KL of the ELBO, "
    "here on the images of the estimate."
)
LAYERS = (
    "Layer 1 is next to the image; the sum is the KL of the bound. A layer near 0 says nothing "
    "about the image."
)
MARK = " ‡"
"""Behind the name of a decoder whose variance has not arrived when training ends."""
OF_VIDEO = ("ssim_best_of_n", "psnr_best_of_n_db", "nll_nats_per_sequence", "kl_nats_per_sequence")


def _protocols(subject: Subject) -> str:
    content = subject.content
    protocols = [
        f"{each.name}: {content.features[each.features]}; {each.protocol.rstrip('.')}."
        for each in content.metrics
        if each.headline and each.features
    ]
    reading = (
        "One row a decoder, measured on test images. NLL is the negative ELBO in the decoder's own "
        "measure, and **bold marks the best of each measure separately**, because a density and a "
        "mass do not compare. Bits/dim is the same bound in the one unit that all decoders share. "
        "The distance of generated from test images depends on its protocol:"
    )
    captions = {caption([e.runs for e in group.entries]) for group in subject.groups}
    # What is said of one table more than of another holds for both.
    captions = {a for a in captions if not any(b != a and b.startswith(a) for b in captions)}
    known = bullets(protocols) or "- no distance was measured."
    line = "Lower is better (↓)."
    marks = {mark(e, m) for g in subject.groups for e in g.entries for m in compared_metrics(g)}
    if any(DAGGER in each for each in marks):
        line += f" {DAGGER} marks what is no better than the last rows, which know no image."
    if any(BOUND in each for each in marks):
        line += (
            f" {BOUND} marks bits/dim of a bound on the mass: they may be too high, not too low."
        )
    return paragraphs(line, fold("How to read the tables", reading, known, *sorted(captions)))


@by_group("Results", _protocols, nothing="There are no runs to show.", anchor="table-b")
def decoder_tables(subject: Subject, group: Group) -> Iterator[Part]:
    """Yield table B of a group; what is special in it folds."""
    content = subject.content
    unsettled = {entry: share for entry in group.entries if (share := moving(content, entry))}
    yield decoder_table(group, content.budget, unsettled)
    yield _unsettled(unsettled)
    yield BESIDE if group.published(content.budget) else ""
    yield _special(content, group)


def _special(content: Content, group: Group) -> str:
    """Return notes on the rows of table B, and the runs that decide nothing, as one fold."""
    lists = {
        "Notes": [*_notes(content, group)],
        "Runs that did not finish": _listed(group, _what),
        "Collapsed runs, which decide nothing": _listed(group, _why_collapsed),
        "Measurements that finished runs lack": _listed(group, _lacks),
    }
    shown = {title: lines for title, lines in lists.items() if lines}
    counts = [f"{title} ({len(lines)})" for title, lines in shown.items()]
    parts = (f"{title}:\n\n{bullets(lines)}" for title, lines in shown.items())
    return fold("; ".join(counts), *parts) if shown else ""


def decoder_table(group: Group, budget: str, marked: Collection[Entry] = ()) -> Table:
    """Return table B of one group: native NLL, bits/dim and distances of every decoder."""
    entries = group.entries
    heading, side, labels = tables.decoders(entries)
    names = [f"{n}{MARK}" if e in marked else n for e, n in zip(entries, labels, strict=True)]
    measures = [e.measure or ("not recorded" if len(e.every_run) else absent(e)) for e in entries]
    compared = compared_metrics(group)
    fields = [
        (heading, side, names),
        ("measure", LEFT, measures),
        *tables.metric_fields(entries, compared),
    ]
    if len({len(entry.runs) for entry in entries if len(entry.runs)}) > 1:
        fields.append(("runs", RIGHT, [str(len(entry.runs)) for entry in entries]))
    if published := group.published(budget):
        beside = [paper.TABLE_B[published].get(entry.decoder.name) for entry in entries]
        for name, key in (("NLL", "nll_nats"), ("FID", "fid")):
            fields.append((f"published {name}", RIGHT, [_published(each, key) for each in beside]))
    return tables.table_of_entries(entries, tables.with_references(group, fields, compared))


def _unsettled(shares: Mapping[Entry, float]) -> str:
    names = [
        f"{escape(entry.decoder.label)} ({share:.0%} of its runs)"
        for entry, share in shares.items()
    ]
    return (
        f"{MARK.strip()} The variance has not arrived: {AWAY}. So it is for {listing(names)}. "
        "No claim on value or speed is judged."
        if names
        else ""
    )


def _published(cell: paper.Published | None, field: str) -> str:
    if cell is None:
        return "not in the paper"
    value: float | None = getattr(cell, field)
    return cell.blank if value is None else f"{value:g}"


def _notes(content: Content, group: Group) -> Iterator[str]:
    for metric in content.metrics:
        if metric.headline and not group.measured(metric.key):
            yield f"{metric.name} was not measured here."
    for entry in group.entries:
        label = escape(entry.decoder.label)
        if entry.decoder.note:
            yield f"{label}: {escape(entry.decoder.note)}"
        if entry.undecided:
            yield f"{label}: no value of {entry.decoder.sweep} finished with a validation NLL."
        if entry.chosen is not None:
            tried = [setting.value for setting in entry.settings]
            values_tried = listing([f"{value:g}" for value in tried])
            text = (
                f"{label}: the best of {entry.decoder.sweep} = {values_tried}, chosen by the "
                "lowest mean NLL on validation images among the values with the most sound runs."
            )
            if len(tried) > 1 and entry.chosen in (tried[0], tried[-1]):
                text += " It lies at the end of the sweep: a wider one might find a better value."
            yield text
    variances = [
        f"{short(at.mean)} ({escape(entry.label)})"
        for entry in learned(content, group)
        if (at := estimate(entry.runs, "variance"))
    ]
    if variances:
        yield f"The learned variance is {listing(variances)}."


@by_group("Prediction of videos", "", nothing="")
def videos(_: Subject, group: Group) -> Iterator[Part]:
    """Yield how near the best predictions of a video model are, and the bounds of whole videos."""
    if not group.video:
        return
    shown, samples, frames = (
        number(float(values(group.runs, name)[0]), 0) if values(group.runs, name).size else "?"
        for name in ("best_of_videos", "best_of", "predicted_frames")
    )
    yield (
        f"Prediction of {frames} frames. SSIM and PSNR are those of the most similar of {samples} "
        f"predictions of each of {shown} test videos, higher is better (↑); NLL and KL of whole "
        "videos are the sums over their predicted frames."
    )
    yield tables.metric_table(group, [group.metric(key) for key in OF_VIDEO])


@by_group("KL of each stochastic layer", LAYERS, nothing="")
def layers(_: Subject, group: Group) -> Iterator[Part]:
    """Yield the KL of each stochastic layer of a hierarchical model."""
    yield tables.layer_table(group)


def _listed(group: Group, line: Callable[[pd.Series[Any]], str]) -> list[str]:
    lines = []
    for entry in group.entries:
        option = entry.decoder.sweep
        for _, run in entry.every_run.iterrows():
            value = run.get(f"option_{option}")
            swept = "" if value is None or pd.isna(value) else f"{option} = {value:g}, "
            if text := line(run):
                label = escape(entry.decoder.label)
                lines.append(f"{label}, {swept}seed {run['seed']}: {text}")
    return lines


def _lacks(run: pd.Series[Any]) -> str:
    lacks = recorded(pd.DataFrame([run]), LACKING) if run["status"] == Status.FINISHED else None
    return escape(lacks or "")


def _why_collapsed(run: pd.Series[Any]) -> str:
    return str(run[COLLAPSED])


def _what(run: pd.Series[Any]) -> str:
    if run["status"] == Status.FINISHED:
        return ""
    text, step = str(run["status"]), run.get("diverged_step")
    if step is not None and not pd.isna(step):
        text += f" at step {number(float(step), 0)}"
    if error := recorded(pd.DataFrame([run]), "error"):
        line = " ".join(error.replace("`", "'").split())
        text += f" (`{line[:LONGEST_ERROR]}{'…' if len(line) > LONGEST_ERROR else ''}`)"
    return text


def _head(subject: Subject) -> str:
    entries = [entry for group in subject.groups for entry in group.entries if entry.settings]
    options = listing(list(dict.fromkeys(entry.decoder.sweep or "" for entry in entries)))
    return f"Table A: sweep of {options}" if options else "Table A: sweep"


@by_group(_head, SWEPT, nothing="", anchor="table-a")
def sweep_tables(subject: Subject, group: Group) -> Iterator[Part]:
    """Yield table A of a group with a sweep: every value, then each learned variance."""
    swept = [entry for entry in group.entries if entry.settings]
    if not swept:
        return
    tried = [Entry(e.decoder, each.runs, chosen=each.value) for e in swept for each in e.settings]
    rows = [*tried, *learned(subject.content, group)]
    compared = compared_metrics(group)
    fields = [
        tables.decoders(rows),
        (group.metric("variance").label, RIGHT, [_variance(group, entry) for entry in rows]),
        *tables.metric_fields(rows, compared),
        *tables.information_fields(group, rows),
    ]
    yield tables.table_of_entries(rows, tables.with_references(group, fields, compared))
    yield caption([entry.runs for entry in tried])
    yield _cap(group) or escape(tables.without_information(group))
    if group.published(subject.content.budget) == paper.SWEEP_COLUMN:
        yield published_sweep(subject)


def _variance(group: Group, entry: Entry) -> str:
    variance = estimate(entry.runs, "variance")
    if variance is None:
        return cell(entry, group.metric("variance"))
    return short(variance.mean) + (f" ± {variance.spread:.1g}" if variance.spread else "")


def _cap(group: Group) -> str:
    cap = values(group.runs, "information_cap_nats")
    if not cap.size:
        return ""
    return (
        f"The estimate of I_e cannot exceed ln N = {number(cap.max(), 2)} nats, N the number of "
        f"images; one marked *near cap*, above {NEAR_CAP:.0%} of it, comes out too low, and its "
        "KL(m‖p) too high."
    )
