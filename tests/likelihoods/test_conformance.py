"""Every registered likelihood satisfies every property of the kit."""

from functools import partial

import pytest
import torch

import likelihoods
from likelihoods import Likelihood, check

FACTORIES = {name: partial(likelihoods.create, name) for name in likelihoods.names()} | {
    "optimal_sigma share=pixel": partial(likelihoods.create, "optimal_sigma", share="pixel"),
    "optimal_sigma share=height, width": partial(
        likelihoods.create, "optimal_sigma", share=("height", "width")
    ),
    "optimal_laplace share=image": partial(likelihoods.create, "optimal_laplace", share="image"),
    "beta_vae beta=0.001": partial(likelihoods.create, "beta_vae", beta=0.001),
    "coupled_logistic_mixture components=3": partial(
        likelihoods.create, "coupled_logistic_mixture", components=3
    ),
    "low_rank_gaussian rank=1": partial(likelihoods.create, "low_rank_gaussian", rank=1),
    "logistic_mixture components=1": partial(likelihoods.create, "logistic_mixture", components=1),
}


@pytest.mark.parametrize("name", check.PROPERTIES)
@pytest.mark.parametrize("likelihood", FACTORIES)
def test_conformance(likelihood: str, name: str) -> None:
    result = check.check(name, check.PROPERTIES[name], FACTORIES[likelihood])
    if result.passed is None:
        pytest.skip(result.detail)
    assert result.passed, str(result)


def test_the_decoders_of_the_paper_are_there() -> None:
    assert set(likelihoods.names()) >= {
        "bernoulli",
        "categorical",
        "bitwise_categorical",
        "logistic_mixture",
        "gaussian",
        "per_pixel_sigma",
        "student_t",
        "beta_vae",
        "shared_sigma",
        "optimal_sigma",
        "optimal_per_image_sigma",
    }


OWN_OBJECTIVE = {"beta_nll", "faithful", "geco"}


def test_all_others_are_trained_on_log_prob_to_the_bit() -> None:
    for name in likelihoods.names():
        likelihood = likelihoods.create(name, (3, 4, 4)).train()
        overrides = type(likelihood).reconstruction_loss is not Likelihood.reconstruction_loss
        assert overrides is (name in OWN_OBJECTIVE), name
        outputs = torch.randn(5, likelihood.output_channels, 4, 4)
        x = torch.randint(256, (5, 3, 4, 4)) / 255
        distribution = likelihood(outputs, x)
        loss = likelihoods.checked_reconstruction_loss(likelihood, distribution, x)
        assert torch.equal(loss, -distribution.log_prob(x)) is not overrides, name


def test_native_measures() -> None:
    measures = {n: likelihoods.create(n, (1, 2, 2)).measure for n in likelihoods.names()}
    assert {n for n, measure in measures.items() if measure == "unnormalised"} == {"bernoulli"}
    assert {n for n, measure in measures.items() if measure == "mass"} == {
        "coupled_logistic_mixture",
        "categorical",
        "bitwise_categorical",
        "discretized_logistic",
        "discretized_gaussian",
        "discretized_shared_sigma",
        "discretized_optimal_sigma",
        "logistic_mixture",
    }


@pytest.mark.parametrize("name", likelihoods.names())
def test_half_precision_outputs_are_computed_in_float32(name: str) -> None:
    likelihood = likelihoods.create(name, (1, 4, 4)).eval()
    outputs = torch.randn(2, likelihood.output_channels, 4, 4).bfloat16()
    x = torch.randint(256, (2, 1, 4, 4)) / 255
    assert torch.equal(likelihood(outputs).log_prob(x), likelihood(outputs.float()).log_prob(x))
    assert torch.equal(likelihood.log_mass(outputs, x), likelihood.log_mass(outputs.float(), x))
