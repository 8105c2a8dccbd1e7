"""Folders of pictures and .npz files that a user brings, and what is wrong with some."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import datasets
from datasets import DataError
from datasets.core import registry
from datasets.own import base


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test adds is gone after it."""
    registry.names()
    monkeypatch.setattr(registry, "_loaders", dict(registry._loaders))


def picture(file: Path, shade: int = 0, mode: str = "RGB", size: tuple[int, int] = (12, 8)) -> None:
    """A picture of one shade, `size` wide and high."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, shade if mode in "LI;16" else (shade,) * len(mode)).save(file)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "holiday photos (1)"
    for number in range(30):
        picture(folder / "sea" / "far" / f"{number}.png", number)
    return folder


def test_a_folder_at_any_depth(photos: Path) -> None:
    picture(photos / "UPPER.JPEG", 200)
    picture(photos / ".hidden" / "not.png")
    picture(photos / ".hidden.png")
    (photos / "notes.txt").write_text("none")
    name = datasets.add(photos)
    assert name == "holiday_photos_1"
    data = datasets.load(name)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [22, 3, 6]
    assert data.shape == (3, 32, 32)
    assert data.labels is None
    shades = sorted(
        int(image[0, 0, 0]) for part in (data.train, data.validation, data.test) for image in part
    )
    assert shades == [*range(30), 200]
    assert data.description == (
        "holiday_photos_1: 31 PNG and JPEG files, 8x12 pixels: the largest central part of that "
        "shape, resized to 32x32 by Pillow's bilinear filter; split by a hash of the file names; "
        "no class folders, so no labels."
    )


def test_parts_depend_on_names_alone(photos: Path, tmp_path: Path) -> None:
    first = datasets.load(datasets.add(photos))
    copy = tmp_path / "elsewhere" / photos.name
    shutil.copytree(photos, copy)
    registry._loaders.pop("holiday_photos_1")
    second = datasets.load(datasets.add(copy))
    assert first.checksum == second.checksum


def test_it_is_decoded_once(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = datasets.load(datasets.add(photos))
    with monkeypatch.context() as patch:
        patch.setattr(Image, "open", lambda file: pytest.fail("opened again"))
        again = datasets.load(datasets.add(photos))
    assert (again.checksum, again.description) == (first.checksum, first.description)
    changed = photos / "sea" / "far" / "3.png"
    picture(changed, 77)
    os.utime(changed, ns=(1, 1))
    assert datasets.load(datasets.add(photos)).checksum != first.checksum
    assert datasets.load(datasets.add(photos, (16, 8))).shape == (3, 16, 8)


def test_crop_and_size(tmp_path: Path) -> None:
    wide = Image.fromarray(np.repeat([[0, 90, 90, 255]], 2, axis=0).astype(np.uint8))
    folder = tmp_path / "wide"
    folder.mkdir()
    for number in range(20):
        wide.save(folder / f"{number}.png")
    cut = datasets.load(datasets.add(folder, (2, 2)))
    assert cut.train[0].tolist() == [[[90, 90], [90, 90]]]
    whole = datasets.load(datasets.add(folder, (2, 4), "none"))
    assert whole.train[0].tolist() == [[[0, 90, 90, 255]] * 2]


def test_given_parts_and_classes(tmp_path: Path) -> None:
    folder = tmp_path / "zoo"
    for part, count in (("train", 4), ("validation", 2), ("test", 3)):
        for number in range(count):
            picture(folder / part / ("cat", "dog")[number % 2] / f"{number}.png", 9, "L")
    data = datasets.load(datasets.add(folder))
    assert [len(part) for part in (data.train, data.validation, data.test)] == [4, 2, 3]
    assert data.shape == (1, 32, 32)
    assert data.labels is not None
    assert [part.tolist() for part in data.labels.values()] == [[0, 0, 1, 1], [0, 1], [0, 0, 1]]
    assert "split by its folders; 2 class folders." in data.description
    picture(folder / "test" / "emu" / "0.png", 9, "L")
    assert datasets.load(datasets.add(folder)).labels is None, "a class that is not trained"


def test_mixed_modes_and_sizes_are_told(photos: Path) -> None:
    picture(photos / "grey.png", 5, "L", (100, 50))
    picture(photos / "clear.png", 5, "RGBA", (3, 3))
    description = datasets.load(datasets.add(photos)).description
    assert "32 PNG and JPEG files, 3x3 to 50x100 pixels" in description
    assert "1 are grey and are read as colour; transparency is left out" in description


def test_names_of_others_are_not_taken(photos: Path, tmp_path: Path) -> None:
    built_in = tmp_path / "digits"
    shutil.copytree(photos, built_in)
    assert datasets.add(built_in) == "my_digits"
    datasets.add(photos)
    twin = tmp_path / "twin" / photos.name
    shutil.copytree(photos, twin)
    with pytest.raises(DataError, match=r"would be called 'holiday_photos_1', as .* is: rename"):
        datasets.add(twin)
    odd = tmp_path / "|*_ä b_*"
    shutil.copytree(photos, odd)
    assert datasets.add(odd) == "ä_b"


def broken(folder: Path, how: str) -> None:
    """Spoil a folder of thirty good pictures."""
    if how == "truncated":
        file = folder / "sea" / "far" / "0.png"
        Image.effect_noise((64, 64), 50).save(file)
        file.write_bytes(file.read_bytes()[:900])
    elif how == "no picture":
        (folder / "x.jpg").write_text("not a picture")
    elif how == "deep":
        picture(folder / "deep.png", 700, "I;16")
    elif how == "half given":
        picture(folder / "train" / "a.png")
    elif how == "beside":
        for part in ("train", "validation", "test"):
            picture(folder / part / "a.png")
            picture(folder / part / "b.png")
    else:
        shutil.rmtree(folder / "sea")
        if how == "one":
            picture(folder / "a.png")
        elif how == "small part":
            for part in ("train", "validation", "test"):
                picture(folder / part / "a.png")
        elif how == "others":
            (folder / "a.webp").touch()
        elif how == "nested empty":
            (folder / "in" / "in").mkdir(parents=True)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("truncated", r"far/0\.png is no picture that can be read \(.*\); delete it and give the"),
        ("no picture", r"x\.jpg is no picture that can be read \(it is damaged, or of another"),
        ("deep", r"deep\.png has more than 256 levels \(mode I;16\): 8-bit pictures are needed"),
        ("half given", r"has train/ and no validation/: train/, validation/ and test/ are given"),
        ("beside", r"0\.png is in none of train/, validation/ and test/ of "),
        ("small part", r"train has 1 PNG or JPEG: at least 2 are needed"),
        ("one", r"has 1 PNG or JPEG: at least 20 are needed"),
        ("others", r"holds no PNG or JPEG at any depth, only \.webp"),
        ("empty", r"holds no PNG or JPEG at any depth, and no other file"),
        ("nested empty", r"holds no PNG or JPEG at any depth, and no other file"),
    ],
)
def test_bad_folders_are_told_in_one_line(photos: Path, how: str, message: str) -> None:
    broken(photos, how)
    with pytest.raises(DataError, match=message) as caught:
        datasets.load(datasets.add(photos))
    assert "\n" not in str(caught.value)


def test_arrays(tmp_path: Path) -> None:
    levels = np.arange(40, dtype=np.uint8).repeat(16).reshape(40, 4, 4)
    np.savez(tmp_path / "a.npz", images=levels, labels=np.arange(40) % 3)
    data = datasets.load(datasets.add(tmp_path / "a.npz"))
    assert (data.name, data.shape) == ("a", (1, 4, 4))
    assert [len(part) for part in (data.train, data.validation, data.test)] == [28, 4, 8]
    assert data.labels is not None
    assert torch_equal(data.train[:, 0, 0, 0] % 3, data.labels["train"])
    colour = np.stack([levels, levels + 1, levels + 2], axis=3)
    parts: Any = {"train": colour[:30], "validation": colour[30:34], "test": colour[34:]}
    np.savez_compressed(tmp_path / "b.npz", **parts)
    data = datasets.load(datasets.add(tmp_path / "b.npz"))
    assert data.train[7, :, 0, 0].tolist() == [7, 8, 9]
    assert data.labels is None
    assert datasets.load(datasets.add(tmp_path / "b.npz", (8, 8))).shape == (3, 8, 8)


def torch_equal(one: Any, other: Any) -> bool:
    return bool((one == other).all())


GOOD = np.zeros((30, 4, 4), np.uint8)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, r"has the keys none: `images`, or `train`, `validation` and `test` are needed"),
        ({"x": GOOD, "train": GOOD}, r"has the keys x, train: `images`, or"),
        ({"images": GOOD / 2}, r"`images` is float64: uint8, grey levels 0 to 255, is needed"),
        ({"images": GOOD[0]}, r"`images` has the shape \(4, 4\): \(N, H, W\), "),
        ({"images": GOOD.reshape(10, 3, 4, 4)}, r"has the shape \(10, 3, 4, 4\): \(N, H, W\), "),
        ({"images": GOOD[:1]}, r"`images` has 1 images: at least 20 are needed"),
        (
            {"images": GOOD, "labels": np.zeros(29, int)},
            r"labels of `images` are int64 \(29,\): 30",
        ),
        (
            {"images": GOOD, "labels": np.zeros(30)},
            r"labels of `images` are float64 .*integers are",
        ),
        (
            {"train": GOOD, "validation": GOOD[:, :2], "test": GOOD},
            r"train, validation and test differ in the shape of images",
        ),
        ({"images": np.array([{}])}, r"is no \.npz of numbers"),
    ],
)
def test_bad_arrays_are_told_in_one_line(
    tmp_path: Path, content: dict[str, Any], message: str
) -> None:
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(DataError, match=message) as caught:
        datasets.add(tmp_path / "a.npz")
    assert "\n" not in str(caught.value)


def test_what_is_no_data_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_text("text")
    with pytest.raises(DataError, match=r"a\.npz is no \.npz of numbers"):
        datasets.add(tmp_path / "a.npz")
    with pytest.raises(DataError, match=r"b is neither a folder nor a file FILE\.npz"):
        datasets.add(tmp_path / "b")
    with pytest.raises(DataError, match=r"crop 'left' is not one of: centre, none"):
        datasets.add(tmp_path, crop="left")
    with pytest.raises(DataError, match="size 0x4 is not of positive numbers"):
        datasets.add(tmp_path, (0, 4))


def test_parts_are_of_the_stated_sizes() -> None:
    assert [base.counts(total) for total in (20, 300)] == [(14, 2, 4), (210, 30, 60)]
