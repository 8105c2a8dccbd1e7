"""Table B: every decoder, and what was not run. Table A: every value of a sweep. Their audit."""

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
from reports.content import LACKING, PAPER, Content, Status
from reports.printing import tables
from reports.printing.cells import DAGGER, absent, cell, mark
from reports.printing.markup import (
    LEFT,
    RIGHT,
    bold,
    bullets,
    escape,
    fold,
    paragraphs,
    table,
    table_of,
)
from reports.printing.words import listing, number, short
from reports.sections.section import Subject, by_group, caption, section

LONGEST_LIST = 5
"""Runs that are listed openly; more fold away."""
LONGEST_ERROR = 160
"""Characters of an error message that are printed; results.csv holds all."""
BESIDE = (
    "Published: Rybkin et al. 2021, in the paper's own convention and with its own FID protocol; "
    "see the audit below before comparing."
)
SWEPT = (
    "Each value of the swept option is a run of its own, followed by the decoders that learned one "
    "shared variance in a single run: their σ² is an effective β. NLL is that of a Gaussian with "
    "the variance shown, so it can be compared down the table. I_e(x;z) is the information in the "
    "code, KL(m‖p) what the prior misses of the codes; their sum is the rate, the KL of the ELBO, "
    "here on the images of the estimate."
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
        "One row a decoder, measured on test images; lower is better (↓). NLL is the negative "
        "ELBO in the decoder's own measure, and **bold marks the best of each measure "
        "separately**, because a density and a mass do not compare. Bits/dim is the same bound "
        "in the one unit that all decoders share. The distance of generated from test images "
        "depends on its protocol:"
    )
    if any(mark(e, m) for g in subject.groups for e in g.entries for m in compared_metrics(g)):
        reading = (
            f"{DAGGER} marks what is no better than the last rows, which know nothing of an image. "
            + reading
        )
    return paragraphs(reading, bullets(protocols) or "- no distance was measured.")


@by_group(
    "Table B: all decoders", _protocols, nothing="There are no runs to show.", anchor="table-b"
)
def decoder_tables(subject: Subject, group: Group) -> Iterator[str]:
    """Yield table B of a group, with notes on what is special in it."""
    content = subject.content
    unsettled = {entry: share for entry in group.entries if (share := moving(content, entry))}
    yield decoder_table(group, content.budget, unsettled)
    yield _unsettled(unsettled)
    yield caption([entry.runs for entry in group.entries])
    yield BESIDE if group.published(content.budget) else ""
    yield bullets(_notes(content, group))
    yield _listed("Runs that did not finish", group, _what)
    yield _listed("Collapsed runs, which decide nothing", group, _why_collapsed)
    yield _listed("Measurements that finished runs lack", group, _lacks)
    if layers := tables.layer_table(group):
        yield (
            "KL of each stochastic layer, layer 1 next to the image; the sum is the KL of the "
            "bound. A layer near 0 says nothing about the image."
        )
        yield layers
    yield _videos(group)


def columns_not_run(subject: Subject) -> str:
    """Return the columns that are missing, each with its reason."""
    ran = {id(column) for group in subject.groups for column in group.columns}
    lines = []
    for column in subject.content.columns:
        if id(column) not in ran:
            reason = escape(column.not_run or "no run of it is in the results").rstrip(".")
            lines.append(f"**{escape(column.heading)}**: {reason}.")
    return section("Columns not run", bullets(lines) or "Every column that was asked for was run.")


def decoder_table(group: Group, budget: str, marked: Collection[Entry] = ()) -> str:
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
    return table_of(tables.with_references(group, fields, compared))


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
                "lowest mean NLL on validation images among the values with the most finished runs."
            )
            if len(tried) > 1 and entry.chosen in (tried[0], tried[-1]):
                text += " It lies at the end of the sweep: a wider one might find a better value."
            yield text


