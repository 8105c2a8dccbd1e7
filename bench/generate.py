"""What a trained model generates, and the pictures that are kept of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from bench import seeds
from bench.data import subset, to_float
from bench.metrics import quantise
from bench.models import Model
from bench.spec import RunSpec
from bench.store import GRID_COLUMNS, Images

SHOWN = 8 * GRID_COLUMNS
"""Generated images kept for a person to look at."""


class Pictures(NamedTuple):
    """What is kept of a run for a person to look at.

    Of video a row of pictures is `GRID_COLUMNS` frames of one sequence, evenly spread.
    """

    samples: Images
    """(64, H, W, C) decoder means of latents drawn from the prior; of video, eight samples of how
    the first frames of one test sequence might go on."""
    reconstructions: Images
    """(16, H, W, C): eight test images, then their reconstructions; of video, frames of that one
    sequence."""
    frames: tuple[int, ...] = ()
    """Numbers of the frames shown of a video, counted from 1."""


class Generated(NamedTuple):
    """Images uint8 (B, C, H, W), or the predicted frames of videos (B, F, C, H, W)."""

    means: Tensor
    """Decoder means of latents drawn from the prior."""
    samples: Tensor
    """x ~ p(x|z) of the same latents: the means with the noise of the likelihood. Of video each
    frame is drawn given the means, not the samples, of the frames before it: what is fed back is
    the same for both."""


@torch.no_grad()
def generate(model: Model, items: Tensor, spec: RunSpec, *purpose: str | int) -> Tensor:
    """Decoder means uint8 of latents drawn from the prior.

    Args:
        model: in evaluation mode.
        items: uint8 (B, ...), as many as are wanted; a conditional model is given their context,
            and nothing else of them is used.
        spec: the run.
        purpose: what they are for, which the noise depends on.

    Returns:
        Images (B, C, H, W), or the predicted frames of videos (B, F, C, H, W).

    Raises:
        FloatingPointError: one of them is not finite.
    """
    return _generated(_decoded(model, items, spec, *purpose).mean, len(items), model)


@torch.no_grad()
def generate_both(model: Model, items: Tensor, spec: RunSpec, *purpose: str | int) -> Generated:
    """What `generate` returns, and samples of the same latents; arguments and errors as there.

    The noise of the pixels comes from the global generator, seeded by the run's seed and
    `purpose`, which is left as it was.
    """
    decoded = _decoded(model, items, spec, *purpose)
    with seeds.seeded(spec.seed, "pixel noise", *purpose, device=model.device):
        samples = decoded.sample()
    if samples.isnan().any():
        raise FloatingPointError("a sampled image is not a number")
    return Generated(
        _generated(decoded.mean, len(items), model),
        # A heavy tail may leave float32: an infinite value is clipped like any other.
        _arranged(quantise(samples), len(items), model),
    )


def _decoded(model: Model, items: Tensor, spec: RunSpec, *purpose: str | int) -> Distribution:
    noise = seeds.generator(model.device, spec.seed, "prior noise", *purpose)
    context = model.context(to_float(items, model.device))
    return model.likelihood(model.prior_outputs(len(items), noise, context))


def _generated(means: Tensor, items: int, model: Model) -> Tensor:
    if not means.isfinite().all():
        raise FloatingPointError("a generated image is not finite")
    return _arranged(quantise(means), items, model)


def _arranged(found: Tensor, items: int, model: Model) -> Tensor:
    """Images of so many items (B * F, C, H, W), by item where an item is a video."""
    return found.unflatten(0, (items, -1)) if model.video else found


def repeated(items: Tensor, count: int, start: int = 0) -> Tensor:
    """`count` of the items in turn from number `start` on, beginning again at the end."""
    return items[torch.arange(start, start + count, device=items.device) % len(items)]


@torch.no_grad()
def pictures(model: Model, items: Tensor, spec: RunSpec) -> Pictures:
    """What is kept of a model, of test items uint8."""
    noise = seeds.generator(model.device, spec.seed, "evaluation noise", "shown")
    chosen = subset(items, GRID_COLUMNS, "shown")
    if not model.video:
        means = model.likelihood(model(to_float(chosen, model.device), noise).outputs).mean
        return Pictures(
            _as_images(generate(model, repeated(items, SHOWN), spec, 0)),
            _as_images(torch.cat([chosen.to(model.device), quantise(means)])),
        )
    one = chosen[:1]
    x = to_float(one, model.device)
    means = model.likelihood(model(x, noise).outputs).mean
    shown = torch.linspace(0, x.shape[1] - 1, GRID_COLUMNS).round().long().tolist()

    def rows(predicted: Tensor) -> Tensor:
        """The shown frames (8 N, C, H, W) of predictions (N, F, C, H, W) after the given frames."""
        given = one[:, : x.shape[1] - predicted.shape[1]].to(model.device)
        whole = torch.cat([given.expand(len(predicted), *given.shape[1:]), predicted], dim=1)
        return whole[:, shown].flatten(0, 1)

    samples = generate(model, repeated(one, SHOWN // GRID_COLUMNS), spec, 0)
    original = one[0, shown].to(model.device)
    return Pictures(
        _as_images(rows(samples)),
        _as_images(torch.cat([original, rows(quantise(means)[None])])),
        tuple(number + 1 for number in shown),
    )


def _as_images(found: Tensor) -> Images:
    result: Images = np.ascontiguousarray(found.permute(0, 2, 3, 1).cpu().numpy())
    return result
