"""Per-pixel Gaussians trained by other objectives, against torch's Normal and the papers."""

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

import likelihoods
from likelihoods import Likelihood, LikelihoodError

SHAPE = (2, 3, 3)
BETA_NLL = [("beta_nll", {"beta": beta}) for beta in (0, 0.5, 1.0)]


def made(name: str, **options: float) -> Likelihood:
    return likelihoods.create(name, SHAPE, **options).double().train()


def batch() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    outputs = 2 * torch.randn(5, 4, 3, 3, dtype=torch.float64)
    return outputs.requires_grad_(), torch.randint(256, (5, *SHAPE)).double() / 255


def loss_of(likelihood: Likelihood, outputs: Tensor, x: Tensor) -> Tensor:
    return likelihood.reconstruction_loss(likelihood(outputs, x), x)


def moments(outputs: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and sigma, soft-clipped between e^-6 and 1."""
    location, log_scale = outputs.unflatten(1, (2, 2)).unbind(1)
    upper = -torch.nn.functional.softplus(-log_scale)
    return location.sigmoid(), (-6 + torch.nn.functional.softplus(upper + 6)).exp()


@pytest.mark.parametrize(("name", "options"), [*BETA_NLL, ("faithful", {})])
def test_what_is_evaluated_is_the_per_pixel_gaussian(name: str, options: dict[str, float]) -> None:
    outputs, x = batch()
    likelihood, other = made(name, **options).eval(), made("per_pixel_sigma").eval()
    assert torch.equal(likelihood(outputs).log_prob(x), other(outputs).log_prob(x))
    assert torch.equal(likelihood.log_mass(outputs, x), other.log_mass(outputs, x))


@pytest.mark.parametrize("beta", [0, 0.25, 0.5, 1.0])
def test_beta_nll_and_its_gradients_are_those_of_the_paper(beta: float) -> None:
    """Seitzer et al. 2022, equations 5 to 7."""
    outputs, x = batch()
    mean, sigma = (moment.detach().requires_grad_() for moment in moments(outputs))
    found = made("beta_nll", beta=beta).reconstruction_loss(_Moments(mean, sigma), x)
    nll = -Normal(mean, sigma).log_prob(x).detach()
    torch.testing.assert_close(found, (sigma.detach() ** (2 * beta) * nll).sum((1, 2, 3)))
    to_mean, to_sigma = torch.autograd.grad(found.sum(), (mean, sigma))
    variance, error = sigma.detach() ** 2, mean.detach() - x
    torch.testing.assert_close(to_mean, error / variance ** (1 - beta))
    # The paper has it with respect to the variance: d variance = 2 sigma d sigma.
    to_variance = (variance - error**2) / (2 * variance ** (2 - beta))
    torch.testing.assert_close(to_sigma, to_variance * 2 * sigma.detach())


class _Moments(Normal):
    """A Gaussian of given moments, for the gradients to these."""

    def __init__(self, mean: Tensor, sigma: Tensor) -> None:
        super().__init__(mean, sigma)


def test_beta_of_zero_trains_the_likelihood_itself() -> None:
    outputs, x = batch()
    results = []
    for name, options in (("beta_nll", {"beta": 0}), ("per_pixel_sigma", {})):
        loss = loss_of(made(name, **options), outputs, x)
        results.append((loss, *torch.autograd.grad(loss.sum(), outputs)))
    torch.testing.assert_close(*results, rtol=1e-12, atol=1e-12)


def test_beta_of_one_and_faithful_train_the_mean_by_the_squared_error() -> None:
    outputs, x = batch()
    (expected,) = torch.autograd.grad(0.5 * (outputs[:, :2].sigmoid() - x).square().sum(), outputs)
    for likelihood in (made("beta_nll", beta=1), made("faithful")):
        (found,) = torch.autograd.grad(loss_of(likelihood, outputs, x).sum(), outputs)
        torch.testing.assert_close(found[:, :2], expected[:, :2])


def test_faithful_trains_sigma_by_the_likelihood_given_the_mean() -> None:
    outputs, x = batch()
    loss = loss_of(made("faithful"), outputs, x)
    mean, sigma = moments(outputs)
    expected = 0.5 * (mean - x) ** 2 - Normal(mean.detach(), sigma).log_prob(x)
    torch.testing.assert_close(loss, expected.sum((1, 2, 3)))
    (found,) = torch.autograd.grad(loss.sum(), outputs)
    (own,) = torch.autograd.grad(-made("per_pixel_sigma")(outputs).log_prob(x).sum(), outputs)
    torch.testing.assert_close(found[:, 2:], own[:, 2:])


@pytest.mark.parametrize("beta", [-0.1, 1.5, float("nan"), "half", True])
def test_a_beta_out_of_range_is_one_line(beta: object) -> None:
    with pytest.raises(LikelihoodError, match=r"^beta_nll: beta=.* is not a number (from 0|betw)"):
        likelihoods.create("beta_nll", SHAPE, beta=beta)
