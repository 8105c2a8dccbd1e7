from __future__ import annotations

import io
import math
from typing import Any

import pytest
import torch

import datasets
from bench import seeds
from bench.data import Data
from bench.execution.run import build
from bench.suite import RunSpec
from bench.training import History, Trainer, Training
from tests.bench.conftest import MakeSpec, fit


def trainer_of(data: Data, spec: RunSpec) -> Trainer:
    return Trainer(build(spec, data), data, spec.training, spec.history, spec.seed)


def test_loss_goes_down(data: Data, make_spec: MakeSpec) -> None:
    spec = make_spec("shared_sigma", training=Training(batch_size=16, steps=150))
    history = fit(build(spec, data), data, spec).history
    assert history["nll_nats"].iloc[-1] < history["nll_nats"].iloc[0] - 5
    assert list(history["step"]) == spec.history.steps(150)
    assert history["seconds"].is_monotonic_increasing


def test_the_curve_begins_at_zero_and_ends_at_the_last_step() -> None:
    assert History(points=5).steps(100) == [0, 6, 25, 56, 90, 100]
    assert History(points=10).steps(2) == [0, 1, 2]


@pytest.mark.parametrize(
    "name", ["optimal_sigma", "shared_sigma", "optimal_per_image_sigma", "geco"]
)
def test_a_continued_run_is_the_uninterrupted_one(
    name: str, data: Data, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.training.trainer.CHECKPOINT_SECONDS", -1.0)
    spec = make_spec(name)
    whole = trainer_of(data, spec)
    trajectory = whole.run()
    states = list[dict[str, Any]]()

    def save(state: dict[str, Any]) -> None:
        # As on disk: what training changes later must not change the checkpoint.
        buffer = io.BytesIO()
        torch.save(state, buffer)
        buffer.seek(0)
        states.append(torch.load(buffer, weights_only=True))
        if state["step"] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer_of(data, spec).run(save=save)
    assert states[-1]["step"] == 3
    assert 3 not in spec.history.steps(12)  # between two points of the curve
    continued = trainer_of(data, spec)
    continued.load_state_dict(states[-1])
    second = continued.run()
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, continued.model.state_dict()[key]), key
    kept = [column for column in trajectory.history if column != "seconds"]
    assert trajectory.history[kept].equals(second.history[kept])


def test_a_state_of_the_last_step_only_has_to_be_kept(data: Data, make_spec: MakeSpec) -> None:
    """Killed between the last checkpoint and the end, nothing is trained or scored again."""
    spec, states = make_spec(), list[dict[str, Any]]()
    first = trainer_of(data, spec)
    trajectory = first.run(save=states.append)
    continued = trainer_of(data, spec)
    continued.load_state_dict(states[-1])
    second = continued.run()
    assert states[-1]["step"] == 12
    assert trajectory.history.equals(second.history)
    assert second.seconds == trajectory.seconds
    for key, value in first.model.state_dict().items():
        assert torch.equal(value, continued.model.state_dict()[key]), key


