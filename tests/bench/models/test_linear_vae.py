"""A linear VAE against theory: its optimum is probabilistic PCA, known in closed form.

With a linear decoder and a linear encoder of diagonal variance the bound is tight at the optimum,
where the columns of the decoder are the principal axes. The variance, the codes in use and the
bound follow from the eigenvalues of the data (Tipping and Bishop 1999, Probabilistic PCA, JRSS B;
Lucas et al. 2019, arXiv:1911.02469), and the bound is a sum of three entropies (Damm et al. 2023,
arXiv:2010.14860). Model, variances, bound and step of the training are those of the benchmark.
"""

from __future__ import annotations

import math
from functools import lru_cache

import pytest
import torch
from torch import Tensor, nn
from torch import distributions as D

import likelihoods
from bench.models.base import Context, Model, Sampled
from bench.models.normal import Normal, divergence, log_ratio
from bench.training.step import training_step
from likelihoods import Likelihood

SHAPE = (1, 2, 4)
VALUES = math.prod(SHAPE)
ITEMS, STEPS = 500, 1500
NOISE = 4e-4  # the smallest eigenvalues: a sigma of 0.02
EIGENVALUES = NOISE * torch.tensor([16, 9, 4, 1, 1, 1, 1, 1], dtype=torch.float64)
SIGNALS = 3
USED = 0.05  # nats a code carries at least; the least of those in use has ln(4) / 2 = 0.69


class Linear(Model):
    """A VAE whose mean, beneath the sigmoid of the decoders, is a linear function of its code."""

    def __init__(self, likelihood: Likelihood, latents: int) -> None:
        super().__init__()
        self.likelihood = likelihood
        self.encoder = nn.Linear(VALUES, latents)
        self.log_std = nn.Parameter(torch.zeros(latents))
        self.decoder = nn.Linear(latents, VALUES)
        nn.init.normal_(self.decoder.weight, std=math.sqrt(NOISE))
        nn.init.constant_(self.decoder.bias, 0.5)

    def posterior(self, x: Tensor) -> Normal:
        mean = self.encoder((x.flatten(1) - 0.5) / math.sqrt(NOISE))
        return Normal(mean, self.log_std.exp().expand_as(mean))

    def decode(self, z: Tensor) -> Tensor:
        # The decoders' sigmoid undoes the logit. Data lie so near 1/2 that no mean leaves (0, 1).
        mean: Tensor = self.decoder(z).view(-1, *SHAPE)
        return mean.logit()

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Sampled:
        q = self.posterior(x)
        p = Normal(torch.zeros_like(q.mean), torch.ones_like(q.std))
        z, noise = q.draw(generator)
        return Sampled(self.decode(z), divergence(q, p), log_ratio(q, p, noise))

    def prior_outputs(
        self, count: int, generator: torch.Generator | None = None, context: Context | None = None
    ) -> Tensor:
        raise NotImplementedError


@lru_cache
def data() -> Tensor:
    """Images whose mean is 1/2 and whose covariance has exactly the eigenvalues stated."""
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(ITEMS, VALUES, generator=generator, dtype=torch.float64)
    left, _, axes = torch.linalg.svd(normal - normal.mean(0), full_matrices=False)
    x: Tensor = 0.5 + math.sqrt(ITEMS) * left * EIGENVALUES.sqrt() @ axes
    torch.testing.assert_close(torch.linalg.eigvalsh(x.T.cov(correction=0)).flip(0), EIGENVALUES)
    return x.view(-1, *SHAPE)


@lru_cache
def trained(name: str, latents: int, **options: float) -> Linear:
    """A linear VAE at the end of its training on all data, in evaluation mode."""
    torch.manual_seed(1)
    model = Linear(likelihoods.create(name, shape=SHAPE, **options), latents).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    noise = torch.Generator().manual_seed(2)
    for _ in range(STEPS):
        training_step(model, optimizer, data(), noise)
        schedule.step()
    return model.eval()


