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
    evaluated,
    largest_difference,
    located,
    loss_of,
    random_images,
    random_outputs,
    trained,
)
from likelihoods.core.base import (
    Likelihood,
    Measure,
    Shape,
    checked_log_mass,
    checked_reconstruction_loss,
)
from likelihoods.core.options import LikelihoodError

SHAPE: Shape = (3, 4, 5)


@torch.no_grad()
def shapes(factory: Factory) -> Measurement:
    """Whatever the mode, shapes are those of the contract."""
    likelihood = factory(SHAPE)
    outputs, x = random_outputs(likelihood, 2), random_images(likelihood, 2)
    allowed, images, wrong = get_args(Measure), (2, *SHAPE), []
    if likelihood.measure not in allowed:
        wrong.append(f"measure {likelihood.measure!r} is not one of {', '.join(allowed)}")
    for mode, target in ((True, x), (True, None), (False, None)):
        distribution = likelihood.train(mode)(outputs, target)
        answers: dict[str, tuple[Callable[[], Tensor], tuple[int, ...]]] = {
            "log_prob": (partial(distribution.log_prob, x), (2,)),
            "reconstruction_loss": (
                partial(checked_reconstruction_loss, likelihood, distribution, x),
                (2,),
            ),
            "mean": (partial(getattr, distribution, "mean"), images),
            "sample()": (distribution.sample, images),
            "sample((7,))": (partial(distribution.sample, torch.Size([7])), (7, *images)),
            "log_mass": (partial(checked_log_mass, likelihood, outputs, x), (2,)),
        }
        for name, (answer, expected) in answers.items():
            try:
                shape = tuple(answer().shape)
            except LikelihoodError as error:  # its message says what is wrong
                wrong.append(str(error))
                continue
            if shape != expected:
                wrong.append(f"{name} has the shape {shape}, expected {expected}")
    detail = "; ".join(dict.fromkeys(wrong))
    return Measurement(len(wrong), 0, detail or "answers that differ from the contract")


def memory_layout(factory: Factory) -> Measurement:
    """Outputs in channels_last give the same values and gradients."""
    likelihood = trained(factory, SHAPE)
    x, outputs = random_images(likelihood, 4), random_outputs(likelihood, 4)
    answers = []
    for memory_format in (torch.contiguous_format, torch.channels_last):
        leaf = outputs.clone(memory_format=memory_format).requires_grad_()
        values = evaluated(likelihood, leaf, x)
        (values["gradient"],) = torch.autograd.grad(values["log_prob"].sum(), leaf)
        answers.append(values)
    number, where = largest_difference(answers[1], answers[0])
    return Measurement(number, 1e-5, f"largest difference, in {where}")


def saved_and_restored(factory: Factory) -> Measurement:
    """A state_dict carries all state into a fresh likelihood, and so does a pickle."""
    likelihood = trained(factory, SHAPE)
    for parameter in likelihood.parameters():
        torch.nn.init.normal_(parameter)
    number, where = _lost(factory, likelihood)
    return Measurement(number, 0, f"largest difference of a copy by {where}")


def _lost(factory: Factory, likelihood: Likelihood) -> tuple[float, str]:
    """Return the largest difference of a copy of a likelihood, and how it was made and where."""
    outputs, x = random_outputs(likelihood, 4), random_images(likelihood, 4)
    restored = factory(SHAPE).eval()
    restored.load_state_dict(likelihood.state_dict())
    expected = evaluated(likelihood, outputs, x)
    copies = {"state_dict": restored, "pickle": pickle.loads(pickle.dumps(likelihood))}
    number, where, how = max(
        (*largest_difference(evaluated(copy, outputs, x), expected), how)
        for how, copy in copies.items()
    )
    return number, f"{how}, in {where}"


def no_peeking(factory: Factory) -> Measurement:
    """In evaluation, nothing depends on the target or on other images, and no state changes."""
    number, how = _peeked(trained(factory, SHAPE))
    return Measurement(number, 1e-5, f"largest change in evaluation, {how}")


