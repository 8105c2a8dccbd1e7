import math
import sys

import pytest
import torch
from torch import Tensor
from torch import distributions as D

from bench.metrics.information import Information, information


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def posteriors(count: int, latents: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    draws = generator(seed)
    mean = torch.randn(count, latents, generator=draws)
    return mean, 0.2 + torch.rand(count, latents, generator=draws)


def naive(mean: Tensor, std: Tensor, samples: int, seed: int) -> float:
    """I_e by torch.distributions, one big mixture, from the same draws."""
    mean, std = mean.double(), std.double()
    mixture = D.MixtureSameFamily(
        D.Categorical(torch.ones(len(mean), dtype=torch.float64)),
        D.Independent(D.Normal(mean, std), 1),
    )
    draws = generator(seed)
    total = 0.0
    for _ in range(samples):
        z = mean + std * torch.randn(mean.shape, generator=draws, dtype=torch.float64)
        own = D.Independent(D.Normal(mean, std), 1).log_prob(z)
        total += float((own - mixture.log_prob(z)).mean())
    return total / samples


def test_posteriors_equal_to_the_prior_say_nothing() -> None:
    result = information(torch.zeros(50, 4), torch.ones(50, 4), generator=generator())
    assert result.rate_nats == 0
    assert result.information_nats == pytest.approx(0, abs=1e-12)
    assert result.marginal_kl_nats == pytest.approx(0, abs=1e-12)


def test_equal_posteriors_away_from_the_prior_pay_for_nothing() -> None:
    result = information(torch.full((50, 1), 3.0), torch.full((50, 1), 0.5), generator=generator())
    kl = D.kl_divergence(D.Normal(3.0, 0.5), D.Normal(0.0, 1.0))
    assert result.information_nats == pytest.approx(0, abs=1e-12)
    assert result.marginal_kl_nats == pytest.approx(float(kl), rel=1e-6)


@pytest.mark.parametrize("std", [1e-2, 1e-6])
def test_posteriors_far_apart_reach_the_cap(std: float) -> None:
    mean = torch.arange(200.0)[:, None]
    result = information(mean, torch.full_like(mean, std), generator=generator())
    assert result.information_cap_nats == math.log(200)
    assert result.information_nats == pytest.approx(math.log(200), rel=1e-12)
    assert result.information_nats <= result.information_cap_nats


def test_gaussian_aggregate_in_closed_form() -> None:
    # x ~ N(0, 1) and q(z|x) = N(a x, s^2) in 2 independent dimensions: m = N(0, a^2 + s^2).
    a, s, count, latents = 1.5, 0.8, 6000, 2
    x = torch.randn(count, latents, generator=generator(1), dtype=torch.float64)
    result = information(a * x, torch.full_like(x, s), samples=2, generator=generator(2))
    variance = a**2 + s**2
    expected_information = latents * 0.5 * math.log(variance / s**2)
    expected_marginal = latents * 0.5 * (variance - 1 - math.log(variance))
    assert result.information_nats == pytest.approx(expected_information, abs=0.03)
    assert result.marginal_kl_nats == pytest.approx(expected_marginal, abs=0.1)
    assert result.information_nats < 0.9 * result.information_cap_nats


def of_a_gaussian_population(count: int, seed: int, a: float = 2.0, s: float = 0.5) -> Information:
    """Posteriors N(a x, s^2) of images x ~ N(0, 1), whose I(x; z) is known."""
    x = torch.randn(count, 1, generator=generator(seed), dtype=torch.float64)
    return information(a * x, torch.full_like(x, s), generator=generator(seed + 10_000))


KNOWN = 0.5 * math.log((2.0**2 + 0.5**2) / 0.5**2)
"""Nats, of the default population: ln(variance of z / variance of z given x) / 2."""


@pytest.mark.parametrize("count", [3, 10, 40])
def test_the_information_of_the_population_lies_between_the_two_on_average(count: int) -> None:
    results = [of_a_gaussian_population(count, seed) for seed in range(400)]
    below = torch.tensor([each.information_nats for each in results], dtype=torch.float64)
    above = torch.tensor([each.information_upper_nats for each in results], dtype=torch.float64)
    for bound, sign in ((below, -1), (above, 1)):
        error = float(bound.std()) / math.sqrt(len(results))
        assert sign * (float(bound.mean()) - KNOWN) > 3 * error
    assert all(each.information_nats <= each.information_cap_nats for each in results)


def test_with_many_images_both_are_the_information_of_the_population() -> None:
    result = of_a_gaussian_population(8000, 0)
    assert result.information_nats == pytest.approx(KNOWN, abs=0.03)
    assert result.information_upper_nats == pytest.approx(KNOWN, abs=0.03)


def test_the_upper_one_tells_that_images_are_too_few() -> None:
    """Of a population that says more than ln N, the estimate is at its cap and the other is not."""
    mean = 1e3 * torch.randn(20, 1, generator=generator(), dtype=torch.float64)
    result = information(mean, torch.ones_like(mean), generator=generator(1))
    assert result.information_nats == pytest.approx(result.information_cap_nats, abs=0.05)
    assert result.information_upper_nats > 10 * result.information_cap_nats


def test_the_upper_one_equals_a_naive_mixture_without_the_image() -> None:
    mean, std = (each.double() for each in posteriors(30, 4))
    z = mean + std * torch.randn(mean.shape, generator=generator(3), dtype=torch.float64)
    terms = []
    for image in range(30):
        logs = D.Independent(D.Normal(mean, std), 1).log_prob(z[image])
        others = logs[torch.arange(30) != image]
        terms.append(float(logs[image] - others.logsumexp(0) + math.log(29)))
    result = information(mean, std, generator=generator(3))
    assert result.information_upper_nats == pytest.approx(sum(terms) / 30, rel=1e-9)


def test_latents_of_some_images_estimate_what_those_of_all_do() -> None:
    mean, std = posteriors(40, 2)
    std[:20] /= 10  # which images are drawn matters
    whole = information(mean, std, samples=3000, generator=generator())
    some = [information(mean, std, drawn=5, generator=generator(seed)) for seed in range(800)]
    for key in ("information_nats", "information_upper_nats"):
        found = torch.tensor([getattr(each, key) for each in some], dtype=torch.float64)
        error = float(found.std()) / math.sqrt(len(some))
        assert abs(float(found.mean()) - getattr(whole, key)) < 3.5 * error
    assert all(each.rate_nats == pytest.approx(whole.rate_nats) for each in some)
    assert {each.information_cap_nats for each in some} == {math.log(40)}


@pytest.mark.parametrize("drawn", [40, 41])
def test_drawn_of_all_images_is_no_choice(drawn: int) -> None:
    mean, std = posteriors(40, 2)
    every = information(mean, std, generator=generator())
    assert information(mean, std, drawn=drawn, generator=generator()) == every


@pytest.mark.parametrize(("count", "latents"), [(1, 3), (2, 1), (300, 20)])
def test_equals_naive_mixture(count: int, latents: int) -> None:
    mean, std = posteriors(count, latents)
    result = information(mean, std, samples=3, generator=generator(7))
    assert result.information_nats == pytest.approx(naive(mean, std, 3, 7), rel=1e-9, abs=1e-12)
    kl = D.kl_divergence(D.Normal(mean, std), D.Normal(0.0, 1.0)).sum(1).mean()
    assert result.rate_nats == pytest.approx(float(kl), rel=1e-5)
    assert result.rate_nats == pytest.approx(result.information_nats + result.marginal_kl_nats)


def test_precise_posteriors_keep_their_digits() -> None:
    # Overlapping in pairs, narrow beside their distance to the origin: where squares cancel.
    mean = torch.tensor([1e3, 1e3 + 1e-4, -1e3, -1e3 - 1e-4], dtype=torch.float64)[:, None]
    std = torch.full_like(mean, 1e-4)
    result = information(mean, std, samples=50, generator=generator(7))
    assert result.information_nats == pytest.approx(naive(mean, std, 50, 7), abs=1e-3)


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    mean, std = posteriors(60, 5)
    whole = information(mean, std, generator=generator())
    module = sys.modules["bench.metrics.information"]
    monkeypatch.setattr(module, "_ROWS", 7)
    monkeypatch.setattr(module, "_COLUMNS", 11)
    parts = information(mean, std, generator=generator())
    assert parts.information_nats == pytest.approx(whole.information_nats, rel=1e-12)
    assert parts.information_upper_nats == pytest.approx(whole.information_upper_nats, rel=1e-12)


def test_is_determined_by_the_generator() -> None:
    mean, std = posteriors(40, 3)
    results = [information(mean, std, generator=generator(seed)) for seed in (5, 5, 6)]
    assert results[0] == results[1]
    assert results[0] != results[2]
    assert isinstance(results[0], Information)


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        (torch.zeros(3), torch.ones(3), "must both be"),
        (torch.zeros(3, 2), torch.ones(3, 1), "must both be"),
        (torch.zeros(0, 2), torch.ones(0, 2), "at least one image"),
        (torch.zeros(3, 2), torch.zeros(3, 2), "positive"),
        (torch.full((3, 2), math.nan), torch.ones(3, 2), "finite"),
    ],
)
def test_rejects_what_is_not_a_posterior(mean: Tensor, std: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        information(mean, std, generator=generator())
