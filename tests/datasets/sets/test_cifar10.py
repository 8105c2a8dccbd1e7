"""CIFAR-10 in its official formats, written byte for byte, and rebuilt from the package."""

import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from PIL import Image

import datasets
from datasets.core import registry
from datasets.sets.cifar10 import BATCHES, Cifar10
from tests.datasets.conftest import Fake, Pixels, entries

EACH = 4  # images a batch
Six = tuple[str, str, str, str, str, str]


def contents() -> list[tuple[Pixels, list[int]]]:
    random = np.random.default_rng(0)
    return [
        (
            random.integers(0, 256, (EACH, 3, 32, 32), dtype=np.uint8),
            random.integers(0, 10, EACH).tolist(),
        )
        for _ in BATCHES
    ]


def python2_pickle(pixels: Pixels, labels: list[int]) -> bytes:
    """One batch as the Python 2 and numpy of 2009 pickled it (protocol 2, opcode by opcode)."""
    raw = pixels.tobytes()
    return b"".join(
        [
            b"\x80\x02}(",
            b"U\x0bbatch_labelU\x15training batch 1 of 5",
            b"U\x06labels](" + b"".join(bytes([ord("K"), label]) for label in labels) + b"e",
            b"U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R",
            b"(K\x01K" + bytes([len(labels)]) + b"M\x00\x0c\x86",
            b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",
            b"\x89T" + len(raw).to_bytes(4, "little") + raw + b"tb",
            b"U\tfilenames](" + b"U\x05a.png" * len(labels) + b"e",
            b"u.",
        ]
    )


def binary(pixels: Pixels, labels: list[int]) -> bytes:
    images = zip(labels, pixels, strict=True)
    return b"".join(bytes([label]) + image.tobytes() for label, image in images)


def digests(algorithm: str, write: Callable[[Pixels, list[int]], bytes]) -> Six:
    return cast(
        Six, tuple(hashlib.new(algorithm, write(*batch)).hexdigest() for batch in contents())
    )


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Cifar10:
    """CIFAR-10 with four images a batch, under its own name."""
    registry.names()
    loader = Cifar10()
    described = {"name": "cifar10", "counts": (17, 3, 4), "checksum": None, "sources": ()}
    vars(loader).update(described, bytes=1)
    loader.md5, loader.sha1 = digests("md5", python2_pickle), digests("sha1", binary)
    monkeypatch.setitem(registry._loaders, "cifar10", loader)
    return loader


def write(folder: Path, suffix: str, form: Callable[[Pixels, list[int]], bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, batch in zip(BATCHES, contents(), strict=True):
        (folder / f"{name}{suffix}").write_bytes(form(*batch))
    return folder


@pytest.mark.filterwarnings("error")
def test_pickled_batches(small: Cifar10, tmp_path: Path) -> None:
    write(tmp_path / "cifar-10-batches-py", "", python2_pickle)
    data = datasets.load("cifar10", tmp_path)
    pixels = np.concatenate([pixels for pixels, _ in contents()])
    labels = np.concatenate([labels for _, labels in contents()])
    assert data.labels is not None
    for split, images, part in (
        ("train", data.train, slice(0, 17)),
        ("validation", data.validation, slice(17, 20)),
        ("test", data.test, slice(20, 24)),
    ):
        assert (images.numpy() == pixels[part]).all()
        assert images.is_contiguous()
        assert data.labels[split].tolist() == labels[part].tolist()


def test_binary_batches_are_the_same_data_set(small: Cifar10, tmp_path: Path) -> None:
    write(tmp_path / "one" / "cifar-10-batches-py", "", python2_pickle)
    write(tmp_path / "two" / "cifar-10-batches-bin", ".bin", binary)
    pickled, plain = (datasets.load("cifar10", tmp_path / name) for name in ("one", "two"))
    assert plain.checksum == pickled.checksum
    assert plain.labels is not None
    assert pickled.labels is not None
    assert {split: part.tolist() for split, part in plain.labels.items()} == {
        split: part.tolist() for split, part in pickled.labels.items()
    }


def test_package_is_rebuilt_into_official_batches(small: Cifar10, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name, (pixels, _) in zip(BATCHES, contents(), strict=True):
        rows = pixels.transpose(0, 2, 3, 1).reshape(EACH, 1024, 3)
        Image.fromarray(rows).save(pictures / f"{name}.png")
    labels = [label for _, batch in contents() for label in batch]
    files = {f"cifar-10-png/{path.name}": path.read_bytes() for path in pictures.iterdir()}
    files["cifar-10-png/train_lables.json"] = json.dumps(labels[:20]).encode()
    files["cifar-10-png/test_lables.json"] = json.dumps(labels[20:]).encode()
    vars(small)["sources"] = (Fake(label="package", files=files, bytes=1, members={}),)

    root = tmp_path / "root"
    data = datasets.load("cifar10", root)
    assert data.source == "package, verified by checksum"
    assert entries(root) == ["cifar-10-batches-bin"]
    for name, batch in zip(BATCHES, contents(), strict=True):
        assert (root / "cifar-10-batches-bin" / f"{name}.bin").read_bytes() == binary(*batch)


class Trap:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.trace,)


def test_unverified_pickle_is_never_opened(small: Cifar10, tmp_path: Path) -> None:
    folder = write(tmp_path / "cifar-10-batches-py", "", python2_pickle)
    trace = tmp_path / "trace"
    trap = pickle.dumps(Trap(trace))
    (folder / "data_batch_1").write_bytes(trap)
    with pytest.raises(datasets.DataError, match=r"data_batch_1 is corrupt \(md5 of its content: "):
        datasets.load("cifar10", tmp_path)
    assert not trace.exists()
    pickle.loads(trap)
    assert trace.exists()  # the trap works


@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing"])
def test_damaged_batch(damage: str, small: Cifar10, tmp_path: Path) -> None:
    folder = write(tmp_path / "cifar-10-batches-bin", ".bin", binary)
    file = folder / "data_batch_3.bin"
    content = bytearray(file.read_bytes())
    if damage == "missing":
        file.unlink()
        reason = "is not here and has no source: put data_batch_1, .* of the official cifar-10-py"
    elif damage == "truncated":
        file.write_bytes(content[:-1])
        reason = rf"^{file} is corrupt \(sha1 of its content: expected {small.sha1[2]}, found "
    else:
        content[100] ^= 1
        file.write_bytes(content)
        reason = rf"^{file} is corrupt \(sha1 of its content: expected {small.sha1[2]}, found "
    with pytest.raises(datasets.DataError, match=reason):
        datasets.load("cifar10", tmp_path)
