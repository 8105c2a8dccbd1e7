"""What every model of images must satisfy, as named properties, checked by the kit's `check`."""

import math
from collections.abc import Callable, Iterator
from functools import cache, partial

import torch
from torch import Tensor

import likelihoods
from bench.models.base import Model
from bench.models.normal import Normal, divergence
from bench.seeds import generator
from likelihoods import Likelihood
from likelihoods.check.core import Answer, Measurement, Result, Skipped, check

Build = Callable[[Likelihood, int], Model]
"""Makes a model around a likelihood, under a seed."""

SHAPE = (3, 32, 32)
ITEMS, SAMPLES = 16, 64
OF_TRUNK = ("head.", "likelihood.")
"""What of a model's state may depend on the likelihood."""
DEVIATIONS = 5.0
"""Standard errors that a mean of draws may be off by: one in a million is further."""


def run(build: Build, report: Callable[[Result], object] = lambda result: None) -> list[Result]:
    """Check all properties of a model; without right shapes the others are skipped."""
    results: list[Result] = []
    for name, function in PROPERTIES.items():
        result = Result(name, "skip", math.nan, math.nan, "shapes come first")
        if not results or results[0].passed:
            result = check(name, function, build)
        results.append(result)
        report(result)
    return results


@cache
def _decoders() -> list[str]:
    """One likelihood for each number of outputs a value that there is, the fewest first."""
    by_outputs: dict[int, str] = {}
    for name in filter(likelihoods.is_own, likelihoods.names()):
        by_outputs.setdefault(likelihoods.create(name, (1, 4, 4)).output_channels, name)
    return [by_outputs[outputs] for outputs in sorted(by_outputs)]


def _made(build: Build, likelihood: str = "", seed: int = 0) -> Model:
    return build(likelihoods.create(likelihood or _decoders()[0], SHAPE), seed).eval()


def _images() -> Tensor:
    """Smooth random images (ITEMS, *SHAPE) on the 8-bit grid."""
    coarse = torch.rand(ITEMS, SHAPE[0], 4, 4, generator=generator("cpu", 0, "check"))
    return likelihoods.quantise(torch.nn.functional.interpolate(coarse, SHAPE[1:], mode="bilinear"))


@torch.no_grad()
def shapes(build: Build) -> Measurement:
    """Outputs for the likelihood, one KL and one ln p(z) - ln q(z|x) an item, all finite."""
    wrong = []
    for name in _decoders():
        model = _made(build, name)
        outputs = (ITEMS, model.likelihood.output_channels, *SHAPE[1:])
        sampled = model(_images())
        found = {
            "outputs": (sampled.outputs, outputs),
            "kl": (sampled.kl, (ITEMS,)),
            "log_ratio": (sampled.log_ratio, (ITEMS,)),
            "prior_outputs": (model.prior_outputs(ITEMS), outputs),
        }
        for key, (value, shape) in found.items():
            if value.shape != shape:
                wrong.append(f"{key} for {name} {tuple(value.shape)}, not {shape}")
            elif not value.isfinite().all():
                wrong.append(f"{key} for {name} not finite")
    which = f": {'; '.join(wrong)}" if wrong else ""
    return Measurement(len(wrong), 0, f"answers that differ from the contract{which}")


@torch.no_grad()
def kl_is_not_negative(build: Build) -> Measurement:
    """KL(q(z|x) || p(z)) >= 0."""
    lowest = _made(build)(_images()).kl.min().item()
    return Measurement(-lowest, 1e-4, "nats by which a KL(q(z|x) || p(z)) is below zero")


@torch.no_grad()
def kl_is_that_of_the_posterior(build: Build) -> Measurement | Skipped:
    """Where there is a `posterior`, its closed form against N(0, I) is the KL."""
    model, x = _made(build), _images()
    posterior = model.posterior(x)
    if posterior is None:
        return Skipped("the code is not one factorised Gaussian: `posterior` returns None")
    mean = posterior.mean.double()
    standard = Normal(torch.zeros_like(mean), torch.ones_like(mean))
    expected = divergence(Normal(mean, posterior.std.double()), standard)
    error = (model(x).kl - expected).abs() / expected.clamp(min=1)
    return Measurement(error.max().item(), 1e-3, "relative difference of kl and its closed form")


