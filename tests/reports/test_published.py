from __future__ import annotations

import pytest

from reports.published import (
    DIMENSIONS,
    LEARNED,
    REPEATED_FID,
    TABLE_A,
    TABLE_B,
    floor,
    joined,
    optimal_floor,
)
from reports.sections import Subject
from reports.sections.audit import published
from reports.sections.decoders import sweep_tables
from tests.reports.typed import REAL, content, run


def test_the_bounds_are_those_of_the_audit() -> None:
    assert floor(2352, 1.0) == pytest.approx(2161, abs=0.5)
    assert floor(2352, 10 / 2) == pytest.approx(4054, abs=0.5)
    assert floor(2352, 1 / 2) == pytest.approx(1346, abs=0.5)
    assert optimal_floor(2352, 0.006) == pytest.approx(-2679, abs=0.5)
    assert optimal_floor(2352, 0.0065 / 2) == pytest.approx(-3400, abs=0.5)
    assert floor(12288, 1.0) == pytest.approx(11292, abs=0.5)


def test_the_sweep_fits_half_of_beta_and_not_beta() -> None:
    size = DIMENSIONS["SVHN"]
    assert all(row.nll_nats >= floor(size, row.beta / 2) for row in TABLE_A)
    assert [row.beta for row in TABLE_A if row.nll_nats < floor(size, row.beta)] == [0.1, 1, 10]


def test_the_audit_states_each_finding() -> None:
    text = published(Subject(content()))
    for finding in ("2161", "4054", "1346", "-2679", "-3400", "67 nats", "11292", "44.79", "27.25"):
        assert finding in text
    assert text.count("**impossible**") == 3


def test_the_learned_row_of_the_sweep_is_two_rows() -> None:
    """PAPER.md: optimal sigma's NLL, shared sigma's FID; neither decoder has both."""
    assert joined() == {"shared_sigma": (-3349, 22.25), "optimal_sigma": (-3333, 27.25)}
    assert (LEARNED.nll_nats, LEARNED.fid) not in joined().values()
    text = published(Subject(content()))
    assert "NLL -3333 and FID 22.25, joins 2 rows" in text
    assert "shared_sigma has -3349 and 22.25, so the joined row differs by +16 nats and +0;" in text
    assert "optimal_sigma has -3333 and 27.25, so the joined row differs by +0 nats and -5." in text


def test_table_a_shows_the_rows_that_the_learned_one_joins() -> None:
    runs = [run("odd", option_beta=beta, data_set="svhn", budget="paper") for beta in (0.1, 1)]
    text = sweep_tables(Subject(content(runs, columns=[REAL], budget="paper")))
    shown = [line.split("|")[1:-1] for line in text.splitlines() if "not reported" in line]
    assert [[cell.strip() for cell in row] for row in shown] == [
        ["shared_sigma, table of decoders", "not reported", "not reported", "-3349", "22.25"],
        ["optimal_sigma, table of decoders", "not reported", "not reported", "-3333", "27.25"],
    ]


def test_the_repeated_distance_has_its_source() -> None:
    assert REPEATED_FID - joined()["optimal_sigma"][1] == pytest.approx(17.54)
    text = published(Subject(content()))
    assert "(orybkin/sigma-vae-pytorch, issue 7, never explained)" in text
    assert "17.54 above the 27.25" in text


def test_every_column_has_the_same_rows() -> None:
    rows = {tuple(column) for column in TABLE_B.values()}
    assert len(rows) == 1
    assert set(TABLE_B) == set(DIMENSIONS)
    assert TABLE_B["SVHN"]["beta_vae"].nll_nats == TABLE_A[1].nll_nats
