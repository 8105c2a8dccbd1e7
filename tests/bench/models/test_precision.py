"""Products in bfloat16: in training alone, and nothing but products."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import likelihoods
from bench import models, seeds
from bench.evaluation import Evaluation
from bench.suite.schema import Protocol
from bench.training import History, Training

MODELS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "vae": ((3, 8, 8), {"width": 4, "latents": 3}),
    "hvae": ((3, 8, 8), {"width": 4, "units": "3,2", "blocks": 1}),
    "svg": (
        (4, 1, 16, 16),
        {"backbone": "dcgan", "width": 2, "features": 4, "hidden": 4, "latents": 2, "future": 2},
    ),
}


def objective(name: str, precision: torch.dtype, *, training: bool) -> models.Objective:
    shape, options = MODELS[name]
    channels, height, width = shape[-3:]
    likelihood = likelihoods.create("optimal_sigma", (channels, height, width))
    model = models.create(name, likelihood, seed=0, **options).train(training)
    model.precision = precision
    x = torch.rand(5, *shape, generator=seeds.generator("cpu", 0, "items"))
    if not training:
        outputs = model(x, seeds.generator("cpu", 0, "noise")).outputs
        likelihood.calibrate(iter([(outputs.detach(), model.targets(x))]))
    found: models.Objective = model.objective(x, seeds.generator("cpu", 0, "noise"))
    assert {part.dtype for part in found} == {torch.float32}
    return found


@pytest.mark.parametrize("name", MODELS)
def test_a_training_step_is_nearly_the_same_and_measurements_are_the_same(name: str) -> None:
    for training in (True, False):
        exact = objective(name, torch.float32, training=training)
        lower = objective(name, torch.bfloat16, training=training)
        for a, b in zip(exact, lower, strict=True):
            assert torch.equal(a, b) is not training
            torch.testing.assert_close(a, b, rtol=0.05, atol=2.0)


def test_without_units_a_protocol_is_one_in_float32() -> None:
    lower = Training(steps=3, precision="bfloat16")
    protocol = Protocol(lower, {}, History(), Evaluation(), None).in_float32()
    assert protocol.training == Training(steps=3)
