"""What the head of a report says of a GPU."""

from typing import Any

import pytest

from bench.publishing.about import _of_a_gpu

CPU: dict[str, Any] = {"device": "cpu"}
GPU: dict[str, Any] = {"device": "cuda"}


@pytest.mark.parametrize(
    ("machines", "jobs", "said"),
    [([CPU], 2, False), ([GPU], 1, False), ([GPU], None, False), ([CPU, GPU], 13, True)],
)
def test_runs_that_shared_a_gpu_are_told(
    machines: list[dict[str, Any]], jobs: int | None, said: bool
) -> None:
    lines = _of_a_gpu(machines, {"jobs": jobs})
    assert bool(lines.get("seconds")) is said
    assert ("precision on the GPU" in lines) is (GPU in machines)
