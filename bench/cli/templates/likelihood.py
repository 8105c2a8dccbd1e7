"""A decoder likelihood of my own: how a decoder's raw outputs become a distribution over images.

python -m bench check FILE:Template
python -m bench run --suite paper --budget smoke --likelihoods FILE:Template
"""

from torch import Tensor
from torch import distributions as D

from likelihoods import Likelihood, soft_clip


class Template(Likelihood):
    """Laplace with a location m and a scale b for each value of the image.

    p(x) = product over all values of exp(-|x - m| / b) / (2 b)
    """

    # What log_prob is of: the "density" of values in [0, 1], or the "mass" of 256 grey levels.
    measure = "density"
    # Raw decoder channels for each channel of the image: here m and ln b.
    outputs_per_value = 2
    # Printed by `python -m bench list likelihoods`.
    reference = "where it comes from"

    # Options are keyword arguments; on the command line: 'FILE:Template(smallest=-5.0)'.
    def __init__(self, shape: tuple[int, int, int], *, smallest: float = -6.0) -> None:
        super().__init__(shape)
        self.smallest = smallest

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> D.Distribution:
        """Return the distribution of images: batch shape (B,), event shape (C, H, W).

        `target` is the batch that is being fitted: for a likelihood that calibrates itself, and
        only while `self.training`.
        """
        # Two tensors (B, C, H, W), any real numbers.
        location, log_scale = self.split(outputs)
        # Images lie in [0, 1]. A scale without bounds shrinks until the density is infinite.
        scale = soft_clip(log_scale, self.smallest, 0.0).exp()
        # Validation would make every step wait for the GPU.
        values = D.Laplace(location.sigmoid(), scale, validate_args=False)
        # The last three dimensions together are one image.
        return D.Independent(values, 3, validate_args=False)

    # The probability of 8-bit images (bits/dim) and the calibration come from the distribution's
    # cdf. Where it has none, or is inaccurate in its tails, write log_mass and level_cdf.
