"""The importance-weighted bound, against exact marginal likelihoods and sample by sample."""

from __future__ import annotations

import math
from dataclasses import asdict
from itertools import pairwise
from typing import Any
from weakref import ref

import pytest
import torch
from torch import Tensor, nn
from torch import distributions as D

import likelihoods
from bench import seeds
from bench.data import subset, to_float
from bench.evaluation import Trained
from bench.evaluation.elbo import estimate_elbo
from bench.evaluation.iwae import IwaeEstimate, estimate_iwae
from bench.execution.run import build
from bench.models import Context, Model, Sampled
from likelihoods import Likelihood
from tests.bench.conftest import MODELS, DataFor, MakeSpec, measurement

SHAPE = (1, 2, 3)
VALUES, LATENTS = 6, 2
NOISE = 0.3
"""Standard deviation of the decoder."""


class FixedGaussian(Likelihood):
    """N(x; outputs, NOISE^2). Its mass is that of bins over which the density does not change."""

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> D.Distribution:
        return D.Independent(D.Normal(outputs, NOISE), 3)

    def log_mass(self, outputs: Tensor, x: Tensor) -> Tensor:
        log_prob: Tensor = self(outputs).log_prob(x)
        return log_prob - VALUES * math.log(255)


class LinearGaussian(Model):
    """Probabilistic PCA (Tipping & Bishop 1999): x = W z + 1/2 + noise, all Gaussian.

    Its q is the exact posterior with the mean moved and the standard deviation multiplied.
    """

    name = "linear"

    def __init__(self, moved: float = 0.0, widened: float = 1.0) -> None:
        super().__init__()
        self.likelihood = FixedGaussian(SHAPE)
        generator = torch.Generator().manual_seed(5)
        weight = torch.randn(VALUES, LATENTS, generator=generator, dtype=torch.float64)
        self.weight = nn.Parameter(0.4 * weight)
        self.moved, self.widened = moved, widened

    def q(self, x: Tensor) -> D.MultivariateNormal:
        w = self.weight
        inverse = torch.linalg.inv(w.T @ w + NOISE**2 * torch.eye(LATENTS).to(w))
        tril = self.widened * torch.linalg.cholesky(NOISE**2 * inverse)
        mean = (x.to(w).flatten(1) - 0.5) @ w @ inverse + self.moved
        return D.MultivariateNormal(mean, scale_tril=tril.expand(len(x), -1, -1))

    @property
    def p(self) -> D.MultivariateNormal:
        eye = torch.eye(LATENTS).to(self.weight)
        return D.MultivariateNormal(eye[0] * 0, eye)

    def decode(self, z: Tensor) -> Tensor:
        outputs: Tensor = (z @ self.weight.T + 0.5).unflatten(1, SHAPE)
        return outputs

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Sampled:
        q = self.q(x)
        noise = torch.empty_like(q.mean).normal_(generator=generator)
        z = q.mean + (q.scale_tril @ noise[:, :, None]).squeeze(2)
        kl = D.kl_divergence(q, self.p)
        return Sampled(self.decode(z), kl, self.p.log_prob(z) - q.log_prob(z))

    def prior_outputs(
        self,
        count: int,
        generator: torch.Generator | None = None,
        context: Context | None = None,
    ) -> Tensor:
        raise NotImplementedError("the bound generates nothing")

    def exact(self, x: Tensor) -> Tensor:
        """ln p(x), (B,): x is normal with covariance W W' + NOISE^2 I."""
        w = self.weight
        covariance = w @ w.T + NOISE**2 * torch.eye(VALUES).to(w)
        marginal = D.MultivariateNormal(torch.full((VALUES,), 0.5).to(w), covariance)
        log_prob: Tensor = marginal.log_prob(x.to(w).flatten(1))
        return log_prob

    def exact_elbo(self, x: Tensor) -> Tensor:
        """The ELBO in closed form, (B,)."""
        q, w = self.q(x), self.weight
        spread = (w @ q.covariance_matrix @ w.T).diagonal(dim1=1, dim2=2).sum(1)
        at_mean = self.likelihood(self.decode(q.mean)).log_prob(x.to(w))
        elbo: Tensor = at_mean - spread / (2 * NOISE**2) - D.kl_divergence(q, self.p)
        return elbo


