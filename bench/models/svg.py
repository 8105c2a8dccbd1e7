"""The video model of the BAIR column: SVG-LP (Denton & Fergus 2018)."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from bench.models.base import Context, Model, Sampled, raw_outputs, register
from bench.models.layers import Same
from bench.models.normal import Normal, divergence, log_ratio, single
from bench.seeds import seeded
from likelihoods import Likelihood

INITIAL_STD = 0.02  # of convolutions, linear layers and normalisations, as in the public code
HALVINGS = 4  # stages of the frame encoder; each halves height and width

State = tuple[Tensor, Tensor]


class DCGAN:
    """Frame networks of the public code for moving digits (dcgan_64; Radford et al. 2016).

    A stage is one convolution 4x4 of stride 2, mirrored by a transposed one.
    """

    pooled = False  # whether height and width change between two stages, not in them

    @staticmethod
    def down(channels: int, width: int) -> list[nn.Sequential]:
        """The stages of the encoder, the one that reads the frame first."""
        sizes = [channels, *_widths(width)]
        return [_layer(nn.Conv2d(a, b, 4, 2, 1, bias=False)) for a, b in pairwise(sizes)]

    @staticmethod
    def up(width: int) -> list[nn.Sequential]:
        """The stages of the decoder, each reading also the skip of its resolution."""
        sizes = _widths(width)[::-1]
        return [
            _layer(nn.ConvTranspose2d(2 * a, b, 4, 2, 1, bias=False)) for a, b in pairwise(sizes)
        ]

    @staticmethod
    def head(width: int, outputs: int) -> nn.Module:
        """From what the stages of the decoder and the last skip lead to, to the raw outputs."""
        return nn.ConvTranspose2d(2 * width, outputs, 4, 2, 1)


class VGG:
    """Frame networks of the public code for robot pushing (vgg_64; Simonyan & Zisserman 2015).

    A stage is two or three convolutions 3x3, then a maximum over 2x2; mirrored by nearest
    neighbours and as many convolutions. A skip is what the maximum is taken of.
    """

    pooled = True

    @staticmethod
    def down(channels: int, width: int) -> list[nn.Sequential]:
        """Two, two, three and three convolutions."""
        steps = zip(pairwise([channels, *_widths(width)]), (2, 2, 3, 3), strict=True)
        return [_convolutions([before, *[after] * depth]) for (before, after), depth in steps]

    @staticmethod
    def up(width: int) -> list[nn.Sequential]:
        """Three, three, two and one convolutions; the last stage has the head as one more."""
        steps = zip(pairwise([*_widths(width)[::-1], width]), (3, 3, 2, 1), strict=True)
        return [
            _convolutions([2 * before, *[before] * (depth - 1), after])
            for (before, after), depth in steps
        ]

    @staticmethod
    def head(width: int, outputs: int) -> nn.Module:
        """One convolution 3x3."""
        return Same(width, outputs, 3)


Backbone = type[DCGAN] | type[VGG]
BACKBONES: dict[str, Backbone] = {"dcgan": DCGAN, "vgg": VGG}


def _widths(width: int) -> list[int]:
    return [width * 2**stage for stage in range(HALVINGS)]


def _layer(convolution: nn.Module) -> nn.Sequential:
    """A convolution, which needs no bias before a normalisation that subtracts the mean."""
    channels = convolution.out_channels
    assert isinstance(channels, int)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.LeakyReLU(0.2))


def _convolutions(sizes: Sequence[int]) -> nn.Sequential:
    return nn.Sequential(
        *(_layer(nn.Conv2d(a, b, 3, padding=1, bias=False)) for a, b in pairwise(sizes))
    )


class FrameEncoder(nn.Module):
    """Frame to `features` G: the stages of a backbone, then one convolution over what is left.

    The first stage has `width` filters, each further one twice as many; `rest` are the height and
    width after all of them.
    """

    def __init__(
        self, backbone: Backbone, channels: int, width: int, features: int, rest: tuple[int, int]
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList(backbone.down(channels, width))
        self.between = nn.MaxPool2d(2) if backbone.pooled else nn.Identity()
        self.last = nn.Sequential(
            nn.Conv2d(_widths(width)[-1], features, rest, bias=False),
            nn.BatchNorm2d(features),
            nn.Tanh(),
            nn.Flatten(),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Frames (N, C, H, W) to features (N, G), and the skips, the smallest first."""
        skips: list[Tensor] = []
        for stage in self.stages:
            skip = stage(x)
            skips.insert(0, skip)
            x = self.between(skip)
        return self.last(x), skips


