"""The published numbers beside the results, and what arithmetic says of them."""

from __future__ import annotations

from collections.abc import Iterator

from reports import published as paper
from reports.content import PAPER
from reports.printing.markup import RIGHT, bold, bullets, escape, paragraphs, table
from reports.sections.section import Subject, section


def published_sweep(subject: Subject) -> str:
    """Return the published sweep, with the rows of the other table that its last one joins."""
    rows = [
        [r.decoder, f"{r.beta:g}", f"{r.beta / 2:g}", f"{r.nll_nats:g}", f"{r.fid:g}"]
        for r in (*paper.TABLE_A, paper.LEARNED)
    ]
    for name, (nll, fid) in paper.joined().items():
        called = escape(subject.called(name))
        rows.append([f"{called}, table of decoders", *2 * ["not reported"], f"{nll:g}", f"{fid:g}"])
    headers = ["published", "β (learned: σ²)", "σ² that fits the NLL", "NLL (nats/image)", "FID"]
    return table(headers, rows)


def published(subject: Subject) -> str:
    """Return where published numbers are shown, why not elsewhere, and their audit."""
    beside = [group for group in subject.groups if group.published(subject.content.budget)]
    if beside:
        shown = "Published numbers stand beside the results of columns on the paper's own data."
    elif subject.content.budget == PAPER:
        shown = (
            "No column has the data and the network of a published one, so no result stands beside "
            "them."
        )
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
    text = paragraphs(f"{source} {shown}", units, _sweep_table(), bullets(_audited(subject)))
    return section("Published numbers and their audit", text, anchor="published")


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


def _audited(subject: Subject) -> Iterator[str]:
    yield from _audited_sweep(subject)
    yield from _audited_columns()
    _, fid = paper.joined()[paper.OPTIMAL]
    yield (
        f"FID: an independent reader of the public code obtained {paper.REPEATED_FID:g} for "
        f"{escape(subject.called(paper.OPTIMAL))} on {paper.SWEEP_COLUMN} "
        f"({paper.REPEATED_IN}, never explained), {paper.REPEATED_FID - fid:.2f} above the {fid:g} "
        "of the table. FID depends on the number of images, the resizing, the quantisation and "
        "the reference split, which is why this report states them."
    )


def _audited_sweep(subject: Subject) -> Iterator[str]:
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
        f"{escape(subject.called(name))} has {nll:g} and {fid:g}, so the joined row differs by "
        f"{reported - nll:+g} nats and {paper.LEARNED.fid - fid:+g}"
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
