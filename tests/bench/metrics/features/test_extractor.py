import pytest
import torch
from torch import Tensor, nn

from bench.metrics.features import (
    Description,
    FeatureExtractor,
    extractor,
    names,
)
from bench.metrics.features.base import fingerprint


class Mean(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        assert not torch.is_grad_enabled()
        return images.mean((2, 3))


def mean_extractor() -> FeatureExtractor:
    return FeatureExtractor(
        description=Description(
            name="mean",
            column="fd_mean",
            heading="FD-mean",
            kernel_column="kd_mean",
            kernel_heading="KD-mean",
            headline="kernel",
            protocol="mean colour.",
        ),
        dimensions=3,
        fingerprint="0",
        batch_size=2,
        network=Mean(),
        device=torch.device("cpu"),
    )


@pytest.mark.parametrize("batch_size", [None, 1, 5, 100])
def test_images_are_batched_and_scaled(batch_size: int | None) -> None:
    images = torch.arange(5 * 3 * 4, dtype=torch.uint8).reshape(5, 3, 2, 2)
    features = mean_extractor()(images, batch_size=batch_size)
    assert features.dtype == torch.float32
    torch.testing.assert_close(features, (images / 255).mean((2, 3)))


def test_gray_is_repeated_to_rgb() -> None:
    images = torch.tensor([0, 51, 102], dtype=torch.uint8).reshape(3, 1, 1, 1)
    expected = torch.tensor([0, 0.2, 0.4])[:, None].expand(3, 3)
    torch.testing.assert_close(mean_extractor()(images), expected)


def test_no_images_have_no_features() -> None:
    assert mean_extractor()(torch.empty(0, 1, 8, 8, dtype=torch.uint8)).shape == (0, 3)


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(2, 3, 8, 8),
        torch.zeros(2, 2, 8, 8, dtype=torch.uint8),
        torch.zeros(3, 8, 8, dtype=torch.uint8),
    ],
)
def test_other_images_are_rejected(images: Tensor) -> None:
    with pytest.raises(ValueError, match="uint8"):
        mean_extractor()(images)


def test_unknown_name_lists_the_known() -> None:
    assert {"inception", "inception_75"} <= set(names())
    with pytest.raises(ValueError, match="'vgg'; there are inception, inception_75"):
        extractor("vgg")


def test_fingerprint_sees_one_bit_and_the_version() -> None:
    weights = torch.ones(3, 3)
    changed = weights.clone()
    changed[1, 1] = torch.nextafter(changed[1, 1], torch.tensor(2.0))
    prints = {
        fingerprint("a 1", [weights]),
        fingerprint("a 1", [changed]),
        fingerprint("a 2", [weights]),
    }
    assert len(prints) == 3
    channels_last = torch.rand(2, 3, 4, 4).to(memory_format=torch.channels_last)
    assert fingerprint("a", [channels_last]) == fingerprint("a", [channels_last.contiguous()])
