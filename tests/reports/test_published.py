from __future__ import annotations

import pytest

from reports.published import DIMENSIONS, TABLE_A, TABLE_B, floor, optimal_floor
from reports.sections import Subject
from reports.sections.decoders import published
from tests.reports.typed import content


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


def test_every_column_has_the_same_rows() -> None:
    rows = {tuple(column) for column in TABLE_B.values()}
    assert len(rows) == 1
    assert set(TABLE_B) == set(DIMENSIONS)
    assert TABLE_B["SVHN"]["beta_vae"].nll_nats == TABLE_A[1].nll_nats
