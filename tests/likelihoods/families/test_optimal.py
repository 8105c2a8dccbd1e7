"""Facts about the optimal scale."""

import math

import pytest
import torch
from torch import Tensor

import likelihoods
from likelihoods.core.distributions import GAUSSIAN, Density, ScaleMixture
from likelihoods.core.numerics import OPEN, RANGE, bin_edges, log_gaussian_mass
from likelihoods.families.laplace import LAPLACE
from likelihoods.families.optimal import NEGLIGIBLE, Optimal, OptimalSigma

SHAPE = (3, 4, 5)
D = math.prod(SHAPE)
LOG_VARIANCE_MIN = -12
AXES = {"all": (0, 1, 2, 3), "image": (1, 2, 3), "channel": (0, 2, 3), "pixel": (0,)}


def batch(size: int = 6, noise: float = 0.1) -> tuple[Tensor, Tensor]:
    outputs = torch.randn(size, *SHAPE)
    x = (outputs.sigmoid() + noise * torch.randn(size, *SHAPE)).clamp(0, 1)
    return outputs, (x * 255).round() / 255


def optimal(share: str | tuple[str, ...] = "all", **options: float) -> OptimalSigma:
    likelihood = likelihoods.create("optimal_sigma", SHAPE, share=share, **options)
    assert isinstance(likelihood, OptimalSigma)
    return likelihood