def _draws(model: Model) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Log p(x|z), KL and log ratio of items, (ITEMS,) each, under many draws of their codes."""
    x = _images()
    for number in range(SAMPLES):
        sampled = model(x, generator("cpu", 0, "check", number))
        log_likelihood = model.likelihood(sampled.outputs).log_prob(x)
        yield log_likelihood.double(), sampled.kl.double(), sampled.log_ratio.double()


@torch.no_grad()
def kl_agrees_with_log_ratio(build: Build) -> Measurement:
    """E_q[ln q(z|x) - ln p(z)] = KL: elbo and importance weights speak of the same code."""
    _, kl, log_ratio = map(torch.stack, zip(*_draws(_made(build)), strict=True))
    off = (kl + log_ratio).flatten()
    error = off.std().item() / math.sqrt(len(off)) + 1e-6 * (1 + kl.mean().abs().item())
    detail = "standard errors between kl and the mean of -log_ratio"
    return Measurement(off.mean().abs().item() / error, DEVIATIONS, detail)


@torch.no_grad()
def elbo_is_below_the_tighter_bound(build: Build) -> Measurement:
    """ELBO <= L_K, the importance-weighted bound of K draws (Burda et al., arXiv:1509.00519)."""
    log_likelihood, kl, log_ratio = map(torch.stack, zip(*_draws(_made(build)), strict=True))
    tighter = (log_likelihood + log_ratio).logsumexp(dim=0) - math.log(SAMPLES)
    above = ((log_likelihood - kl).mean(dim=0) - tighter).mean().item()
    off = (kl + log_ratio).flatten()
    noise = DEVIATIONS * off.std().item() / math.sqrt(len(off))
    detail = f"nats by which the elbo is above its importance-weighted bound of {SAMPLES} draws"
    return Measurement(above, noise + 1e-3, detail)


def trunk_is_the_same(build: Build) -> Measurement:
    """All but head and likelihood starts alike for every likelihood, and otherwise under a seed."""

    def trunk(likelihood: str, seed: int = 0) -> dict[str, Tensor]:
        state = _made(build, likelihood, seed).state_dict()
        return {key: value for key, value in state.items() if not key.startswith(OF_TRUNK)}

    reference, *others = map(trunk, _decoders())
    if reference and all(torch.equal(a, b) for a, b in _pairs(reference, trunk("", 1))):
        return Measurement(len(reference), 0, "tensors of the trunk do not depend on the seed")
    wrong = {
        key
        for other in others
        for key in reference.keys() | other.keys()
        if key not in reference or key not in other or not torch.equal(reference[key], other[key])
    }
    which = f": {', '.join(sorted(wrong))}" if wrong else ""
    return Measurement(len(wrong), 0, f"tensors outside of `head` that differ by likelihood{which}")


def _pairs(one: dict[str, Tensor], other: dict[str, Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    return ((one[key], other[key]) for key in one.keys() & other.keys())


@torch.no_grad()
def noise_is_that_of_the_generator(build: Build) -> Measurement:
    """All noise comes from the generator that is handed in, so it is the same for every decoder."""
    model, x = _made(build), _images()
    calls: dict[str, Callable[[torch.Generator], Tensor]] = {
        "forward": lambda noise: model(x, noise).outputs,
        "prior_outputs": partial(model.prior_outputs, ITEMS),
    }
    wrong = []
    for name, call in calls.items():
        first, again, other = (call(generator("cpu", seed, "check")) for seed in (0, 0, 1))
        if not torch.equal(first, again) or torch.equal(first, other):
            wrong.append(name)
    which = f": {', '.join(wrong)}" if wrong else ""
    return Measurement(len(wrong), 0, f"methods whose noise is not that of `generator`{which}")


PROPERTIES: dict[str, Callable[[Build], Answer]] = {
    "shapes": shapes,
    "KL is not negative": kl_is_not_negative,
    "KL is that of the posterior": kl_is_that_of_the_posterior,
    "KL agrees with log_ratio": kl_agrees_with_log_ratio,
    "elbo below its tighter bound": elbo_is_below_the_tighter_bound,
    "trunk is the same for all": trunk_is_the_same,
    "noise of the generator": noise_is_that_of_the_generator,
}
"""By name, in the order in which they are checked."""
