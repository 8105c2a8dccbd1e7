"""The machine and the versions behind a number."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from bench import CHECKOUT
from bench.errors import UsageError

COMMIT = "LIKELIHOOD_BENCH_COMMIT"
"""Names the commit to a process that was sent the code without its history."""
PACKAGES = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "pytorch-fid")


def device(name: str) -> torch.device:
    """The device for `auto`, `cpu` or `cuda`.

    Raises:
        UsageError: CUDA was asked for and is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("device 'cuda' is not available here (allowed: auto, cpu)")
    return torch.device(name)


def default_jobs(on: torch.device) -> int:
    """Runs at once: one a core on the CPU, where a run uses one thread; one on a GPU."""
    if on.type == "cuda":
        return 1
    # What this process may use, where the system can tell: a container often gets fewer.
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def environment(on: torch.device) -> dict[str, Any]:
    """Machine, versions and commit, as kept beside every run."""
    return {
        "device": on.type,
        "accelerator": torch.cuda.get_device_name(on) if on.type == "cuda" else None,
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        "commit": commit(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        if name := re.search(r"^model name\s*:(.*)", text, re.MULTILINE):
            return name[1].strip()
    return platform.processor() or "unknown"


def commit() -> str | None:
    """The commit of the checkout, marked when files differ or are new; None outside a checkout."""
    if sent := os.environ.get(COMMIT):
        return sent
    name, changes = _git("rev-parse", "--short=10", "HEAD"), _git("status", "--porcelain")
    return f"{name}-dirty" if name and changes else name


def _git(*arguments: str) -> str | None:
    command = ["git", *arguments]
    try:
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None
