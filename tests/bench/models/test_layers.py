"""The faster forms against PyTorch's own layers, values and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bench.models.layers import ELU, Same


@pytest.mark.parametrize("outputs", [3, 40], ids=["few outputs", "many outputs"])
@pytest.mark.parametrize("kernel", [3, 5])
def test_same_is_the_transposed_convolution(outputs: int, kernel: int) -> None:
    torch.manual_seed(0)
    ours = Same(5, outputs, kernel).double()
    theirs = nn.ConvTranspose2d(5, outputs, kernel, padding=kernel // 2).double()
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 5, 7, 9, dtype=torch.double, requires_grad=True)
    found, expected = ours(x), theirs(x)
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(found)
    for a, b in zip(
        torch.autograd.grad((found * weights).sum(), [x, *ours.parameters()]),
        torch.autograd.grad((expected * weights).sum(), [x, *theirs.parameters()]),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_elu_is_that_of_pytorch() -> None:
    x = torch.tensor([-200.0, -5, -1e-3, -1e-8, 0, 1e-8, 0.5, 200], requires_grad=True)
    found, expected = ELU()(x), F.elu(x)
    torch.testing.assert_close(found, expected, atol=3e-7, rtol=0)
    (slope,) = torch.autograd.grad(found.sum(), x)
    (expected_slope,) = torch.autograd.grad(expected.sum(), x)
    torch.testing.assert_close(slope, expected_slope, atol=3e-7, rtol=0)
    assert torch.autograd.gradcheck(ELU(), torch.randn(20, dtype=torch.double, requires_grad=True))
