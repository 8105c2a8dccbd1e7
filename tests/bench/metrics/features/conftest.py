import pytest
import torch
from torch import Tensor


@pytest.fixture
def image() -> Tensor:
    """One colour image (1, 3, 32, 32), uint8, from integer arithmetic alone."""
    c, y, x = torch.meshgrid(*map(torch.arange, (3, 32, 32)), indexing="ij")
    return ((x * (5 + c) + y * y * (2 + c) + 40 * c) % 256).to(torch.uint8)[None]