@pytest.fixture(scope="module")
def items() -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (24, *SHAPE), generator=generator, dtype=torch.uint8)


def estimated(model: Model, items: Tensor, samples: int, seed: int = 0) -> IwaeEstimate:
    return estimate_iwae(model, items, seed=seed, samples=samples, batch_size=16)


def repeated(model: Model, items: Tensor, samples: int, count: int) -> Tensor:
    """-L_K in nats under seeds 0, 1, ..., (count,)."""
    found = [estimated(model, items, samples, seed).iwae_nats for seed in range(count)]
    return torch.tensor(found, dtype=torch.float64)


@torch.no_grad()
def truth(model: LinearGaussian, items: Tensor) -> tuple[float, float]:
    """-ln p(x) and -ELBO in closed form, nats an image."""
    x = to_float(items)
    return -float(model.exact(x).mean()), -float(model.exact_elbo(x).mean())


def error(values: Tensor) -> float:
    """Standard error of the mean."""
    return float(values.std()) / math.sqrt(len(values))


@pytest.mark.parametrize("samples", [1, 7])
def test_of_the_exact_posterior_is_the_marginal_likelihood(items: Tensor, samples: int) -> None:
    """Every weight is p(x) then, whatever was drawn, and the ELBO is tight."""
    model = LinearGaussian()
    exact, elbo = truth(model, items)
    found = estimated(model, items, samples)
    assert found.iwae_nats == pytest.approx(exact, rel=1e-10)
    assert elbo == pytest.approx(exact, rel=1e-10)
    bits = (exact / VALUES + math.log(255)) / math.log(2)
    assert found.iwae_bits_per_dim == pytest.approx(bits, rel=1e-10)
    assert (found.importance_samples, found.importance_images) == (samples, 24)


def test_lies_between_the_elbo_and_the_marginal_likelihood(items: Tensor) -> None:
    model, count = LinearGaussian(moved=0.3, widened=1.5), 100
    exact, elbo = truth(model, items)
    bounds = [repeated(model, items, samples, count) for samples in (1, 2, 8)]
    # With one sample both are the ELBO on average; they differ in what of it is closed form.
    single = torch.tensor(
        [
            estimate_elbo(model, items, seed=seed, batch_size=16, purpose="x").nll_nats
            for seed in range(count)
        ]
    )
    for found in (bounds[0], single):
        assert abs(float(found.mean()) - elbo) < 5 * error(found)
        assert 5 * error(found) < 0.2 * (elbo - exact)
    for looser, tighter in pairwise(bounds):
        assert looser.mean() - tighter.mean() > 3 * (error(looser) + error(tighter))
    assert bounds[-1].mean() - exact > 5 * error(bounds[-1])


def test_of_a_wrong_posterior_converges_to_the_marginal_likelihood(items: Tensor) -> None:
    model = LinearGaussian(moved=0.3, widened=1.5)
    exact, elbo = truth(model, items)
    found = estimated(model, items, 500).iwae_nats
    assert abs(found - exact) < 0.04 * (elbo - exact)


