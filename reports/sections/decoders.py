"""Table B: every decoder, and the columns that were not run. Table A: every value of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import pandas as pd

from reports.analysis.groups import Entry, Group, learned, recorded
from reports.analysis.moving import SETTLED, moving
from reports.analysis.ranks import compared_metrics
from reports.analysis.statistics import estimate, values
from reports.content import LACKING, Content, Status
from reports.printing import tables
from reports.printing.cells import absent, cell
from reports.printing.markup import LEFT, RIGHT, bullets, escape, paragraphs, table, table_of
from reports.printing.words import listing, number, short
from reports.published import LEARNED, SWEEP_COLUMN, TABLE_A, TABLE_B, Published
from reports.sections.section import Section, Subject, by_group, caption

LONGEST_ERROR = 160
"""Characters of an error message that are printed; results.csv holds all."""
LAYERS = (
    "KL of each stochastic layer, layer 1 next to the image; the sum is the KL of the bound. A "
    "layer near 0 says nothing about the image."
)
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
MARK = " †"
"""Behind the name of a decoder whose variance still moves at the end of training."""
OF_VIDEO = ("ssim_best_of_n", "psnr_best_of_n_db", "nll_nats_per_sequence", "kl_nats_per_sequence")


def decoder_tables(subject: Subject) -> Section:
    """Return table B, one table for each group, with notes on what is special in it."""
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
        "in the one unit that all decoders share. The Frechet distance compares generated with "
        "test images and depends on its protocol:"
    )
    reading = paragraphs(reading, bullets(protocols) or "- no Frechet distance was measured.")

    def part(group: Group) -> tuple[str, ...]:
        layers = tables.layer_table(group)
        unsettled = {entry: share for entry in group.entries if (share := moving(content, entry))}
        return (
            decoder_table(group, content.budget, unsettled),
            _unsettled(unsettled),
            caption([entry.runs for entry in group.entries]),
            BESIDE if group.published(content.budget) else "",
            bullets(_notes(content, group)),
            _listed("Runs that did not finish:", group, _what),
            _listed("Measurements that finished runs lack:", group, _lacks),
            LAYERS if layers else "",
            layers,
            _videos(group),
        )

    title, nothing = "Table B: all decoders", "There are no runs to show."
    return by_group(subject, title, reading, part, nothing=nothing, anchor="table-b")


def columns_not_run(subject: Subject) -> Section:
    """Return the columns that are missing, each with its reason."""
    ran = {id(column) for group in subject.groups for column in group.columns}
    lines = []
    for column in subject.content.columns:
        if id(column) not in ran:
            reason = escape(column.not_run or "no run of it is in the results").rstrip(".")
            lines.append(f"**{escape(column.heading)}**: {reason}.")
    return Section("Columns not run", bullets(lines) or "Every column that was asked for was run.")


def decoder_table(group: Group, budget: str, marked: Collection[Entry] = ()) -> str:
    """Return table B of one group: native NLL, bits/dim and Frechet distances of every decoder."""
    entries = group.entries
    heading, side, labels = tables.decoders(entries)
    names = [f"{n}{MARK}" if e in marked else n for e, n in zip(entries, labels, strict=True)]
    measures = [e.measure or ("not recorded" if len(e.every_run) else absent(e)) for e in entries]
    fields = [
        (heading, side, names),
        ("measure", LEFT, measures),
        *tables.metric_fields(entries, compared_metrics(group)),
    ]
    if len({len(entry.runs) for entry in entries if len(entry.runs)}) > 1:
        fields.append(("runs", RIGHT, [str(len(entry.runs)) for entry in entries]))
    if published := group.published(budget):
        beside = [TABLE_B[published].get(entry.decoder.name) for entry in entries]
        for name, key in (("NLL", "nll_nats"), ("FID", "fid")):
            fields.append((f"published {name}", RIGHT, [_published(each, key) for each in beside]))
    return table_of(fields)


def _unsettled(shares: Mapping[Entry, float]) -> str:
    names = [
        f"{escape(entry.decoder.label)} ({share:.0%} of its runs)"
        for entry, share in shares.items()
    ]
    return (
        f"{MARK.strip()} The variance still moves at the end: ln σ² by more than {SETTLED:g} over "
        f"the last tenth of training, of {listing(names)}. No claim on value or speed is judged."
        if names
        else ""
    )


def _published(cell: Published | None, field: str) -> str:
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
    """Return the runs on which `line` says something, below a title."""
    lines = []
    for entry in group.entries:
        option = entry.decoder.sweep
        for _, run in entry.every_run.iterrows():
            value = run.get(f"option_{option}")
            swept = "" if value is None or pd.isna(value) else f"{option} = {value:g}, "
            if text := line(run):
                label = escape(entry.decoder.label)
                lines.append(f"{label}, {swept}seed {run['seed']}: {text}")
    return paragraphs(title, bullets(lines)) if lines else ""


def _lacks(run: pd.Series[Any]) -> str:
    if run["status"] != Status.FINISHED:
        return ""
    return escape(recorded(pd.DataFrame([run]), LACKING) or "")


def _what(run: pd.Series[Any]) -> str:
    if run["status"] == Status.FINISHED:
        return ""
    text, step = str(run["status"]), run.get("diverged_step")
    if step is not None and not pd.isna(step):
        text += f" at step {number(float(step), 0)}"
    error = recorded(pd.DataFrame([run]), "error")
    if error:
        line = " ".join(error.replace("`", "'").split())
        text += f" (`{line[:LONGEST_ERROR]}{'…' if len(line) > LONGEST_ERROR else ''}`)"
    return text


def sweep_tables(subject: Subject) -> Section:
    """Return table A, one table for each group with a sweep."""

    def part(group: Group) -> Iterator[str]:
        settings = [setting.runs for entry in group.entries for setting in entry.settings]
        if settings:
            yield sweep_table(subject.content, group)
            yield caption(settings)
            yield _cap(group) or escape(tables.without_information(group))
            if group.published(subject.content.budget) == SWEEP_COLUMN:
                yield _published_sweep()

    entries = [entry for group in subject.groups for entry in group.entries if entry.settings]
    options = listing(list(dict.fromkeys(entry.decoder.sweep or "" for entry in entries)))
    title = f"Table A: sweep of {options}" if options else "Table A: sweep"
    none = "No option was swept, so there is no table."
    return by_group(subject, title, SWEPT, part, nothing=none, alone=True, anchor="table-a")


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
        *tables.metric_fields(rows, compared_metrics(group)),
        *tables.information_fields(group, rows),
    ]
    return table_of(fields)


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
        for r in (*TABLE_A, LEARNED)
    ]
    headers = ["published", "β (learned: σ²)", "σ² that fits the NLL", "NLL (nats/image)", "FID"]
    return table(headers, rows)
