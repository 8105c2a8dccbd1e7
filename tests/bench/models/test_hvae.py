from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch import distributions as D
from torch.nn import functional as F

import likelihoods
from bench import models
from bench.data import Data
from bench.errors import UsageError
from bench.execution.run import build
from bench.models.hvae import HVAE, MIN_STD, Block, Stage
from bench.training import Training
from tests.bench.conftest import MODELS, MakeSpec, fit

SMALL: dict[str, Any] = MODELS["hvae"]


def make(name: str = "gaussian", shape: tuple[int, int, int] = (1, 8, 8), **options: Any) -> HVAE:
    likelihood = likelihoods.create(name, shape=shape)
    model = models.create("hvae", likelihood, **{"seed": 0, **SMALL, **options})
    assert isinstance(model, HVAE)
    return model


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 28, 28), (1, 32, 32), (3, 32, 32)])
@pytest.mark.parametrize("name", ["gaussian", "bitwise_categorical"])
def test_shapes(name: str, shape: tuple[int, int, int]) -> None:
    model = make(name, shape)
    outputs, kl, log_ratio, kl_layers = model(torch.rand(5, *shape))
    assert outputs.shape == (5, model.likelihood.output_channels, *shape[1:])
    assert kl.shape == log_ratio.shape == (5,)
    assert kl_layers is not None
    assert kl_layers.shape == (5, 3)
    torch.testing.assert_close(kl_layers.sum(1), kl)
    assert model.prior_outputs(4).shape == (4, *outputs.shape[1:])
    assert model.posterior(torch.rand(5, *shape)) is None


def test_published_network() -> None:
    """The network of PAPER.md is what the options default to."""
    model = models.create("hvae", likelihoods.create("gaussian", shape=(3, 32, 32)), seed=0)
    assert isinstance(model, HVAE)
    stages = [stage for stage in model.stages if isinstance(stage, Stage)]
    assert [stage.units for stage in stages] == [48, 40, 32, 24, 16, 8]
    blocks = [[block for block in s.bottom_up if isinstance(block, Block)] for s in stages]
    first = [[block.first for block in each] for each in blocks]
    assert {conv.out_channels for each in first for conv in each} == {64}
    assert [each[0].kernel_size[0] for each in first] == [5, 3, 3, 3, 3, 3]
    assert [len(each) for each in first] == [3] * 6
    h, sizes = torch.rand(1, 3, 32, 32), []
    for stage in stages:
        h = stage.bottom_up(h)
        sizes.append(h.shape[-1])
    assert sizes == [16, 16, 16, 16, 16, 8]
    assert model.free_bits == 0


def gaussian(parameters: Tensor) -> Any:
    mean, raw = parameters.chunk(2, dim=1)
    return D.Independent(D.Normal(mean, F.softplus(raw + 0.5413248546129181) + MIN_STD), 1)


def test_elbo_against_torch_distributions() -> None:
    """Layer by layer, each q and p as a distribution of its own, from the raw layers."""
    model = make().double().eval()
    x = torch.rand(6, 1, 8, 8, dtype=torch.float64)
    bottom, middle, top = (stage for stage in model.stages if isinstance(stage, Stage))
    h1 = bottom.bottom_up(2 * x - 1)
    h2 = middle.bottom_up(h1)
    h3 = top.bottom_up(h2)
    noise, codes = torch.Generator().manual_seed(3), list[Tensor]()

    def draw(q: Any) -> Any:
        z = q.mean + q.stddev * torch.randn(q.mean.shape, generator=noise, dtype=q.mean.dtype)
        codes.append(z)
        return z

    q3 = gaussian(top.to_posterior(top.merge(h3)))
    p3 = D.Independent(D.Normal(torch.zeros(6, 2).double(), torch.ones(6, 2).double()), 1)
    d = top.top_down(top.project(draw(q3)))
    assert middle.to_prior is not None
    assert bottom.to_prior is not None
    q2 = gaussian(middle.to_posterior(middle.merge(h2, d)))
    p2 = gaussian(middle.to_prior(d))
    d = middle.top_down(middle.project(draw(q2)) + d)
    q1 = gaussian(bottom.to_posterior(bottom.merge(h1, d)))
    p1 = gaussian(bottom.to_prior(d))
    d = bottom.top_down(bottom.project(draw(q1)) + d)
    decoded = D.Independent(D.Normal(model.head(F.elu(d)).sigmoid(), 1.0), 3)
    kls = [D.kl_divergence(q, p) for q, p in ((q1, p1), (q2, p2), (q3, p3))]

    objective = model.objective(x, torch.Generator().manual_seed(3))
    torch.testing.assert_close(objective.kl, kls[0] + kls[1] + kls[2])
    torch.testing.assert_close(objective.reconstruction, -decoded.log_prob(x))
    sampled = model(x, torch.Generator().manual_seed(3))
    torch.testing.assert_close(sampled.kl_layers, torch.stack(kls, dim=1))
    layers = zip((q3, q2, q1), (p3, p2, p1), codes, strict=True)
    ratios = [p.log_prob(z) - q.log_prob(z) for q, p, z in layers]
    torch.testing.assert_close(sampled.log_ratio, ratios[0] + ratios[1] + ratios[2])


