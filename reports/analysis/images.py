"""How sure a number is over test images, of which one run has many: the seeds say nothing of it."""

from __future__ import annotations

import numpy as np

from reports.analysis.groups import Entry, Group
from reports.analysis.intervals import Values
from reports.analysis.statistics import sound
from reports.content import Content


def image_error(content: Content, first: Entry, second: Entry, key: str) -> float | None:
    """Return the standard error of first minus second over test images, paired by image.

    It is of the sampling of test images alone: another training is not in it. None unless one
    sound run of each is there, on the same data set, with a value for each of as many images.
    """
    ended = [sound(entry.runs) for entry in (first, second)]
    if any(len(runs) != 1 for runs in ended) or len({*ended[0].data_set, *ended[1].data_set}) > 1:
        return None
    a, b = (_values(content, str(runs["run"].iloc[0]), key) for runs in ended)
    if a.size != b.size or a.size < 2:
        return None
    error = float(np.std(a - b, ddof=1) / np.sqrt(a.size))
    return error if np.isfinite(error) else None


def channels(content: Content, group: Group) -> int | None:
    """Return the number of channels of the images of a group; None if no image was kept."""
    runs = [run for run in map(str, group.runs["run"]) if run in content.samples]
    return content.samples[runs[0]].shape[-1] if runs else None


def _values(content: Content, run: str, key: str) -> Values:
    return np.asarray(content.per_image.get(run, {}).get(key, ()), dtype=np.float64)
