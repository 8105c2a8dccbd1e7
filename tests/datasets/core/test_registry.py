"""names, status and load: what users see, whatever the data set."""

import shutil
import socket
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import datasets
from datasets.core import checksums, registry, storage
from tests.datasets.conftest import COUNTS, Tiny, entries, good


def test_names() -> None:
    assert datasets.names() == [
        "bair",
        "celeba",
        "cifar10",
        "digits",
        "dsprites",
        "fashion_mnist",
        "mnist",
        "moving_digits",
        "patches",
        "svhn",
    ]


@pytest.mark.parametrize("verb", [datasets.load, datasets.status, datasets.fetch])
def test_unknown_name_is_answered_with_the_nearest(verb: object) -> None:
    assert callable(verb)
    with pytest.raises(
        datasets.DataError, match=r"'minst': allowed are .*patches.*; did you mean 'm"
    ):
        verb("minst")
    with pytest.raises(
        datasets.DataError, match=r"unknown data set 'x': allowed are [a-z0-9_, ]+$"
    ):
        verb("x")


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="'mnist' is registered twice"):
        datasets.register("mnist")(type(registry._loaders["digits"]))


def test_a_data_set_is_one_file(tmp_path: Path) -> None:
    package = Path(datasets.__file__).parent
    shutil.copytree(package, tmp_path / "datasets")
    (tmp_path / "datasets" / "sets" / "another.py").write_text(
        "from datasets import register\n"
        "from datasets.sets.mnist import Mnist\n"
        "register('another')(Mnist)\n"
    )
    code = "import datasets, sys; print(datasets.names()[0], 'torch' in sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["another", "False"]  # and telling names takes no torch


def test_load(tiny: Tiny, local: Path) -> None:
    tiny()
    data = datasets.load("tiny", local)
    assert (data.name, data.shape, data.description) == ("tiny", (1, 4, 3), "tiny")
    assert data.source == "local files, verified by checksum on load"
    assert data.labels is not None
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    for (split, images), count in zip(parts.items(), COUNTS, strict=True):
        assert images.shape == (count, 1, 4, 3)
        assert images.dtype == torch.uint8
        assert images.is_contiguous()
        assert data.labels[split].dtype == torch.int64
    labels = [data.labels[split].tolist() for split in parts]
    assert labels == [[0, 1, 2, 3, 4], [5, 6], [0, 1, 2]]
    assert str(local) not in repr(data)


def test_load_is_deterministic_and_its_checksum_is_of_the_content(tiny: Tiny, local: Path) -> None:
    loader = tiny()
    first, second = (datasets.load("tiny", local) for _ in range(2))
    assert first.checksum == second.checksum
    assert torch.equal(first.train, second.train)
    loader.counts = (6, 1, 3)  # another split of the same files is another data set
    assert datasets.load("tiny", local).checksum != first.checksum


def test_checksum_recorded_must_hold(tiny: Tiny, local: Path) -> None:
    tiny().checksum = "0" * 64
    with pytest.raises(
        datasets.DataError, match=r"differently here .* expected 000.*, found [0-9a-f]"
    ):
        datasets.load("tiny", local)


def test_missing_says_what_to_do(tiny: Tiny, tmp_path: Path) -> None:
    tiny(good())
    with pytest.raises(datasets.DataError) as raised:
        datasets.load("tiny", tmp_path, download=False)
    message = str(raised.value)
    assert "`python -m bench data fetch tiny`" in message
    assert "train-images-idx3-ubyte, " in message
    assert message.endswith(f"into {tmp_path}/TINY/raw")
    assert "\n" not in message
    assert entries(tmp_path) == []


def test_a_folder_that_is_only_read_stays_as_it_is(tiny: Tiny, local: Path) -> None:
    tiny(good())
    before = sorted(local.rglob("*"))
    datasets.load("tiny", local)
    assert sorted(local.rglob("*")) == before


def test_status_before_and_after(tiny: Tiny, tmp_path: Path) -> None:
    tiny(good("first"), good("second"))
    before = datasets.status("tiny", tmp_path)
    assert (before.present, before.bytes, before.source) == (False, 200, "first, then second")
    assert (before.train, before.validation, before.test) == COUNTS
    assert (before.shape, before.checksum) == ((1, 4, 3), None)
    after = datasets.fetch("tiny", tmp_path)
    assert after == datasets.status("tiny", tmp_path)
    assert after.present
    assert after.bytes == 7 * 12 + 3 * 12 + 2 * 16 + 7 + 3 + 2 * 8
    assert after.path == before.path == tmp_path / "TINY" / "raw"
    assert after.source == "first, verified by checksum"


def test_status_without_sources(tiny: Tiny, tmp_path: Path) -> None:
    tiny()
    assert datasets.status("tiny", tmp_path).source == "no source, to be put there by hand"
    with pytest.raises(datasets.DataError, match="tiny is not here and has no source: put train-"):
        datasets.fetch("tiny", tmp_path)


def test_status_says_what_a_fetch_would_transfer(tiny: Tiny, tmp_path: Path) -> None:
    tiny(good("small"), replace(good("larger"), bytes=datasets.AUTOMATIC))
    before = datasets.status("tiny", tmp_path)
    assert (before.transfer, before.automatic) == (1_000_000_000, True)
    tiny(good("small"), replace(good("larger"), bytes=datasets.AUTOMATIC + 1))
    before = datasets.status("tiny", tmp_path)
    assert (before.transfer, before.automatic) == (1_000_000_001, False)
    tiny()
    before = datasets.status("tiny", tmp_path)
    assert (before.transfer, before.automatic) == (None, False)
    tiny(good())
    after = datasets.fetch("tiny", tmp_path)
    assert (after.transfer, after.automatic) == (0, True)


def test_status_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("status must ask nobody")

    for owner, name in [
        (socket, "socket"),
        (socket, "getaddrinfo"),
        (subprocess, "Popen"),
        (urllib.request, "urlopen"),
    ]:
        monkeypatch.setattr(owner, name, refuse)
    known = {name: datasets.status(name, tmp_path) for name in datasets.names()}
    assert {name for name, status in known.items() if not status.automatic} == {"bair", "celeba"}
    assert {name for name, status in known.items() if status.present} == {"digits", "patches"}
    assert known["mnist"].transfer == 11_594_722
    assert list(tmp_path.iterdir()) == []


def test_status_reads_no_content(tiny: Tiny, local: Path) -> None:
    tiny()
    for file in (local / "TINY" / "raw").iterdir():
        file.write_bytes(b"?")
    assert datasets.status("tiny", local).present


def test_a_folder_that_may_not_be_entered(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    loader = tiny()

    def refuse(root: Path) -> list[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(loader, "files", refuse)
    with pytest.raises(
        datasets.DataError, match=r"data folder /locked cannot be read \(Permission"
    ):
        datasets.load("tiny", "/locked")


def test_default_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKELIHOOD_BENCH_DATA", "~/chosen")
    assert storage.data_folder() == Path.home() / "chosen"
    monkeypatch.delenv("LIKELIHOOD_BENCH_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert storage.data_folder() == Path("/cache/likelihood-bench/data")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert storage.data_folder() == Path.home() / ".cache" / "likelihood-bench" / "data"


def test_fixed_order() -> None:
    assert checksums.shuffled(5, "a test") == [4, 3, 0, 1, 2]
