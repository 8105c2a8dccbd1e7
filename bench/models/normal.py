"""Factorised Gaussian codes, for models whose prior is not N(0, I)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Normal(NamedTuple):
    """A factorised Gaussian over the last dimension."""

    mean: Tensor  # (..., U)
    std: Tensor  # (..., U)

    def sample(self, generator: torch.Generator | None) -> Tensor:
        """One draw (..., U), reparameterised."""
        return self.mean + self.std * torch.empty_like(self.mean).normal_(generator=generator)


def divergence(q: Normal, p: Normal) -> Tensor:
    """KL(q || p) in nats, (...), closed form."""
    ratio = q.std / p.std
    distance = (q.mean - p.mean) / p.std
    return (0.5 * (ratio.square() + distance.square() - 1) - ratio.log()).sum(dim=-1)
