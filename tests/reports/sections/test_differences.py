from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from reports.analysis.groups import Entry, groups
from reports.analysis.images import image_error
from reports.analysis.intervals import holm
from reports.analysis.ranks import behind, ranking, ranks
from reports.content import Content
from reports.printing.cells import leaders
from reports.sections import Subject
from reports.sections.decoders import decoder_table
from reports.sections.differences import OF_IMAGES, _pairing, differences, rank_sections
from tests.reports.typed import BITS_PER_DIM as BITS
from tests.reports.typed import cells, content, run, whole


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


CLOSE = {
    "soft": [1.0, 2.0, 3.0, 4.0, 5.0],
    "hard": [1.1, 2.1, 2.9, 4.1, 4.9],
    "wide": [2.0, 3.1, 4.2, 5.05, 6.15],
}


def bold(runs: list[dict[str, Any]]) -> set[str]:
    found = entries(content(runs))
    return {entry.decoder.name for entry in leaders(list(found.values()), BITS)}


def test_the_best_is_bold_with_all_that_cannot_be_told_apart_from_it() -> None:
    assert bold(seeded(CLOSE)) == {"soft", "hard"}


def test_a_lead_within_the_noise_is_no_win() -> None:
    assert bold(seeded({"soft": CLOSE["soft"], "hard": CLOSE["hard"]})) == set()


def test_a_paired_lead_is_a_win_though_the_seeds_spread_wider() -> None:
    assert bold(
        seeded({"soft": [1.0, 5.0, 9.0, 13.0, 17.0], "hard": [1.1, 5.2, 9.3, 13.15, 17.25]})
    ) == {"soft"}


@pytest.mark.parametrize("seeds", [1, 4])
def test_below_five_seeds_the_lowest_is_bold_and_the_caption_says_what_that_means(
    seeds: int,
) -> None:
    runs = seeded({name: values[:seeds] for name, values in CLOSE.items()})
    assert bold(runs) == {"soft"}
    text = whole(content(runs))
    says = "One run each" if seeds == 1 else "Fewer than 5 runs each"
    assert f"{says}: bold marks the best" in text


def test_differences_that_are_all_the_same_tell_nothing_apart() -> None:
    assert bold(seeded({"soft": CLOSE["soft"], "hard": [2.0, 3.0, 4.0, 5.0, 6.0]})) == set()


NAMES = ("soft", "hard", "wide", "fit", "mine", "yours", "his", "hers", "its", "ours", "theirs")
PAIRS = np.triu_indices(len(NAMES), 1)


def told(bits: np.ndarray) -> set[int]:
    """Which decoders, (decoders, seeds), are told apart from the best, by scipy's paired t test."""
    p_values = holm([*stats.ttest_rel(bits[PAIRS[0]], bits[PAIRS[1]], axis=1).pvalue])
    best = int(bits.mean(axis=1).argmin())
    pairs = zip(*PAIRS, p_values, strict=True)
    return {int(a + b - best) for a, b, p in pairs if best in (a, b) and p <= 0.05}


@pytest.mark.parametrize(("skewed", "spread"), [(False, 1.0), (False, 10.0), (True, 1.0)])
def test_of_equal_decoders_one_is_told_from_the_best_in_one_table_of_twenty_at_most(
    skewed: bool, spread: float
) -> None:
    """Though the best was picked on the same numbers; decoders may spread differently."""
    rng = np.random.default_rng(0)
    shape = (800, len(NAMES), 5)
    drawn = rng.exponential(size=shape) if skewed else rng.normal(size=shape)
    scales = np.geomspace(1.0, spread, len(NAMES))[:, None]
    assert np.mean([bool(told(each)) for each in drawn * scales]) <= 0.05


def test_what_was_simulated_is_what_decides() -> None:
    rng = np.random.default_rng(1)
    sizes = []
    for _ in range(3):
        bits = rng.normal(size=(len(NAMES), 5)) + 30 * (np.arange(len(NAMES))[:, None] > 5)
        ranked = ranking(
            [*entries(content(seeded(dict(zip(NAMES, bits, strict=True))))).values()], BITS
        )
        found = {NAMES.index(entry.decoder.name) for entry in behind(ranked, BITS)}
        assert found == told(bits)
        sizes.append(len(found))
    assert min(sizes) > 0


def test_fewer_seeds_are_never_bold() -> None:
    assert bold(seeded(CLOSE | {"fit": [0.1]})) == {"soft", "hard"}


