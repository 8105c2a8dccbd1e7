"""The tables with the sentences that one needs to read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from reports.cells import outcome
from reports.comparison import Entry, Group, recorded
from reports.content import Column, Content
from reports.markup import bullets, escape, listing, number, paragraphs, short, table
from reports.published import LEARNED, SWEEP_COLUMN, TABLE_A
from reports.sections.section import Section, Subject, subsection
from reports.statistics import FINISHED, estimate, values
from reports.tables import cost_table, decoder_table, layer_table, sweep_table, video_table
from reports.uncertainty import FEWEST, LEVEL

PART = "evaluate_seconds_"
"""Begins the columns that hold the seconds of one part of the evaluation."""
LONGEST_ERROR = 160
"""Characters of an error message that are printed; results.csv holds all."""


def decoder_tables(subject: Subject) -> Section:
    """Return table B, one table for each group, with notes on what is special in it."""
    content = subject.content
    protocols = [
        f"{measure.heading}: {features.protocol}; {measure.protocol.rstrip('.')}."
        for features in content.quality
        for measure in features.headlines
    ]
    parts = [
        subsection(
            group,
            decoder_table(content, group),
            _caption([entry.runs for entry in group.entries]),
            _beside(group, content.budget),
            bullets(_notes(content, group)),
            _unfinished(group),
            _layers(group),
            _videos(group),
        )
        for group in subject.groups
    ]
    return Section(
        "Table B: all decoders",
        paragraphs(
            "One row a decoder, measured on test images; lower is better (↓). NLL is the negative "
            "ELBO in the decoder's own measure, and **bold marks the best of each measure "
            "separately**, because a density and a mass do not compare. Bits/dim is the same bound "
            "in the one unit that all decoders share. The Frechet distance compares generated with "
            "test images and depends on its protocol:",
            bullets(protocols) or "- no Frechet distance was measured.",
            *(parts or ["There are no runs to show."]),
        ),
        anchor="table-b",
    )


def columns_not_run(subject: Subject) -> Section:
    """Return the columns that are missing, each with its reason."""
    ran = {id(column) for group in subject.groups for column in group.columns}
    missing = [column for column in subject.content.columns if id(column) not in ran]
    lines = [f"**{escape(column.heading)}**: {_reason(column)}." for column in missing]
    return Section("Columns not run", bullets(lines) or "Every column that was asked for was run.")


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
                _caption([setting.runs for e in group.entries for setting in e.settings]),
                _cap(group) or escape(group.without_information),
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


def cost_tables(subject: Subject) -> Section:
    """Return what each decoder cost."""
    found = subject.content.results.get("device", pd.Series(dtype=str))
    devices = sorted(set(found.dropna().astype(str)))
    on = f" on {escape(listing(devices))}" if devices else ""
    return Section(
        "Costs",
        paragraphs(
            f"Seconds of wall-clock time{on} for one run; they compare within this report only, "
            "and only if nothing else ran on the machine. *All runs* adds training and evaluation "
            "over all seeds and, for a swept option, over all its values: the price of its row.",
            *(subsection(group, cost_table(group), _slower(group)) for group in subject.groups),
        ),
    )


def _slower(group: Group) -> str:
    """Name the decoders whose evaluation took longer than their training, and what of it."""
    found = []
    for entry in group.entries:
        train, evaluate = (
            estimate(entry.runs, f"{part}_seconds") for part in ("train", "evaluate")
        )
        if train and evaluate and evaluate.mean > train.mean:
            parts = {
                str(name).removeprefix(PART): each.mean
                for name in entry.runs
                if str(name).startswith(PART) and (each := estimate(entry.runs, str(name)))
            }
            longest = max(parts, key=parts.__getitem__, default="")
            most = f", {short(parts[longest])} s of it {longest}" if longest else ""
            found.append(
                f"{escape(entry.label)} ({short(evaluate.mean)} s against {short(train.mean)} s"
                f"{most})"
            )
    return f"Evaluation took longer than training for {listing(found)}." if found else ""


def _caption(shown: Sequence[pd.DataFrame]) -> str:
    """Say what ± and bold are, for a table of which each row shows the runs of one element."""
    counts = {len(runs) for runs in shown if len(runs)}
    if counts <= {1}:
        return "One run each: bold marks the best value, nothing more; the spread is unknown."
    over = f"{max(counts)} seeds" if len(counts) == 1 else "the seeds that were run"
    partial = any(outcome(runs) for runs in shown if len(runs))
    told_apart = (
        "Bold marks the best mean and all that cannot be told apart from it: the "
        f"{LEVEL:.0%} interval of the difference, paired by seed, contains 0. Where that holds for "
        "all, none is bold."
        if max(counts) >= FEWEST
        else f"Fewer than {FEWEST} runs each: bold marks the best mean, nothing more."
    )
    return f"Mean ± sample standard deviation (divisor n − 1) over {over}. {told_apart}" + (
        " A mean over only the runs that finished is never bold." if partial else ""
    )


def _beside(group: Group, budget: str) -> str:
    if group.published(budget) is None:
        return ""
    return (
        "Published: Rybkin et al. 2021, in the paper's own convention and with its own FID "
        "protocol; see the audit below before comparing."
    )


def _notes(content: Content, group: Group) -> Iterator[str]:
    for measure in (each for features in content.quality for each in features.headlines):
        if not values(group.runs, measure.column).size:
            yield f"{measure.heading} was not measured here."
    for entry in group.entries:
        label = escape(entry.decoder.label)
        if entry.decoder.note:
            yield f"{label}: {escape(entry.decoder.note)}"
        if entry.undecided:
            yield f"{label}: no value of {entry.decoder.sweep} finished with a validation NLL."
        if entry.chosen is not None:
            yield f"{label}: {_choice(entry)}"


def _choice(entry: Entry) -> str:
    tried = [setting.value for setting in entry.settings]
    text = (
        f"the best of {entry.decoder.sweep} = {listing([f'{value:g}' for value in tried])}, "
        "chosen by the lowest mean NLL on validation images among the values with the most "
        "finished runs."
    )
    if len(tried) > 1 and entry.chosen in (tried[0], tried[-1]):
        text += " It lies at the end of the sweep: a wider one might find a better value."
    return text


def _layers(group: Group) -> str:
    found = layer_table(group)
    reading = (
        "KL of each stochastic layer, layer 1 next to the image; the sum is the KL of the bound. A "
        "layer near 0 says nothing about the image."
    )
    return paragraphs(reading, found) if found else ""


def _videos(group: Group) -> str:
    found = video_table(group)
    videos, samples, frames = (
        number(float(values(group.runs, name)[0]), 0) if values(group.runs, name).size else "?"
        for name in ("best_of_videos", "best_of", "predicted_frames")
    )
    reading = (
        f"Prediction of {frames} frames. SSIM and PSNR are those of the most similar of {samples} "
        f"predictions of each of {videos} test videos, higher is better (↑); NLL and KL of whole "
        "videos are the sums over their predicted frames."
    )
    return paragraphs(reading, found) if found else ""


def _unfinished(group: Group) -> str:
    lines = [
        f"{escape(entry.decoder.label)}, {_what(entry, run)}"
        for entry in group.entries
        for _, run in entry.every_run.iterrows()
        if run["status"] != FINISHED
    ]
    return paragraphs("Runs that did not finish:", bullets(lines)) if lines else ""


def _what(entry: Entry, run: pd.Series[Any]) -> str:
    option = entry.decoder.sweep
    value = run.get(f"option_{option}") if option else None
    text = "" if value is None or pd.isna(value) else f"{option} = {value:g}, "
    text += f"seed {run['seed']}: {run['status']}"
    step = run.get("diverged_step")
    if step is not None and not pd.isna(step):
        text += f" at step {number(float(step), 0)}"
    error = recorded(pd.DataFrame([run]), "error")
    if error:
        line = " ".join(error.replace("`", "'").split())
        text += f" (`{line[:LONGEST_ERROR]}{'…' if len(line) > LONGEST_ERROR else ''}`)"
    return text


def _reason(column: Column) -> str:
    return escape(column.not_run or "no run of it is in the results").rstrip(".")


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
