import math

import pytest
import torch

from bench.metrics.images import quantise


def test_quantise_is_the_identity_on_levels_and_rounds_to_the_nearest() -> None:
    levels = torch.arange(256)
    assert torch.equal(quantise(levels / 255), levels.to(torch.uint8))
    assert quantise(torch.tensor([0.4 / 255, 0.6 / 255, -0.2, 1.7])).tolist() == [0, 1, 0, 255]


def test_quantise_rejects_nan() -> None:
    with pytest.raises(ValueError, match="NaN"):
        quantise(torch.tensor([0.5, math.nan]))
