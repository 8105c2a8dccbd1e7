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
        """Return the categorical images of the logits.

        Those of a value lie side by side: channel c * 256 + k is level k of data channel c.
        """
        logits = self.stack(outputs).flatten(1, 2).unflatten(1, (-1, LEVELS))
        return CategoricalImages(logits.permute(0, 3, 4, 1, 2))


class CategoricalImages(ImageDistribution):
    """Independent categorical levels, of logits (B, H, W, C, 256).

    That is the order of their memory in channels_last, where no operation over levels needs a copy.
    """

    def __init__(self, logits: Tensor) -> None:
        super().__init__(_image(logits[..., 0]))
        self._logits = logits

    @property
    def mean(self) -> Tensor:
        """The expected grey values, (B, C, H, W)."""
        levels = torch.arange(LEVELS, dtype=self._logits.dtype, device=self._logits.device)
        return _image(self._logits.softmax(-1) @ levels) * STEP

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log probability of 8-bit images, (B,), in nats."""
        level = to_levels(value).permute(0, 2, 3, 1)
        selected: Tensor = _SelectedLogSoftmax.apply(self._logits, level)
        return selected.flatten(1).sum(1)

    def level_cdf(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cdf of each 8-bit value without and with its level, each (B, C, H, W).

        Image by image, since float64 masses of a whole batch would be by far its largest tensor.
        """
        levels = torch.arange(LEVELS, dtype=torch.uint8, device=x.device)
        cdfs = []
        for logits, level in zip(self._logits, to_levels(x).permute(0, 2, 3, 1), strict=True):
            mass = wide(logits).softmax(-1)
            index = level.unsqueeze(-1)
            own = mass.gather(-1, index).squeeze(-1)
            below = mass.masked_fill_(levels >= index.to(torch.uint8), 0.0).sum(-1)
            cdfs.append((below, (below + own).clamp(max=1)))
        lower, upper = zip(*cdfs, strict=True)
        return _image(torch.stack(lower)), _image(torch.stack(upper))

    def _draw(self, shape: torch.Size) -> Tensor:
        # By inversion of the cdf: one random number a value, where Gumbel noise takes 256.
        cdf = self._logits.softmax(-1).cumsum(-1)
        uniform = 1 - torch.rand(shape, dtype=cdf.dtype, device=cdf.device)  # in (0, 1]
        threshold = uniform.movedim(-3, -1).unsqueeze(-1) * cdf[..., -1:]
        below = (cdf < threshold).view(torch.uint8)  # at most 255 ones, so the sum fits uint8
        return _image(below.sum(-1, dtype=torch.uint8)) * STEP


def _image(values: Tensor) -> Tensor:
    """(..., H, W, C) as (..., C, H, W)."""
    return values.movedim(-1, -3)


class _SelectedLogSoftmax(torch.autograd.Function):
    """The log softmax of one selected class, as in cross entropy.

    The logits are by far the largest tensor of the benchmark, and `cross_entropy` holds four of
    their size at once: logits, log softmax, and both gradients. This holds two, logits and
    gradient, since it computes the softmax again, and is deterministic on every device.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, selected: Tensor) -> Tensor:
        index = selected.unsqueeze(-1)
        ctx.save_for_backward(logits, index)
        return logits.log_softmax(-1).gather(-1, index).squeeze(-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        logits, index = ctx.saved_tensors
        grad = grad.unsqueeze(-1)
        return logits.softmax(-1).mul_(-grad).scatter_add_(-1, index, grad), None
