"""Factorised Gaussian codes."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Normal(NamedTuple):
    """A factorised Gaussian over the last dimension."""

    mean: Tensor  # (..., U)
    std: Tensor  # (..., U)

    def draw(self, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """One reparameterised draw, and its standard normal noise; (..., U) each."""
        noise = torch.empty_like(self.mean).normal_(generator=generator)
        return self.mean + self.std * noise, noise


def divergence(q: Normal, p: Normal) -> Tensor:
    """KL(q || p) in nats, (...), closed form."""
    ratio = q.std / p.std
    distance = (q.mean - p.mean) / p.std
    return (0.5 * (ratio.square() + distance.square() - 1) - ratio.log()).sum(dim=-1)


def log_ratio(q: Normal, p: Normal, noise: Tensor) -> Tensor:
    """Return ln p(z) - ln q(z) in nats, (...), at the draw z = q.mean + q.std * noise of q.

    It is written in the noise, which z, once rounded, no longer holds where q is narrow.
    """
    ratio = q.std / p.std
    distance = (q.mean - p.mean) / p.std + ratio * noise
    return (ratio.log() + 0.5 * (noise.square() - distance.square())).sum(dim=-1)


def joined(parts: Sequence[Normal]) -> Normal:
    """Independent Gaussians (..., U_1), (..., U_2), ... as one, (..., U_1 + U_2 + ...)."""
    return Normal(*(torch.cat(part, dim=-1) for part in zip(*parts, strict=True)))


def single(values: Tensor) -> Tensor:
    """Values in float32 at least: bfloat16, as products may be, is too coarse for codes."""
    return values.float() if values.dtype is torch.bfloat16 else values
