"""One seed: the same trunk, the same batches and the same noise for every likelihood."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import likelihoods
from bench.data import Data
from bench.execution.run import build
from bench.training import step as step_module
from bench.training.step import batch
from tests.bench.conftest import MODELS, DataFor, MakeSpec, fit

OWN = ("head.", "likelihood.")
"""What may differ between likelihoods; all else is trunk."""


def trunk(
    model: str, name: str, data_for: DataFor, make_spec: MakeSpec, seed: int = 0
) -> dict[str, torch.Tensor]:
    state = build(make_spec(name, model=model, seed=seed), data_for(model)).state_dict()
    return {key: value for key, value in state.items() if not key.startswith(OWN)}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", likelihoods.names())
def test_trunk_weights_are_identical(
    name: str, model: str, data_for: DataFor, make_spec: MakeSpec
) -> None:
    reference, found = (trunk(model, each, data_for, make_spec) for each in ("gaussian", name))
    assert reference.keys() == found.keys()
    assert all(torch.equal(reference[key], found[key]) for key in reference)


@pytest.mark.parametrize("model", MODELS)
def test_another_seed_is_another_trunk(model: str, data_for: DataFor, make_spec: MakeSpec) -> None:
    first, second = (trunk(model, "gaussian", data_for, make_spec, seed) for seed in (0, 1))
    constant = [key for key, value in first.items() if (value == value.flatten()[0]).all()]
    drawn = first.keys() - constant - {key for key in first if key.endswith(".original0")}
    assert drawn
    assert not any(torch.equal(first[key], second[key]) for key in drawn)


@pytest.mark.parametrize("model", MODELS)
def test_the_head_starts_at_a_scale_that_is_the_same_for_all(
    model: str, data_for: DataFor, make_spec: MakeSpec
) -> None:
    def spread(name: str) -> float:
        weight = build(make_spec(name, model=model), data_for(model)).get_submodule("head").weight
        assert isinstance(weight, torch.Tensor)
        return float(weight.detach().std())

    assert spread("categorical") == pytest.approx(spread("bitwise_categorical"), rel=0.3)


@pytest.mark.parametrize("name", likelihoods.names())
def test_batches_and_noise_are_identical(
    name: str, data: Data, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen(likelihood: str) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        images, noises = [], []
        original = step_module.training_step

        def spy(
            model: Any, optimizer: Any, x: torch.Tensor, noise: torch.Generator, **more: Any
        ) -> Any:
            images.append(x.clone())
            noises.append(torch.randn(5, generator=noise.clone_state()))
            return original(model, optimizer, x, noise, **more)

        monkeypatch.setattr(step_module, "training_step", spy)
        spec = make_spec(likelihood)
        fit(build(spec, data), data, spec)
        monkeypatch.undo()
        return images, noises

    images, noises = seen("gaussian")
    other_images, other_noises = seen(name)
    assert len(images) == 12
    assert all(torch.equal(a, b) for a, b in zip(images, other_images, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(noises, other_noises, strict=True))
    assert not torch.equal(noises[0], noises[1])


def test_every_epoch_is_a_new_permutation() -> None:
    items = torch.arange(50)
    epochs = [
        torch.cat([batch(items, step, 16, seed=0) for step in range(3 * e, 3 * e + 3)])
        for e in range(2)
    ]
    for epoch in epochs:
        assert len(epoch.unique()) == 48  # the incomplete fourth batch is dropped
    assert not torch.equal(*epochs)
