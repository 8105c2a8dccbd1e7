"""How long a run will take, measured from a few of its steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from bench import seeds
from bench.bound import bound
from bench.calibration import calibration
from bench.data import images, on_device, to_float
from bench.generate import generate_both
from bench.memory import check
from bench.reference import features
from bench.run import build
from bench.spec import RunSpec
from bench.train import BatchOrder, optimiser, training_step

ITEMS = 8


@dataclass(frozen=True)
class Estimate:
    """Expected seconds of a run."""

    train: float
    evaluate: float

    @property
    def total(self) -> float:
        """Both together."""
        return self.train + self.evaluate


def kind(spec: RunSpec) -> str:
    """Runs of one kind take the same time: they differ in seed and in values of options alone."""
    return repr(
        (
            spec.data_set,
            spec.model,
            spec.model_options,
            spec.likelihood,
            spec.training,
            spec.evaluation,
            spec.extractors,
        )
    )


def estimate(task: tuple[RunSpec, torch.device]) -> Estimate:
    """Time two steps and a few evaluated images of a run on a device, and scale up."""
    spec, device = task
    data = on_device(spec.data_set, device)
    model = build(spec, data)
    check(model, data, spec)
    optimizer = optimiser(model, spec.training)
    batches = BatchOrder(len(data.train), spec.training.batch_size, spec.seed, data.train.device)

    def step() -> None:
        noise = seeds.generator(device, spec.seed, "estimate")
        training_step(model, optimizer, to_float(data.train[batches(0)], device), noise)

    model.train()
    step_seconds = _seconds(step, device)
    few = data.validation[:ITEMS]
    scored = _seconds(lambda: bound(model, few, spec, "estimate"), device) / len(few)
    judged = _seconds(lambda: calibration(model, few, spec), device) / len(few)
    networks = [features(name, device) for name in spec.extractors]

    def sample() -> int:
        found = [images(each) for each in generate_both(model, few, spec, 0)]
        for network in networks:
            for each in found:
                network(each)
        return len(found[0])

    sampled = _seconds(sample, device) / sample()
    frames = len(model.targets(few)) // len(few)
    wanted = spec.evaluation
    validated = min(wanted.validation_images, len(data.validation))
    tested = min(wanted.test_images or len(data.test), len(data.test))
    calibrated = min(wanted.calibration_images, len(data.test))
    # Each importance sample of an item is scored as an item of the bound is.
    weighted = wanted.importance_samples * min(wanted.importance_images, len(data.test))
    generated = wanted.frechet_images
    if model.video:
        generated += wanted.best_of * min(wanted.best_of_videos, len(data.test)) * frames
    return Estimate(
        train=step_seconds * spec.training.total_steps(len(data.train))
        + scored * validated * wanted.measurements,
        evaluate=scored * (tested + validated + weighted)
        + judged * calibrated
        + sampled * generated,
    )


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of one call, the first one (allocations, kernel choice) not counted."""
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started
