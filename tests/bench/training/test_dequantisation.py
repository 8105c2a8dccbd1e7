"""Uniform noise of one level on what a density is trained on, and on nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution

import likelihoods
from bench import models
from bench.data import Data
from bench.execution.run import build
from bench.training import Training
from tests.bench.conftest import MODELS, DataFor, MakeSpec, fit

LEVEL = 1 / 255
DENSITIES = [n for n in likelihoods.names() if likelihoods.get(n).measure == "density"]


def scored(
    model: str, name: str, data_for: DataFor, make_spec: MakeSpec, seed: int | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The items, what the likelihood was fitted to, and what it was scored on."""
    built = build(make_spec(name, model=model), data_for(model)).train()
    x, seen = data_for(model).train[:32] / 255, list[Any]()
    forward, loss = built.likelihood.forward, built.likelihood.reconstruction_loss

    def fitted(outputs: Tensor, target: Tensor | None = None) -> Distribution:
        seen.append(target)
        return forward(outputs, target)

    def minimised(distribution: Distribution, target: Tensor) -> Tensor:
        seen.append(target)
        return loss(distribution, target)

    built.likelihood.forward = fitted  # type: ignore[method-assign]
    built.likelihood.reconstruction_loss = minimised  # type: ignore[method-assign]
    noise = None if seed is None else torch.Generator().manual_seed(seed)
    objective = built.objective(x, torch.Generator().manual_seed(0), noise)
    assert objective.reconstruction.isfinite().all()
    return built.targets(x), seen[0], seen[1]


@pytest.mark.parametrize("model", MODELS)
def test_a_density_is_trained_on_values_spread_over_their_bins(
    model: str, data_for: DataFor, make_spec: MakeSpec
) -> None:
    targets, fitted, value = scored(model, "optimal_sigma", data_for, make_spec, 1)
    assert torch.equal(fitted, value)
    noise = (value - targets) / LEVEL
    assert noise.abs().max() <= 0.5 + 1e-4
    # Of a uniform value of width one: variance 1/12, with its sampling error.
    assert noise.mean().abs() < 5 * (1 / 12 / noise.numel()) ** 0.5
    assert noise.var() == pytest.approx(1 / 12, rel=0.15)


@pytest.mark.parametrize("name", likelihoods.names())
def test_the_noise_is_the_same_for_all_and_inside_the_support(
    name: str, data_for: DataFor, make_spec: MakeSpec
) -> None:
    """Reflected where a density ends at 0 and 1; a mass sees the levels themselves."""
    targets, _, value = scored("vae", name, data_for, make_spec, 1)
    if name not in DENSITIES:
        assert torch.equal(value, targets)
        return
    _, _, expected = scored("vae", "gaussian", data_for, make_spec, 1)
    assert expected.min() < 0
    assert expected.max() > 1
    if name in ("truncated_gaussian", "continuous_bernoulli"):
        expected = 1 - (1 - expected.abs()).abs()
        assert value.min() >= 0
        assert value.max() <= 1
    torch.testing.assert_close(value, expected, rtol=0, atol=1e-7)


def test_without_it_the_levels_themselves_are_scored(
    data_for: DataFor, make_spec: MakeSpec
) -> None:
    targets, fitted, value = scored("vae", "optimal_sigma", data_for, make_spec, None)
    assert torch.equal(value, targets)
    assert torch.equal(fitted, targets)


def test_training_draws_it_anew_each_step_and_leaves_all_else_alone(
    data: Data, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained(dequantise: bool) -> tuple[list[Any], Tensor]:
        drawn = list[Any]()
        original = models.Model.objective

        def spy(model: Any, x: Tensor, generator: Any = None, noise: Any = None) -> Any:
            drawn.append((x.clone(), generator.initial_seed(), noise and noise.initial_seed()))
            return original(model, x, generator, noise)

        with monkeypatch.context() as patch:
            patch.setattr(models.Model, "objective", spy)
            training = Training(batch_size=16, steps=6, dequantise=dequantise)
            spec = make_spec("gaussian", training=training)
            model = build(spec, data)
            fit(model, data, spec)
        return drawn, model.state_dict()["head.weight"]

    (plain, weights), (noisy, others) = trained(False), trained(True)
    assert len(plain) == len(noisy) == 6
    for (x, seed, noise), (same, also, drawn) in zip(plain, noisy, strict=True):
        assert torch.equal(x, same)
        assert seed == also
        assert noise is None
        assert drawn is not None
    assert len({drawn for _, _, drawn in noisy}) == 6
    assert not torch.equal(weights, others)


def test_a_target_may_lie_half_a_level_outside_and_no_more() -> None:
    likelihood = likelihoods.create("optimal_sigma", (1, 2, 2))
    outputs = torch.zeros(1, 1, 2, 2)
    likelihood(outputs, torch.full((1, 1, 2, 2), 1 + LEVEL / 2))
    with pytest.raises(
        likelihoods.LikelihoodError, match=r"expected \[0, 1\], or half a level more"
    ):
        likelihood(outputs, torch.full((1, 1, 2, 2), 1 + LEVEL))
