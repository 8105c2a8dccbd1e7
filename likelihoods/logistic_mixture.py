"""Discretised mixture of logistics."""

from typing import Final

from torch import Tensor

from likelihoods import Likelihood, Shape, register
from likelihoods.core.logistic import LAST, LogisticMixtureImages
from likelihoods.core.options import integer

LOG_SCALE_MIN: Final = -7.0
"""Lower clip of ln scale, in the unit of the reference, which has images in [-1, 1]."""
LOG_SCALE_MAX: Final = 4.0
"""Upper clip, likewise: wider than this all levels are alike, and float32 would overflow."""


@register("logistic_mixture")
class LogisticMixture(Likelihood):
    """Mixture of logistics in each value, integrated over the bins of the levels.

    The outputs of a value are K mixture logits, K locations and K log scales, as in the reference:
    of images in [-1, 1], the locations not squashed, the log scales clipped below at -7; here also
    above, at 4. No coupling between channels.

    Args:
        shape: (C, H, W).
        components: K.
    """

    measure = "mass"
    reference = "Salimans et al. 2017, PixelCNN++, equation 2"

    def __init__(self, shape: Shape, *, components: int = 10) -> None:
        super().__init__(shape)
        self.outputs_per_value = 3 * integer("components", components, 1)

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> LogisticMixtureImages:
        """Return the discretised mixture."""
        logits, location, log_scale = self.stack(outputs).chunk(3, 1)
        scale = log_scale.clamp(LOG_SCALE_MIN, LOG_SCALE_MAX).exp()
        return LogisticMixtureImages(logits, (location + 1) * (LAST / 2), scale * (LAST / 2))
