"""Similarity of a stochastic model's predicted videos to the recorded ones: the best of N samples.

A sample that differs from the recorded future is not wrong, since there are many futures. Denton &
Fergus (2018), "Stochastic Video Generation with a Learned Prior", section 4, arXiv:1802.07687, draw
N samples for each sequence and keep the one nearest to the truth.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

QUANTISATION_MSE = 1 / (12 * 255**2)  # variance of the rounding to 8 bits; PSNR 58.92 dB
_WINDOW = 11  # what torchmetrics and scikit-image make of a sigma of 1.5, cut at 3.5 sigma
_VALUES_AT_ONCE = 1 << 18  # about 15 MB in float32, whatever the number of sequences


@dataclass(frozen=True)
class VideoSimilarity:
    """Similarity of the best of N samples to the truth, means over sequences."""

    ssim: float  # mean over frames too, of the samples chosen by SSIM; no unit, at most 1
    psnr_db: float  # the same of the samples chosen by PSNR; dB, at most 58.92
    ssim_by_frame: tuple[float, ...]  # (F,); its mean is `ssim`
    psnr_db_by_frame: tuple[float, ...]  # (F,); its mean is `psnr_db`
    samples: int  # N, of each sequence; both similarities rise with it
    sequences: int  # S


class BestOfSamples:
    """Best-of-N similarity of sequences that come in batches, each with all of its N samples.

    For each sequence, two samples are chosen: that with the highest SSIM and that with the highest
    PSNR, each as a mean over frames. A sequence is chosen whole, never frame by frame.

    - SSIM: Wang et al. (2004), IEEE Trans. Image Processing 13, equation 13: Gaussian window of
      11x11 with sigma 1.5, K1 = 0.01, K2 = 0.03, data range 1. Mean over the windows that lie
      inside the frame, as there and in scikit-image, and over channels.
    - PSNR: -10 log10 MSE, with the MSE over channels and pixels of a frame, but no less than
      `QUANTISATION_MSE`: an exact frame has 58.92 dB, not infinity. The truth is itself rounded
      to 8 bits, so a smaller error means nothing.

    Memory holds one sample at a time, if samples come from a generator. Frames are compared on the
    device of the sample.

    Example:
        >>> import torch
        >>> from bench.metrics.video import BestOfSamples
        >>> truth = torch.zeros(1, 2, 1, 16, 16, dtype=torch.uint8)
        >>> samples = (truth + level for level in (100, 0))  # the second is exact
        >>> result = BestOfSamples().update(truth, samples).result()
        >>> round(result.ssim, 4), round(result.psnr_db, 2)
        (1.0, 58.92)
    """

    def __init__(self) -> None:
        self._best: list[Tensor] = []  # (2, S, F): SSIM, PSNR
        self._samples = 0

    def update(self, truth: Tensor, samples: Iterable[Tensor]) -> Self:
        """Add S sequences.

        Args:
            truth: (S, F, C, H, W) uint8, H and W at least 11.
            samples: N tensors like `truth`, one future of each sequence in each; float in [0, 1],
                or uint8. A tensor (N, S, F, C, H, W) or a generator will do.

        Raises:
            ValueError: shape or type is not that, a value is NaN or outside [0, 1], there is no
                sequence or no sample, or F or N are not those of earlier sequences. Nothing was
                added then.
        """
        _check_truth(truth)
        if self._best and truth.shape[1] != (frames := self._best[0].shape[2]):
            raise ValueError(f"sequences have {truth.shape[1]} frames, earlier {frames}")
        best, count = torch.empty(0), 0
        for sample in samples:
            _check_sample(sample, truth)
            curves = _curves(truth, sample)
            best = _better(best, curves) if count else curves
            count += 1
        if count == 0:
            raise ValueError("the best of 0 samples does not exist; give at least 1")
        if self._samples not in (0, count):
            raise ValueError(f"{count} samples of each sequence, earlier {self._samples}")
        self._best.append(best)
        self._samples = count
        return self

    def result(self) -> VideoSimilarity:
        """Return the means over all sequences added so far; a ValueError if there are none."""
        if not self._best:
            raise ValueError("no sequence was added")
        ssim, psnr = torch.cat(self._best, dim=1)
        return VideoSimilarity(
            ssim=float(ssim.mean()),
            psnr_db=float(psnr.mean()),
            ssim_by_frame=tuple(ssim.mean(0).tolist()),
            psnr_db_by_frame=tuple(psnr.mean(0).tolist()),
            samples=self._samples,
            sequences=len(ssim),
        )


def _check_truth(truth: Tensor) -> None:
    if truth.ndim != 5 or truth.dtype != torch.uint8:
        raise ValueError(
            f"truth must be uint8 (S, F, C, H, W), not {truth.dtype} {tuple(truth.shape)}"
        )
    if truth.numel() == 0:
        raise ValueError(f"truth has nothing in it: {tuple(truth.shape)}")
    if min(truth.shape[-2:]) < _WINDOW:
        height, width = truth.shape[-2:]
        raise ValueError(f"frames are {height}x{width}, SSIM needs at least {_WINDOW}x{_WINDOW}")


def _check_sample(sample: Tensor, truth: Tensor) -> None:
    if sample.shape != truth.shape:
        shapes = f"{tuple(sample.shape)}, the truth {tuple(truth.shape)}"
        raise ValueError(f"a sample has shape {shapes}: they must be equal")
    if sample.dtype == torch.uint8:
        return
    if not sample.is_floating_point():
        raise ValueError(f"a sample must be uint8 or float in [0, 1], not {sample.dtype}")
    low, high = (float(value) for value in sample.aminmax())
    if not (low >= 0 and high <= 1):  # also NaN
        raise ValueError(f"float frames must lie in [0, 1], not in [{low:g}, {high:g}]")


def _better(best: Tensor, curves: Tensor) -> Tensor:
    """Return, for each measure and sequence, the curve of the greater mean; both (2, S, F)."""
    return torch.where(curves.mean(2, keepdim=True) > best.mean(2, keepdim=True), curves, best)


@torch.no_grad()
def _curves(truth: Tensor, sample: Tensor) -> Tensor:
    """Return SSIM and PSNR in dB of each frame, (2, S, F) in float64 on the CPU."""
    frames = max(1, _VALUES_AT_ONCE // truth[0, 0].numel())
    ssim, mse = [], []
    blocks = (videos.flatten(0, 1).split(frames) for videos in (truth, sample))
    for a, b in zip(*blocks, strict=True):
        # CUDA convolutions may round float32 to TF32, an error as large as SSIM's constants.
        dtype = torch.float64 if sample.is_cuda else torch.float32
        x, y = _unit(a, sample.device, dtype), _unit(b, sample.device, dtype)
        ssim.append(_ssim(x, y).cpu())
        mse.append((x - y).square().mean((1, 2, 3), dtype=torch.float64).cpu())
    psnr = -10 * torch.cat(mse).clamp(min=QUANTISATION_MSE).log10()
    curves: Tensor = torch.stack([torch.cat(ssim), psnr]).unflatten(1, truth.shape[:2])
    return curves


def _unit(frames: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    values = frames.to(device, dtype)
    return values if frames.is_floating_point() else values / 255


def _ssim(x: Tensor, y: Tensor) -> Tensor:
    """Return the SSIM of each frame, (B,) float64, from (B, C, H, W) in [0, 1]."""
    # Imported here because it takes longer than torch.
    from torchmetrics.functional.image import (  # noqa: PLC0415
        structural_similarity_index_measure,
    )

    # All planes become channels of one image, which is ten times as fast on a CPU, where a
    # convolution of a single channel is slow.
    _, similarity = structural_similarity_index_measure(
        x.flatten(0, 1)[None],
        y.flatten(0, 1)[None],
        sigma=1.5,
        data_range=1.0,
        reduction="none",
        return_full_image=True,
    )
    # torchmetrics averages windows over the mirrored border too; these leave it out.
    edge = _WINDOW // 2
    inside = similarity[0, :, edge:-edge, edge:-edge].mean((1, 2), dtype=torch.float64)
    return inside.view(x.shape[:2]).mean(1)
