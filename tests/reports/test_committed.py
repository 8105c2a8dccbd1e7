"""The reports that are committed agree with their results, and the README with the reports."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
REPORTS = sorted((ROOT / "docs" / "results").iterdir())
SPREAD = re.compile(r"-?[\d,]+\.\d+ ± \d+\.\d+")


def read(path: Path) -> str:
    """The text, its no-break spaces as plain ones."""
    return path.read_text(encoding="utf-8").replace("\u00a0", " ")


def cells(text: str) -> list[list[str]]:
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@pytest.mark.parametrize("report", REPORTS, ids=lambda path: path.name)
def test_every_mean_of_a_report_is_one_of_its_results(report: Path) -> None:
    results = pd.read_csv(report / "results.csv")
    values = results.groupby(["column", "likelihood", "options"])["bits_per_dim"]
    known = {
        f"{mean:.3f}" if math.isnan(spread) else f"{mean:.3f} ± {spread:.3f}"
        for mean, spread in zip(values.mean(), values.std(), strict=True)
    }
    place, found = None, 0
    for row in cells(read(report / "README.md")):
        if row[0] == "decoder":
            place = row.index("bits/dim ↓") if "bits/dim ↓" in row else None
        elif place is not None and len(row) > place and "no code" not in row[0]:
            cell = row[place].replace("*", "").rstrip("†§")
            if re.fullmatch(r"\d+\.\d{3}( ± \d+\.\d{3})?", cell):
                found += 1
                assert cell in known, row[0]
    assert found >= 8, "the table was not recognised"


def test_every_mean_of_the_readme_is_one_of_a_report() -> None:
    readme = read(ROOT / "README.md")
    reports = "\n".join(read(path / "README.md") for path in REPORTS)
    shown = set(SPREAD.findall(readme))
    assert len(shown) > 20
    assert shown <= set(SPREAD.findall(reports))


def test_verdicts_of_the_readme_are_those_of_the_reports() -> None:
    readme = read(ROOT / "README.md")
    verdicts = {row[0]: row[1:] for row in cells(readme) if re.match(r"[1-7]\. ", row[0])}
    assert len(verdicts) == 7
    names = ("mnist", "cifar10", "claims")
    pages = {name: cells(read(ROOT / "docs" / "results" / name / "claims.md")) for name in names}
    of = {
        name: {row[0]: row[1:] for row in page if re.match(r"[1-7]\. ", row[0])}
        for name, page in pages.items()
    }
    for claim, shown in verdicts.items():
        cifar, mnist = of["claims"][claim][:2]
        due = [of["mnist"][claim][0], of["cifar10"][claim][0], mnist, cifar]
        assert [each.partition(":")[0] for each in due] == shown, claim


def test_the_answer_of_the_readme_is_that_of_the_reports() -> None:
    """As `bench recommend` prints it of both results of the published protocol."""
    readme = read(ROOT / "README.md")
    shown = [row for row in cells(readme) if row[0].endswith(" images")]
    due: list[list[str]] = []
    for name in ("mnist", "cifar10"):
        rows = cells(read(ROOT / "docs" / "results" / name / "README.md"))
        links = f"(docs/results/{name}/README.md#"
        due += [
            [*row[:3], f"{row[3].replace('(#', links)}; budget paper"]
            for row in rows
            if row[0].endswith(" images")
        ]
    assert len(due) == 8
    assert shown == due


@pytest.mark.parametrize("report", REPORTS, ids=lambda path: path.name)
def test_pictures_are_small(report: Path) -> None:
    large = {
        path.name: size
        for path in (report / "figures").iterdir()
        if (size := path.stat().st_size) > 160_000
    }
    assert not large, "a repository keeps every version of them"
