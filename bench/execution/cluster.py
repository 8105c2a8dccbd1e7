"""A connection to a Ray cluster, and what each task gets of it. Ray is an optional extra."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch

from bench import CHECKOUT
from bench.environment import COMMIT, commit, default_jobs
from bench.errors import UsageError

CPU = torch.device("cpu")
PACKAGES = ("bench", "datasets", "likelihoods", "reports")
# As in a .gitignore. `/*` would be the checkout itself too, for Ray calls it ".".
ALL_BUT_CODE = ["/??*", *(f"!/{each}{below}" for each in PACKAGES for below in ("", "/**"))]
SECONDS_TO_ANSWER = 5.0


class Share(NamedTuple):
    """What each task gets of the cluster that this process is connected to."""

    device: torch.device
    cpus: float
    gpus: float

    def places(self) -> int:
        """How many tasks the machines that are there now can do at a time."""
        nodes = import_module("ray").nodes()
        return sum(self._fits(node["Resources"]) for node in nodes if node["Alive"])

    def _fits(self, resources: Mapping[str, float]) -> int:
        wanted = {"CPU": self.cpus, "GPU": self.gpus}
        ratios = [resources.get(key, 0.0) / each for key, each in wanted.items() if each]
        return int(min(ratios) + 1e-9)


def connect(
    address: str | None = None,
    cpus: float = 1.0,
    gpus: float | None = None,
    device: str = "auto",
) -> Share:
    """Connect to a cluster.

    Args:
        address: HOST:PORT of its head, "auto" for the one on this machine, or "local" for a new
            one of this machine alone; default: RAY_ADDRESS, else "local".
        cpus: cores of a task.
        gpus: GPUs of a task, or a fraction of one; default 1 on CUDA, else 0.
        device: auto, cpu or cuda.

    Raises:
        UsageError: Ray is not installed, nothing answers, or no machine has that much.
    """
    _check_amount("cpus-per-run must be", cpus)
    if gpus:
        _check_amount("gpus-per-run must be 0,", gpus)
    if find_spec("ray") is None:
        raise UsageError("executor 'ray' needs Ray, which is not installed: pip install '.[ray]'")
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    _initialise(address)
    has_gpu = gpus != 0 and import_module("ray").cluster_resources().get("GPU", 0.0) > 0
    if device == "cuda" and not has_gpu:
        raise UsageError(
            f"device 'cuda' is not available: runs have no GPU, or Ray at {address!r} has none"
        )
    on = torch.device("cuda") if has_gpu and device != "cpu" else CPU
    share = Share(on, cpus, float(on != CPU) if gpus is None else gpus)
    if not share.places():
        raise UsageError(
            f"no machine of Ray at {address!r} has {share.cpus:g} cores and {share.gpus:g} GPUs "
            "for a run: lower --cpus-per-run or --gpus-per-run"
        )
    return share


def _check_amount(what: str, value: float) -> None:
    if not (0 < value < 1 or (value >= 1 and value.is_integer())):
        raise UsageError(f"{what} a fraction of 1 or a whole number, not {value:g}")


def _initialise(address: str) -> None:
    """Start Ray, or connect to it; what goes wrong is one line."""
    ray = import_module("ray")
    ray.shutdown()  # what a command before this one left
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # or it warns at every start
    how: dict[str, Any] = {"include_dashboard": False, "num_cpus": default_jobs(CPU)}
    if address != "local":
        _check_answers(address)
        variables = {COMMIT: commit() or "unknown"}
        sent = {"working_dir": str(CHECKOUT), "excludes": ALL_BUT_CODE, "env_vars": variables}
        how = {"runtime_env": sent}
    former = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **how)
    except (RuntimeError, ValueError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UsageError(f"Ray at {address!r} cannot be used: {reason}") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, former)  # Ray has put its own there


def _check_answers(address: str) -> None:
    """Ask first: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if address == "auto":
        return
    if not host or "/" in host or not port.isdecimal():
        raise UsageError(f"ray-address {address!r} is no address (allowed: HOST:PORT, auto, local)")
    try:
        socket.create_connection((host, int(port)), SECONDS_TO_ANSWER).close()
    except (OSError, OverflowError) as error:
        raise UsageError(f"no Ray cluster answers at {address!r}: {error}") from error
