"""Bitwise categorical decoder: the eight bits of a level are independent."""

from typing import Final

import torch
from torch import Tensor

from likelihoods.core.base import Likelihood
from likelihoods.core.distributions import ImageDistribution
from likelihoods.core.grid import STEP, to_levels
from likelihoods.core.numerics import softplus, wide
from likelihoods.core.registry import register

BITS: Final = 8


@register("bitwise_categorical")
class BitwiseCategorical(Likelihood):
    """One independent Bernoulli for each bit of the level, most significant bit first.

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("bitwise_categorical", shape=(1, 1, 1))
        >>> outputs = torch.tensor([20.0] + 7 * [-20.0]).view(1, 8, 1, 1)  # bits 1000 0000
        >>> (likelihood(outputs).mean * 255).round()
        tensor([[[[128.]]]])
    """

    measure = "mass"
    outputs_per_value = BITS
    reference = "Rybkin et al. 2021, VAE Training with Calibrated Decoders, arXiv:2006.13202"

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> "BitwiseImages":
        """Return the images whose bits have the outputs as logits."""
        return BitwiseImages(self.stack(outputs))


class BitwiseImages(ImageDistribution):
    """Levels of independent bits, of logits (B, 8, C, H, W), the most significant bit first."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__(logits[:, 0])
        self._logits = logits
        exponents = torch.arange(BITS - 1, -1, -1, dtype=torch.uint8, device=logits.device)
        self._exponents = exponents.view(BITS, 1, 1, 1)

    @property
    def mean(self) -> Tensor:
        """The expected grey values, (B, C, H, W)."""
        return self._grey(self._logits.sigmoid())

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log probability of 8-bit images, (B,), in nats."""
        level = to_levels(value).to(torch.uint8)  # takes an eighth of the memory
        bits = (level.unsqueeze(-4) >> self._exponents) & 1
        losses = softplus(self._logits * (1 - 2 * bits.to(self._logits.dtype)))
        return -losses.flatten(-4).sum(-1)

    def level_cdf(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cdf of each 8-bit value without and with its level, each (B, C, H, W).

        A level is smaller if it agrees in the first bits and then has a 0 in place of a 1: the sum
        has one term for each bit, not one for each level.
        """
        level = to_levels(x)
        prefix = wide(torch.ones_like(x))
        below = torch.zeros_like(prefix)
        bits = zip(self._exponents.flatten(), self._logits.unbind(1), strict=True)
        for exponent, logits in bits:
            one = (level >> exponent) & 1 == 1
            below = below + torch.where(one, prefix * wide(-logits).sigmoid(), 0.0)
            prefix = prefix * wide(torch.where(one, logits, -logits)).sigmoid()
        above = (below + prefix).clamp(max=1)
        return below.minimum(above), above  # the sum may pass one by rounding

    def _draw(self, shape: torch.Size) -> Tensor:
        ones = self._logits.sigmoid().expand(*shape[:-4], *self._logits.shape)
        return self._grey(torch.bernoulli(ones))

    def _grey(self, bits: Tensor) -> Tensor:
        """Return the grey values of bits, or of their probabilities, (..., 8, C, H, W)."""
        return (bits * (1 << self._exponents)).sum(-4) * STEP
