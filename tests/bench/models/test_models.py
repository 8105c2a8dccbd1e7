"""What every model family must do, with every likelihood."""

from __future__ import annotations

import inspect
import math

import pytest
import torch

import likelihoods
from bench import models, seeds
from bench.data import images, to_float
from bench.evaluation.elbo import estimate_elbo
from bench.evaluation.generation import generate
from bench.execution.run import build
from bench.training.step import optimiser, training_step
from tests.bench.conftest import MODELS, DataFor, MakeSpec, columns_of


def test_every_family_is_tested() -> None:
    assert list(MODELS) == models.names()


@pytest.mark.parametrize("model_name", MODELS)
@pytest.mark.parametrize("name", likelihoods.names())
def test_trains_one_step_and_evaluates(
    name: str, model_name: str, data_for: DataFor, make_spec: MakeSpec
) -> None:
    data = data_for(model_name)
    spec = make_spec(name, model=model_name)
    model = build(spec, data).train()
    before = [parameter.clone() for parameter in model.parameters()]
    noise = seeds.generator("cpu", 0, "test")
    loss = training_step(model, optimiser(model, spec.training), to_float(data.train[:16]), noise)
    assert loss.isfinite()
    moved = [not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)]
    assert all(moved)
    result = estimate_elbo(model, data.test, seed=0, batch_size=16, purpose="test")
    assert math.isfinite(result.bits_per_dim)
    assert math.isfinite(result.nll_nats) == (model.likelihood.measure != "unnormalised")
    assert result.kl_nats > 0
    generated = images(generate(model, data.test[:4], 0, 0))
    frames = len(model.targets(to_float(data.test))) // len(data.test)
    assert generated.shape == (4 * frames, *data.shape)


@pytest.mark.parametrize("model_name", MODELS)
def test_only_a_factorised_gaussian_has_information(
    model_name: str, data_for: DataFor, make_spec: MakeSpec
) -> None:
    spec, data = make_spec(model=model_name), data_for(model_name)
    model = build(spec, data)
    metrics = columns_of(model, data, spec)
    layers = [key for key in metrics if key.startswith("kl_layer_")]
    if model.posterior(to_float(data.test[:2])) is None:
        reason = f"the code of {model_name} is not one factorised Gaussian"
        assert metrics["information_absent"] == reason
        assert "information_nats" not in metrics
        assert "active_units" not in metrics
    else:
        assert "information_absent" not in metrics
        # An untrained code says next to nothing, which two draws an image tell to about 0.01 nats.
        assert -0.1 < metrics["information_nats"] <= metrics["information_upper_nats"] + 0.1
        assert 0 <= metrics["active_units"] <= metrics["latent_units"] == 3
    assert metrics["probe_absent"] == "the data have no labels"
    assert math.isfinite(metrics["iwae_nats"])
    if layers:
        assert sum(metrics[key] for key in layers) == pytest.approx(metrics["kl_nats"])


@pytest.mark.parametrize("model_name", MODELS)
def test_one_noise_one_sample(model_name: str, data_for: DataFor, make_spec: MakeSpec) -> None:
    """Everything random comes from the generator that is handed in."""
    data = data_for(model_name)
    model = build(make_spec(model=model_name), data).eval()
    x = to_float(data.test[:4])
    context = model.context(x)

    def outputs(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        noise = [seeds.generator("cpu", seed, purpose) for purpose in ("posterior", "prior")]
        return model(x, noise[0]).outputs, model.prior_outputs(4, noise[1], context)

    for first, again, other in zip(outputs(0), outputs(0), outputs(1), strict=True):
        assert torch.equal(first, again)
        assert not torch.equal(first, other)


@pytest.mark.parametrize("model_name", MODELS)
def test_options_are_keywords_with_defaults(model_name: str) -> None:
    """So that a suite can set each of them, and need set none."""
    parameters = inspect.signature(models.get(model_name)).parameters.values()
    options = [each for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]
    assert all(isinstance(each.default, bool | int | float | str) for each in options)


@pytest.mark.parametrize("model_name", MODELS)
def test_detached_outputs_train_the_head_alone(
    model_name: str, data_for: DataFor, make_spec: MakeSpec
) -> None:
    """The last outputs of a value; the values of all are those of the head."""
    data = data_for(model_name)
    found = {}
    for name in ("faithful", "per_pixel_sigma"):
        model = build(make_spec(name, model=model_name), data).train()
        outputs = model(to_float(data.train[:4]), seeds.generator("cpu", 0, "test")).outputs
        halves = outputs.chunk(2, dim=1)
        reached = []
        for half in halves:
            model.zero_grad()
            half.square().sum().backward(retain_graph=True)
            moved = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.any()}
            reached.append({name.partition(".")[0] for name in moved})
        found[name] = (outputs, *reached)
    assert torch.equal(found["faithful"][0], found["per_pixel_sigma"][0])
    assert found["faithful"][2] == {"head"}
    assert found["faithful"][1] == found["per_pixel_sigma"][1] == found["per_pixel_sigma"][2]
    assert len(found["faithful"][1]) > 1