class FrameDecoder(nn.Module):
    """The encoder mirrored, each stage also reading the skip of its resolution.

    Its last layer, the only one whose shape depends on the likelihood, is the model's head.
    """

    def __init__(
        self, backbone: Backbone, width: int, features: int, rest: tuple[int, int]
    ) -> None:
        super().__init__()
        self.first = _layer(nn.ConvTranspose2d(features, _widths(width)[-1], rest, bias=False))
        self.stages = nn.ModuleList(backbone.up(width))
        self.between = nn.Upsample(scale_factor=2) if backbone.pooled else nn.Identity()

    def forward(self, features: Tensor, skips: list[Tensor]) -> Tensor:
        """Features (N, G) and skips, the smallest first, to the input of the head."""
        x: Tensor = self.first(features[:, :, None, None])
        for index, skip in enumerate(skips):
            x = torch.cat([self.between(x), skip], dim=1)
            if index < len(self.stages):
                x = self.stages[index](x)
        return x


class Recurrent(nn.Module):
    """A linear layer, LSTMs of `hidden` units each, and a linear layer, over a sequence."""

    def __init__(self, inputs: int, outputs: int, *, hidden: int, layers: int) -> None:
        super().__init__()
        self.embed = nn.Linear(inputs, hidden)
        self.lstm = nn.LSTM(hidden, hidden, layers, batch_first=True)
        self.out = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Sequences (B, S, I) to (B, S, O), and the state after the last step."""
        steps, state = self.lstm(self.embed(x), state)
        return self.out(steps), state


@register("svg")
class SVG(Model):
    """Stochastic video generation with a learned prior, SVG-LP (Denton & Fergus 2018).

    The first P frames are given, the F others are predicted: with a code z_t for each step,

        p(x_P.. | x_<P) = E prod_t>=P p(z_t | x_<t) p(x_t | x_<t, z_<=t),     q(z_t | x_<=t)
        KL = sum_t>=P E_q(z_<t) KL(q(z_t | x_<=t) || p(z_t | x_<t))

    Posterior and prior are LSTMs that read the features of the frame of their step and of the one
    before. A third predicts the features of a frame from those of the frame before and its code;
    the frame decoder turns them into an image, with skip connections from the last given frame.
    The codes of given frames come from the posterior: being functions of given frames, they cost
    nothing. Generation feeds the decoder's mean back as the frame before.

    As published: 128 features, one LSTM of 256 for posterior and for prior, two for the predictor,
    64 latents a step, 2 given and 10 predicted frames in training; in evaluation all frames of a
    video but the given ones are predicted. Frames are encoded and decoded by the VGG that was
    published for BAIR, or by the DCGAN that was published for moving digits, with 64 filters.
    docs/networks.md says what differs from the public code (edenton/svg).

    Args:
        likelihood: any likelihood whose height and width are multiples of 16.
        backbone: networks of frames, "vgg" or "dcgan".
        width: filters of the first stage.
        features: size of the features of a frame.
        hidden: units of each LSTM.
        latents: size of the code of a step.
        past: P, the frames that are given.
        future: F in training: the first `past + future` frames of a video are used there.
    """

    video = True

    def __init__(
        self,
        likelihood: Likelihood,
        *,
        backbone: str = "vgg",
        width: int = 64,
        features: int = 128,
        hidden: int = 256,
        latents: int = 64,
        past: int = 2,
        future: int = 10,
        seed: int = 0,
    ) -> None:
        super().__init__()
        channels, height, width_px = likelihood.shape
        unit = 2**HALVINGS
        if height % unit or width_px % unit:
            raise ValueError(
                f"height and width must be multiples of {unit}, not {height}x{width_px}"
            )
        sizes = {"width": width, "features": features, "hidden": hidden, "latents": latents}
        for name, size in (sizes | {"past": past, "future": future}).items():
            if size < 1:
                raise ValueError(f"{name} must be positive, not {size}")
        if backbone not in BACKBONES:
            raise ValueError(f"backbone must be one of {', '.join(BACKBONES)}, not {backbone!r}")
        frames = BACKBONES[backbone]
        self.likelihood = likelihood
        self.latents, self.past, self.future = latents, past, future
        rest = (height // unit, width_px // unit)
        with seeded(seed, "trunk weights"):
            self.encoder = FrameEncoder(frames, channels, width, features, rest)
            self.posteriors = Recurrent(features, 2 * latents, hidden=hidden, layers=1)
            self.priors = Recurrent(features, 2 * latents, hidden=hidden, layers=1)
            self.predictor = Recurrent(features + latents, features, hidden=hidden, layers=2)
            self.decoder = FrameDecoder(frames, width, features, rest)
            self.apply(_initialise)
        with seeded(seed, "head weights"):
            # Its weights are of one size whatever the number of outputs.
            self.head = frames.head(width, likelihood.output_channels).apply(_initialise)

    def targets(self, x: Tensor) -> Tensor:
        """The predicted frames of videos (B, T, C, H, W), as images (B * F, C, H, W)."""
        return self._used(x)[:, self.past :].flatten(0, 1)

    def context(self, x: Tensor) -> Context:
        """The given frames, and the number of the others."""
        return Context(x[:, : self.past], x.shape[1] - self.past)

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Sampled:
        """Raw outputs of the predicted frames for one sample of all codes, and the KL."""
        x = self._used(x)
        features, skips = self._encode(x)
        # The codes of steps 1, 2, ...: nothing precedes frame 0.
        q = _normal(self.posteriors(features[:, 1:])[0])
        p = _normal(self.priors(features[:, :-1])[0])
        z, noise = q.draw(generator)
        predicted = self.predictor(torch.cat([features[:, :-1], z], dim=2))[0].tanh()
        given = self.past - 1
        kl = divergence(q, p)[:, given:].sum(dim=1)
        ratio = log_ratio(q, p, noise)[:, given:].sum(dim=1)
        return Sampled(self._decode(predicted[:, given:], skips), kl, ratio)

    def prior_outputs(
        self, count: int, generator: torch.Generator | None = None, context: Context | None = None
    ) -> Tensor:
        """Raw outputs of `horizon` frames after those of each context.

        A context that is not of `count` videos with `past` frames each raises a ValueError.
        """
        if context is None or context.frames.shape[:2] != (count, self.past):
            found = "none" if context is None else tuple(context.frames.shape[:2])
            raise ValueError(f"context must be {(count, self.past)} frames, not {found}")
        features, skips = self._encode(context.frames)
        last, prior_state, state = features[:, -1:], None, None
        if self.past > 1:
            before = features[:, :-1]
            z, _ = _normal(self.posteriors(features[:, 1:])[0]).draw(generator)
            prior_state = self.priors(before)[1]
            state = self.predictor(torch.cat([before, z], dim=2))[1]
        outputs = []
        for _ in range(context.horizon):
            raw, prior_state = self.priors(last, prior_state)
            z, _ = _normal(raw).draw(generator)
            predicted, state = self.predictor(torch.cat([last, z], dim=2), state)
            outputs.append(self._decode(predicted.tanh(), skips))
            frame = self.likelihood(outputs[-1]).mean
            last = self.encoder(frame)[0][:, None]
        # By hand in channels_last, the layout of the outputs: else the largest tensor is copied.
        last = torch.stack([each.permute(0, 2, 3, 1) for each in outputs], dim=1).flatten(0, 1)
        return last.permute(0, 3, 1, 2)

    def _used(self, x: Tensor) -> Tensor:
        """The frames of videos that count at present."""
        if x.shape[1] <= self.past:
            raise ValueError(f"videos must have more than {self.past} frames, not {x.shape[1]}")
        return x[:, : self.past + self.future] if self.training else x

    def _encode(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Features (B, T, G) of frames (B, T, C, H, W), and the skips of the last given one."""
        features, skips = self.encoder(x.flatten(0, 1))
        skips = [skip.unflatten(0, x.shape[:2])[:, self.past - 1] for skip in skips]
        return features.unflatten(0, x.shape[:2]), skips

    def _decode(self, features: Tensor, skips: list[Tensor]) -> Tensor:
        """Features (B, F, G) and the skips of B frames to raw outputs (B * F, channels, H, W)."""
        frames = features.shape[1]
        repeated = [skip.repeat_interleave(frames, dim=0) for skip in skips]
        decoded = self.decoder(features.flatten(0, 1), repeated)
        return raw_outputs(self.head, decoded, self.likelihood)


def _normal(parameters: Tensor) -> Normal:
    """Gaussians from raw parameters (B, S, 2U): means, then log variances."""
    mean, log_variance = single(parameters).chunk(2, dim=-1)
    return Normal(mean, (0.5 * log_variance).exp())


@torch.no_grad()
def _initialise(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        layer.weight.normal_(0, INITIAL_STD)
        if layer.bias is not None:
            layer.bias.zero_()
    elif isinstance(layer, nn.BatchNorm2d):
        layer.weight.normal_(1, INITIAL_STD)
        layer.bias.zero_()
