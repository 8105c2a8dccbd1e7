"""Whether one step of training fits into memory, told before it is tried."""

from __future__ import annotations

from copy import deepcopy

import psutil
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from bench.data import Data, to_float
from bench.models import Model
from bench.training import Training

FEW, SOME = 2, 4
"""Items of the two batches that are measured."""
COPIES = 4
"""Of the parameters: themselves, their gradients and what the optimiser remembers."""


class TooLargeError(RuntimeError):
    """A run whose training cannot fit; one line with what it needs and what there is."""


def check_memory(model: Model, data: Data, training: Training) -> int:
    """Refuse a run that cannot fit into the memory of its device; returns bytes that a step needs.

    Raises:
        TooLargeError: one step needs more than there is.
    """
    batch = min(training.batch_size, len(data.train))
    needed = step_bytes(deepcopy(model), data, batch)  # training steps move running averages
    if needed > (present := available(data.device)):
        raise TooLargeError(
            f"a training step on {batch} items needs at least {needed / 1e9:.1f} GB (what is kept "
            f"for its backward pass, measured on {FEW} and {SOME} items), {present / 1e9:.1f} GB "
            f"are free on {data.device.type}"
        )
    return needed


def available(device: torch.device) -> int:
    """Bytes that a run can have on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device))
    free: int = psutil.virtual_memory().available
    return free


def step_bytes(model: Model, data: Data, batch: int) -> int:
    """A lower bound on the memory of one training step on `batch` items.

    It counts the parameters with their gradients and the state of the optimiser, the tensors that
    are kept for the backward pass, and the gradient of the raw outputs beside them. The latter two
    are measured on a few items; they grow in proportion to their number.
    """
    few, some = (_kept(model, to_float(data.train[:count], data.device)) for count in (FEW, SOME))
    parameters = sum(parameter.nbytes for parameter in model.parameters())
    return COPIES * parameters + few + (some - few) * (batch - FEW) // (SOME - FEW)


def _kept(model: Model, x: Tensor) -> int:
    storages: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    model.train()
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        sampled, targets = model(x), model.targets(x)
        size: int = sampled.outputs.nbytes
        distribution = model.likelihood(sampled.outputs, targets)
        loss = model.likelihood.reconstruction_loss(distribution, targets).sum()
    for parameter in model.parameters():
        storages.pop(parameter.untyped_storage().data_ptr(), None)
    del loss
    return sum(storages.values()) + size
