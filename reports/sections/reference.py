"""The back of the report: definitions, published numbers and their audit, files."""

from __future__ import annotations

from collections.abc import Iterator

from reports import published as paper
from reports.analysis.collapse import LEAST_KL, SHARE
from reports.analysis.intervals import FEWEST, LEVEL
from reports.analysis.statistics import values
from reports.content import PAPER, Content
from reports.metric import PLACEHOLDER, described
from reports.printing.markup import RIGHT, bold, bullets, escape, paragraphs, table
from reports.sections.section import Section, Subject

TERMS = {
    "frame": "an image of a video. A video model is given the first frames and predicts the rest; "
    "its NLL, KL and MSE are means over the predicted frames, each predicted from the true frames "
    "before it.",
    "measure": "what the NLL is of: density, mass or unnormalised.",
    "β": "the weight of the KL in the loss of the β-VAE. Dividing the loss by β shows a Gaussian "
    "decoder with σ² = β, so its NLL is reported with that variance and a KL weight of 1.",
    "±": "sample standard deviation over seeds; without it, the value is one run.",
    "[low, high]": f"{LEVEL:.0%} interval of a mean over seeds (Student's t), of differences "
    f"paired by seed where two decoders are compared; there is none below {FEWEST} seeds or where "
    "all values are the same.",
    "SE": "standard error over the test images of one run, of a difference paired by image. It "
    "holds for these trained networks: another training is not in it.",
    "P": "probability of improvement: the share of pairs of runs in which one decoder is better "
    "than the other, ties counting half.",
    "collapsed": f"a run that finished and whose decoder ignores the code: its KL is below "
    f"{LEAST_KL:g} nats, or its MSE is at least {SHARE:.0%} of the mean image's. Its numbers are "
    "those of a constant, so it is never the best and decides nothing.",
    "†": "no better than a row without a code.",
    "diverged (k/n)": "the loss of k of n runs became infinite or not a number. *failed*: stopped "
    "by an error. *too large*: not tried, since memory is too small. *not run*: no such run is in "
    "the results. *not measured*: the run finished without this measurement.",
}
"""Words of the report that are no metric."""


def reading(subject: Subject) -> Section:
    """Return the definition of every number and word."""
    content = subject.content
    link = content.metrics_document
    more = f"Estimators and sources: [definition of every metric]({link})." if link else ""
    terms = (f"**{term}**: {text}" for term, text in TERMS.items())
    lines = bullets([*_definitions(content), *terms])
    return Section("How to read each number", paragraphs(lines, more))


def _definitions(content: Content) -> Iterator[str]:
    """Yield what each metric is that tables show; those of one definition on one line."""
    keys = described(content.metrics, map(str, content.results))
    names: dict[tuple[str, str], dict[str, None]] = {}
    for metric in content.metrics:
        held = any(values(content.results, each.key).size for each in keys[metric.key])
        if held and not metric.count and metric.unit != "text":
            label = PLACEHOLDER.sub("…", metric.label)
            names.setdefault((metric.definition, metric.source), {})[label] = None
    for (definition, source), of_it in names.items():
        cited = f" ({source})" if source else ""
        yield f"**{escape(', '.join(of_it))}**: {definition}{cited}."


def files(subject: Subject) -> Section:
    """Return links to the data behind the report."""
    return Section(
        "Data behind this report",
        "[results.csv](results.csv) holds every run, one a row, with every measurement and its "
        "unit in the name of the column. The figures are in the folder `figures`.",
    )


def published(subject: Subject) -> Section:
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
    return Section("Published numbers and their audit", paragraphs(f"{source} {shown}", audit()))


def audit() -> str:
    """Return the audit of the published numbers as Markdown; every bound is computed here."""
    return paragraphs(
        "The published numbers do not all share one unit. Two bounds show it: with a fixed "
        "variance σ² a Gaussian decoder pays at least D/2 ln(2πσ²) nats for an image of D values, "
        "even without error and KL; with a variance that equals the mean squared error it pays at "
        "least D/2 ln(2πeσ²).",
        _sweep_table(),
        bullets([*_audit_sweep(), *_audit_others()]),
    )


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


def _audit_sweep() -> Iterator[str]:
    size = paper.DIMENSIONS[paper.SWEEP_COLUMN]
    unit = paper.TABLE_B[paper.SWEEP_COLUMN][paper.UNIT].nll_nats
    yield (
        f"{paper.SWEEP_COLUMN}, D = {size}: the unit-variance Gaussian cannot go below "
        f"{paper.floor(size, 1):.0f} nats; the {unit:g} of the table of decoders fits. The "
        "sweep fits σ² = β/2 and not σ² = β, so it was made with the loss ‖x − x̂‖² + β KL. Under "
        "the convention σ² = β, the default here, the same models sit at half those β."
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


def _audit_others() -> Iterator[str]:
    reported = {name: cells[paper.UNIT].nll_nats for name, cells in paper.TABLE_B.items()}
    size = paper.DIMENSIONS["BAIR"]
    yield (
        f"BAIR, D = {size}: a unit-variance Gaussian cannot go below "
        f"{paper.floor(size, 1):.0f}, so the reported {reported['BAIR']:g} is not in nats for a "
        "64×64×3 frame with its constant. Compare that column by rank and by difference, not by "
        "value."
    )
    size = paper.DIMENSIONS["CelebA"]
    grey = paper.floor(size, 1) + size / 2 * 0.25
    yield (
        f"CelebA and CIFAR, D = {size}: on pixels in [0, 1] a unit-variance Gaussian that always "
        f"predicts mid-grey and has no KL pays at most {grey:.0f} nats (its squared error is "
        f"at most 1/4 a value); the reported {reported['CelebA']:g} and {reported['CIFAR']:g} are "
        "far above, so these columns are not on that scale. Compare them by rank and by difference "
        "as well."
    )
    yield (
        "FID: an independent reader of the public code obtained 44.79 where the table says "
        f"{paper.TABLE_B['SVHN'][paper.OPTIMAL].fid:g}. It depends on the number of images, the "
        "resizing, the quantisation and the reference split, which is why this report states them."
    )
