"""patches, against the photographs and against each other."""

import numpy as np
import pytest
from sklearn.datasets import load_sample_images

import datasets
from datasets.formats import shipped
from datasets.sets import patches

PARTS = ("train", "validation", "test")


def test_no_pixel_is_shared() -> None:
    uses = np.zeros((len(PARTS), 2, 427, 640), dtype=bool)
    for index, part in enumerate(PARTS):
        for photograph, top, left in patches.corners(part):
            assert top + 32 <= 427
            assert left + 32 <= 640
            uses[index, photograph, top : top + 32, left : left + 32] = True
    assert uses.sum(axis=0).max() == 1
    assert uses.any(axis=(2, 3)).all()  # each part sees both photographs


def test_patches_are_what_the_photographs_show() -> None:
    data, photographs = datasets.load("patches"), load_sample_images().images
    for part, images in zip(PARTS, (data.train, data.validation, data.test), strict=True):
        places = patches.corners(part)
        assert len(places) == len(set(places)) == len(images)
        for (photograph, top, left), image in zip(places, images.numpy(), strict=True):
            shown = photographs[photograph][top : top + 32, left : left + 32]
            assert (image == shown.transpose(2, 0, 1)).all()


def test_parts() -> None:
    data, status = datasets.load("patches"), datasets.status("patches")
    for images, count in (
        (data.train, status.train),
        (data.validation, status.validation),
        (data.test, status.test),
    ):
        assert images.shape == (count, 3, 32, 32)
        assert images.is_contiguous()
    assert (status.train, status.validation, status.test) == (11_520, 1_280, 2_240)
    assert data.labels is None
    assert status.shape == data.shape == (3, 32, 32)
    assert status.checksum is None


def test_order_is_mixed_and_fixed() -> None:
    places = patches.corners("train")
    assert places == patches.corners("train")
    first = [photograph for photograph, _, _ in places[:1000]]
    assert 400 < sum(first) < 600
    assert places[:3] == [(1, 95, 95), (0, 260, 35), (0, 30, 320)]
    assert datasets.load("patches").checksum == datasets.load("patches").checksum


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "find_spec", lambda _: None)
    assert not datasets.status("patches").present
    with pytest.raises(datasets.DataError, match="install scikit-learn, which ships it"):
        datasets.load("patches")