def _videos(group: Group) -> str:
    if not group.video:
        return ""
    videos, samples, frames = (
        number(float(values(group.runs, name)[0]), 0) if values(group.runs, name).size else "?"
        for name in ("best_of_videos", "best_of", "predicted_frames")
    )
    reading = (
        f"Prediction of {frames} frames. SSIM and PSNR are those of the most similar of {samples} "
        f"predictions of each of {videos} test videos, higher is better (↑); NLL and KL of whole "
        "videos are the sums over their predicted frames."
    )
    return paragraphs(reading, tables.metric_table(group, [group.metric(key) for key in OF_VIDEO]))


def _listed(title: str, group: Group, line: Callable[[pd.Series[Any]], str]) -> str:
    lines = []
    for entry in group.entries:
        option = entry.decoder.sweep
        for _, run in entry.every_run.iterrows():
            value = run.get(f"option_{option}")
            swept = "" if value is None or pd.isna(value) else f"{option} = {value:g}, "
            if text := line(run):
                label = escape(entry.decoder.label)
                lines.append(f"{label}, {swept}seed {run['seed']}: {text}")
    if len(lines) > LONGEST_LIST:
        return fold(f"{title} ({len(lines)})", bullets(lines))
    return paragraphs(f"{title}:", bullets(lines)) if lines else ""


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


@by_group(
    _head, SWEPT, nothing="No option was swept, so there is no table.", alone=True, anchor="table-a"
)
def sweep_tables(subject: Subject, group: Group) -> Iterator[str]:
    """Yield table A of a group with a sweep: every value, then each learned variance."""
    swept = [entry for entry in group.entries if entry.settings]
    if not swept:
        return
    tried = [Entry(e.decoder, each.runs, chosen=each.value) for e in swept for each in e.settings]
    rows, option = [*tried, *learned(subject.content, group)], swept[0].decoder.sweep or ""
    compared = compared_metrics(group)
    fields = [
        ("decoder", LEFT, [escape(entry.decoder.label) for entry in rows]),
        (option, RIGHT, ["learned" if e.chosen is None else f"{e.chosen:g}" for e in rows]),
        (group.metric("variance").label, RIGHT, [_variance(group, entry) for entry in rows]),
        *tables.metric_fields(rows, compared),
        *tables.information_fields(group, rows),
    ]
    yield table_of(tables.with_references(group, fields, compared))
    yield caption([entry.runs for entry in tried])
    yield _cap(group) or escape(tables.without_information(group))
    if group.published(subject.content.budget) == paper.SWEEP_COLUMN:
        yield _published_sweep()


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
        "images; one marked *near cap* comes out too low, and its KL(m‖p) too high."
    )


def _published_sweep() -> str:
    rows = [
        [r.decoder, f"{r.beta:g}", f"{r.beta / 2:g}", f"{r.nll_nats:g}", f"{r.fid:g}"]
        for r in (*paper.TABLE_A, paper.LEARNED)
    ]
    for name, (nll, fid) in paper.joined().items():
        rows.append([f"{name}, table of decoders", *2 * ["not reported"], f"{nll:g}", f"{fid:g}"])
    headers = ["published", "β (learned: σ²)", "σ² that fits the NLL", "NLL (nats/image)", "FID"]
    return table(headers, rows)


def published(subject: Subject) -> str:
    """Return where published numbers are shown, why not elsewhere, and their audit."""
    beside = [group for group in subject.groups if group.published(subject.content.budget)]
    if beside:
        shown = "Published numbers stand beside the columns on the paper's own data in Table B."
    elif subject.content.budget == PAPER:
        shown = "No column was run on the paper's own data, so no result stands beside them."
    else:
        shown = "This report was not made with the budget `paper`, so no result stands beside them."
    source = (
        "Source: Rybkin, Daniilidis, Levine, *Simple and Effective VAE Training with Calibrated "
        "Decoders*, ICML 2021."
    )
    units = (
        "The published numbers do not all share one unit. Two bounds show it: with a fixed "
        "variance σ² a Gaussian decoder pays at least D/2 ln(2πσ²) nats for an image of D values, "
        "even without error and KL; with a variance that equals the mean squared error it pays at "
        "least D/2 ln(2πeσ²)."
    )
    text = paragraphs(f"{source} {shown}", units, _sweep_table(), bullets(_audited()))
    return section("Published numbers and their audit", text)