def test_checkpoints_are_written_by_time(
    data: Data, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between points of the curve too: they lie far apart at the end of a long training."""
    steps = list[int]()
    trainer_of(data, make_spec()).run(save=lambda state: steps.append(state["step"]))
    assert steps == [12], "the last is always kept"
    steps.clear()
    monkeypatch.setattr("bench.training.trainer.CHECKPOINT_SECONDS", -1.0)
    trainer_of(data, make_spec()).run(save=lambda state: steps.append(state["step"]))
    assert steps == list(range(1, 13))


def test_divergence_is_recorded_with_its_step(data: Data, make_spec: MakeSpec) -> None:
    spec = make_spec()
    model = build(spec, data)
    calls = iter(range(100))
    original = model.objective

    def poisoned(*arguments: Any) -> Any:
        objective = original(*arguments)
        poison = next(calls) == 6
        return objective._replace(kl=objective.kl * math.nan) if poison else objective

    model.objective = poisoned  # type: ignore[method-assign,assignment]
    states = list[dict[str, Any]]()
    trajectory = Trainer(model, data, spec.training, spec.history, spec.seed).run(
        save=states.append
    )
    assert trajectory.diverged_step == 7
    assert trajectory.history["step"].max() < 7
    assert not states, "nothing goes on from a loss that is not finite"


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
            history=History(images=64, points=2, batch_size=64),
        )
        model = build(spec, data)
        fit(model, data, spec)
        variances[name] = float(model.likelihood.variance)  # type: ignore[arg-type]
    assert variances["optimal_sigma"] < 0.05
    assert variances["shared_sigma"] == pytest.approx(variances["optimal_sigma"], rel=0.15)


def variance_of(trainer: Trainer) -> float:
    return float(trainer.model.likelihood.variance)  # type: ignore[arg-type]


def calibration_of(trainer: Trainer) -> list[torch.Tensor]:
    """The images behind the last calibration of a trainer, in turn."""
    seen = list[torch.Tensor]()
    original = trainer.model.likelihood.calibrate

    def spy(batches: Any) -> None:
        kept = list(batches)
        seen[:] = [x for _, x in kept]
        original(kept)

    trainer.model.likelihood.calibrate = spy  # type: ignore[method-assign]
    return seen


def test_the_kept_variance_is_the_error_under_the_final_weights(
    data: Data, make_spec: MakeSpec
) -> None:
    """And not an average of what it was on the way; on training images, each once."""
    trainer = trainer_of(data, make_spec("optimal_sigma"))
    seen = calibration_of(trainer)
    trainer.run()
    images = torch.cat(seen)
    assert len(images) == len(data.train)
    assert torch.equal((images * 255).round().sort(0).values, data.train.sort(0).values.float())
    model = trainer.model.eval()
    total = 0.0
    for start in range(0, 64, 16):
        noise = seeds.generator("cpu", 0, "calibration of the likelihood", start)
        x = images[start : start + 16]
        with torch.no_grad():
            mean = model.likelihood(model(x, noise).outputs).mean
        total += float((mean - x).square().sum())
    assert variance_of(trainer) == pytest.approx(total / images.numel(), rel=1e-5)


def test_calibration_takes_as_many_images_as_it_is_told(data: Data, make_spec: MakeSpec) -> None:
    training = Training(batch_size=16, steps=2, calibration_images=20)
    trainer = trainer_of(data, make_spec("optimal_sigma", training=training))
    seen = calibration_of(trainer)
    trainer.run()
    assert [len(x) for x in seen] == [16, 4]


def test_points_of_the_curve_leave_no_trace(
    data: Data, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a calibrating likelihood keeps in training is that of training alone."""

    def averages(points: int) -> list[torch.Tensor]:
        history = History(points=points, images=16, batch_size=16)
        trainer = trainer_of(data, make_spec("optimal_sigma", history=history))
        states = list[torch.Tensor]()
        with monkeypatch.context() as patch:
            patch.setattr("bench.training.trainer.CHECKPOINT_SECONDS", -1.0)
            average = trainer.model.likelihood.average
            trainer.run(save=lambda state: states.append(average.clone()))  # type: ignore[operator]
        return states

    few, many = averages(2), averages(13)
    assert len(few) == len(many) == 12
    assert all(torch.equal(a, b) for a, b in zip(few, many, strict=True))


def test_what_is_learned_starts_from_the_data_if_asked(data: Data, make_spec: MakeSpec) -> None:
    expected = float((data.train / 255).var(0, correction=0).mean())
    for start, first in (("published", 1.0), ("data", expected)):
        training = Training(batch_size=16, steps=2, start=start)  # type: ignore[arg-type]
        history = trainer_of(data, make_spec("shared_sigma", training=training)).run().history
        assert history["variance"].iloc[0] == pytest.approx(first, rel=1e-5)


def test_a_continued_run_does_not_start_again(data: Data, make_spec: MakeSpec) -> None:
    training = Training(batch_size=16, steps=12, start="data")
    spec, states = make_spec("shared_sigma", training=training), list[dict[str, Any]]()
    first = trainer_of(data, spec)
    first.run(save=states.append)
    continued = trainer_of(data, spec)
    continued.load_state_dict(states[-1])
    continued.run()
    assert variance_of(continued) == variance_of(first)
