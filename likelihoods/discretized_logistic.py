"""Discretised logistic."""

from torch import Tensor

from likelihoods import Likelihood, register
from likelihoods.core.logistic import LAST, LogisticMixtureImages
from likelihoods.core.numerics import LOG_SIGMA_MAX, LOG_SIGMA_MIN, soft_clip


@register("discretized_logistic")
class DiscretizedLogistic(Likelihood):
    """One logistic a value, integrated over the bins of the levels.

    P(k) = F((k + 1/2) / 255) - F((k - 1/2) / 255), F(x) = sigmoid((x - location) / s), the first
    and the last bin open. The location is a sigmoid, ln s is soft-clipped to [-6, 0].
    """

    measure = "mass"
    outputs_per_value = 2
    reference = (
        "Kingma et al. 2016, Improved Variational Inference with Inverse Autoregressive Flow"
    )

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> LogisticMixtureImages:
        """Return the discretised logistic: a mixture of one."""
        location, log_scale = self.stack(outputs).split(1, 1)
        scale = soft_clip(log_scale, LOG_SIGMA_MIN, LOG_SIGMA_MAX).exp()
        logits = location.new_zeros(location.shape)
        return LogisticMixtureImages(logits, LAST * location.sigmoid(), LAST * scale)
