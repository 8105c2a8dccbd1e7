from __future__ import annotations

import math
from typing import Any

import pytest
import torch

import datasets
from bench.data import Data
from bench.run import build
from bench.suite import Evaluation, Training
from bench.train import Keeper, measurement_steps, train
from tests.bench.conftest import MakeSpec


class Memory(Keeper):
    """Keeps checkpoints in memory, and breaks off after the one of step 3 if asked to."""

    def __init__(self, interrupt: bool = False) -> None:
        self.state: dict[str, Any] | None = None
        self.interrupt = interrupt

    def load(self) -> dict[str, Any] | None:
        return self.state

    def save(self, state: dict[str, Any]) -> None:
        # As on disk: what training changes later must not change the checkpoint.
        self.state = torch.utils._pytree.tree_map(
            lambda leaf: leaf.clone() if isinstance(leaf, torch.Tensor) else leaf, state
        )
        if self.interrupt and state["step"] == 3:
            raise KeyboardInterrupt


def test_loss_goes_down(data: Data, make_spec: MakeSpec) -> None:
    spec = make_spec("optimal_sigma", training=Training(batch_size=16, steps=150))
    history = train(build(spec, data), data, spec).history
    assert history["nll_nats"].iloc[-1] < history["nll_nats"].iloc[0] - 5
    assert list(history["step"]) == measurement_steps(150, 4)
    assert history["seconds"].is_monotonic_increasing


def test_measurements_begin_at_zero_and_end_at_the_last_step() -> None:
    assert measurement_steps(100, 5) == [0, 6, 25, 56, 100]
    assert measurement_steps(2, 10) == [0, 1, 2]


@pytest.mark.parametrize("name", ["optimal_sigma", "shared_sigma", "optimal_per_image_sigma"])
def test_a_continued_run_is_the_uninterrupted_one(
    name: str, data: Data, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.train.CHECKPOINT_SECONDS", -1.0)
    spec = make_spec(name)
    whole = build(spec, data)
    outcome = train(whole, data, spec)
    keeper = Memory(interrupt=True)
    with pytest.raises(KeyboardInterrupt):
        train(build(spec, data), data, spec, keeper=keeper)
    assert keeper.state is not None
    assert keeper.state["step"] == 3  # between two measurements
    keeper.interrupt = False
    continued = build(spec, data)
    second = train(continued, data, spec, keeper=keeper)
    for key, value in whole.state_dict().items():
        assert torch.equal(value, continued.state_dict()[key]), key
    kept = [column for column in outcome.history if column != "seconds"]
    assert outcome.history[kept].equals(second.history[kept])


def test_checkpoints_are_written_by_time(
    data: Data, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between measurements too: they lie far apart at the end of a long training."""
    monkeypatch.setattr("bench.train.CHECKPOINT_SECONDS", -1.0)
    spec, steps = make_spec(), list[int]()
    keeper = Memory()
    keeper.save = lambda state: steps.append(state["step"])  # type: ignore[method-assign]
    train(build(spec, data), data, spec, keeper=keeper)
    assert steps == list(range(1, 13))


def test_divergence_is_recorded_with_its_step(data: Data, make_spec: MakeSpec) -> None:
    spec = make_spec()
    model = build(spec, data)
    calls = iter(range(100))
    original = model.elbo

    def poisoned(*arguments: Any) -> Any:
        elbo = original(*arguments)
        return elbo._replace(kl=elbo.kl * math.nan) if next(calls) == 6 else elbo

    model.elbo = poisoned  # type: ignore[method-assign,assignment]
    outcome = train(model, data, spec)
    assert outcome.diverged_step == 7
    assert outcome.history["step"].max() < 7


def test_optimal_and_learned_variance_agree_on_mnist(make_spec: MakeSpec) -> None:
    """Both are estimates of the same mean squared error (PAPER.md, optimal variance)."""
    try:
        mnist = datasets.load("mnist")
    except datasets.DataError as error:
        pytest.skip(f"needs MNIST: {error}")
    data = Data(mnist.train, mnist.validation, mnist.test)
    variances = {}
    for name in ("optimal_sigma", "shared_sigma"):
        spec = make_spec(
            name,
            # Large enough a step for the learned log sigma to cover its way of about 2.
            training=Training(
                batch_size=32,
                steps=1900,
                learning_rate=2e-3,
            ),
            model_options={"width": 6, "latents": 20},
            evaluation=Evaluation(validation_images=64, measurements=2, batch_size=64),
        )
        model = build(spec, data)
        train(model, data, spec)
        variances[name] = float(model.likelihood.variance)  # type: ignore[arg-type]
    assert variances["optimal_sigma"] < 0.05
    assert variances["shared_sigma"] == pytest.approx(variances["optimal_sigma"], rel=0.15)
