"""moving_digits: how digits move, whose they are, and that both are fixed."""

import hashlib
import threading
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets.core import checksums, registry
from datasets.formats.idx import NAMES
from datasets.sets import moving_digits
from datasets.sets.digits import Digits
from datasets.sets.mnist import Mnist
from datasets.sets.moving_digits import FRAMES, MovingDigits, paths
from datasets.transport.partials import SourceError
from datasets.transport.sources import Source
from tests.datasets.conftest import Fake, Pixels, entries, idx

COUNTS = (60, 3, 2)  # more than a batch
INSTEAD = MovingDigits.sources[-1]
OFFLINE = Fake(label="far away", failure=SourceError("nobody there"), bytes=1, members={})


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> MovingDigits:
    """Few sequences, under its own name, where MNIST cannot be had."""
    registry.names()
    loader = MovingDigits()
    vars(loader).update(name="moving_digits", counts=COUNTS, sources=(OFFLINE, INSTEAD))
    monkeypatch.setitem(registry._loaders, "moving_digits", loader)
    return loader


def mnist_files(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """MNIST of a few flat digits: 0..99 in training, 150 in validation, 200 in test."""
    monkeypatch.setattr(Mnist, "counts", (100, 5, 7))
    train = np.concatenate([np.arange(100), np.full(5, 150)]).astype(np.uint8)
    files = {}
    for part, levels in (("train", train), ("t10k", np.full(7, 200, np.uint8))):
        images = np.broadcast_to(levels[:, None, None], (len(levels), 28, 28))
        files[f"{part}-images-idx3-ubyte"] = idx(np.ascontiguousarray(images))
        files[f"{part}-labels-idx1-ubyte"] = idx(levels % 10)
    monkeypatch.setattr(Mnist, "md5", tuple(hashlib.md5(files[name]).hexdigest() for name in NAMES))
    return {f"MNIST/raw/{name}": content for name, content in files.items()}


def straightforward(drawn: list[int]) -> list[tuple[int, int]]:
    """The motion of one digit, as the experiment of Denton and Fergus has it, step by step."""
    y, x = drawn[0] % 32, drawn[1] % 32
    dy, dx = drawn[2] % 9 - 4, drawn[3] % 9 - 4
    places = [(y, x)]
    for step in range(FRAMES - 1):
        first, second, third, fourth = drawn[4 + 4 * step : 8 + 4 * step]
        y, x = y + dy, x + dx
        if y < 0:
            y, dy, dx = 0, first % 4 + 1, second % 9 - 4
        elif y >= 32:
            y, dy, dx = 31, -(first % 4 + 1), second % 9 - 4
        if x < 0:
            x, dx, dy = 0, third % 4 + 1, fourth % 9 - 4
        elif x >= 32:
            x, dx, dy = 31, -(third % 4 + 1), fourth % 9 - 4
        places.append((y, x))
    return places


def test_motion() -> None:
    drawn = np.random.default_rng(0).integers(0, 2**63, (200, 2, 4 + 4 * 29), dtype=np.uint64)
    top, left = paths(drawn)
    for sequence in range(200):
        for digit in range(2):
            expected = straightforward(drawn[sequence, digit].tolist())
            assert list(zip(top[sequence, digit], left[sequence, digit], strict=True)) == expected
    assert (top.min(), top.max(), left.min(), left.max()) == (0, 31, 0, 31)


def test_frames_show_the_digits_added_and_clipped(monkeypatch: pytest.MonkeyPatch) -> None:
    digits = np.stack([np.full((28, 28), level, np.uint8) for level in (90, 200)])
    video = moving_digits._sequences(20, digits, moving_digits._generator("a test"))
    assert video.shape == (20, 30, 1, 64, 64)
    assert video.dtype == np.uint8
    length = 5 + 4 * 29
    drawn = moving_digits._generator("a test").random_raw(20 * 2 * length).reshape(20, 2, length)
    for sequence in range(20):
        for frame in range(30):
            canvas = np.zeros((64, 64), np.int64)
            for digit in range(2):
                numbers = drawn[sequence, digit].tolist()
                y, x = straightforward(numbers[1:])[frame]
                canvas[y : y + 32, x : x + 32] += (90, 200)[numbers[0] % 2]
            assert (video[sequence, frame, 0] == canvas.clip(max=255)).all()


def test_fixed_and_the_same_everywhere(small: MovingDigits, tmp_path: Path) -> None:
    one, two = (datasets.load("moving_digits", tmp_path / name) for name in ("one", "two"))
    assert one.checksum == two.checksum
    assert hashlib.sha256(one.test.numpy().tobytes()).hexdigest()[:16] == "d6151497b84aba34"
    small.counts = (51, 3, 1)  # a shorter part is the beginning of a longer one
    short = datasets.load("moving_digits", tmp_path / "short")
    assert (short.train == one.train[:51]).all()
    assert short.checksum != one.checksum


def test_parts_differ(small: MovingDigits, tmp_path: Path) -> None:
    data = datasets.load("moving_digits", tmp_path)
    assert data.shape == (30, 1, 64, 64)
    assert [len(part) for part in (data.train, data.validation, data.test)] == list(COUNTS)
    assert data.train.is_contiguous()
    sequences = [
        part[index].numpy().tobytes()
        for part in (data.train, data.validation, data.test)
        for index in range(len(part))
    ]
    assert len(set(sequences)) == sum(COUNTS)


def use(small: MovingDigits, *sources: Source) -> None:
    vars(small)["sources"] = sources


def test_of_mnist_where_it_can_be_had(
    small: MovingDigits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = mnist_files(monkeypatch)
    carrier = Fake(label="carrier", files=files, bytes=1, members={})
    use(small, carrier)
    with pytest.raises(datasets.DataError, match=r"carrier: the digits to move are corrupt"):
        datasets.fetch("moving_digits", tmp_path)
    parts = MnistParts(tmp_path / "raw", files)
    monkeypatch.setattr(Mnist, "checksum", parts.checksum)
    use(small, carrier, INSTEAD)

    root = tmp_path / "root"
    data = datasets.load("moving_digits", root)
    assert data.source == "generated here from mnist (carrier, verified by checksum)"
    assert "two digits of mnist, " in data.description
    levels = [set(np.unique(part)) for part in (data.train, data.validation, data.test)]
    assert max(level for level in levels[0]) <= 99 * 2
    assert levels[1] == {0, 150, 255}  # the digits of the same part, and of no other
    assert levels[2] == {0, 200, 255}
    assert datasets.status("mnist", root).present  # what was fetched serves mnist as well
    assert datasets.status("moving_digits", root).source == data.source


class MnistParts:
    """The checksum of what some idx files hold."""

    def __init__(self, root: Path, files: dict[str, bytes]) -> None:
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        self.checksum = checksums.checksum(Mnist().read(root))


def test_of_digits_otherwise_and_it_says_so(
    small: MovingDigits, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = datasets.load("moving_digits", tmp_path)
    reason = "generated here from digits (scikit-learn's digits instead, verified by checksum)"
    assert data.source == reason
    assert "two digits of digits, " in data.description
    assert "moving_digits: far away: nobody there\n" in capsys.readouterr().err
    assert not datasets.status("mnist", tmp_path).present
    assert Digits().files(tmp_path)  # shipped


def test_not_there_until_fetched(small: MovingDigits, tmp_path: Path) -> None:
    assert not datasets.status("moving_digits", tmp_path).present  # digits are no reason
    with pytest.raises(datasets.DataError, match=r"fetch mnist, or install scikit-learn$"):
        datasets.load("moving_digits", tmp_path, download=False)


def test_mnist_that_comes_later_is_preferred(
    small: MovingDigits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = datasets.load("moving_digits", tmp_path)
    files = mnist_files(monkeypatch)
    monkeypatch.setattr(Mnist, "checksum", MnistParts(tmp_path, files).checksum)
    second = datasets.load("moving_digits", tmp_path)
    assert first.checksum != second.checksum
    assert second.source == (
        "generated here from mnist (local files, verified by checksum on load)"
    )


def test_two_at_once(small: MovingDigits, tmp_path: Path) -> None:
    digests: list[str] = []

    def work() -> None:
        digests.append(datasets.load("moving_digits", tmp_path).checksum)

    workers = [threading.Thread(target=work, daemon=True) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert len(digests) == 2
    assert digests[0] == digests[1]


def test_interruption_leaves_nothing_half_written(
    small: MovingDigits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    whole = moving_digits._sequences

    def interrupted(count: int, digits: Pixels, generator: np.random.Philox) -> Pixels:
        calls.append(count)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(count, digits, generator)

    monkeypatch.setattr(moving_digits, "_sequences", interrupted)
    with pytest.raises(KeyboardInterrupt):
        datasets.load("moving_digits", tmp_path)
    assert entries(tmp_path) == ["moving_digits"]