def _sweep_table() -> str:
    size = paper.DIMENSIONS[paper.SWEEP_COLUMN]
    rows = []
    for row in paper.TABLE_A:
        cells = [f"{row.beta:g}", f"{row.nll_nats:g}"]
        for variance in (row.beta, row.beta / 2):
            bound = paper.floor(size, variance)
            verdict = "possible" if row.nll_nats >= bound else bold("impossible")
            cells.append(f"{bound:.0f}, {verdict}")
        rows.append(cells)
    headers = ["published β", "published NLL", "bound if σ² = β", "bound if σ² = β/2"]
    return table(headers, rows, [RIGHT] * 4)


def _audited() -> Iterator[str]:
    yield from _audited_sweep()
    yield from _audited_columns()
    _, fid = paper.joined()[paper.OPTIMAL]
    yield (
        f"FID: an independent reader of the public code obtained {paper.REPEATED_FID:g} for "
        f"{paper.OPTIMAL} on {paper.SWEEP_COLUMN} ({paper.REPEATED_IN}, never explained), "
        f"{paper.REPEATED_FID - fid:.2f} above the {fid:g} of the table. FID depends on the number "
        "of images, the resizing, the quantisation and the reference split, which is why this "
        "report states them."
    )


def _audited_sweep() -> Iterator[str]:
    unit = paper.TABLE_B[paper.SWEEP_COLUMN][paper.UNIT].nll_nats
    size = paper.DIMENSIONS[paper.SWEEP_COLUMN]
    yield (
        f"{paper.SWEEP_COLUMN}, D = {size}: the unit-variance Gaussian cannot go below "
        f"{paper.floor(size, 1):.0f} nats; the {unit:g} of the table of "
        "decoders fits. The sweep fits σ² = β/2 and not σ² = β, so it was made with the loss "
        "‖x − x̂‖² + β KL. Under the convention σ² = β, the default here, the same models sit at "
        "half those β."
    )
    reported, variance = paper.LEARNED.nll_nats, paper.LEARNED.beta
    upper = variance + 0.0005  # the largest value that is printed as 0.006
    bound = paper.optimal_floor(size, upper / 2)
    yield (
        f"The learned variance of the same table: with σ² = {variance:g} the bound is "
        f"{paper.optimal_floor(size, variance):.0f}, above the reported {reported:g}; with "
        f"2σ² = {upper:g} it is {bound:.0f}, which leaves a plausible KL of "
        f"{reported - bound:.0f} nats."
    )
    rows = [
        f"{name} has {nll:g} and {fid:g}, so the joined row differs by {reported - nll:+g} nats "
        f"and {paper.LEARNED.fid - fid:+g}"
        for name, (nll, fid) in paper.joined().items()
    ]
    yield (
        f"The learned row of the sweep, NLL {reported:g} and FID {paper.LEARNED.fid:g}, joins "
        f"{len(rows)} rows of the table of decoders: {'; '.join(rows)}. No decoder is reported "
        "with both numbers: compare with the rows of the table of decoders."
    )


def _audited_columns() -> Iterator[str]:
    units = {name: cells[paper.UNIT].nll_nats for name, cells in paper.TABLE_B.items()}
    size = paper.DIMENSIONS["BAIR"]
    yield (
        f"BAIR, D = {size}: a unit-variance Gaussian cannot go below "
        f"{paper.floor(size, 1):.0f}, so the reported {units['BAIR']:g} is not in nats for a "
        "64×64×3 frame with its constant. Compare that column by rank and by difference, not by "
        "value."
    )
    size = paper.DIMENSIONS["CelebA"]
    grey = paper.floor(size, 1) + size / 2 * 0.25
    yield (
        f"CelebA and CIFAR, D = {size}: on pixels in [0, 1] a unit-variance Gaussian that always "
        f"predicts mid-grey and has no KL pays at most {grey:.0f} nats (its squared error is "
        f"at most 1/4 a value); the reported {units['CelebA']:g} and {units['CIFAR']:g} are "
        "far above, so these columns are not on that scale. Compare them by rank and by difference "
        "as well."
    )
