"""GECO against its algorithm in plain numbers, and its variance against what it implies."""

import math

import pytest
import torch
from torch import Tensor

import likelihoods
from likelihoods import LikelihoodError
from likelihoods.families.geco import Geco

SHAPE = (2, 3, 3)
VALUES = math.prod(SHAPE)


def made(**options: float) -> Geco:
    likelihood = likelihoods.create("geco", SHAPE, **options)
    assert isinstance(likelihood, Geco)
    return likelihood.double().train()


def batch() -> tuple[Tensor, Tensor]:
    outputs = torch.randn(4, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    return outputs, torch.randint(256, (4, *SHAPE)) / 255.0


def step(likelihood: Geco, outputs: Tensor, x: Tensor) -> Tensor:
    return likelihood.reconstruction_loss(likelihood(outputs, x.double()), x.double())


def test_steps_are_those_of_the_algorithm() -> None:
    """Rezende & Viola 2018, algorithm 1: value of the average, gradient of the batch."""
    torch.manual_seed(0)
    likelihood, tolerance, rate = made(tolerance=0.3, rate=0.02), 0.3, 0.02
    multiplier, average = 1.0, math.nan
    for t in range(30):
        outputs, x = batch()
        error = (x - outputs.sigmoid()).square()
        constraint = error.mean().item() - tolerance**2
        average = constraint if t == 0 else 0.99 * average + 0.01 * constraint
        loss = step(likelihood, outputs, x)
        assert loss.mean().item() == pytest.approx(multiplier * VALUES * average, rel=1e-6)
        (found,) = torch.autograd.grad(loss.sum(), outputs)
        (expected,) = torch.autograd.grad(multiplier * error.sum(), outputs)
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
        multiplier *= math.exp(rate * min(average / tolerance**2, 1))
    assert multiplier > 1.1
    assert likelihood.variance.item() == pytest.approx(1 / (2 * multiplier), rel=1e-6)


def test_the_gradient_is_that_of_the_gaussian_that_is_evaluated() -> None:
    torch.manual_seed(0)
    likelihood, (outputs, x) = made(), batch()
    likelihood.log_multiplier.fill_(3.0)
    gaussian = torch.distributions.Normal(outputs.sigmoid(), math.sqrt(0.5 * math.exp(-3)))
    (expected,) = torch.autograd.grad(-gaussian.log_prob(x).sum(), outputs)
    (found,) = torch.autograd.grad(step(likelihood.eval(), outputs, x).sum(), outputs)
    torch.testing.assert_close(found, expected)
    log_prob = likelihood(outputs).log_prob(x.double())
    torch.testing.assert_close(log_prob, gaussian.log_prob(x).sum((1, 2, 3)))


def test_evaluation_changes_nothing() -> None:
    torch.manual_seed(0)
    likelihood = made()
    step(likelihood, *batch())
    before = {name: value.clone() for name, value in likelihood.state_dict().items()}
    step(likelihood.eval(), *batch())
    likelihood.calibrate(iter([batch()]))
    assert all(torch.equal(value, before[n]) for n, value in likelihood.state_dict().items())


@pytest.mark.parametrize(("x", "variance"), [(0.0, math.exp(-12)), (0.5, 1.0)])
def test_the_multiplier_keeps_within_its_bounds(x: float, variance: float) -> None:
    """At an error that never is met, and at none at all."""
    likelihood = made(tolerance=0.1, rate=0.5)
    outputs, images = torch.zeros(2, 2, 3, 3).double(), torch.full((2, *SHAPE), x)
    for _ in range(40):
        step(likelihood, outputs, images)
    assert likelihood.variance.item() == pytest.approx(variance, rel=1e-6)


def test_a_large_error_moves_it_no_faster_than_no_error() -> None:
    for x, sign in ((0.0, 1), (0.5, -1)):
        likelihood = made(tolerance=0.01, rate=0.1)
        step(likelihood, torch.zeros(2, 2, 3, 3).double(), torch.full((2, *SHAPE), x))
        assert likelihood.log_multiplier.item() == pytest.approx(sign * 0.1, rel=1e-6)


def test_it_may_start_from_the_data() -> None:
    torch.manual_seed(0)
    images = torch.rand(20, *SHAPE)
    likelihood = made()
    likelihood.start_from(images.double())
    assert likelihood.variance.item() == pytest.approx(images.var(0, correction=0).mean().item())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": 0}, "geco: tolerance=0 is not a number between 0 and 1"),
        ({"rate": 1}, "geco: rate=1 is not a number between 0 and 1"),
        ({"tolerence": 0.1}, "geco has no option 'tolerence'.*did you mean 'tolerance'"),
    ],
)
def test_wrong_options_are_one_line(options: dict[str, float], message: str) -> None:
    with pytest.raises(LikelihoodError, match=message):
        likelihoods.create("geco", SHAPE, **options)