def _peeked(likelihood: Likelihood) -> tuple[float, str]:
    """Return the largest change of an evaluation that sees what it should not, and what that is."""
    outputs, x = random_outputs(likelihood, 8), random_images(likelihood, 8)
    before = {name: value.clone() for name, value in likelihood.state_dict().items()}
    together = evaluated(likelihood, outputs, x)
    distribution = likelihood(outputs, x)
    with_target = together | {"log_prob": distribution.log_prob(x), "mean": distribution.mean}
    images = zip(outputs.split(1), x.split(1), strict=True)
    parts = [evaluated(likelihood, *image) for image in images]
    one_by_one = {name: torch.cat([part[name] for part in parts]) for name in together}
    changes = {
        "given the target": largest_difference(with_target, together)[0],
        "image by image": largest_difference(one_by_one, together)[0],
    }
    after = likelihood.state_dict()
    if any(not torch.equal(after[name], value) for name, value in before.items()):
        changes["of its state"] = math.inf
    how = max(changes, key=changes.__getitem__)
    return changes[how], how


def calibration(factory: Factory) -> Measurement | Skipped:
    """After `calibrate`, what is kept depends on its batches alone, is saved, and does not peek."""
    likelihood, answers = trained(factory, SHAPE), []
    if not likelihood.calibrates:
        return Skipped("there is no calibrate of its own")
    batches = [(random_outputs(likelihood, n), random_images(likelihood, n)) for n in (6, 3)]
    outputs, x = random_outputs(likelihood, 4), random_images(likelihood, 4)
    for batch in batches:
        loss_of(likelihood.train(), *batch)
        with torch.no_grad():
            likelihood.eval().calibrate(iter(batches))
        answers.append(evaluated(likelihood, outputs, x))
    (again, where), (lost, how), (peeked, why) = (
        largest_difference(*answers),
        _lost(factory, likelihood),
        _peeked(likelihood),
    )
    number, problem = max(
        (again, f"to the next time, on the same batches, in {where}"),
        (lost, f"of a copy by {how}"),
        (peeked, f"in evaluation, {why}"),
    )
    return Measurement(number, 1e-5, f"largest difference {problem}")


def any_device(factory: Factory) -> Measurement:
    """A training step uses tensors of one device and never waits for it: it reads no value.

    Tried on torch's meta device, where tensors have no values, so it needs no GPU.
    """
    likelihood = factory(SHAPE).train().to("meta")
    outputs, x = random_outputs(likelihood, 4), random_images(likelihood, 4)
    outputs, x = outputs.to("meta").requires_grad_(), x.to("meta")
    try:
        loss_of(likelihood, outputs, x).sum().backward()
    # Reading a value raises one of the first two, a tensor of the CPU the first or the last. An
    # operation without a meta kernel raises the second: most wait (bincount, unique), so it fails.
    except (RuntimeError, NotImplementedError, LikelihoodError) as error:
        reason = "a training step looks at values, or at a tensor of another device"
        if "Meta kernel" in str(error):
            reason = "a training step has an operation that torch cannot try without values"
        return Measurement(1, 0, f"{reason} (tried on torch's meta device): {located(error)}")
    return Measurement(0, 0, "looks at values, or at tensors of another device")


def cuda(factory: Factory) -> Measurement | Skipped:
    """A GPU gives the values of the CPU, and a training step never waits for it."""
    if not torch.cuda.is_available():
        return Skipped("no CUDA device here")
    likelihood = trained(factory, SHAPE)
    outputs, x = random_outputs(likelihood, 4), random_images(likelihood, 4)
    expected = evaluated(likelihood, outputs, x)
    likelihood.cuda()
    outputs, x = outputs.cuda().requires_grad_(), x.cuda()
    number, where = largest_difference(evaluated(likelihood, outputs, x), expected)
    likelihood.train()
    torch.cuda.set_sync_debug_mode("error")
    try:
        loss_of(likelihood, outputs, x).sum().backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return Measurement(number, 1e-4, f"largest difference to the CPU, in {where}")
