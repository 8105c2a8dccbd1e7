"""One step of training after the other; on a GPU they are replayed from a recording.

Batch order and noise are derived from the seed and the step (bench.seeds), so they are the same for
every likelihood, and a run that goes on from a checkpoint repeats the uninterrupted one.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import lru_cache
from typing import Final

import torch
from torch import Tensor, nn

from bench import seeds
from bench.data import Data, moved, to_float
from bench.models import Model
from bench.training.settings import Training

WARM: Final = 3  # steps before the recording: kernels are chosen, the optimiser gets its state
TOLERANCE: Final = 1e-3  # of a loss: a replayed step may round differently
NOISES: Final = ("posterior noise", "dequantisation noise")


class ReplayError(RuntimeError):
    """A replayed step was not what its code computes; one line with both losses."""


def optimiser(model: Model, training: Training) -> torch.optim.Optimizer:
    """The optimiser that the protocol names, fused where PyTorch has a fused one.

    On a GPU its learning rate is a tensor there, which a recorded step reads.
    """
    recorded = model.device.type == "cuda"
    rate = training.learning_rate
    lr = torch.tensor(rate, device=model.device) if recorded else rate
    if training.optimiser == "adamax":
        return torch.optim.Adamax(model.parameters(), lr=lr, foreach=True, capturable=recorded)
    return torch.optim.Adam(model.parameters(), lr=lr, fused=True, capturable=recorded)


def batch(items: Tensor, step: int, size: int, seed: int) -> Tensor:
    """The items (size, ...), or all if there are fewer, of a step (counted from 0).

    Every epoch has a permutation of its own; its incomplete batch is dropped.
    """
    size = min(size, len(items))
    epoch, position = divmod(step, len(items) // size)
    order = _order(len(items), epoch, seed, items.device)
    return items[order[position * size : (position + 1) * size]]


@lru_cache(maxsize=1)
def _order(items: int, epoch: int, seed: int, device: torch.device) -> Tensor:
    # Drawn on the CPU: the order is the same whatever the device.
    generator = seeds.generator("cpu", seed, "batch order", epoch)
    return moved(torch.randperm(items, generator=generator), device)


def training_step(
    model: Model,
    optimizer: torch.optim.Optimizer,
    x: Tensor,
    noise: torch.Generator,
    *,
    dequantisation: torch.Generator | None = None,
    kl_share: float | Tensor = 1.0,
) -> Tensor:
    """One step on items (B, ...); returns the loss, in nats per item, on the device."""
    optimizer.zero_grad(set_to_none=True)
    loss = _loss(model, x, noise, dequantisation, kl_share)
    loss.backward()
    optimizer.step()
    return loss.detach()


def _loss(
    model: Model,
    x: Tensor,
    noise: torch.Generator,
    dequantisation: torch.Generator | None,
    kl_share: float | Tensor,
) -> Tensor:
    reconstruction, kl = model.objective(x, noise, dequantisation)
    return (kl_share * model.likelihood.kl_weight * kl + reconstruction).mean()


def steps_of(model: Model, data: Data, training: Training, seed: int) -> Steps:
    """The steps of a training, in the form that suits the device of the data."""
    form = ReplayedSteps if data.device.type == "cuda" else Steps
    return form(model, data, training, seed)


class Steps:
    """Steps of a training, computed as they are written.

    Args:
        model: on the device of the data; the caller puts it into training mode.
        data: of which the training part is used.
        training: optimiser, rates and sizes.
        seed: of the run.
    """

    replayed: bool | None = None
    """Whether steps are replayed; None where they never are."""

    def __init__(self, model: Model, data: Data, training: Training, seed: int) -> None:
        self.model, self.training, self.seed = model, training, seed
        self.optimizer = optimiser(model, training)
        self.total = training.total_steps(len(data.train))
        self._items, self._device = data.train, data.device

    def take(self, step: int) -> Tensor:
        """Take a step (counted from 0); returns its loss, in nats per item, on the device."""
        self._set_rate(step)
        noises = [self._noise(step, purpose) for purpose in NOISES]
        return self._compute(self._batch(step), noises, self.training.kl_share(step, self.total))

    def check(self, losses: Tensor) -> None:
        """Check what was replayed against what the code computes, where anything was replayed.

        Args:
            losses: of the steps so far.

        Raises:
            ReplayError: they differ.
        """

    def _compute(
        self, x: Tensor, noises: Sequence[torch.Generator], kl_share: float | Tensor
    ) -> Tensor:
        return training_step(
            self.model,
            self.optimizer,
            x,
            noises[0],
            dequantisation=noises[1] if self.training.dequantise else None,
            kl_share=kl_share,
        )

    def _batch(self, step: int) -> Tensor:
        items = batch(self._items, step, self.training.batch_size, self.seed)
        return to_float(items, self._device)

    def _noise(self, step: int, purpose: str) -> torch.Generator:
        return seeds.generator(self._device, self.seed, purpose, step)

    def _set_rate(self, step: int) -> None:
        rate = self.training.rate(step, self.total)
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate


class ReplayedSteps(Steps):
    """Steps on a GPU, whose kernels are recorded once and started together ever after.

    A small network leaves a GPU idle most of the time while Python starts one kernel after the
    other; a CUDA graph starts all at once. What changes from step to step (the batch, the rate, the
    share of the KL, the seeds of the noise) is written to fixed places before.

    The numbers are those of `Steps`. A step that waits for the device, or changes Python values of
    the likelihood, cannot be replayed and is computed each time. Of one step after each `check`
    the loss is computed beside the replayed one.
    """

    def __init__(self, model: Model, data: Data, training: Training, seed: int) -> None:
        super().__init__(model, data, training, seed)
        self._stream = torch.cuda.Stream(self._device)
        self._noises = [torch.Generator(self._device) for _ in NOISES]
        self._kl_share = torch.ones((), device=self._device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._x = self._loss = torch.empty(0)
        self._taken = 0
        self._computed: tuple[int, Tensor] | None = None
        self._compute_beside = True

    def take(self, step: int) -> Tensor:
        """Take a step; the next one overwrites the result."""
        self._set_rate(step)
        self._kl_share.fill_(self.training.kl_share(step, self.total))
        for generator, purpose in zip(self._noises, NOISES, strict=True):
            generator.manual_seed(seeds.derive(self.seed, purpose, step))
        x = self._batch(step)
        self._taken += 1
        if self._taken == WARM:
            self.replayed = self._replayable(x, step)
        if self._taken <= WARM or not self.replayed:
            return self._aside(x)
        if self._graph is None:
            self._graph = self._record(x)
        if self._compute_beside:
            self._computed, self._compute_beside = (step, self._beside(x, step)), False
        self._x.copy_(x)
        self._graph.replay()
        return self._loss

    def check(self, losses: Tensor) -> None:
        """Compare the step that was computed as well."""
        if self._computed is not None:
            step, computed = self._computed
            replayed, expected = losses[step].item(), computed.item()
            if math.isfinite(expected) and not math.isclose(replayed, expected, rel_tol=TOLERANCE):
                raise ReplayError(
                    f"the loss of step {step + 1} is {replayed:g} when the recorded step is "
                    f"replayed, but {expected:g} when it is computed: {self.model.likelihood.name} "
                    "does not do the same in every step"
                )
        self._computed, self._compute_beside = None, True

    def _aside(self, x: Tensor) -> Tensor:
        """Compute a step on the stream of the recording, where its memory is then at hand."""
        here = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            loss = self._compute(x, self._noises, self._kl_share)
        here.wait_stream(self._stream)
        return loss

    def _record(self, x: Tensor) -> torch.cuda.CUDAGraph:
        self._x = torch.empty_like(x)
        graph = torch.cuda.CUDAGraph()
        for generator in self._noises:
            graph.register_generator_state(generator)
        with torch.cuda.graph(graph, stream=self._stream):
            self._loss = self._compute(self._x, self._noises, self._kl_share)
        return graph

    def _replayable(self, x: Tensor, step: int) -> bool:
        """Whether a step, tried on a copy, neither waits for the device nor changes Python values.

        A recording that fails leaves PyTorch's generators unusable: hence the trial.
        """
        model = deepcopy(self.model)
        before = _python_values(model.likelihood)
        try:
            with _no_waiting():
                loss = self._loss_of(model, x, step)
                torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
        except RuntimeError:
            return False
        return _python_values(model.likelihood) == before

    @torch.no_grad()
    def _beside(self, x: Tensor, step: int) -> Tensor:
        """The loss of a step, computed on a copy of the model."""
        return self._loss_of(deepcopy(self.model), x, step)

    def _loss_of(self, model: Model, x: Tensor, step: int) -> Tensor:
        noise, blur = (self._noise(step, purpose) for purpose in NOISES)
        return _loss(model, x, noise, blur if self.training.dequantise else None, self._kl_share)


@contextmanager
def _no_waiting() -> Iterator[None]:
    """What waits for the device raises a RuntimeError here."""
    mode = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that not all of it is found
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(mode)


def _python_values(module: nn.Module) -> dict[tuple[str, str], object]:
    """What a module and its parts hold in Python: numbers as they are, objects by what they are."""
    values: dict[tuple[str, str], object] = {}
    for name, part in module.named_modules():
        held = {**vars(part), **part._parameters, **part._buffers}
        for key, value in held.items():
            plain = isinstance(value, int | float | str | None)
            values[name, key] = value if plain else id(value)
    return values
