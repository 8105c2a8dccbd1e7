"""The hierarchical VAE of the CelebA and CIFAR columns (Rybkin et al. 2021, appendix)."""

from typing import Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from bench.models.base import Context, Model, Sampled, raw_outputs, register
from bench.models.layers import ELU, elu
from bench.models.normal import Normal, divergence, joined, log_ratio, single
from bench.seeds import seeded
from likelihoods import Likelihood

MIN_STD = 1e-3  # standard deviations of codes stay above this, so that no KL divides by zero
DIRECTION_STD = 0.05  # of weights before normalisation (Salimans & Kingma 2016, section 3)
UNIT = 0.5413248546129181  # softplus(UNIT) = 1: codes begin near the standard normal


L = TypeVar("L", nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def normalised(layer: L) -> L:
    """Weight normalisation of a layer, which leaves its initial map as it is.

    Length and direction of the weights of an output become parameters of their own. The optimiser
    moves every weight by about its rate: over the thousands of inputs that a layer has here the
    published rate, which is meant for normalised weights, would throw plain ones far off.
    """
    weight_norm(layer, dim=1 if isinstance(layer, nn.ConvTranspose2d) else 0)
    parametrisation = layer.get_submodule("parametrizations.weight")
    with torch.no_grad():
        direction = parametrisation.get_parameter("original1")
        direction.mul_(DIRECTION_STD / direction.square().mean().sqrt())
    return layer


class Block(nn.Module):
    """Gated residual convolutions (Salimans et al. 2017): x + a * sigmoid(b).

    (a, b) = conv(ELU(conv(ELU(x)) + conv_1x1(ELU(skip)))); the second convolution halves or doubles
    the resolution if asked to, and x is then averaged over 3x3 or repeated. An image is read as it
    is and not added: a * sigmoid(b).

    Args:
        width: channels of the skip and of the output.
        kernel: size of both kernels, odd.
        resize: what happens to height and width.
        image: channels of x where it is an image; 0 where x has `width` features.
        skip: whether there is a skip.
    """

    def __init__(
        self,
        width: int,
        kernel: int,
        resize: Literal["halve", "double"] | None = None,
        *,
        image: int = 0,
        skip: bool = False,
    ) -> None:
        super().__init__()
        padding = kernel // 2
        self.residual = not image
        self.first = normalised(nn.Conv2d(image or width, width, kernel, padding=padding))
        self.skip = normalised(nn.Conv2d(width, width, 1)) if skip else None
        sizes = (width, 2 * width, kernel, 2 if resize else 1, padding)
        self.second: nn.Module
        self.identity: nn.Module = nn.Identity()
        if resize == "double":
            self.second = normalised(nn.ConvTranspose2d(*sizes, output_padding=1))
            self.identity = nn.Upsample(scale_factor=2)
        else:
            self.second = normalised(nn.Conv2d(*sizes))
            if resize == "halve":
                self.identity = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """(B, C, H, W) to (B, width, H, W), or to half or twice its height and width."""
        h = self.first(elu(x) if self.residual else x)
        if self.skip is not None and skip is not None:
            h = h + self.skip(elu(skip))
        gated: Tensor = F.glu(self.second(elu(h)), dim=1)
        return self.identity(x) + gated if self.residual else gated


class Stage(nn.Module):
    """One stochastic layer z_l with the deterministic blocks below it, for both directions.

    Args:
        width: filters.
        units: size U of z_l, a vector.
        size: height and width of the features that z_l is read from.
        kernel: of all residual convolutions.
        blocks: residual blocks in each direction.
        halves: whether the features below have twice the height and width.
        image: channels of the image, where the stage reads it; else 0.
        top: whether z_l has no layer above it, hence the prior N(0, I).
    """

    def __init__(
        self,
        width: int,
        units: int,
        size: tuple[int, int],
        *,
        kernel: int,
        blocks: int,
        halves: bool,
        image: int,
        top: bool,
    ) -> None:
        super().__init__()
        self.units = units
        features = width * size[0] * size[1]
        last = blocks - 1
        resize: Literal["halve"] | None = "halve" if halves else None
        self.bottom_up = nn.Sequential(
            *(
                Block(width, kernel, resize if i == last else None, image=0 if i else image)
                for i in range(blocks)
            )
        )
        self.merge = Block(width, kernel, skip=not top)
        self.to_posterior = _dense(features, 2 * units)
        self.to_prior = None if top else _dense(features, 2 * units)
        self.project = nn.Sequential(
            normalised(nn.Linear(units, features)), nn.Unflatten(1, (width, *size))
        )
        self.top_down = nn.Sequential(
            Block(width, kernel, "double" if halves else None),
            *(Block(width, kernel) for _ in range(last)),
        )

    def posterior(self, features: Tensor, above: Tensor | None) -> Normal:
        """q(z_l | z_>l, x) from the bottom-up features of x and the generative ones from above."""
        return _normal(self.to_posterior(self.merge(features, above)))

    def prior(self, above: Tensor | None, count: int) -> Normal:
        """p(z_l | z_>l) from the generative features; N(0, I) for `count` images at the top."""
        if self.to_prior is None or above is None:
            zeros = next(self.parameters()).new_zeros(count, self.units)
            return Normal(zeros, torch.ones_like(zeros))
        return _normal(self.to_prior(above))

    def generate(self, z: Tensor, above: Tensor | None) -> Tensor:
        """The generative features for the layer below; what came from above skips z_l."""
        # In channels_last, as the outputs of the head have to be: 256 logits in any other order
        # cost a copy of them in each operation over levels.
        d = self.project(z).contiguous(memory_format=torch.channels_last)
        result: Tensor = self.top_down(d if above is None else d + above)
        return result


@register("hvae")
class HVAE(Model):
    """Hierarchical VAE: the ladder baseline of Maaloe et al. 2019 ("BIVA"), layers of dense units.

        q(z|x) = q(z_L|x) prod_l q(z_l | z_>l, x),   p(z) = N(z_L; 0, I) prod_l p(z_l | z_>l)

    Inference is that of the ladder VAE (Sonderby et al. 2016): a deterministic path from the image
    upwards, then the layers from the top down, each posterior reading the features of the image and
    the generative features above it. So the upper layers stay in use, which inference from the
    bottom up lets fall back to the prior; the KL of a layer is closed form given the sample above:

        KL(q(z|x) || p(z)) = sum_l E_q(z_>l|x) KL(q(z_l | z_>l, x) || p(z_l | z_>l))

    As published: 64 filters, `blocks` gated residual blocks a stage and direction with ELU, kernel
    5 in the first stage and 3 above, height and width halved by the first and the last stage, six
    layers of 48 (nearest to the image) to 8 units, all weight-normalised. The skip connections of
    the generative path add the features from above to the projection of z_l.
    docs/networks.md says layer by layer what differs from public code, and why.

    Args:
        likelihood: any likelihood whose height and width are multiples of four.
        width: filters of every convolution.
        units: sizes of the layers, the one nearest to the image first, such as "48,40,32,24,16,8".
        blocks: residual blocks of a stage, in each direction.
        free_bits: nats of each layer and image that training does not penalise (Kingma et al.
            2016); measurements always have the full KL.
    """

    version = 2  # the generative path is computed in channels_last

    def __init__(
        self,
        likelihood: Likelihood,
        *,
        width: int = 64,
        units: str = "48,40,32,24,16,8",
        blocks: int = 3,
        free_bits: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        channels, height, width_px = likelihood.shape
        sizes = _sizes(units)
        if height % 4 or width_px % 4:
            raise ValueError(f"height and width must be multiples of 4, not {height}x{width_px}")
        if width < 1 or blocks < 1:
            raise ValueError(f"width and blocks must be positive, not {width} and {blocks}")
        if not free_bits >= 0:
            raise ValueError(f"free_bits must not be negative, not {free_bits}")
        self.likelihood = likelihood
        self.free_bits = free_bits
        last = len(sizes) - 1
        with seeded(seed, "trunk weights"):
            self.stages = nn.ModuleList(
                Stage(
                    width,
                    size,
                    (height // 4, width_px // 4) if layer == last else (height // 2, width_px // 2),
                    kernel=3 if layer else 5,
                    blocks=blocks,
                    halves=layer in (0, last),
                    image=0 if layer else channels,
                    top=layer == last,
                )
                for layer, size in enumerate(sizes)
            )
        with seeded(seed, "head weights"):
            self.head = normalised(nn.Conv2d(width, likelihood.output_channels, 1))

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Sampled:
        """Raw outputs for one posterior sample, and the KL of each layer given the layers above."""
        features, h = [], 2 * x - 1
        for stage in self._stages:
            h = stage.bottom_up(h)
            features.append(h)
        d, kls, codes = None, [], []
        for stage, h in zip(reversed(self._stages), reversed(features), strict=True):
            q, p = stage.posterior(h, d), stage.prior(d, len(x))
            kls.append(divergence(q, p))
            z, noise = q.draw(generator)
            codes.append((q, p, noise))
            d = stage.generate(z, d)
        kl_layers = torch.stack(kls[::-1], dim=1)
        relaxed = self.training and self.free_bits > 0
        counted = kl_layers.clamp(min=self.free_bits) if relaxed else kl_layers
        # Of all layers at once: one by one, so many small operations would show in training.
        qs, ps, noises = zip(*codes, strict=True)
        ratio = log_ratio(joined(qs), joined(ps), torch.cat(noises, dim=1))
        return Sampled(self._outputs(d), counted.sum(dim=1), ratio, kl_layers)

    def prior_outputs(
        self, count: int, generator: torch.Generator | None = None, context: Context | None = None
    ) -> Tensor:
        """Raw outputs of `count` latents drawn from the prior, from the top down."""
        d = None
        for stage in reversed(self._stages):
            d = stage.generate(stage.prior(d, count).draw(generator)[0], d)
        return self._outputs(d)

    @property
    def _stages(self) -> list[Stage]:
        return [stage for stage in self.stages if isinstance(stage, Stage)]

    def _outputs(self, d: Tensor | None) -> Tensor:
        assert d is not None  # there are two stages at least
        return raw_outputs(self.head, elu(d), self.likelihood)


def _dense(features: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(ELU(), nn.Flatten(), normalised(nn.Linear(features, outputs)))


def _normal(parameters: Tensor) -> Normal:
    """A Gaussian from raw parameters (B, 2U): means, then standard deviations before softplus."""
    mean, raw = single(parameters).chunk(2, dim=1)
    return Normal(mean, F.softplus(raw + UNIT) + MIN_STD)


def _sizes(units: str) -> list[int]:
    parts = [part.strip() for part in str(units).split(",")]
    sizes = [int(part) for part in parts if part.isdecimal()]
    if len(sizes) != len(parts) or len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(
            f'units must be two or more positive sizes, such as "48,40,32,24,16,8", not {units!r}'
        )
    return sizes
