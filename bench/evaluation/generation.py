"""What a trained model generates."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from bench import seeds
from bench.data import to_float
from bench.evaluation.base import NotFiniteError
from bench.metrics.images import quantise
from bench.models import Model


class Generated(NamedTuple):
    """Images uint8 (B, C, H, W), or the predicted frames of videos (B, F, C, H, W)."""

    means: Tensor  # decoder means of latents drawn from the prior
    samples: Tensor
    """x ~ p(x|z) of the same latents: the means with the noise of the likelihood. Of video each
    frame is drawn given the means, not the samples, of the frames before it: what is fed back is
    the same for both."""


@torch.no_grad()
def generate(model: Model, items: Tensor, seed: int, *purpose: str | int) -> Tensor:
    """Decoder means uint8 of latents drawn from the prior, by a model in evaluation mode.

    There are as many as items (uint8), of which a conditional model is given the context, and
    nothing else is used. The noise depends on the seed of the run and on the purpose. Returns
    images (B, C, H, W), or the predicted frames of videos (B, F, C, H, W); one that is not finite
    raises a NotFiniteError.
    """
    return _generated(_decoded(model, items, seed, *purpose).mean, len(items), model)


@torch.no_grad()
def generate_both(model: Model, items: Tensor, seed: int, *purpose: str | int) -> Generated:
    """What `generate` returns, and samples of the same latents; arguments and errors as there.

    The noise of the pixels comes from the global generator, seeded by the run's seed and
    `purpose`, which is left as it was.
    """
    decoded = _decoded(model, items, seed, *purpose)
    with seeds.seeded(seed, "pixel noise", *purpose, device=model.device):
        samples = decoded.sample()
    if samples.isnan().any():
        raise NotFiniteError("a sampled image is not a number")
    return Generated(
        _generated(decoded.mean, len(items), model),
        # A heavy tail may leave float32: an infinite value is clipped like any other.
        _arranged(quantise(samples), len(items), model),
    )


def _decoded(model: Model, items: Tensor, seed: int, *purpose: str | int) -> Distribution:
    noise = seeds.generator(model.device, seed, "prior noise", *purpose)
    context = model.context(to_float(items, model.device))
    return model.likelihood(model.prior_outputs(len(items), noise, context))


def _generated(means: Tensor, items: int, model: Model) -> Tensor:
    if not means.isfinite().all():
        raise NotFiniteError("a generated image is not finite")
    return _arranged(quantise(means), items, model)


def _arranged(found: Tensor, items: int, model: Model) -> Tensor:
    """Images of so many items (B * F, C, H, W), by item where an item is a video."""
    return found.unflatten(0, (items, -1)) if model.video else found


def repeated(items: Tensor, count: int, start: int = 0) -> Tensor:
    """`count` of the items in turn from number `start` on, beginning again at the end."""
    return items[torch.arange(start, start + count, device=items.device) % len(items)]
