"""The machine and the versions behind a number."""

from __future__ import annotations

import os
import platform
import re
import resource
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
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


def has_bfloat16(on: torch.device) -> bool:
    """Whether a device has units for bfloat16; one without is slower with it than in float32."""
    if on.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    units: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(units.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def default_jobs(on: torch.device) -> int:
    """Runs at once: one a core on the CPU, where a run uses one thread; one on a GPU."""
    if on.type == "cuda":
        return 1
    # What this process may use, where the system can tell: a container often gets fewer.
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


@cache
def environment(on: torch.device) -> Mapping[str, Any]:
    """Machine, versions and commit, as this process found them when it was first asked."""
    return {
        "device": on.type,
        "accelerator": torch.cuda.get_device_name(on) if on.type == "cuda" else None,
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gigabytes": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        "commit": commit(),
    }


def machine(found: Mapping[str, Any]) -> str:
    """The hardware of an environment, in words."""
    return (
        f"{found.get('accelerator') or found.get('processor')}, {found.get('cores')} cores, "
        f"{found.get('system')}"
    )


def versions(found: Mapping[str, Any]) -> str:
    """The versions of an environment, in words."""
    return ", ".join(f"{name} {found.get(name)}" for name in ("python", *PACKAGES))


def circumstances(found: Mapping[str, Any]) -> str:
    """What of an environment a time depends on, in one line."""
    return f"{machine(found)}; commit {found.get('commit')}, torch {found.get('torch')}"


class Watch:
    """The time and the memory that something takes, from when the watch is made.

    Args:
        on: the device.
        command: what the user typed.
    """

    def __init__(self, on: torch.device, command: str) -> None:
        self._on, self._command, self._began = on, command, _now()
        # Linux counts the peak anew from here; elsewhere it is that of the process so far.
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        if on.type == "cuda":
            torch.cuda.reset_peak_memory_stats(on)

    def read(self) -> dict[str, Any]:
        """The environment, and what was taken so far."""
        found = {
            **environment(self._on),
            "command": self._command,
            "began": self._began,
            "ended": _now(),
            "peak_memory_megabytes": _peak_megabytes(),
        }
        if self._on.type == "cuda":
            peak = torch.cuda.max_memory_allocated(self._on) / 1e6
            found["peak_accelerator_memory_megabytes"] = peak
        return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _peak_megabytes() -> float:
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes * (1024 if platform.system() == "Linux" else 1) / 1e6


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