def test_the_difference_stands_with_its_interval() -> None:
    subject = content(seeded(CLOSE))
    table = differences(Subject(subject))
    assert cells(table, "Soft")["Δ bits/dim"] == "the best"
    assert cells(table, "Wide")["Δ bits/dim"] == "**+1.100 [1.002, 1.198]**"
    assert cells(table, "Hard")["Δ bits/dim"] == "+0.020 [-0.116, 0.156]"
    assert cells(table, "Hard")["P by bits/dim"] == "0.48"  # 4 + 3 + 3 + 1 + 1 pairs of 25
    assert cells(table, "Fit")["Δ bits/dim"] == "not run"


def test_the_native_nll_is_compared_within_its_measure() -> None:
    subject = content()
    table = differences(Subject(subject))
    nll = {name: cells(table, name)["Δ NLL (nats/image)"] for name in ("Soft", "Hard", "Wide")}
    assert nll == {"Soft": "+10.0", "Hard": "the best", "Wide": "+80.0"}


def test_lost_seeds_are_counted() -> None:
    runs = seeded(CLOSE | {"fit": [3.0, 4.5, 5.0, 6.5, 7.0]})
    runs[-1] |= {"status": "diverged", "bits_per_dim": np.nan}
    subject = content(runs)
    table = differences(Subject(subject))
    assert cells(table, "Fit")["Δ bits/dim"] == "+2.250 (4 of 5 seeds)"
    assert "No interval (4 seeds, an interval needs 5): Fit: NLL" in table


def test_one_reason_for_all_is_said_once() -> None:
    subject = content()
    found = differences(Subject(subject)).split("\n\n")[-1]
    assert found == "No difference has an interval: 1 seed, an interval needs 5."


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
    assert "there are no ranks" in whole(subject)


def test_bold_in_the_table_follows_the_rule() -> None:
    subject = content(seeded(CLOSE))
    table = decoder_table(groups(subject)[0], "quick")
    printed = {name: cells(table, name)["bits/dim ↓"] for name in ("Soft", "Hard", "Wide")}
    assert [text.startswith("**") for text in printed.values()] == [True, True, False]


# --- test images of one run ---


def imaged(**changes: Any) -> Content:
    """One run of two decoders, with values for each of four test images."""
    own = {"soft": [1.0, 2.0, 3.0, 4.0], "hard": [1.5, 2.4, 3.6, 4.5]}
    runs = seeded({name: [float(np.mean(bits))] for name, bits in own.items()})
    images = {f"{name}-None-0": {"bits_per_dim": np.array(bits)} for name, bits in own.items()}
    return content(runs, per_image=images, **changes)


def of_images(subject: Content) -> float | None:
    (group,) = groups(subject)
    first, second, *_ = group.entries
    return image_error(subject, first, second, "bits_per_dim")


def test_one_run_each_has_a_standard_error_over_test_images_paired_by_image() -> None:
    subject = imaged()
    expected = stats.sem([0.5, 0.4, 0.6, 0.5])
    assert of_images(subject) == pytest.approx(expected)
    table = differences(Subject(subject))
    assert cells(table, "Hard")["Δ bits/dim"] == "+0.500 (SE 0.041)"
    assert cells(table, "Hard")["Δ NLL (nats/image)"] == "0.0", "not measured for each image"
    text = whole(subject)
    assert OF_IMAGES in text
    assert "**+0.500" not in text, "test images say nothing of training, so it is no verdict"
    assert OF_IMAGES not in whole(content())


def test_images_that_do_not_pair_have_no_standard_error() -> None:
    held = imaged().per_image
    fewer = {
        run: {"bits_per_dim": held[run]["bits_per_dim"][: 3 + i]} for i, run in enumerate(held)
    }
    alone = {run: {"bits_per_dim": held[run]["bits_per_dim"][:1]} for run in held}
    for per_image in (fewer, alone, {}):
        subject = content(seeded({"soft": [1.0], "hard": [2.0]}), per_image=per_image)
        assert of_images(subject) is None
    several = content(seeded({"soft": [1.0, 2.0], "hard": [2.0, 3.0]}), per_image=held)
    assert of_images(several) is None


def test_runs_on_two_data_sets_have_no_standard_error() -> None:
    subject = imaged()
    (group,) = groups(subject)
    first, second, *_ = group.entries
    moved = Entry(second.decoder, second.runs.assign(data_set="blots"))
    assert image_error(subject, first, moved, "bits_per_dim") is None


def test_the_correlation_of_paired_seeds_is_printed() -> None:
    (group,) = groups(content(seeded(CLOSE)))
    assert ": 1.00 (5 seeds). Where it is about 0," in _pairing(group)
    opposed = {"soft": CLOSE["soft"], "hard": CLOSE["soft"][::-1]}
    assert ": -1.00 (5 seeds)" in _pairing(groups(content(seeded(opposed)))[0])
    assert _pairing(groups(content())[0]) == "", "one seed has none"
