"""On a GPU: steps wait for nothing, and replayed ones are those that the code computes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

import likelihoods
from bench.data import Data
from bench.execution.run import build
from bench.suite import RunSpec
from bench.training import Trainer, Training
from bench.training.step import ReplayedSteps, ReplayError, Steps
from likelihoods import Likelihood, register
from tests.bench.conftest import DataFor, MakeSpec

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture(autouse=True)
def repeatable() -> Iterator[None]:
    """One kernel for one job, and no validation of distributions, as in a run."""
    kernels = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True)
    with kernels, likelihoods.without_validation():
        yield


def on_gpu(data: Data) -> Data:
    device = torch.device("cuda")
    train, validation, test = (part.to(device) for part in data[:3])
    return Data(train, validation, test, device, checksum=data.checksum)


def steps(form: type[Steps], data: Data, spec: RunSpec) -> Steps:
    result = form(build(spec, data), data, spec.training, spec.seed)
    result.model.train()
    return result


def losses(of: Steps, count: int) -> Tensor:
    return torch.stack([of.take(step).clone() for step in range(count)])


CASES = [
    *(("vae", name) for name in likelihoods.names()),
    *(
        (model, name)
        for model in ("hvae", "svg")
        for name in ("optimal_sigma", "categorical", "optimal_per_image_sigma")
    ),
]


@pytest.mark.parametrize(("model", "name"), CASES)
def test_a_step_waits_for_nothing(
    model: str, name: str, data_for: DataFor, make_spec: MakeSpec
) -> None:
    data = on_gpu(data_for(model))
    training = Training(batch_size=16, steps=30)
    of = steps(ReplayedSteps, data, make_spec(name, model=model, training=training))
    losses(of, 5)
    kept = torch.zeros(30, device="cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        for step in range(5, 12):
            kept[step] = of.take(step)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert of.replayed
    assert kept[5:12].isfinite().all()


@pytest.mark.parametrize(("model", "name"), CASES)
def test_replayed_steps_are_the_computed_ones(
    model: str, name: str, data_for: DataFor, make_spec: MakeSpec
) -> None:
    data = on_gpu(data_for(model))
    training = Training(batch_size=16, steps=24, warmup=0.5, decay=0.2, kl_warmup=0.8)
    spec = make_spec(name, model=model, training=training)
    computed, replayed = (steps(form, data, spec) for form in (Steps, ReplayedSteps))
    expected, found = losses(computed, 24), losses(replayed, 24)
    assert replayed.replayed
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    pairs = zip(replayed.model.buffers(), computed.model.buffers(), strict=True)
    for a, b in pairs:
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


def test_noise_of_dequantisation_is_replayed_too(data: Data, make_spec: MakeSpec) -> None:
    training = Training(batch_size=16, steps=12, dequantise=True)
    spec = make_spec("shared_sigma", training=training)
    computed, replayed = (steps(form, on_gpu(data), spec) for form in (Steps, ReplayedSteps))
    torch.testing.assert_close(losses(replayed, 12), losses(computed, 12), rtol=1e-4, atol=1e-4)


class Changing(Likelihood):
    """A Gaussian that counts its calls, in a way that a subclass chooses."""

    average: Any

    def __init__(self, shape: Any) -> None:
        super().__init__(shape)
        self.register_buffer("average", torch.zeros(()))
        self.calls: Any = 0
        self.box = {"calls": 0}

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        # A Python number as a scale would be copied to the device, which waits for it.
        scale = torch.ones((), device=outputs.device) * self.scale(outputs)
        return Independent(Normal(self.split(outputs)[0], scale, validate_args=False), 3)

    def scale(self, outputs: Tensor) -> Any:
        raise NotImplementedError


class Counts(Changing):
    def scale(self, outputs: Tensor) -> Any:
        self.calls += 1
        return 1.0 + self.calls


class Reads(Changing):
    def scale(self, outputs: Tensor) -> Any:
        return 1.0 + abs(outputs.mean().item())


class Replaces(Changing):
    def scale(self, outputs: Tensor) -> Any:
        self.average = 0.9 * self.average + 0.1 * outputs.detach().mean()
        return 1.0 + self.average.abs()


class Hides(Changing):
    def scale(self, outputs: Tensor) -> Any:
        self.box["calls"] += 1
        return 1.0 + self.box["calls"]


@pytest.mark.parametrize("kind", [Counts, Reads, Replaces])
def test_what_cannot_be_replayed_is_computed(
    kind: type[Changing], data: Data, make_spec: MakeSpec
) -> None:
    register("changing")(kind)
    spec = make_spec("changing")
    computed, other = (steps(form, on_gpu(data), spec) for form in (Steps, ReplayedSteps))
    torch.testing.assert_close(losses(other, 12), losses(computed, 12), rtol=1e-4, atol=1e-4)
    assert other.replayed is False


def test_what_hides_its_changes_is_found_out(data: Data, make_spec: MakeSpec) -> None:
    register("changing")(Hides)
    with pytest.raises(ReplayError, match="does not do the same in every step"):
        trainer_of(on_gpu(data), make_spec("changing")).run()


def trainer_of(data: Data, spec: RunSpec) -> Trainer:
    return Trainer(build(spec, data), data, spec.training, spec.history, spec.seed)


@pytest.mark.parametrize("optimiser", ["adam", "adamax"])
def test_a_continued_run_is_the_uninterrupted_one(
    optimiser: str, data: Data, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.training.trainer.CHECKPOINT_SECONDS", -1.0)
    training = Training(batch_size=16, steps=20, optimiser=optimiser)  # type: ignore[arg-type]
    spec, gpu = make_spec("optimal_sigma", training=training), on_gpu(data)
    whole, states = trainer_of(gpu, spec), dict[int, dict[str, Any]]()
    whole.run(save=lambda state: states.update({state["step"]: _copied(state)}))
    continued = trainer_of(gpu, spec)
    continued.load_state_dict(states[9])
    continued.run()
    assert whole.replayed
    assert continued.replayed
    for key, value in whole.model.state_dict().items():
        torch.testing.assert_close(value, continued.model.state_dict()[key], rtol=1e-3, atol=1e-4)


def _copied(state: Any) -> Any:
    if isinstance(state, Tensor):
        return state.clone()
    if isinstance(state, dict):
        return {key: _copied(value) for key, value in state.items()}
    return [_copied(each) for each in state] if isinstance(state, list) else state
