from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reports.analysis.groups import Entry, groups
from reports.analysis.ranks import ranks
from reports.content import Content
from reports.document import document
from reports.printing.cells import leaders
from reports.sections import Subject
from reports.sections.decoders import decoder_table
from reports.sections.differences import differences, rank_sections
from reports.sections.overview import best_table
from tests.reports.typed import BITS_PER_DIM as BITS
from tests.reports.typed import cells, content, run


def seeded(bits: dict[str, list[float]], **changes: Any) -> list[dict[str, Any]]:
    """Runs of each decoder, one a seed, with these bits/dim."""
    return [
        run(name, seed, bits_per_dim=value, **changes)
        for name, values in bits.items()
        for seed, value in enumerate(values)
    ]


def entries(subject: Content) -> dict[str, Entry]:
    (group,) = groups(subject)
    return {entry.decoder.name: entry for entry in group.entries}


CLOSE = {"soft": [1.0, 2.0, 3.0], "hard": [1.1, 2.1, 2.9], "wide": [2.0, 3.1, 4.2]}


def bold(runs: list[dict[str, Any]]) -> set[str]:
    found = entries(content(runs))
    return {entry.decoder.name for entry in leaders(list(found.values()), BITS)}


def test_the_best_is_bold_with_all_that_cannot_be_told_apart_from_it() -> None:
    assert bold(seeded(CLOSE)) == {"soft", "hard"}


def test_a_lead_within_the_noise_is_no_win() -> None:
    assert bold(seeded({"soft": CLOSE["soft"], "hard": CLOSE["hard"]})) == set()


def test_a_paired_lead_is_a_win_though_the_seeds_spread_wider() -> None:
    assert bold(seeded({"soft": [1.0, 5.0, 9.0], "hard": [1.1, 5.2, 9.3]})) == {"soft"}


@pytest.mark.parametrize("seeds", [1, 2])
def test_below_three_seeds_the_lowest_is_bold_and_the_caption_says_what_that_means(
    seeds: int,
) -> None:
    runs = seeded({name: values[:seeds] for name, values in CLOSE.items()})
    assert bold(runs) == {"soft"}
    text = document(content(runs)).readme
    says = "One run each" if seeds == 1 else "Fewer than 3 runs each"
    assert f"{says}: bold marks the best" in text


def test_differences_that_are_all_the_same_tell_nothing_apart() -> None:
    assert bold(seeded({"soft": [1.0, 2.0, 3.0], "hard": [2.0, 3.0, 4.0]})) == set()


def test_fewer_seeds_are_never_bold() -> None:
    assert bold(seeded(CLOSE | {"fit": [0.1]})) == {"soft", "hard"}


def test_the_difference_stands_with_its_interval() -> None:
    subject = content(seeded(CLOSE))
    table = differences(Subject(subject))
    assert cells(table, "Soft")["Δ bits/dim"] == "the best"
    assert cells(table, "Wide")["Δ bits/dim"] == "+1.100 [1.000, 1.200]"
    assert cells(table, "Hard")["Δ bits/dim"] == "+0.033 [-0.100, 0.100]"
    assert cells(table, "Hard")["P by bits/dim"].startswith("0.44 [")
    assert cells(table, "Fit")["Δ bits/dim"] == "not run"


def test_the_native_nll_is_compared_within_its_measure() -> None:
    subject = content()
    table = differences(Subject(subject))
    nll = {name: cells(table, name)["Δ NLL (nats/image)"] for name in ("Soft", "Hard", "Wide")}
    assert nll == {"Soft": "+10.0", "Hard": "the best", "Wide": "+80.0"}


def test_lost_seeds_are_counted() -> None:
    runs = seeded(CLOSE | {"fit": [3.0, 4.5, 5.0]})
    runs[-1] |= {"status": "diverged", "bits_per_dim": np.nan}
    subject = content(runs)
    table = differences(Subject(subject))
    assert cells(table, "Fit")["Δ bits/dim"] == "+2.250 (2 of 3 seeds)"
    assert "No interval (2 seeds, an interval needs 3): Fit: NLL" in table


def test_one_reason_for_all_is_said_once() -> None:
    subject = content()
    found = differences(Subject(subject)).split("\n\n")[-1]
    assert found == "No difference has an interval: 1 seed, an interval needs 3."


def test_ties_share_their_rank_and_a_lost_run_is_last() -> None:
    runs = seeded({"soft": [2.0, 2.0], "hard": [1.0, 3.0], "wide": [5.0, 5.0], "fit": [0.1, 0.1]})
    runs[-1] |= {"status": "diverged", "bits_per_dim": np.nan}
    found = entries(content(runs))
    assert ranks(list(found.values()), BITS) == [1.5, 1.5, 3.0, 4.0, None]


def test_a_mean_rank_needs_a_rank_on_every_group() -> None:
    runs = [
        run(name, run=f"{name}-{data}", data_set=data, bits_per_dim=value)
        for data, values in (("blobs", (1.0, 2.0, 3.0)), ("other", (4.0, 3.0)))
        for name, value in zip(("soft", "hard", "wide"), values, strict=False)
    ]
    subject = content(runs)
    table = rank_sections(Subject(subject))
    assert cells(table, "Soft")["mean rank"] == "1.50"
    assert cells(table, "Hard")["mean rank"] == "1.50"
    assert cells(table, "Wide")["mean rank"] == "ranked in 1 of 2"
    assert cells(table, "Fit")["mean rank"] == "not run"


def test_a_lost_run_is_named_beside_its_rank() -> None:
    subject = content([run("soft"), run("hard", status="diverged", bits_per_dim=np.nan)])
    table = rank_sections(Subject(subject))
    assert cells(table, "Hard")["mean rank"] == "2.00"
    assert "2 (did not finish)" in table


def test_one_decoder_has_no_ranks() -> None:
    subject = content([run("soft")])
    assert "|" not in rank_sections(Subject(subject))
    assert "there are no ranks" in document(subject).readme


def test_the_summary_names_who_cannot_be_told_apart() -> None:
    subject = content(seeded(CLOSE, fid=np.nan))
    assert best_table(groups(subject)).rstrip("| ").endswith("Hard")
    assert "unknown from 1 seed" in best_table(groups(content()))


def test_bold_in_the_table_follows_the_rule() -> None:
    subject = content(seeded(CLOSE))
    table = decoder_table(groups(subject)[0], "quick")
    printed = {name: cells(table, name)["bits/dim ↓"] for name in ("Soft", "Hard", "Wide")}
    assert [text.startswith("**") for text in printed.values()] == [True, True, False]