def unsettled(model: Model) -> Model:
    """A model in evaluation mode whose latents are away from the prior."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.15 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


@pytest.mark.parametrize("model_name", MODELS)
def test_the_log_ratio_is_minus_the_kl_on_average(
    model_name: str, data_for: DataFor, make_spec: MakeSpec
) -> None:
    data = data_for(model_name)
    model = unsettled(build(make_spec(model=model_name), data))
    x = to_float(data.test[:1])
    with torch.no_grad():
        sampled = model(x.expand(8192, *x.shape[1:]), torch.Generator().manual_seed(0))
    difference = (sampled.log_ratio + sampled.kl).double()
    assert float(sampled.kl.mean()) > 0.1
    assert error(difference) < 0.05 * float(sampled.kl.mean())
    assert abs(float(difference.mean())) < 4 * error(difference)


@pytest.mark.parametrize("model_name", MODELS)
def test_rises_with_the_number_of_samples(
    model_name: str, data_for: DataFor, make_spec: MakeSpec
) -> None:
    """On average over many draws, on fixed items; both bounds of a seed share their first draw."""
    data = data_for(model_name)
    model = unsettled(build(make_spec(model=model_name), data))
    one, some = (repeated(model, data.test[:8], samples, 160) for samples in (1, 6))
    assert float((one - some).mean()) > 4 * error(one - some)


def by_hand(model: Model, items: Tensor) -> list[float]:
    """Nats and bits of both bounds from all weights at once, in generators of known purpose."""
    sums: list[Tensor] = []
    images = 0
    for start in range(0, len(items), 16):
        x = to_float(items[start : start + 16])
        targets = model.targets(x)
        images += len(targets)
        weights: dict[str, list[Tensor]] = {"native": [], "mass": []}
        for sample in range(3):
            noise = seeds.generator("cpu", 0, "importance noise", start, sample)
            sampled = model(x, noise)
            log_prob = model.likelihood(sampled.outputs).log_prob(targets).double()
            log_mass = model.likelihood.log_mass(sampled.outputs, targets).double()
            for kind, scored in (("native", log_prob), ("mass", log_mass)):
                weights[kind].append(scored.view(len(x), -1).sum(1) + sampled.log_ratio)
        for each in map(torch.stack, weights.values()):
            sums += [(each.logsumexp(0) - math.log(3)).sum(), each.mean(0).sum()]
    native, native_elbo, mass, mass_elbo = (float(sum(sums[i::4])) for i in range(4))
    values = images * math.prod(model.likelihood.shape) * math.log(2)
    return [-native / images, -mass / values, -native_elbo / images, -mass_elbo / values]


@pytest.mark.parametrize(
    ("name", "model_name"),
    [*((name, "vae") for name in likelihoods.names()), ("gaussian", "hvae"), ("gaussian", "svg")],
)
@torch.no_grad()
def test_sample_by_sample(
    name: str, model_name: str, data_for: DataFor, make_spec: MakeSpec
) -> None:
    """The noise is that of its purpose for every likelihood; of video, means are over frames."""
    data = data_for(model_name)
    model = build(make_spec(name, model=model_name), data).eval()
    chosen = subset(data.test, 20, "test")
    found = estimated(model.train(), chosen, 3)
    nats, bits, elbo_nats, elbo_bits = by_hand(model, chosen)
    assert math.isfinite(found.iwae_bits_per_dim)
    assert found.iwae_bits_per_dim == pytest.approx(bits, rel=1e-6)
    assert found.iwae_elbo_bits_per_dim == pytest.approx(elbo_bits, rel=1e-6)
    assert found.iwae_bits_per_dim < found.iwae_elbo_bits_per_dim
    if model.likelihood.measure == "unnormalised":
        assert math.isnan(found.iwae_nats)
        assert math.isnan(found.iwae_elbo_nats)
    else:
        assert found.iwae_nats == pytest.approx(nats, rel=1e-6)
        assert found.iwae_elbo_nats == pytest.approx(elbo_nats, rel=1e-6)
    assert found.importance_images == len(model.targets(to_float(chosen)))
    columns = measurement("iwae", model_name).measure(Trained(model, data, seed=0)).columns
    assert columns == pytest.approx(asdict(found), nan_ok=True)
    assert columns == {
        "iwae_nats": pytest.approx(found.iwae_nats, nan_ok=True),
        "iwae_bits_per_dim": found.iwae_bits_per_dim,
        "iwae_elbo_nats": pytest.approx(found.iwae_elbo_nats, nan_ok=True),
        "iwae_elbo_bits_per_dim": found.iwae_elbo_bits_per_dim,
        "importance_samples": 3,
        "importance_images": found.importance_images,
    }


def test_memory_does_not_grow_with_the_samples(items: Tensor) -> None:
    """No outputs are kept when the next sample is drawn."""
    model, kept = LinearGaussian(), list[Any]()
    forward = model.forward

    def spy(x: Tensor, generator: torch.Generator | None = None) -> Sampled:
        assert all(each() is None for each in kept)
        sampled = forward(x, generator)
        kept.append(ref(sampled.outputs))
        return sampled

    model.forward = spy  # type: ignore[method-assign]
    estimated(model, items, 5)
    assert len(kept) == 10  # two batches
