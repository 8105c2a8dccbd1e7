"""Each defect is found by the property that is meant for it, and by no other that need not."""

import math
import re
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch import distributions as D
from torch.distributions import Distribution

import likelihoods
from likelihoods import Likelihood, Shape, check
from likelihoods.check import Result, core, cost
from tests.likelihoods import broken
from tests.likelihoods.broken import BROKEN, Sound

GPU = torch.cuda.is_available()
NOT_HERE = set() if GPU else {"cuda"}
"""Properties that are skipped here."""


@pytest.fixture(autouse=True)
def without_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Timings take seconds, and have their own tests."""
    monkeypatch.setattr(check, "COSTS", {})


def failures(factory: check.Factory) -> set[str]:
    return {result.property for result in check.run(factory) if result.passed is False}


def test_a_sound_likelihood_passes() -> None:
    assert failures(Sound) == set()


@pytest.mark.parametrize("defective", BROKEN, ids=lambda cls: cls.__name__)
def test_a_defect_fails_its_properties_and_no_others(defective: type[Likelihood]) -> None:
    assert failures(defective) == BROKEN[defective] - NOT_HERE


def test_every_property_has_a_defect() -> None:
    assert set().union(*BROKEN.values()) == set(check.PROPERTIES)
    alone = set().union(*(properties for properties in BROKEN.values() if len(properties) == 1))
    assert set(check.PROPERTIES) - alone == {
        # Of two things that must agree, another property judges one by itself.
        "mass sums to one",
        "log_prob is normalised",
        "mass agrees with log_prob",
        # What a GPU shows is to be seen without one.
        "any device",
        "cuda",
    }


class LowMass(Sound):
    def log_mass(self, outputs: Tensor, x: Tensor) -> Tensor:
        return super().log_mass(outputs, x) - 0.5


class LowBound(LowMass):
    mass_is_bound = True


def test_a_bound_on_the_mass_may_be_low() -> None:
    assert failures(LowBound) == set()
    assert "mass sums to one" in failures(LowMass)


def test_a_likelihood_without_a_cdf_is_not_held_to_have_one() -> None:
    class NoCdf(Sound):
        def level_cdf(self, outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
            raise NotImplementedError

    skipped = {r.property: r.detail for r in check.run(NoCdf) if r.passed is None}
    assert "not measured" in skipped["level_cdf agrees with mass"]
    assert "not measured" in skipped["samples agree with level_cdf"]


def detail(name: str, factory: check.Factory) -> str:
    result = check.check(name, check.PROPERTIES[name], factory)
    assert result.passed is False
    return result.detail


@pytest.mark.parametrize(
    ("name", "defective", "words"),
    [
        ("shapes", broken.UnsummedLogProb, r"\(2, 3, 4, 5\), expected \(2,\); sum over the image"),
        ("shapes", broken.WrongBatchShape, r"batch shape \(2, 3\) and event shape \(4, 5\)"),
        ("mass sums to one", broken.ScaledMass, r"a sum of 1\.05"),
        (
            "samples agree with mean",
            broken.WrongMean,
            r"samples average 0\.\d+, the mean is 0\.\d+",
        ),
        ("samples agree with mass", broken.WrongSampler, "samples have .* standard deviation"),
        ("gradients", broken.WrongGradient, "log_prob in training, to outputs"),
        (
            "finite at extremes",
            broken.Overflowing,
            "log_prob .* where all outputs are -10000 or -30",
        ),
        ("training objective", broken.Climbing, "against its gradient lowers log_prob"),
        ("training objective", broken.HalfTrained, r"reaches the raw channels \[2, 3\]"),
        ("training objective", broken.Exploding, "not finite, .* for extreme outputs"),
        ("float32 agrees with float64", broken.Cancelling, "in log_prob"),
        ("saved and restored", broken.Forgetful, "a copy by state_dict, in log_prob"),
        ("saved and restored", broken.Unpicklable, "pickle"),
        ("no peeking", broken.PeeksAtTarget, "given the target"),
        ("no peeking", broken.PeeksAtNeighbours, "image by image"),
        ("no peeking", broken.StillLearning, "of its state"),
        ("any device", broken.Waiting, r"item\(\).*broken\.py:\d+, in laplace\)"),
        ("any device", broken.LeftBehind, r"another device.*broken\.py:\d+, in laplace\)"),
    ],
)
def test_a_failure_says_what_is_wrong(name: str, defective: type[Likelihood], words: str) -> None:
    found = detail(name, defective)
    assert re.search(words, found), found
    assert "\n" not in found


def test_an_exception_is_one_line_and_where_the_author_raised_it() -> None:
    class Raising(Sound):
        def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
            raise RuntimeError("first line\nsecond line")

    here = Path(__file__).resolve()
    line = 1 + here.read_text().splitlines().index(
        '            raise RuntimeError("first line\\nsecond line")'
    )
    found = detail("shapes", Raising)
    assert re.fullmatch(rf"RuntimeError: first line \(.*test_check.py:{line}, in forward\)", found)


def test_an_exception_of_torch_is_placed_where_the_author_called_it() -> None:
    found = detail("shapes", type("Adding", (Sound,), {"laplace": _adds_wrong_shapes}))
    assert "RuntimeError: The size of tensor" in found
    assert found.endswith("in _adds_wrong_shapes)")


def _adds_wrong_shapes(self: Sound, location: Tensor, scale: Tensor) -> Distribution:
    return Sound.laplace(self, location + torch.zeros(7), scale)


class Unsummed(Sound):
    def reconstruction_loss(self, distribution: Distribution, target: Tensor) -> Tensor:
        return (distribution.mean - target).square()


class Looking(Sound):
    def reconstruction_loss(self, distribution: Distribution, target: Tensor) -> Tensor:
        loss = super().reconstruction_loss(distribution, target)
        return loss / abs(loss.mean().item())


@pytest.mark.parametrize(
    ("name", "defective", "words"),
    [
        ("shapes", Unsummed, r"\(2, 3, 4, 5\), expected \(2,\); sum over the image"),
        ("any device", Looking, r"item\(\).*in reconstruction_loss\)"),
    ],
)
def test_an_objective_of_its_own_is_held_to_the_contract(
    name: str, defective: type[Likelihood], words: str
) -> None:
    found = detail(name, defective)
    assert re.search(words, found), found


def test_an_objective_that_is_log_prob_is_not_asked_for() -> None:
    result = check.check("training objective", check.PROPERTIES["training objective"], Sound)
    assert (result.passed, result.detail) == (None, "it is -log_prob")


def test_a_heading_alone_is_not_the_message() -> None:
    """As torch says what a state_dict lacks: on the second line."""

    class Grows(Sound):
        def __init__(self, shape: likelihoods.Shape) -> None:
            super().__init__(shape)
            self.register_buffer("seen", None)

        def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
            if self.training:
                self.seen = torch.zeros(())
            return super().forward(outputs, target)

    assert 'Unexpected key(s) in state_dict: "seen"' in detail("saved and restored", Grows)


def test_where_shapes_are_wrong_all_else_is_skipped() -> None:
    told: list[Result] = []
    results = check.run(broken.Unfinished, told.append)
    assert told == results
    assert [result.outcome for result in results] == ["FAIL"] + ["skip"] * (len(results) - 1)
    assert {result.detail for result in results[1:]} == {"shapes come first"}


def test_results_are_told_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    told: list[str] = []

    def spy(name: str) -> check.Property:
        def function(factory: check.Factory) -> core.Measurement:
            seen.append(name)
            return core.Measurement(0, 0, "")

        return function

    monkeypatch.setattr(check, "PROPERTIES", {name: spy(name) for name in "abc"})

    def tell(result: Result) -> None:
        told.append(result.property)
        assert told == seen

    check.run(Sound, tell)
    assert told == ["a", "b", "c"]


def test_no_number_is_no_pass() -> None:
    result = check.check("x", lambda factory: core.Measurement(math.nan, 1, ""), Sound)
    assert result.passed is False
    assert result.number == math.inf


def test_random_state_of_the_caller_is_kept() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    check.check("shapes", check.PROPERTIES["shapes"], Sound)
    assert torch.equal(torch.rand(3), expected)


def test_result_reads_well() -> None:
    name = "mass sums to one"
    result = check.check(name, check.PROPERTIES[name], broken.ScaledMass)
    assert str(result).startswith("FAIL  mass sums to one: 0.05 (limit 0.0001) largest |sum - 1|")


class Keeping(Sound):
    """Keeps more for its backward pass."""

    def laplace(self, location: Tensor, scale: Tensor) -> Distribution:
        for _ in range(5):
            location = location.sin()
        return super().laplace(location, scale)


def test_costs_are_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "ROUNDS", 1)
    for name, words in (("time", "ms against"), ("memory", "MB against")):
        function = {"time": cost.training_time, "memory": cost.training_memory}[name]
        result = check.check(name, partial(function, shape=(1, 8, 8), batch=4), Keeping)
        assert result.outcome == "note"
        assert result.passed is None
        assert result.number > 0
        assert words in result.detail
        assert "4x1x8x8" in result.detail
        assert "limit" not in str(result)


@pytest.mark.skipif(GPU, reason="counts what the CPU keeps; a GPU counts for itself")
def test_memory_counts_what_is_kept() -> None:
    shape, batch = (1, 16, 16), 8
    value = 4 * batch * 256  # bytes of a float32 for each value
    sound, keeping = (cost.training_memory(f, shape, batch).number for f in (Sound, Keeping))
    (mb,) = re.findall(r"against (\S+) MB", cost.training_memory(Sound, shape, batch).detail)
    # The Gaussian: outputs, their gradient, the mean and the error; and a few scalars.
    assert float(mb) * 1e6 == pytest.approx(4 * value, rel=0.01)
    # Of the five sines each keeps its input, the first of which is kept anyhow.
    assert (keeping - sound) * 4 == pytest.approx(4, rel=0.01)


class InPlace(Likelihood):
    """A scale that is calibrated in place: fine, since no graph is kept over a training step."""

    scale: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.register_buffer("scale", torch.ones(()))

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        mean = self.split(outputs)[0].sigmoid()
        if self.training and target is not None:
            error = (target - mean.detach()).square().mean().sqrt().clamp(0.01, 1)
            self.scale.lerp_(error, 0.1)
            return D.Independent(D.Normal(mean, error), 3)
        return D.Independent(D.Normal(mean, self.scale), 3)


def test_a_buffer_may_be_calibrated_in_place() -> None:
    failed = [str(each) for each in check.run(InPlace) if each.passed is False]
    assert not failed


class Counting(InPlace):
    """One whose training counts levels by an operation that torch has no meta kernel for."""

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        if self.training and target is not None:
            torch.bincount((target * 255).long().flatten())
        return super().forward(outputs, target)


def test_what_cannot_be_tried_without_values_is_not_called_a_look_at_them() -> None:
    found = check.check("any device", check.PROPERTIES["any device"], Counting)
    assert found.passed is False
    assert "an operation that torch cannot try without values" in found.detail
    assert "aten::bincount" in found.detail
