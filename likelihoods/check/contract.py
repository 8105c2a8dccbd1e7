"""Properties of the contract: shapes, state, and what a likelihood may look at."""

import math
import pickle
from collections.abc import Callable
from functools import partial
from typing import get_args

import torch
from torch import Tensor

from likelihoods.check.core import (
    Factory,
    Measurement,
    Skipped,
    images_are,
    largest_difference,
    located,
    random_images,
    random_outputs,
    trained,
)
from likelihoods.core.base import Measure, Shape
from likelihoods.core.options import LikelihoodError

SHAPE: Shape = (3, 4, 5)


def shapes(factory: Factory) -> Measurement:
    """Whatever the mode, shapes are those of the contract."""
    likelihood = factory(SHAPE)
    outputs, x = random_outputs(likelihood, 2), random_images(likelihood, 2)
    allowed = get_args(Measure)
    wrong = []
    if likelihood.measure not in allowed:
        wrong.append(f"measure {likelihood.measure!r} is not one of {', '.join(allowed)}")
    images = (2, *SHAPE)
    for mode, target in ((True, x), (True, None), (False, None)):
        distribution = likelihood.train(mode)(outputs, target)
        asked: dict[str, tuple[Callable[[], Tensor], tuple[int, ...]]] = {
            "log_prob": (partial(distribution.log_prob, x), (2,)),
            "mean": (partial(getattr, distribution, "mean"), images),
            "sample()": (distribution.sample, images),
            "sample((7,))": (partial(distribution.sample, torch.Size([7])), (7, *images)),
            "log_mass": (partial(likelihood.log_mass, outputs, x), (2,)),
        }
        for name, (ask, expected) in asked.items():
            try:
                found = tuple(ask().shape)
            except LikelihoodError as error:  # the contract's own, and says what is wrong
                wrong.append(str(error))
                continue
            if found != expected:
                wrong.append(f"{name} has the shape {found}, expected {expected}")
    told = "; ".join(dict.fromkeys(wrong))
    return Measurement(len(wrong), 0, told or "answers that differ from the contract")


def memory_layout(factory: Factory) -> Measurement:
    """Outputs in channels_last give the same values and gradients."""
    likelihood = trained(factory, SHAPE)
    x, outputs = random_images(likelihood, 4), random_outputs(likelihood, 4)
    found = []
    for memory_format in (torch.contiguous_format, torch.channels_last):
        leaf = outputs.clone(memory_format=memory_format).requires_grad_()
        values = images_are(likelihood, leaf, x)
        (values["gradient"],) = torch.autograd.grad(values["log_prob"].sum(), leaf)
        found.append(values)
    number, where = largest_difference(found[1], found[0])
    return Measurement(number, 1e-5, f"largest difference, in {where}")


def saved_and_restored(factory: Factory) -> Measurement:
    """A state_dict carries all state into a fresh likelihood, and so does a pickle."""
    likelihood = trained(factory, SHAPE)
    outputs, x = random_outputs(likelihood, 4), random_images(likelihood, 4)
    for parameter in likelihood.parameters():
        torch.nn.init.normal_(parameter)
    restored = factory(SHAPE).eval()
    restored.load_state_dict(likelihood.state_dict())
    expected = images_are(likelihood, outputs, x)
    copies = {"state_dict": restored, "pickle": pickle.loads(pickle.dumps(likelihood))}
    number, where, how = max(
        (*largest_difference(images_are(copy, outputs, x), expected), how)
        for how, copy in copies.items()
    )
    return Measurement(number, 0, f"largest difference of a copy by {how}, in {where}")


def no_peeking(factory: Factory) -> Measurement:
    """In evaluation, nothing depends on the target or on other images, and no state changes."""
    likelihood = trained(factory, SHAPE)
    outputs, x = random_outputs(likelihood, 8), random_images(likelihood, 8)
    before = {name: value.clone() for name, value in likelihood.state_dict().items()}
    together = images_are(likelihood, outputs, x)
    told = likelihood(outputs, x)
    with_target = together | {"log_prob": told.log_prob(x), "mean": told.mean}
    images = zip(outputs.split(1), x.split(1), strict=True)
    parts = [images_are(likelihood, *image) for image in images]
    one_by_one = {name: torch.cat([part[name] for part in parts]) for name in together}
    found = {
        "given the target": largest_difference(with_target, together)[0],
        "image by image": largest_difference(one_by_one, together)[0],
    }
    after = likelihood.state_dict()
    if any(not torch.equal(after[name], value) for name, value in before.items()):
        found["of its state"] = math.inf
    how = max(found, key=found.__getitem__)
    return Measurement(found[how], 1e-5, f"largest change in evaluation, {how}")


def any_device(factory: Factory) -> Measurement:
    """A training step uses tensors of one device and never waits for it: no value is looked at.

    Tried on torch's meta device, where tensors have no values at all, so it needs no GPU.
    """
    likelihood = factory(SHAPE).train().to("meta")
    outputs, x = random_outputs(likelihood, 4), random_images(likelihood, 4)
    outputs, x = outputs.to("meta").requires_grad_(), x.to("meta")
    try:
        likelihood(outputs, x).log_prob(x).sum().backward()
    # Looking at a value is one of the first two there, a tensor of the CPU the first or the last.
    # An operation without a meta kernel is the second: most wait (bincount, unique), so it fails.
    except (RuntimeError, NotImplementedError, LikelihoodError) as error:
        told = "a training step looks at values, or at a tensor of another device"
        if "Meta kernel" in str(error):
            told = "a training step has an operation that torch cannot try without values"
        return Measurement(1, 0, f"{told} (tried on torch's meta device): {located(error)}")
    return Measurement(0, 0, "looks at values, or at tensors of another device")


def cuda(factory: Factory) -> Measurement | Skipped:
    """A GPU gives the values of the CPU, and a training step never waits for it."""
    if not torch.cuda.is_available():
        return Skipped("no CUDA device here")
    likelihood = trained(factory, SHAPE)
    outputs, x = random_outputs(likelihood, 4), random_images(likelihood, 4)
    expected = images_are(likelihood, outputs, x)
    likelihood.cuda()
    outputs, x = outputs.cuda().requires_grad_(), x.cuda()
    number, where = largest_difference(images_are(likelihood, outputs, x), expected)
    likelihood.train()
    torch.cuda.set_sync_debug_mode("error")
    try:
        likelihood(outputs, x).log_prob(x).sum().backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return Measurement(number, 1e-4, f"largest difference to the CPU, in {where}")
