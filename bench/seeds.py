"""Random seeds, derived by hashing what they are for.

Nothing counts calls: a seed depends on its purpose alone. So two likelihoods under one seed get
the same trunk weights, batch order and posterior noise, whatever else either of them draws, and
a run continued from a checkpoint draws what the uninterrupted run would have drawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def derive(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for one purpose, e.g. `derive(0, "posterior noise", step)`."""
    text = "\x1f".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(device: torch.device | str, seed: int, *purpose: str | int) -> torch.Generator:
    """A fresh generator on `device` for one purpose."""
    return torch.Generator(device=device).manual_seed(derive(seed, *purpose))


@contextmanager
def seeded(seed: int, *purpose: str | int, device: torch.device | None = None) -> Iterator[None]:
    """Run a block under its own global seed, then restore that of the CPU, and of a GPU `device`.

    Weights are drawn from the global generator, and so are samples of a distribution.
    """
    forked = [device] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices=forked):
        torch.manual_seed(derive(seed, *purpose))
        yield
