"""The posteriors of many images, which measurements of the latents stand on."""

import torch
from torch import Tensor

from bench.data import to_float
from bench.evaluation.base import NotApplicableError, NotFiniteError, Trial
from bench.models import Model, Normal


@torch.no_grad()
def posteriors(model: Model, items: Tensor, batch_size: int) -> Normal:
    """q(z|x) of items uint8 (N, C, H, W): means and standard deviations, (N, L) each.

    Raises:
        NotApplicableError: the model has no code of one factorised Gaussian.
        NotFiniteError: one of them is not finite, or has no spread.
    """
    parts = []
    for batch in items.split(batch_size):
        posterior = model.posterior(to_float(batch, model.device))
        if posterior is None:
            raise NotApplicableError(f"the code of {model.name} is not one factorised Gaussian")
        parts.append(posterior)
    mean, std = (torch.cat(part) for part in zip(*parts, strict=True))
    if not (mean.isfinite() & std.isfinite() & (std > 0)).all():
        raise NotFiniteError("the posterior of an image is not finite")
    return Normal(mean, std)


def posterior_seconds(trial: Trial, batch_size: int) -> float:
    """Seconds to encode one item; 0 where the model has no such code."""
    model = trial.trained.model
    if type(model).posterior is Model.posterior:
        return 0.0
    return trial.seconds("posterior", lambda few: posteriors(model, few, batch_size))
