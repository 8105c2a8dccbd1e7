import math
import subprocess
import sys
import weakref
from collections.abc import Iterable, Iterator

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from bench import CHECKOUT
from bench.metrics.video import BestOfSamples, VideoSimilarity

CAP_DB = 10 * math.log10(12 * 255**2)


def best_of_samples(truth: Tensor, samples: Iterable[Tensor]) -> VideoSimilarity:
    return BestOfSamples().update(truth, samples).result()


def videos(sequences: int, frames: int, shape: tuple[int, int, int], seed: int = 0) -> Tensor:
    """Smooth pictures with some grain, uint8: flat and busy places, as in photographs."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(sequences * frames, shape[0], 4, 4, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, shape[1:], mode="bicubic")
    grain = 0.05 * torch.randn(smooth.shape, generator=generator) * (smooth > 0.5)
    levels = ((smooth + grain).clamp(0, 1) * 255).round().to(torch.uint8)
    return levels.view(sequences, frames, *shape)


def noisy(truth: Tensor, scale: float, seed: int = 0) -> Tensor:
    noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(seed))
    return (truth / 255 + scale * noise).clamp(0, 1)


def shifted(truth: Tensor, levels: Tensor | int) -> Tensor:
    return (truth.int() + levels).clamp(0, 255).to(torch.uint8)


def skimage_ssim(truth: Tensor, sample: Tensor) -> np.ndarray:
    """SSIM of each frame, (S, F), in float64."""
    pairs = zip(truth.flatten(0, 1), sample.flatten(0, 1), strict=True)
    values = [
        structural_similarity(  # type: ignore[no-untyped-call]
            a.double().numpy() / 255,
            b.double().numpy(),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=1,
            channel_axis=0,
        )
        for a, b in pairs
    ]
    return np.array(values).reshape(truth.shape[:2])


def test_identical_videos_have_ssim_one_and_the_cap() -> None:
    truth = videos(3, 4, (1, 32, 32))
    for sample in (truth, truth / 255):
        result = best_of_samples(truth, [sample])
        assert result.ssim == pytest.approx(1, abs=1e-6)
        assert result.psnr_db == pytest.approx(CAP_DB, rel=1e-12)
        assert result.psnr_db_by_frame == pytest.approx([CAP_DB] * 4, rel=1e-12)
        assert (result.samples, result.sequences) == (1, 3)


@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 17, 23), (3, 11, 11)])
def test_equals_scikit_image(shape: tuple[int, int, int]) -> None:
    truth = videos(2, 5, shape)
    for scale in (0.003, 0.1, 0.6):
        sample = noisy(truth, scale)
        result = best_of_samples(truth, [sample])
        ssim = skimage_ssim(truth, sample)
        assert result.ssim_by_frame == pytest.approx(ssim.mean(0), abs=2e-5)
        assert result.ssim == pytest.approx(ssim.mean(), abs=2e-5)
        pairs = zip(truth.flatten(0, 1), sample.flatten(0, 1), strict=True)
        psnr = np.array(
            [
                peak_signal_noise_ratio(  # type: ignore[no-untyped-call]
                    a.double().numpy() / 255, b.double().numpy(), data_range=1
                )
                for a, b in pairs
            ]
        )
        assert result.psnr_db_by_frame == pytest.approx(psnr.reshape(2, 5).mean(0), rel=1e-5)


def test_psnr_of_a_known_error() -> None:
    truth = torch.full((1, 2, 3, 16, 16), 100, dtype=torch.uint8)
    off = shifted(truth, torch.tensor([10, 40]).view(1, 2, 1, 1, 1))
    expected = [20 * math.log10(255 / 10), 20 * math.log10(255 / 40)]
    result = best_of_samples(truth, [off])
    assert result.psnr_db_by_frame == pytest.approx(expected, rel=1e-6)
    assert result.psnr_db == pytest.approx(sum(expected) / 2, rel=1e-6)
    one_channel = truth.clone()
    one_channel[:, :, 1] += 10  # a third of the values
    expected_third = 10 * math.log10(3 * 255**2 / 100)
    assert best_of_samples(truth, [one_channel]).psnr_db == pytest.approx(expected_third, rel=1e-6)


def test_psnr_of_less_than_rounding_is_the_cap() -> None:
    truth = torch.full((1, 1, 1, 16, 16), 100, dtype=torch.uint8)
    inside, outside = (truth / 255 + step / 255 for step in (0.28, 0.30))  # 1/sqrt(12) = 0.289
    assert best_of_samples(truth, [inside]).psnr_db == pytest.approx(CAP_DB, rel=1e-12)
    expected = 20 * math.log10(255 / 0.30)
    assert best_of_samples(truth, [outside]).psnr_db == pytest.approx(expected, abs=1e-3)


def test_ssim_of_flat_frames_in_closed_form() -> None:
    # No structure: only the luminance term (2 a b + c1) / (a^2 + b^2 + c1) remains.
    truth = torch.full((1, 1, 1, 16, 16), 51, dtype=torch.uint8)
    result = best_of_samples(truth, [torch.full(truth.shape, 0.6)])
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert result.ssim == pytest.approx(expected, abs=1e-4)


def test_best_is_monotone_in_the_number_of_samples() -> None:
    truth = videos(4, 3, (1, 16, 16))
    samples = torch.stack([noisy(truth, 0.2, seed) for seed in range(6)])
    results = [best_of_samples(truth, samples[: count + 1]) for count in range(6)]
    for measure in ("ssim", "psnr_db"):
        values = [getattr(result, measure) for result in results]
        assert values == sorted(values)
        assert values[-1] > values[0]
    assert [result.samples for result in results] == [1, 2, 3, 4, 5, 6]


def test_a_sample_is_chosen_by_its_whole_sequence() -> None:
    truth = torch.full((1, 2, 1, 16, 16), 100, dtype=torch.uint8)
    # One is the better at frame 0, the other at frame 1 and on average: 8 and 8 against 4 and 64.
    early = shifted(truth, torch.tensor([4, 64]).view(1, 2, 1, 1, 1))
    even = shifted(truth, 8)
    for order in ([early, even], [even, early]):
        result = best_of_samples(truth, order)
        assert result.psnr_db_by_frame == pytest.approx([20 * math.log10(255 / 8)] * 2, rel=1e-6)
        assert result.ssim == best_of_samples(truth, [even]).ssim


def test_every_sequence_has_its_own_best_sample() -> None:
    truth = videos(2, 3, (1, 16, 16))
    bad = noisy(truth, 0.3)
    first_good, second_good = bad.clone(), bad.clone()
    first_good[0] = truth[0] / 255
    second_good[1] = truth[1] / 255
    result = best_of_samples(truth, [first_good, second_good])
    assert result.ssim == pytest.approx(1, abs=1e-6)
    assert result.psnr_db == pytest.approx(CAP_DB, rel=1e-12)
    assert best_of_samples(truth, [first_good]).ssim < 0.9


def test_ssim_and_psnr_choose_for_themselves() -> None:
    truth = videos(1, 2, (1, 32, 32)).clamp(60, 180)
    bright = shifted(truth, 40)  # structure kept, large error
    blurred = truth.clone()
    blurred[:] = truth.double().mean((3, 4), keepdim=True).to(torch.uint8)  # no structure
    blurred = (0.7 * blurred + 0.3 * truth).to(torch.uint8)
    ssim_winner, psnr_winner = (best_of_samples(truth, [one]) for one in (bright, blurred))
    assert ssim_winner.ssim > psnr_winner.ssim + 0.05
    assert psnr_winner.psnr_db > ssim_winner.psnr_db + 1
    both = best_of_samples(truth, [bright, blurred])
    assert both.ssim_by_frame == ssim_winner.ssim_by_frame
    assert both.psnr_db_by_frame == psnr_winner.psnr_db_by_frame


def test_batches_chunks_and_containers_do_not_change_the_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truth = videos(5, 3, (3, 16, 16))
    samples = torch.stack([noisy(truth, 0.1, seed) for seed in range(3)])
    whole = best_of_samples(truth, samples)
    monkeypatch.setattr(sys.modules["bench.metrics.video"], "_VALUES_AT_ONCE", 2 * 3 * 16 * 16)
    parts = BestOfSamples()
    for rows in (slice(0, 2), slice(2, 5)):
        parts.update(truth[rows], (sample[rows] for sample in samples))
    result = parts.result()
    assert result.ssim_by_frame == pytest.approx(whole.ssim_by_frame, rel=1e-6)
    assert result.psnr_db_by_frame == pytest.approx(whole.psnr_db_by_frame, rel=1e-6)
    assert (result.samples, result.sequences) == (whole.samples, whole.sequences) == (3, 5)


def test_memory_holds_one_sample_at_a_time() -> None:
    truth = videos(2, 2, (1, 16, 16))
    drawn: list[weakref.ref[Tensor]] = []

    def draw() -> Iterator[Tensor]:
        for seed in range(4):
            assert sum(sample() is not None for sample in drawn) <= 1  # the one just compared
            sample = noisy(truth, 0.1, seed)
            drawn.append(weakref.ref(sample))
            yield sample
            del sample

    assert best_of_samples(truth, draw()).samples == len(drawn) == 4


TRUTH = videos(2, 3, (1, 16, 16))


@pytest.mark.parametrize(
    ("truth", "sample", "message"),
    [
        (TRUTH[0], TRUTH[0], r"uint8 \(S, F, C, H, W\), not torch.uint8 \(3, 1, 16, 16\)"),
        (TRUTH / 255, TRUTH, "not torch.float32"),
        (TRUTH[:0], TRUTH[:0], "nothing in it"),
        (TRUTH[..., :10], TRUTH[..., :10], "16x10, SSIM needs at least 11x11"),
        (TRUTH, TRUTH[:, :2], r"\(2, 2, 1, 16, 16\), the truth \(2, 3, 1, 16, 16\)"),
        (TRUTH, TRUTH[:1], "must be equal"),
        (TRUTH, TRUTH.int(), r"uint8 or float in \[0, 1\], not torch.int32"),
        (TRUTH, TRUTH.float(), r"in \[0, 1\], not in \[\d+, \d+\]"),
        (TRUTH, TRUTH / 255 - 1, "not in"),
        (TRUTH, torch.full(TRUTH.shape, math.nan), "nan"),
    ],
)
def test_rejects_what_is_not_a_video(truth: Tensor, sample: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        best_of_samples(truth, [sample])


def test_rejects_no_samples_and_unlike_batches() -> None:
    with pytest.raises(ValueError, match="best of 0 samples"):
        best_of_samples(TRUTH, [])
    with pytest.raises(ValueError, match="no sequence"):
        BestOfSamples().result()
    seen = BestOfSamples().update(TRUTH, [TRUTH])
    before = seen.result()
    with pytest.raises(ValueError, match="2 samples of each sequence, earlier 1"):
        seen.update(TRUTH, [TRUTH, TRUTH])
    with pytest.raises(ValueError, match="2 frames, earlier 3"):
        seen.update(TRUTH[:, :2], [TRUTH[:, :2]])
    assert seen.result() == before


def test_torchmetrics_is_imported_when_wanted() -> None:
    code = "import bench.metrics.video, sys; print('torchmetrics' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
