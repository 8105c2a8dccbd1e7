"""digits, against scikit-learn's own reading of them."""

import numpy as np
from sklearn.datasets import load_digits

import datasets


def test_every_digit_is_in_one_part_with_its_label() -> None:
    data = datasets.load("digits")
    assert data.labels is not None
    official = load_digits()
    levels = [[round(level * 255 / 16) for level in image.ravel()] for image in official.images]
    expected = {tuple(image): label for image, label in zip(levels, official.target, strict=True)}
    assert len(expected) == 1797  # no two are equal: to be in two parts is to be seen twice

    pairs: list[tuple[tuple[int, ...], int]] = []
    for split, images in (
        ("train", data.train),
        ("validation", data.validation),
        ("test", data.test),
    ):
        small = images[:, 0, 2:26:3, 2:26:3].flatten(1).tolist()
        pairs += zip(map(tuple, small), data.labels[split].tolist(), strict=True)
    assert len(pairs) == 1797
    assert dict(pairs) == expected


def test_pixels_are_repeated_and_framed() -> None:
    images = datasets.load("digits").train.numpy()
    inner = images[:, :, 2:26, 2:26]
    assert images.sum() == inner.sum()
    blocks = inner.reshape(-1, 8, 3, 8, 3)
    assert (blocks == blocks[:, :, :1, :, :1]).all()
    assert len(np.unique(images)) == 17


def test_parts() -> None:
    data = datasets.load("digits")
    assert (len(data.train), len(data.validation), len(data.test)) == (1297, 200, 300)
    assert data.shape == (1, 28, 28)
    assert data.labels is not None
    for labels in data.labels.values():  # in writers' order some part would lack balance
        assert labels.bincount(minlength=10).min() >= len(labels) * 0.06


def test_status_and_identity() -> None:
    data, status = datasets.load("digits"), datasets.status("digits")
    assert (status.train, status.validation, status.test) == (1297, 200, 300)
    assert status.present
    assert status.bytes > 0
    assert status.checksum == data.checksum
    assert status.source == data.source
    assert data.source.startswith("shipped with scikit-learn ")
    assert datasets.fetch("digits") == status
