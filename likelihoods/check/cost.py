"""Costs of a training step as multiples of the Gaussian's: numbers without a limit."""

import statistics
import time
from typing import Final

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from likelihoods.check.core import Factory, Note, loss_of, random_images, random_outputs
from likelihoods.core.base import Shape
from likelihoods.families.gaussian import Gaussian

SHAPE: Final[Shape] = (3, 32, 32)
BATCH: Final = 64
ROUNDS: Final = 7  # number of timings; odd, so that the median is one of them


def training_time(factory: Factory, shape: Shape = SHAPE, batch: int = BATCH) -> Note:
    """Seconds of forward, loss and backward in training mode, as a multiple of the Gaussian's.

    Medians over rounds in which both take turns, so that other load affects both. On the GPU if
    there is one.
    """
    steps = [_Step(make, shape, batch) for make in (factory, Gaussian)]
    rounds = [[step.seconds() for step in steps] for _ in range(ROUNDS + 1)]
    seconds = zip(*rounds[1:], strict=True)  # the first includes allocations
    own, gaussian = (statistics.median(timings) * 1e3 for timings in seconds)
    return _note(own, gaussian, "ms", "for forward, loss and backward of", (batch, *shape))


def training_memory(factory: Factory, shape: Shape = SHAPE, batch: int = BATCH) -> Note:
    """Memory of such a step with its outputs and their gradient, as a multiple of the Gaussian's.

    On a GPU the largest allocation. On the CPU, which does not count allocations, the tensors that
    are kept for the backward pass, and the gradient of the outputs: a lower bound.
    """
    own, gaussian = (_Step(make, shape, batch).bytes() / 1e6 for make in (factory, Gaussian))
    how = "allocated at most," if _device().type == "cuda" else "kept for the backward pass,"
    return _note(own, gaussian, "MB", how, (batch, *shape))


def _note(own: float, gaussian: float, unit: str, how: str, size: tuple[int, ...]) -> Note:
    both = f"{own:.3g} {unit} against {gaussian:.3g} {unit}"
    work = f"{'x'.join(map(str, size))} on {_device().type}"
    return Note(own / gaussian, f"times the Gaussian's: {both} {how} {work}")


class _Step:
    """One step of training of a likelihood alone."""

    def __init__(self, factory: Factory, shape: Shape, batch: int) -> None:
        self._likelihood = factory(shape).train().to(_device())
        self._outputs = random_outputs(self._likelihood, batch).to(_device()).requires_grad_()
        self._x = random_images(self._likelihood, batch).to(_device())

    def seconds(self) -> float:
        _synchronise()
        started = time.perf_counter()
        self._forget()
        self._loss().backward()
        _synchronise()
        return time.perf_counter() - started

    def bytes(self) -> int:
        """Return the bytes that one step holds: outputs, their gradient, all tensors between."""
        self._forget()
        if _device().type == "cuda":
            self._loss().backward()  # the first includes workspaces
            self._forget()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated() - self._outputs.nbytes
            self._loss().backward()
            return torch.cuda.max_memory_allocated() - before
        storages: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
            return tensor

        with saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = self._loss()  # keeps the tensors alive, so that no address is used twice
        keep(self._outputs)
        del loss
        return sum(storages.values()) + self._outputs.nbytes

    def _loss(self) -> Tensor:
        return loss_of(self._likelihood, self._outputs, self._x).sum()

    def _forget(self) -> None:
        self._outputs.grad = None
        self._likelihood.zero_grad()


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