@torch.no_grad()
def bound(model: Linear) -> float:
    """The elbo of the training data, nats an image, over so many draws that 0.01 is sure."""
    noise = torch.Generator().manual_seed(3)
    draws = [model(data(), noise) for _ in range(200)]
    parts = [model.likelihood(draw.outputs).log_prob(data()) - draw.kl for draw in draws]
    return torch.stack(parts).mean().item()


def variance_of(model: Linear) -> float:
    variance = model.likelihood.variance
    assert variance is not None
    return float(variance)


@torch.no_grad()
def codes_in_use(model: Linear) -> int:
    q = model.posterior(data())
    kl = D.kl_divergence(D.Normal(*q), D.Normal(0.0, 1.0)).mean(0)
    return int((kl > USED).sum())


def log_likelihood_of_ppca(variance: float, used: int) -> float:
    """ln p of the data, nats an image, under N(mean, W W^T + variance I) at the best W."""
    model = torch.cat([EIGENVALUES[:used], torch.full((VALUES - used,), variance).double()])
    return -0.5 * float((math.log(2 * math.pi) + model.log() + EIGENVALUES / model).sum())


LEARNED = pytest.mark.parametrize("name", ["optimal_sigma", "shared_sigma"])
LATENTS = pytest.mark.parametrize("latents", [2, 5], ids=["too few codes", "codes to spare"])


@LEARNED
@LATENTS
def test_a_learned_variance_is_the_mean_of_the_eigenvalues_left_out(
    name: str, latents: int
) -> None:
    model = trained(name, latents)
    expected = EIGENVALUES[latents:].mean().item()
    assert variance_of(model) == pytest.approx(expected, rel=0.01)
    assert codes_in_use(model) == min(latents, SIGNALS)


@LEARNED
@LATENTS
def test_the_bound_is_the_log_likelihood_of_ppca(name: str, latents: int) -> None:
    expected = log_likelihood_of_ppca(EIGENVALUES[latents:].mean().item(), latents)
    assert bound(trained(name, latents)) == pytest.approx(expected, abs=0.02)


@torch.no_grad()
@LEARNED
@LATENTS
def test_the_bound_is_a_sum_of_entropies(name: str, latents: int) -> None:
    """mean H[q(z|x)] - H[p(z)] - H[p(x|z)].

    A sigma^2 that is the mean error makes E ln p(x|z) the negative entropy of p(x|z), and where no
    scale of a code can be bettered, E z^2 = 1 makes E ln p(z) that of the prior.
    """
    model = trained(name, latents)
    posterior = D.Normal(*model.posterior(data())).entropy().sum(1).mean()
    prior = latents * D.Normal(0.0, 1.0).entropy()
    image = VALUES * D.Normal(0.0, variance_of(model) ** 0.5).entropy()
    assert bound(model) == pytest.approx(float(posterior - prior - image), abs=0.03)


@pytest.mark.parametrize(("variance", "used"), [(2, 3), (6, 2), (20, 0)])
def test_a_stated_variance_uses_the_directions_that_exceed_it(variance: int, used: int) -> None:
    """The beta-VAE, whose beta is its variance, of which training knows a weight of the KL only."""
    model = trained("beta_vae", 5, beta=variance * NOISE)
    assert codes_in_use(model) == used == int((variance * NOISE < EIGENVALUES).sum())
    expected = log_likelihood_of_ppca(variance * NOISE, used)
    assert bound(model) == pytest.approx(expected, abs=0.02)


def test_a_tolerated_error_implies_the_variance_at_which_it_is_made() -> None:
    """GECO: each code in use has an error of sigma^2, each direction left out its eigenvalue."""
    variance, used = 6, 2
    error = (used * variance * NOISE + EIGENVALUES[used:].sum().item()) / VALUES
    model = trained("geco", 5, tolerance=math.sqrt(error), rate=0.03)
    assert codes_in_use(model) == used
    assert variance_of(model) == pytest.approx(variance * NOISE, rel=0.05)
    assert float(model.likelihood.error) == pytest.approx(error, rel=0.06)  # type: ignore[arg-type]
    assert bound(model) == pytest.approx(log_likelihood_of_ppca(variance * NOISE, used), abs=0.02)
