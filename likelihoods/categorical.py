"""Categorical decoder: a softmax over the 256 levels of each value."""

import torch
import torch.nn.functional as F
from torch import Tensor

from likelihoods import Likelihood, register
from likelihoods.core.distributions import ImageDistribution
from likelihoods.core.grid import LEVELS, STEP, to_levels


@register("categorical")
class Categorical(Likelihood):
    """Softmax over the 256 levels."""

    measure = "mass"
    outputs_per_value = LEVELS
    reference = "van den Oord et al. 2016, Pixel Recurrent Neural Networks"

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> "CategoricalImages":
        """Return the categorical images of the logits."""
        return CategoricalImages(self.stack(outputs))


class CategoricalImages(ImageDistribution):
    """Independent categorical levels.

    Args:
        logits: (B, 256, C, H, W).
    """

    def __init__(self, logits: Tensor) -> None:
        super().__init__(logits[:, 0])
        self._logits = logits

    @property
    def mean(self) -> Tensor:
        """The expected grey values, (B, C, H, W)."""
        levels = torch.arange(LEVELS, dtype=self._logits.dtype, device=self._logits.device)
        return torch.einsum("k,bkchw->bchw", levels, self._logits.softmax(1)) * STEP

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log probability of 8-bit images, (B,), in nats."""
        losses = F.cross_entropy(self._logits, to_levels(value), reduction="none")
        return -losses.flatten(1).sum(1)

    def _draw(self, shape: torch.Size) -> Tensor:
        # A race of exponential clocks: the first to ring is k with probability p_k.
        rates = self._logits.softmax(1)
        rates = rates.expand(*shape[:-4], *rates.shape)
        clocks = torch.empty_like(rates, memory_format=torch.contiguous_format).exponential_()
        return (rates / clocks).argmax(-4) * STEP
