"""The official data itself, where this machine has it: what is recorded about it holds."""

import pytest

import datasets
from datasets.core.storage import data_folder

ROOT = data_folder()  # asked before a fixture hides it


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10", "dsprites"])
def test_recorded(name: str) -> None:
    status = datasets.status(name, ROOT)
    if not status.present:
        pytest.skip(f"{name} is not on this machine")
    data = datasets.load(name, ROOT, download=False)
    assert data.checksum == status.checksum
    assert data.shape == status.shape
    assert (len(data.train), len(data.validation), len(data.test)) == (
        status.train,
        status.validation,
        status.test,
    )
    assert data.labels is not None
    assert [len(part) for part in data.labels.values()] == [
        len(data.train),
        len(data.validation),
        len(data.test),
    ]
    assert data.labels["test"].bincount().numel() == (3 if name == "dsprites" else 10)
