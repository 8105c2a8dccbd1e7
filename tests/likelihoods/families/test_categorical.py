"""Softmax over levels against torch's own."""

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.profiler import ProfilerActivity, profile

import likelihoods


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(1, 4, 3), (3, 4, 3), (3, 1, 1)])
def test_values_and_gradients_are_those_of_cross_entropy(
    shape: tuple[int, int, int], memory_format: torch.memory_format
) -> None:
    torch.manual_seed(0)
    channels, height, width = shape
    outputs = torch.randn(2, 256 * channels, height, width).contiguous(memory_format=memory_format)
    outputs.requires_grad_()
    levels = torch.randint(256, (2, *shape))
    found = likelihoods.create("categorical", shape)(outputs).log_prob(levels / 255)
    logits = outputs.reshape(2, channels, 256, height, width).transpose(1, 2)
    expected = -F.cross_entropy(logits, levels, reduction="none").flatten(1).sum(1)
    torch.testing.assert_close(found, expected)
    weights = torch.tensor([1.0, -3.0])
    (slope,) = torch.autograd.grad(found @ weights, outputs)
    (expected_slope,) = torch.autograd.grad(expected @ weights, outputs)
    torch.testing.assert_close(slope, expected_slope)


def test_two_tensors_of_the_size_of_the_logits_are_held() -> None:
    """In a step with the layer that makes them; `cross_entropy` holds four."""
    layout = torch.channels_last  # that of training
    features = torch.randn(2, 4, 32, 32).to(memory_format=layout)
    x = likelihoods.quantise(torch.rand(2, 3, 32, 32))
    likelihood = likelihoods.create("categorical", (3, 32, 32)).train()
    head = torch.nn.Conv2d(4, likelihood.output_channels, 1).to(memory_format=layout)

    def step() -> None:
        head.zero_grad(set_to_none=True)
        (-likelihood(head(features), target=x).log_prob(x).mean()).backward()

    with likelihoods.without_validation():
        step()
        copies = peak_bytes(step) / (256 * x.numel() * 4)
    assert 1.9 < copies < 2.1


def peak_bytes(work: Callable[[], None]) -> int:
    """The most memory that was allocated at once beside what there was before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as traced:
        work()
    assert traced.profiler is not None
    results: Any = traced.profiler.kineto_results
    changes = [each for each in results.events() if each.name() == "[memory]"]
    changes.sort(key=lambda each: each.start_ns())
    peak: int = max(accumulate(each.nbytes() for each in changes))
    return peak


def test_mean_is_the_expected_level() -> None:
    torch.manual_seed(0)
    outputs = 3 * torch.randn(2, 3 * 256, 2, 2)
    p = outputs.view(2, 3, 256, 2, 2).transpose(1, 2).softmax(1)
    expected = (p * torch.arange(256.0).view(-1, 1, 1, 1)).sum(1) / 255
    torch.testing.assert_close(likelihoods.create("categorical", (3, 2, 2))(outputs).mean, expected)


def test_an_impossible_level_is_never_drawn() -> None:
    outputs = torch.full((1, 256, 1, 1), -1e4)
    outputs[0, [3, 250]] = 0
    samples = likelihoods.create("categorical", (1, 1, 1))(outputs).sample(torch.Size([4000]))
    assert (samples * 255).round().unique().tolist() == [3, 250]
