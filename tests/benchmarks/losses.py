"""Which part of a training step is the likelihood's: forward and backward of its loss.

`python -m tests.benchmarks.losses` prints the table of docs/performance.md. It takes about two
minutes; nothing else should run meanwhile.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from tabulate import tabulate

import likelihoods
from bench import models
from bench.environment import circumstances, environment
from bench.execution.executors.base import configure
from reports.published import TABLE_B
from tests.benchmarks.steps import Case, Step, least_milliseconds

CASES = (
    Case("published VAE, 28x28x1, width 32, batch 128", "", (1, 28, 28), 32, 128),
    Case("VAE of `quick`, 32x32x3, width 8, batch 8", "", (3, 32, 32), 8, 8),
)


def loss_of(case: Case) -> Step:
    """Forward and backward of the loss alone, on made-up raw outputs."""
    likelihood = likelihoods.create(case.likelihood, shape=case.shape).train()
    size = (case.batch, likelihood.output_channels, *case.shape[1:])
    outputs = torch.randn(size).contiguous(memory_format=torch.channels_last)
    x = case.images().float() / 255

    def step() -> None:
        outputs.requires_grad_().grad = None
        (-likelihood(outputs, target=x).log_prob(x)).mean().backward()

    return step


def head_of(case: Case) -> Step:
    """Forward and backward of the convolution that makes the raw outputs."""
    likelihood = likelihoods.create(case.likelihood, shape=case.shape)
    model = models.create(case.model, likelihood, seed=0, width=case.width)
    head = model.to(memory_format=torch.channels_last).get_submodule("head")
    features = torch.randn(case.batch, case.width, *case.shape[1:])
    features = features.contiguous(memory_format=torch.channels_last)
    gradient = torch.randn_like(head(features))

    def step() -> None:
        features.requires_grad_().grad = None
        head(features).backward(gradient)

    return step


def main() -> None:
    """Print a table for each network."""
    configure()
    print(circumstances(environment(torch.device("cpu"))))
    for network in CASES:
        rows = []
        for name in TABLE_B["SVHN"]:
            case = replace(network, likelihood=name)
            ways: dict[str, Step | None] = {
                "loss": loss_of(case),
                "head": head_of(case),
                "step": case.ours(),
            }
            times = least_milliseconds(ways)
            rest = times["step"] - times["head"]
            shares = [times["loss"] / part for part in (times["step"], rest)]
            rows.append([name, *times.values(), *shares])
        headers = ["decoder", "loss (ms)", "last layer (ms)", "step (ms)"]
        headers += ["loss / step", "loss / step without last layer"]
        print(f"\n{network.name}\n")
        formats = ("", ".2f", ".2f", ".1f", ".0%", ".0%")
        print(tabulate(rows, headers, tablefmt="pipe", floatfmt=formats))


if __name__ == "__main__":
    main()
