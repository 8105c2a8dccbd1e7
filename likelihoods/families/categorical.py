"""Categorical decoder: a softmax over the 256 levels of each value."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from likelihoods.core.base import Likelihood
from likelihoods.core.distributions import ImageDistribution
from likelihoods.core.grid import LEVELS, STEP, to_levels
from likelihoods.core.numerics import wide
from likelihoods.core.registry import register


@register("categorical")
class Categorical(Likelihood):
    """Softmax over the 256 levels.

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("categorical", shape=(1, 1, 1))
        >>> outputs, x = torch.zeros(1, 256, 1, 1), torch.zeros(1, 1, 1, 1)
        >>> likelihood(outputs).log_prob(x)  # -ln 256
        tensor([-5.5452])
    """

    measure = "mass"
    outputs_per_value = LEVELS
    reference = "van den Oord et al. 2016, Pixel Recurrent Neural Networks, arXiv:1601.06759"

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> "CategoricalImages":
        """Return the categorical images of the logits."""
        return CategoricalImages(self.stack(outputs))


class CategoricalImages(ImageDistribution):
    """Independent categorical levels, of logits (B, 256, C, H, W)."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__(logits[:, 0])
        self._logits = logits

    @property
    def mean(self) -> Tensor:
        """The expected grey values, (B, C, H, W)."""
        levels = torch.arange(LEVELS, dtype=self._logits.dtype, device=self._logits.device)
        expected = levels @ self._logits.softmax(1).flatten(2)
        return expected.view(self._logits[:, 0].shape) * STEP

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log probability of 8-bit images, (B,), in nats."""
        logits, level = self._logits, to_levels(value)
        levels_at = 1
        if logits.stride(1) < logits.stride(-1):
            # The decoder is in channels_last: softmax in the order of its memory needs no copy.
            levels_at = 3
            logits, level = logits.permute(0, 3, 4, 1, 2), level.permute(0, 2, 3, 1)
            if logits.shape[-1] == 1:  # the levels are contiguous, which is fastest
                logits, level = logits.squeeze(-1), level.squeeze(-1)
        selected: Tensor = _SelectedLogSoftmax.apply(logits, level, levels_at)
        return selected.flatten(1).sum(1)

    def level_cdf(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cdf of each 8-bit value without and with its level, each (B, C, H, W).

        Image by image, since float64 masses of a whole batch would be by far its largest tensor.
        """
        levels = torch.arange(LEVELS, dtype=torch.uint8, device=x.device)
        cdfs = []
        for logits, level in zip(self._logits, to_levels(x), strict=True):
            mass = wide(logits.permute(1, 2, 3, 0)).contiguous().softmax(-1)
            index = level.unsqueeze(-1)
            own = mass.gather(-1, index).squeeze(-1)
            below = mass.masked_fill_(levels >= index.to(torch.uint8), 0.0).sum(-1)
            cdfs.append((below, (below + own).clamp(max=1)))
        lower, upper = zip(*cdfs, strict=True)
        return torch.stack(lower), torch.stack(upper)

    def _draw(self, shape: torch.Size) -> Tensor:
        # By inversion of the cdf: one random number a value, where Gumbel noise takes 256.
        cdf = self._logits.softmax(1).cumsum(1)
        uniform = 1 - torch.rand(shape, dtype=cdf.dtype, device=cdf.device)  # in (0, 1]
        threshold = (uniform * cdf[:, -1]).unsqueeze(-4)
        below = (cdf < threshold).view(torch.uint8)  # at most 255 ones, so the sum fits uint8
        return below.sum(-4, dtype=torch.uint8) * STEP


class _SelectedLogSoftmax(torch.autograd.Function):
    """The log softmax of one selected class, as in cross entropy.

    The logits are by far the largest tensor of the benchmark, and `cross_entropy` holds four of
    their size at once: logits, log softmax, and both gradients. This holds three, in three quarters
    of the time, and is deterministic on every device.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, selected: Tensor, dim: int) -> Tensor:
        log_softmax, index = logits.log_softmax(dim), selected.unsqueeze(dim)
        ctx.save_for_backward(log_softmax, index)
        ctx.dim = dim
        return log_softmax.gather(dim, index).squeeze(dim)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        log_softmax, index = ctx.saved_tensors
        grad = grad.unsqueeze(ctx.dim)
        grad_logits = log_softmax.exp().mul_(-grad)
        return grad_logits.scatter_add_(ctx.dim, index, grad), None, None
