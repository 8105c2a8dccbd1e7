"""What the head of a report says of a GPU, and of runs that shared a machine."""

from typing import Any

import pytest

from bench.publishing.about import _precision, shared

CPU: dict[str, Any] = {"device": "cpu", "began": "10:00:00", "ended": "10:00:09"}
LATER = {**CPU, "began": "10:00:09", "ended": "10:00:12"}
WITHIN = {**CPU, "began": "10:00:03", "ended": "10:00:05"}
GPU: dict[str, Any] = {"device": "cuda"}


@pytest.mark.parametrize(
    ("machines", "jobs", "said"),
    [
        ([CPU, LATER], 1, ""),
        ([CPU, LATER], None, ""),
        ([GPU], 1, ""),
        ([CPU, LATER], 2, "2 runs shared the processor, so seconds do not compare"),
        ([CPU, GPU], 13, "13 runs shared the GPU, so seconds do not compare"),
        ([LATER, WITHIN, CPU], 1, "runs shared the processor, so seconds do not compare"),
        ([], 1, ""),
    ],
)
def test_runs_that_shared_a_machine_are_told(
    machines: list[dict[str, Any]], jobs: int | None, said: str
) -> None:
    assert shared(machines, {"jobs": jobs}) == said


def test_the_precision_is_that_of_a_gpu() -> None:
    assert "TF32" in _precision([CPU, GPU])
    assert _precision([CPU]) == ""
