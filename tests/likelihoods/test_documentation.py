"""The examples in the docstrings run, and every likelihood has one and names its source."""

from __future__ import annotations

import doctest
import re
from importlib import import_module
from pkgutil import walk_packages

import pytest

import likelihoods

MODULES = ["likelihoods"] + [
    module.name for module in walk_packages(likelihoods.__path__, "likelihoods.")
]
SOURCE = re.compile(r"arXiv:\d{4}\.\d{5}|IJCAI|Continuous Univariate|The Laplace Distribution")
"""An arXiv identifier, or where there is none the proceedings or the book."""


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_run(module: str) -> None:
    failed, _ = doctest.testmod(import_module(module))
    assert failed == 0


@pytest.mark.parametrize("name", likelihoods.names())
def test_every_likelihood_has_an_example_and_a_source(name: str) -> None:
    cls = likelihoods.get(name)
    finder = doctest.DocTestFinder(recurse=False)
    assert any(test.examples for test in finder.find(cls, cls.__name__))
    assert SOURCE.search(cls.reference)
