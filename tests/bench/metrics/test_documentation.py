"""The examples in the docstrings run, and every public metric has one and names its source."""

from __future__ import annotations

import doctest
import inspect
import re
from dataclasses import is_dataclass
from importlib import import_module
from pkgutil import iter_modules, walk_packages

import pytest

from bench import metrics

MODULES = [module.name for module in walk_packages(metrics.__path__, "bench.metrics.")]
PUBLIC = {name: getattr(metrics.features, name) for name in ("FeatureExtractor", "extractor")} | {
    name: value
    for found in iter_modules(metrics.__path__)
    if not found.ispkg
    for module in (import_module(f"bench.metrics.{found.name}"),)
    for name, value in vars(module).items()
    if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
}
RESULTS = {name for name, value in PUBLIC.items() if is_dataclass(value)} - {"FeatureExtractor"}
"""Classes that hold the numbers of a measurement and compute nothing."""
WITHOUT_SOURCE = {"FeatureExtractor", "extractor", "quantise"}
"""Names without a source in the literature of their own."""
SOURCE = re.compile(r"arXiv:\d{4}\.\d{5}|(19|20)\d\d\)?,")
"""An arXiv identifier, or the year before the journal."""


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_run(module: str) -> None:
    failed, _ = doctest.testmod(import_module(module))
    assert failed == 0


@pytest.mark.parametrize("name", sorted(PUBLIC.keys() - RESULTS))
def test_every_public_name_has_an_example(name: str) -> None:
    (found,) = doctest.DocTestFinder(exclude_empty=False, recurse=False).find(PUBLIC[name], name)
    assert found.examples


@pytest.mark.parametrize("name", sorted(PUBLIC.keys() - RESULTS - WITHOUT_SOURCE))
def test_every_metric_names_its_source(name: str) -> None:
    module = inspect.getmodule(PUBLIC[name])
    assert SOURCE.search(f"{PUBLIC[name].__doc__} {module.__doc__ if module else ''}")