@pytest.mark.parametrize("share", AXES)
def test_training_uses_the_mean_squared_error_as_variance(share: str) -> None:
    outputs, x = batch()
    mse = (x - outputs.sigmoid()).square().mean(AXES[share], keepdim=True)
    expected = torch.distributions.Normal(outputs.sigmoid(), mse.sqrt()).log_prob(x)
    found = optimal(share)(outputs, x).log_prob(x)
    torch.testing.assert_close(found, expected.flatten(1).sum(1), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("share", AXES)
def test_no_other_variance_is_more_likely(share: str) -> None:
    outputs, x = batch()
    best = optimal(share)(outputs, x).log_prob(x).sum()
    variance = (x - outputs.sigmoid()).square().mean(AXES[share], keepdim=True)
    for factor in (0.9, 1.1):
        other = torch.distributions.Normal(outputs.sigmoid(), (factor * variance).sqrt())
        assert other.log_prob(x).sum() < best


def test_loss_is_the_logarithm_of_the_error() -> None:
    outputs, x = batch()
    loss = -optimal()(outputs, x).log_prob(x).mean()
    mse = (x - outputs.sigmoid()).square().mean()
    constant = D / 2 * (1 + math.log(2 * math.pi))
    torch.testing.assert_close(loss, D / 2 * mse.log() + constant, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("share", AXES)
def test_detached_and_attached_variances_have_the_same_gradient(share: str) -> None:
    outputs, x = batch()
    outputs = outputs.double().requires_grad_()
    detached = -optimal(share).double()(outputs, x.double()).log_prob(x.double()).mean()
    variance = (x.double() - outputs.sigmoid()).square().mean(AXES[share], keepdim=True)
    attached = torch.distributions.Normal(outputs.sigmoid(), variance.sqrt()).log_prob(x.double())
    loss = -attached.flatten(1).sum(1).mean()
    (found,) = torch.autograd.grad(detached, outputs)
    (expected,) = torch.autograd.grad(loss, outputs)
    assert found.abs().max() > 1e-3
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("share", ["all", "channel", "pixel"])
def test_evaluation_uses_the_running_average(share: str) -> None:
    torch.manual_seed(0)
    likelihood, decay = optimal(share, decay=0.8), 0.8
    average, weight = torch.zeros(()), 0.0
    for noise in (0.3, 0.2, 0.1):
        outputs, x = batch(noise=noise)
        likelihood(outputs, x)
        mse = (x - outputs.sigmoid()).square().mean(AXES[share], keepdim=True)
        average, weight = decay * average + (1 - decay) * mse, decay * weight + 1 - decay
    likelihood.eval()
    outputs, x = batch(noise=0.5)
    normal = torch.distributions.Normal(outputs.sigmoid(), (average / weight).sqrt())
    expected = normal.log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(likelihood(outputs).log_prob(x), expected, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(likelihood(outputs, x).log_prob(x), likelihood(outputs).log_prob(x))


def test_first_batch_counts_in_full() -> None:
    outputs, x = batch()
    likelihood = optimal()
    likelihood(outputs, x)
    assert likelihood.variance is not None
    torch.testing.assert_close(likelihood.variance, (x - outputs.sigmoid()).square().mean())


def test_a_variance_is_told_only_where_all_share_it() -> None:
    assert optimal("all").variance is not None
    assert optimal("all").variance == 1
    assert optimal("image").variance is None
    assert optimal("channel").variance is None


def test_axes_by_name_are_the_shares_by_word() -> None:
    torch.manual_seed(0)
    outputs, x = batch()
    for share, axes in (("all", ("batch", "channels", "height", "width")), ("pixel", ("batch",))):
        torch.testing.assert_close(
            optimal(axes)(outputs, x).log_prob(x), optimal(share)(outputs, x).log_prob(x)
        )


@pytest.mark.parametrize("share", AXES)
def test_a_perfect_fit_stops_at_the_floor(share: str) -> None:
    outputs = torch.full((2, *SHAPE), -1e4, requires_grad=True)
    x = torch.zeros(2, *SHAPE)
    log_prob = optimal(share)(outputs, x).log_prob(x)
    expected = -D / 2 * (LOG_VARIANCE_MIN + math.log(2 * math.pi))
    torch.testing.assert_close(log_prob, torch.full((2,), expected))
    assert torch.autograd.grad(log_prob.sum(), outputs)[0].isfinite().all()


def trained_per_image() -> OptimalSigma:
    torch.manual_seed(0)
    likelihood = likelihoods.create("optimal_per_image_sigma", SHAPE)
    assert isinstance(likelihood, OptimalSigma)
    for noise in (0.05, 0.1, 0.2):
        likelihood(*batch(32, noise))
    return likelihood.eval()


def prior(likelihood: OptimalSigma) -> tuple[Tensor, Tensor]:
    """Return weights and variances of the bins in use, worked out from the buffers."""
    weights = likelihood.average / likelihood.weight
    centres = (torch.arange(64) + 0.5) * 12 / 64 - 12
    used = weights > 0
    return weights[used], centres[used].exp()


def test_histogram_counts_the_variances_of_training() -> None:
    likelihood = likelihoods.create("optimal_per_image_sigma", SHAPE)
    assert isinstance(likelihood, OptimalSigma)
    outputs, x = batch(32)
    likelihood(outputs, x)
    variances = (x - outputs.sigmoid()).square().mean((1, 2, 3))
    expected = torch.histc(variances.log(), 64, -12, 0) / 32
    torch.testing.assert_close(likelihood.average / likelihood.weight, expected)


def test_per_image_density_is_a_mixture_over_images() -> None:
    likelihood = trained_per_image()
    outputs, x = batch(4)
    weights, variances = prior(likelihood)
    assert len(weights) > 5
    normal = torch.distributions.Normal(outputs.sigmoid()[..., None], variances.sqrt())
    by_image = normal.log_prob(x[..., None]).sum((1, 2, 3))
    expected = torch.logsumexp(by_image + weights.log(), 1)
    torch.testing.assert_close(likelihood(outputs).log_prob(x), expected, rtol=1e-5, atol=1e-3)


def test_per_image_mass_is_a_mixture_over_images() -> None:
    likelihood = trained_per_image()
    outputs, x = batch(4)
    weights, variances = prior(likelihood)
    sigma = variances.sqrt().double()
    mean, bins = outputs.sigmoid()[..., None], torch.stack(bin_edges(x[..., None]))
    whole = torch.tensor(RANGE, dtype=torch.float64).view(2, 1, 1, 1, 1, 1).expand_as(bins)
    inside, total = (
        (log_gaussian_mass(low, high, mean, sigma).sum((1, 2, 3)) + weights.log()).logsumexp(1)
        for low, high in (bins, whole)
    )
    expected = (inside - total).float()
    torch.testing.assert_close(likelihood.log_mass(outputs, x), expected, rtol=1e-5, atol=1e-3)


def test_per_image_samples_have_one_variance_an_image() -> None:
    likelihood = likelihoods.create("optimal_per_image_sigma", (3, 16, 16)).eval()
    samples = likelihood(torch.zeros(1, 3, 16, 16)).sample(torch.Size([64])) - 0.5
    log_variances = samples.square().mean((2, 3, 4)).log()
    # Untrained, the prior is flat in ln sigma^2 from -12 to 0.
    assert log_variances.std() > 2
    halves = [half.square().mean((2, 3, 4)).log() for half in samples.split(8, 3)]
    torch.testing.assert_close(halves[0], halves[1], rtol=0, atol=0.6)


def test_bins_of_next_to_no_weight_are_dropped() -> None:
    likelihood = trained_per_image()
    # White images predicted to be black: the last bin, sigma near one, would explain them best.
    outputs, x = torch.full((2, *SHAPE), -1e4), torch.ones(2, *SHAPE)
    expected = likelihood(outputs).log_prob(x)
    assert likelihood.average[-1] == 0
    likelihood.average[-1] = 0.9 * NEGLIGIBLE * likelihood.average.sum()
    torch.testing.assert_close(likelihood(outputs).log_prob(x), expected)
    likelihood.average[-1] *= 2
    assert (likelihood(outputs).log_prob(x) > expected + 10).all()


def test_state_dict_carries_what_was_learned() -> None:
    likelihood = trained_per_image()
    restored = likelihoods.create("optimal_per_image_sigma", SHAPE).eval()
    outputs, x = batch(4)
    assert not torch.equal(restored(outputs).log_prob(x), likelihood(outputs).log_prob(x))
    restored.load_state_dict(likelihood.state_dict())
    assert torch.equal(restored(outputs).log_prob(x), likelihood(outputs).log_prob(x))


@pytest.mark.parametrize("share", AXES)
def test_calibration_is_the_average_over_images_and_not_over_batches(share: str) -> None:
    """Whatever training kept, and however the images are cut into batches."""
    torch.manual_seed(0)
    outputs, x = batch(7)
    x[:2] = 0  # a batch whose error is another one
    squares, images = (x - outputs.sigmoid()).square(), (1, 2, 3)
    likelihoods_ = [optimal(share) for _ in range(2)]
    likelihoods_[0](*batch())
    for likelihood, sizes in zip(likelihoods_, ([2, 5], [7]), strict=True):
        likelihood.calibrate(zip(outputs.split(sizes), x.split(sizes), strict=True))
        if share == "image":
            expected = torch.histc(squares.mean(images).log(), 64, -12, 0) / 7
        else:
            expected = squares.mean(AXES[share], keepdim=True)
        torch.testing.assert_close(likelihood.average / likelihood.weight, expected)


@pytest.mark.parametrize("share", AXES)
def test_calibration_on_a_perfect_fit_stops_at_the_floor(share: str) -> None:
    likelihood = optimal(share)
    likelihood.calibrate([(torch.full((2, *SHAPE), -1e4), torch.zeros(2, *SHAPE))])
    log_prob = likelihood.eval()(torch.zeros(2, *SHAPE)).log_prob(torch.full((2, *SHAPE), 0.5))
    half = 12 / 64 / 2 if share == "image" else 0  # the middle of the first bin
    expected = -D / 2 * (LOG_VARIANCE_MIN + half + math.log(2 * math.pi))
    torch.testing.assert_close(log_prob, torch.full((2,), expected))


def test_without_batches_calibration_changes_nothing() -> None:
    likelihood = optimal()
    likelihood(*batch())
    before = likelihood.variance
    likelihood.calibrate([])
    assert likelihood.variance == before


@pytest.mark.parametrize("name", ["optimal_sigma", "optimal_laplace"])
def test_beta_weighs_the_divergence_in_training_and_leaves_the_decoder_as_it_is(name: str) -> None:
    outputs, x = batch()
    plain, weighted = (likelihoods.create(name, SHAPE, beta=beta) for beta in (1.0, 0.5))
    assert (plain.kl_weight, weighted.kl_weight) == (1, 0.5)
    assert torch.equal(plain(outputs, x).log_prob(x), weighted(outputs, x).log_prob(x))
    assert weighted.eval().kl_weight == 1
    assert torch.equal(plain.eval()(outputs).log_prob(x), weighted(outputs).log_prob(x))
    for wrong in (0, -1.0, "1"):
        with pytest.raises(likelihoods.LikelihoodError, match=f"beta={wrong!r} is not a number"):
            likelihoods.create(name, SHAPE, beta=wrong)


def histogram(density: Density, group: tuple[int, ...], black: bool) -> tuple[ScaleMixture, Tensor]:
    """A flat prior of 32 scales, but one bin of no weight; images, some far from their means."""
    torch.manual_seed(0)
    mean = (2 * torch.randn(8, *SHAPE, dtype=torch.float64) - (6 if black else 0)).sigmoid()
    noise = torch.tensor([0, 1e-3, 5e-3, 0.02, 0.05, 0.1, 0.3, 1]).double().view(8, 1, 1, 1)
    x = likelihoods.quantise(mean + noise * torch.randn(8, *SHAPE, dtype=torch.float64))
    weights = torch.ones(32, dtype=torch.float64)
    weights[3] = 0
    log_scales = (torch.arange(32, dtype=torch.float64) + 0.5) * 6 / 32 - 6
    return ScaleMixture(density, mean, weights / 31, log_scales, group), x


def joints(mixture: ScaleMixture, lower: Tensor, upper: Tensor) -> Tensor:
    """ln(pi_k P(the group between its edges | k)) of every k, without what is quick."""
    scales = mixture._log_scales.exp()
    edges = lower.unsqueeze(-1), upper.unsqueeze(-1)
    masses = mixture._density.log_mass(*edges, mixture.mean.unsqueeze(-1), scales)
    group = [d - 1 for d in mixture._group]
    return masses.sum(group, keepdim=True).squeeze(-1 - 4) + mixture._weights.log()


@pytest.mark.parametrize("black", [False, True])
@pytest.mark.parametrize("group", [(-3, -2, -1), (-2, -1)])
@pytest.mark.parametrize("density", [GAUSSIAN, LAPLACE])
def test_bins_that_are_left_out_change_nothing(
    density: Density, group: tuple[int, ...], black: bool
) -> None:
    mixture, x = histogram(density, group, black)
    whole = tuple(torch.full_like(x, edge) for edge in RANGE)
    for lower, upper in (bin_edges(x), bin_edges(x, OPEN), whole):
        each = joints(mixture, lower, upper)
        found, bounds = mixture.log_interval_mass(lower, upper), mixture._bounds(lower, upper)
        expected = each.logsumexp(-1).flatten(1).sum(1)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-9)
        assert (bounds >= each - 1e-9).all()


def test_most_bins_are_left_out() -> None:
    """Of 31 scales few can have made an image of 300 values, and only these are worked out."""
    mixture, x = histogram(GAUSSIAN, (-3, -2, -1), black=False)
    values = 0

    def counting(lower: Tensor, upper: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
        nonlocal values
        values += mean.numel()
        return log_gaussian_mass(lower, upper, mean, scale)

    mean, x = mixture.mean.repeat(1, 1, 5, 1), x.repeat(1, 1, 5, 1)
    density = GAUSSIAN._replace(log_mass=counting)
    prior = mixture._weights, mixture._log_scales
    ScaleMixture(density, mean, *prior, (-3, -2, -1)).log_interval_mass(*bin_edges(x))
    assert values < 12 * mean.numel()


@pytest.mark.parametrize("name", ["optimal_sigma", "optimal_laplace"])
def test_at_convergence_the_bound_is_a_sum_of_entropies(name: str) -> None:
    """ELBO = E H[q(z|x)] - H[p(z)] - H[p(x|z)] where no parameter has a gradient (Damm et al. 2023,
    arXiv:2010.14860): the scale is optimal, and so is that of each code.
    """
    torch.manual_seed(0)
    codes, loadings = torch.randn(400, 2), torch.randn(2, 12)
    x = likelihoods.quantise((codes @ loadings + 0.3 * torch.randn(400, 12)).sigmoid())
    x, noise = x.view(-1, 3, 2, 2), torch.randn(400, 2)
    likelihood = likelihoods.create(name, (3, 2, 2)).train()
    assert isinstance(likelihood, Optimal)
    encoder, decoder = torch.nn.Linear(12, 4), torch.nn.Linear(2, 12)
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=0.02)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1, 0.001, total_iters=1500)
    for _ in range(1500):
        mean, log_std = encoder(x.flatten(1) - 0.5).chunk(2, 1)
        kl = 0.5 * (mean**2 + (2 * log_std).exp() - 1 - 2 * log_std).sum(1).mean()
        outputs = decoder(mean + log_std.exp() * noise).view_as(x)
        nll = -likelihood(outputs, target=x).log_prob(x).mean()
        optimiser.zero_grad()
        (nll + kl).backward()
        optimiser.step()
        schedule.step()
    likelihood.calibrate([(outputs.detach(), x)])
    shared = likelihood._shared
    assert shared is not None
    constant = 0.5 * math.log(2 * math.pi * math.e)
    of_values = {
        "optimal_sigma": 0.5 * shared.log().item() + constant,
        "optimal_laplace": 1 + math.log(2 * shared.item()),
    }
    of_codes = 2 * constant - (log_std.sum(1).mean().item() + 2 * constant)
    assert kl.item() > 2
    assert nll.item() == pytest.approx(12 * of_values[name], abs=0.01)
    assert kl.item() == pytest.approx(of_codes, abs=0.02)
