"""The whole measurement of FID on real data, against the number that the literature agrees on."""

from __future__ import annotations

import pytest
import torch

import datasets
from bench.metrics.features import FeatureError, extractor
from bench.metrics.frechet import Accumulator, frechet_distance

GOLDEN = 3.15
"""FID of 50,000 training against 10,000 test images of CIFAR-10."""


def test_cifar10_training_against_test() -> None:
    """60,000 images through Inception: a minute on a GPU, an hour on two CPU cores."""
    if not torch.cuda.is_available():
        pytest.skip("60,000 images through Inception need a GPU, and there is none here")
    try:
        network = extractor("inception", "cuda")
        datasets.fetch("cifar10")
    except (FeatureError, datasets.DataError) as error:
        pytest.skip(f"what it needs cannot be had here: {error}")
    data = datasets.load("cifar10")
    training, test = Accumulator(), Accumulator()
    for part, into in ((data.train, training), (data.validation, training), (data.test, test)):
        for some in part.split(500):
            into.update(network(some.cuda()))
    found = frechet_distance(training.statistics(), test.statistics())
    assert found == pytest.approx(GOLDEN, abs=0.03)