def test_a_block_is_gated_and_residual() -> None:
    """At a weight of zero in the second convolution only its biases are added."""
    torch.manual_seed(0)
    x = torch.rand(2, 3, 4, 4)
    for resize, expected in (
        (None, x),
        ("halve", F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)),
        ("double", x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)),
    ):
        block = Block(3, 5, resize)  # type: ignore[arg-type]
        bias = block.second.get_parameter("bias")
        with torch.no_grad():
            block.second.get_parameter("parametrizations.weight.original0").zero_()
        gate = bias[:3] * bias[3:].sigmoid()
        torch.testing.assert_close(block(x), expected + gate[:, None, None])


def test_normalised_layers_start_as_pytorch_draws_them() -> None:
    model = make(width=3)
    stages = [stage for stage in model.stages if isinstance(stage, Stage)]
    conv = stages[0].get_submodule("bottom_up.0.first")
    assert isinstance(conv, nn.Conv2d)
    limit = 25**-0.5  # one channel of the image, a kernel of 5x5
    assert conv.weight.abs().max() <= limit * 1.001
    assert conv.weight.abs().max() > 0.9 * limit


def test_gradients_reach_every_parameter() -> None:
    model = make(shape=(3, 8, 8))
    objective = model.objective(torch.rand(4, 3, 8, 8))
    (objective.kl + objective.reconstruction).mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


def test_samples_of_an_untrained_and_of_a_saturated_prior_are_finite() -> None:
    model = make(shape=(3, 8, 8)).eval()
    assert model.prior_outputs(64).isfinite().all()
    for stage in model.stages:
        for name in ("to_prior", "to_posterior"):
            layers = getattr(stage, name)
            if layers is not None:
                layers[-1].bias.data.fill_(-1e4)  # every standard deviation underflows
    sampled = model(torch.rand(4, 3, 8, 8))
    assert model.prior_outputs(4).isfinite().all()
    assert sampled.kl.isfinite().all()


def test_free_bits_change_the_objective_and_never_a_measurement() -> None:
    x, noise = torch.rand(4, 1, 8, 8), torch.Generator()
    plain, free = make().eval(), make(free_bits=5.0).eval()
    assert torch.equal(plain(x, noise.manual_seed(1)).kl, free(x, noise.manual_seed(1)).kl)
    plain.train()
    free.train()
    sampled = plain(x, noise.manual_seed(1))
    assert torch.equal(sampled.kl, sampled.kl_layers.sum(1))
    relaxed = free(x, noise.manual_seed(1))
    assert torch.equal(relaxed.kl_layers, sampled.kl_layers)
    torch.testing.assert_close(relaxed.kl, sampled.kl_layers.clamp(min=5.0).sum(1))
    assert relaxed.kl.sum() > sampled.kl.sum()


def test_loss_goes_down_and_layers_are_recorded(data: Data, make_spec: MakeSpec) -> None:
    training = Training(optimiser="adamax", learning_rate=2e-3, batch_size=16, steps=100)
    spec = make_spec("optimal_sigma", model="hvae", training=training)
    history = fit(build(spec, data), data, spec).history
    assert history["nll_nats"].iloc[-1] < history["nll_nats"].iloc[0] - 5
    layers = history[["kl_layer_1_nats", "kl_layer_2_nats", "kl_layer_3_nats"]]
    assert list(layers.sum(axis=1)) == pytest.approx(list(history["kl_nats"]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": "8"}, "units must be two or more positive sizes, .* not '8'"),
        ({"units": "8,x"}, "units must be two or more positive sizes, .* not '8,x'"),
        ({"units": "8,0"}, "units must be two or more positive sizes"),
        ({"units": 8}, "option units of model hvae must be str, not 8"),
        ({"width": 0}, "width and blocks must be positive, not 0 and 1"),
        ({"blocks": 0}, "width and blocks must be positive, not 3 and 0"),
        ({"free_bits": -1.0}, "free_bits must not be negative, not -1.0"),
        ({"free_bits": float("nan")}, "free_bits must not be negative, not nan"),
        ({"shape": (1, 30, 28)}, "height and width must be multiples of 4, not 30x28"),
        ({"layers": 3}, "unknown option of model hvae 'layers'"),
    ],
)
def test_wrong_options_are_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        make(**options)
    assert "\n" not in str(caught.value)
