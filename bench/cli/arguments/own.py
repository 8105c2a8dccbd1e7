"""The options of `bench run` for data and a network of one's own."""

from __future__ import annotations

import argparse
import re

from bench.progress import say

SIDE = 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Data and network; docs/your-data-and-network.md."""
    add = parser.add_argument
    add(
        "--data",
        action="append",
        default=[],
        metavar="FOLDER|FILE.npz|FILE.py:Class",
        help="your own images, on the model and training of the suite's first column of images; "
        "repeatable",
    )
    add(
        "--data-size",
        type=_size,
        metavar="SIDE|HxW",
        help=f"what your images are resized to; default: {SIDE}, of an .npz as they are",
    )
    add(
        "--data-crop",
        choices=["centre", "none"],
        default="centre",
        help="centre (default): the largest central part of that shape; none: all, distorted",
    )
    add(
        "--model",
        metavar="FILE.py:Class",
        help="your own network in place of the suite's, such as 'my_net.py:MyNet(width=64)'",
    )


def bring(options: argparse.Namespace) -> list[str]:
    """Make the user's data known, and say what they are; returns the names of the data sets."""
    import datasets
    from bench import data

    names = []
    for place in options.data:
        names.append(data.bring(data.OwnData(place, options.data_size, options.data_crop)))
        status = datasets.status(names[-1])
        counts = f"{status.train} train, {status.validation} validation, {status.test} test"
        say(f"{place} is data set {names[-1]}: {counts}")
    return names


def asked(options: argparse.Namespace) -> dict[str, list[str]]:
    """The words of the command that bring data and model, for a command that adds to its runs."""
    words = [word for place in options.data for word in ("--data", place)]
    if options.data_size:
        words += ["--data-size", "x".join(map(str, options.data_size))]
    if options.data_crop != "centre":
        words += ["--data-crop", options.data_crop]
    return {"own": [*words, *(["--model", options.model] if options.model else [])]}


def _size(text: str) -> tuple[int, int]:
    sides = re.fullmatch(r"([1-9]\d*)(?:x([1-9]\d*))?", text)
    if sides is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not SIDE or HxW, such as 32 or 48x64")
    return int(sides[1]), int(sides[2] or sides[1])
