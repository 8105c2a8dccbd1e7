"""Each model against a plain restatement of its published layers, and alive as published.

The restatements share no code with bench/models: layers are written out from PAPER.md and from the
papers that it names, weights are copied over, and the outputs must be equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import datasets
import likelihoods
from bench import models
from bench.data import Data
from bench.execution.run import build
from bench.models import Model
from bench.training import History, Training
from tests.bench.conftest import MakeSpec, fit


def make(
    name: str, shape: tuple[int, int, int], likelihood: str = "gaussian", **options: Any
) -> Model:
    return models.create(name, likelihoods.create(likelihood, shape=shape), seed=0, **options)


def size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def limits(module: nn.Module) -> list[float]:
    """The largest absolute value of each parameter that has enough of them to be told from."""
    return [float(p.detach().abs().max()) for p in module.parameters() if p.numel() > 3]


# --- VAE: the table of PAPER.md and the public code of the paper ----------------------------------


class PlainVAE(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down = nn.Sequential(
            nn.Conv2d(channels, 32, 3, stride=1, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(64, 128, 5, stride=2, padding=2),
            nn.ReLU(),
        )
        self.code = nn.Linear(128 * 7 * 7, 20 + 20)
        self.back = nn.Linear(20, 128 * 7 * 7)
        self.up = nn.Sequential(
            nn.ConvTranspose2d(128, 64, 6, stride=2, padding=2),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 6, stride=2, padding=2),
            nn.ReLU(),
            nn.ConvTranspose2d(32, channels, 5, stride=1, padding=2),
        )

    def forward(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        code = self.code(self.down(x).flatten(1))
        mean, log_variance = code[:, :20], code[:, 20:]
        kl = -0.5 * (1 + log_variance - mean.pow(2) - log_variance.exp()).sum(1)
        z = mean + noise * torch.exp(0.5 * log_variance)
        return self.up(self.back(z).view(-1, 128, 7, 7)), kl


@pytest.mark.parametrize("channels", [1, 3])
def test_the_vae_is_the_published_one(channels: int) -> None:
    model, plain = make("vae", (channels, 28, 28)), PlainVAE(channels)
    assert size(model) == size(plain)
    # Uniform weights: the largest of each tensor is its limit, within what so many draws leave.
    assert limits(model) == pytest.approx(limits(plain), rel=0.12)
    for ours, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        assert ours.shape == theirs.shape
        theirs.data.copy_(ours)
    x = torch.rand(4, channels, 28, 28)
    noise = torch.randn(4, 20, generator=torch.Generator().manual_seed(5))
    outputs, kl = plain(x, noise)
    sampled = model(x, torch.Generator().manual_seed(5))
    torch.testing.assert_close(sampled.outputs, outputs)
    torch.testing.assert_close(sampled.kl, kl)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", likelihoods.names())
def test_the_last_layer_starts_within_the_published_limit(name: str, channels: int) -> None:
    """Whatever the number of outputs: the limit of a ConvTranspose2d(32, channels, 5)."""
    head = make("vae", (channels, 28, 28), name).get_submodule("head")
    published = nn.ConvTranspose2d(32, channels, 5)
    limit = (25 * channels) ** -0.5
    for parameter in (head.get_parameter("weight"), published.weight):
        assert limit == pytest.approx(float(parameter.detach().abs().max()), rel=0.01)
        assert float(parameter.detach().std()) == pytest.approx(limit / 3**0.5, rel=0.1)
    assert float(head.get_parameter("bias").detach().abs().max()) <= limit


# --- HVAE: Maaloe et al. 2019, appendix, and its public code; see docs/networks.md ----------------


def weights(modules: Iterable[nn.Module]) -> Iterator[tuple[Tensor, Tensor]]:
    """Weight and bias of each layer in turn, normalised where it is."""
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    return ((m.weight, m.bias) for m in modules if isinstance(m, kinds) and m.bias is not None)


def gated(x: Tensor, h: Tensor, parameters: Iterator[tuple[Tensor, Tensor]], mode: str) -> Tensor:
    """The second half of a block: x, as it is or resized, + a * sigmoid(b)."""
    w, b = next(parameters)
    pad = w.shape[-1] // 2
    if mode == "up":
        h = F.conv_transpose2d(F.elu(h), w, b, 2, pad, output_padding=1)
        x = F.interpolate(x, scale_factor=2.0)
    else:
        h = F.conv2d(F.elu(h), w, b, 2 if mode == "down" else 1, pad)
        if mode == "down":
            x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
    a, gate = h.chunk(2, dim=1)
    return x + a * gate.sigmoid()


def plain_hvae(model: Model, x: Tensor, noise: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Outputs and KL of each layer, the top one first, of the six layers as published."""
    sizes = [48, 40, 32, 24, 16, 8]
    stages = list(model.get_submodule("stages").children())
    h, features = 2 * x - 1, []
    for number, stage in enumerate(stages):
        parameters = weights(stage.get_submodule("bottom_up").modules())
        for block in range(3):
            w, b = next(parameters)
            first = number == block == 0  # the image: no nonlinearity, nothing to add to
            assert w.shape[-1] == (3 if number else 5)
            y = F.conv2d(h if first else F.elu(h), w, b, padding=w.shape[-1] // 2)
            mode = "down" if block == 2 and number in (0, 5) else "keep"
            h = gated(y * 0 if first else h, y, parameters, mode)
        features.append(h)
    d, kls = None, []
    for number in (5, 4, 3, 2, 1, 0):
        stage, h = stages[number], features[number]
        merge = stage.get_submodule("merge")
        parameters = weights(merge.children())
        w, b = next(parameters)
        y = F.conv2d(F.elu(h), w, b, padding=w.shape[-1] // 2)
        if d is not None:
            w, b = next(parameters)
            y = y + F.conv2d(F.elu(d), w, b)
        merged = F.elu(gated(h, y, parameters, "keep")).flatten(1)
        w, b = next(weights(stage.get_submodule("to_posterior").modules()))
        q_mean, q_raw = F.linear(merged, w, b).split(sizes[number], dim=1)
        q_std = F.softplus(q_raw + 0.5413248546129181) + 1e-3
        p_mean, p_std = torch.zeros_like(q_mean), torch.ones_like(q_std)
        if d is not None:
            w, b = next(weights(stage.get_submodule("to_prior").modules()))
            p_mean, p_raw = F.linear(F.elu(d).flatten(1), w, b).split(sizes[number], dim=1)
            p_std = F.softplus(p_raw + 0.5413248546129181) + 1e-3
        terms = (p_std / q_std).log() + (q_std**2 + (q_mean - p_mean) ** 2) / (2 * p_std**2) - 0.5
        kls.append(terms.sum(1))
        w, b = next(weights(stage.get_submodule("project").modules()))
        z = q_mean + q_std * noise[5 - number]
        projected = F.linear(z, w, b).view(h.shape)
        d = projected if d is None else projected + d
        parameters = weights(stage.get_submodule("top_down").modules())
        for block in range(3):
            w, b = next(parameters)
            y = F.conv2d(F.elu(d), w, b, padding=w.shape[-1] // 2)
            d = gated(d, y, parameters, "up" if block == 0 and number in (0, 5) else "keep")
    assert d is not None
    w, b = next(weights([model.get_submodule("head")]))
    return F.conv2d(F.elu(d), w, b), torch.stack(kls, dim=1)


def test_the_hvae_is_the_published_one() -> None:
    model = make("hvae", (3, 32, 32)).double().eval()
    x = torch.rand(2, 3, 32, 32, dtype=torch.float64)
    generator = torch.Generator().manual_seed(5)
    noise = [
        torch.empty(2, units, dtype=x.dtype).normal_(generator=generator)
        for units in (8, 16, 24, 32, 40, 48)
    ]
    outputs, kls = plain_hvae(model, x, noise)
    sampled = model(x, torch.Generator().manual_seed(5))
    torch.testing.assert_close(sampled.outputs, outputs)
    torch.testing.assert_close(sampled.kl_layers, kls.flip(1))


def test_the_hvae_has_as_many_parameters_as_its_table() -> None:
    """Every layer is weight-normalised: a length more for each of its outputs."""

    def conv(inputs: int, outputs: int, kernel: int) -> int:
        return inputs * outputs * kernel**2 + 2 * outputs

    def block(inputs: int, kernel: int) -> int:
        return conv(inputs, 64, kernel) + conv(64, 128, kernel)

    expected = conv(64, 3, 1)
    for number, units in enumerate([48, 40, 32, 24, 16, 8]):
        kernel, area = (3, 16 * 16) if number else (5, 16 * 16)
        area = 8 * 8 if number == 5 else area
        expected += block(3 if number == 0 else 64, kernel) + 2 * block(64, kernel)
        expected += 3 * block(64, kernel)
        expected += block(64, kernel) + (conv(64, 64, 1) if number < 5 else 0)
        expected += 64 * area * 2 * units + 2 * 2 * units
        expected += 64 * area * 2 * units + 2 * 2 * units if number < 5 else 0
        expected += units * 64 * area + 2 * 64 * area
    assert size(make("hvae", (3, 32, 32))) == expected


# --- SVG: the frame networks of the public code; the recurrent ones are in test_svg.py ------------

# Lists of output channels, "pool" and "skip" as in the public code (edenton/svg, vgg_64, dcgan_64).
VGG_DOWN: list[list[int]] = [[64, 64], [128, 128], [256, 256, 256], [512, 512, 512]]
VGG_UP: list[list[int]] = [[512, 512, 256], [256, 256, 128], [128, 64], [64]]


def plain_frames(model: Model, backbone: str, x: Tensor) -> Tensor:
    """Encode frames 64x64 and decode their own features with their own skips."""
    parts = [model.get_submodule(name) for name in ("encoder", "decoder", "head")]
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    convolutions = iter([m for part in parts for m in part.modules() if isinstance(m, kinds)])
    norms = iter([m for part in parts for m in part.modules() if isinstance(m, nn.BatchNorm2d)])
    encoder = [m for m in parts[0].modules() if isinstance(m, kinds)]

    def normalise(h: Tensor) -> Tensor:
        n = next(norms)
        return F.batch_norm(h, n.running_mean, n.running_var, n.weight, n.bias)

    def layer(h: Tensor, outputs: int) -> Tensor:
        conv = next(convolutions)
        assert conv.out_channels == outputs
        if backbone == "vgg":
            h = F.conv2d(h, conv.weight, None, 1, 1)
        elif conv in encoder:
            h = F.conv2d(h, conv.weight, None, 2, 1)
        else:
            h = F.conv_transpose2d(h, conv.weight, None, 2, 1)
        return F.leaky_relu(normalise(h), 0.2)

    skips = []
    for number, outputs in enumerate(
        VGG_DOWN if backbone == "vgg" else [[64], [128], [256], [512]]
    ):
        if backbone == "vgg" and number:
            x = F.max_pool2d(x, 2)
        for each in outputs:
            x = layer(x, each)
        skips.append(x)
    x = F.max_pool2d(x, 2) if backbone == "vgg" else x
    assert x.shape[1:] == (512, 4, 4)
    x = F.conv2d(x, next(convolutions).weight).flatten(1)
    features = normalise(x[:, :, None, None]).tanh()
    first = next(convolutions)
    x = F.leaky_relu(normalise(F.conv_transpose2d(features, first.weight)), 0.2)
    for outputs in VGG_UP if backbone == "vgg" else [[256], [128], [64], []]:
        x = F.interpolate(x, scale_factor=2.0) if backbone == "vgg" else x
        x = torch.cat([x, skips.pop()], dim=1)
        for each in outputs:
            x = layer(x, each)
    head = next(convolutions)
    stride = 1 if backbone == "vgg" else 2
    return F.conv_transpose2d(x, head.weight, head.bias, stride, 1)


@pytest.mark.parametrize("backbone", ["vgg", "dcgan"])
def test_the_frame_networks_of_svg_are_the_published_ones(backbone: str) -> None:
    model = make("svg", (3, 64, 64), backbone=backbone).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):  # as after some training, so that they matter
            module.running_mean.uniform_(-0.1, 0.1)  # type: ignore[union-attr]
            module.running_var.uniform_(0.01, 0.1)  # type: ignore[union-attr]
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        decoded = model.get_submodule("decoder")(*model.get_submodule("encoder")(x))
        found = model.get_submodule("head")(decoded)
        torch.testing.assert_close(found, plain_frames(model, backbone, x), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("backbone", ["vgg", "dcgan"])
def test_svg_has_as_many_parameters_as_its_table(backbone: str) -> None:
    """Convolutions before a normalisation have no bias; the recurrent networks are PyTorch's."""

    def normed(inputs: int, outputs: int, kernel: int) -> int:
        return inputs * outputs * kernel**2 + 2 * outputs

    def lstm(inputs: int, outputs: int, layers: int) -> int:
        linear = (inputs + 1) * 256 + (256 + 1) * outputs
        return linear + layers * 4 * (256 * 256 + 256 * 256 + 2 * 256)

    frames, kernel = 0, 3 if backbone == "vgg" else 4
    before = 3
    for outputs in VGG_DOWN if backbone == "vgg" else [[64], [128], [256], [512]]:
        for each in outputs:
            frames, before = frames + normed(before, each, kernel), each
    frames += normed(512, 128, 4) + normed(128, 512, 4)
    before = 512
    for outputs in VGG_UP if backbone == "vgg" else [[256], [128], [64]]:
        before *= 2
        for each in outputs:
            frames, before = frames + normed(before, each, kernel), each
    frames += (64 * 9 if backbone == "vgg" else 128 * 16) * 3 + 3
    recurrent = 2 * lstm(128, 2 * 64, 1) + lstm(128 + 64, 128, 2)
    assert size(make("svg", (3, 64, 64), backbone=backbone)) == frames + recurrent


@pytest.mark.parametrize("backbone", ["vgg", "dcgan"])
@pytest.mark.parametrize("name", ["gaussian", "categorical"])
def test_svg_starts_at_the_published_scale(backbone: str, name: str) -> None:
    """N(0, 0.02) for convolutions and linear layers, biases zero, LSTMs as PyTorch has them."""
    model = make("svg", (1, 64, 64), name, backbone=backbone)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            parameters = dict(module.named_parameters())
            weight, bias = parameters["weight"].detach(), parameters.get("bias")
            assert float(weight.std()) == pytest.approx(0.02, rel=0.15)
            assert bias is None or not bias.any()
        if isinstance(module, nn.LSTM):
            limit = float(module.get_parameter("weight_ih_l0").detach().abs().max())
            assert limit == pytest.approx(256**-0.5, rel=0.01)


# --- alive as published ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["optimal_sigma", "shared_sigma", "gaussian"])
def test_the_published_training_is_alive(name: str, make_spec: MakeSpec) -> None:
    """On black backgrounds too the code says something, and the mean is no mean image.

    Adam at 1e-3, batches of 128, no warm-up: PAPER.md. A ReLU after the decoder's linear layer, as
    this project once had, leaves shared sigma and Gaussian at KL 0 and black images here.
    """
    digits = datasets.load("digits")
    data = Data(digits.train, digits.validation, digits.test)
    spec = make_spec(
        name,
        training=Training(batch_size=128, learning_rate=1e-3, steps=400),
        model_options={"width": 8, "latents": 20},
        history=History(images=200, points=2, batch_size=100),
    )
    last = fit(build(spec, data), data, spec).history.iloc[-1]
    mean_image = data.train.double().mean(0) / 255
    mean_error = float((data.validation / 255 - mean_image).square().mean())
    assert last["kl_nats"] > 2
    assert last["mse"] < 0.8 * mean_error
