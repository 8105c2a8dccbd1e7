"""Names, options and their errors."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import likelihoods
from likelihoods import Likelihood, LikelihoodError, Shape
from likelihoods.core.options import choice, integer, interval, number

SHAPE = (3, 4, 4)


@pytest.mark.parametrize(
    ("name", "options", "parts"),
    [
        ("studnt_t", {}, ["'studnt_t'", "did you mean 'student_t'", "gaussian"]),
        ("beta_vae", {"bta": 1}, ["'bta'", "did you mean 'beta'", "convention"]),
        ("gaussian", {"sigma": 1}, ["'sigma'", "its options: none"]),
        ("beta_vae", {"beta": 0}, ["beta=0", "between 0 and inf"]),
        ("beta_vae", {"beta": "1"}, ["beta='1'"]),
        ("beta_vae", {"beta": True}, ["beta=True"]),
        ("beta_vae", {"beta": float("nan")}, ["beta=nan"]),
        ("beta_vae", {"convention": "slide"}, ["'slide'", "did you mean 'slides'", "paper"]),
        ("logistic_mixture", {"components": 0}, ["components=0", "at least 1"]),
        ("logistic_mixture", {"components": 2.5}, ["components=2.5"]),
        ("per_pixel_sigma", {"bounds": (0, -6)}, ["bounds=(0, -6)", "low < high"]),
        ("per_pixel_sigma", {"bounds": (-6, 100)}, ["bounds=(-6, 100)", "-40 ... 40"]),
        ("per_pixel_sigma", {"bounds": 3}, ["bounds=3"]),
        ("per_pixel_sigma", {"bounds": "nothing"}, ["bounds='nothing'"]),
        ("optimal_sigma", {"share": "images"}, ["'images'", "did you mean 'image'"]),
        ("optimal_sigma", {"share": ("batch", "widht")}, ["'widht'", "did you mean 'width'"]),
        ("optimal_sigma", {"share": ()}, ["share=()"]),
        ("optimal_sigma", {"decay": 1}, ["decay=1"]),
        ("optimal_sigma", {"bins": 1}, ["bins=1"]),
        ("optimal_per_image_sigma", {"share": "all"}, ["'share'", "decay"]),
    ],
)
def test_wrong_input_is_one_helpful_line(
    name: str, options: dict[str, Any], parts: list[str]
) -> None:
    with pytest.raises(LikelihoodError) as caught:
        likelihoods.create(name, SHAPE, **options)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize("shape", [(3, 4), (3, 0, 4), (1.5, 2, 2), "abc", (True, 2, 2), None])
def test_wrong_shape(shape: Any) -> None:
    with pytest.raises(LikelihoodError, match="shape="):
        likelihoods.create("gaussian", shape)


def test_wrong_outputs_name_what_is_expected() -> None:
    likelihood = likelihoods.create("per_pixel_sigma", SHAPE)
    with pytest.raises(LikelihoodError, match=r"\(2, 3, 4, 4\).*expected \(B, 6, 4, 4\)"):
        likelihood(torch.zeros(2, 3, 4, 4))


@pytest.mark.parametrize("name", likelihoods.names())
def test_options_make_the_same_again(name: str) -> None:
    likelihood = likelihoods.create(name, SHAPE)
    again = likelihoods.create(name, SHAPE, **json.loads(json.dumps(likelihood.options)))
    assert again.options == likelihood.options
    assert repr(again) == repr(likelihood)
    assert likelihood.name == name
    assert likelihood.family
    assert likelihood.reference


def test_repr() -> None:
    likelihood = likelihoods.create("beta_vae", SHAPE, beta=0.5)
    assert repr(likelihood) == "beta_vae(shape=(3, 4, 4), beta=0.5, convention='slides')"


def test_get_and_create_from_a_class() -> None:
    cls = likelihoods.get("student_t")
    assert issubclass(cls, Likelihood)
    likelihood = likelihoods.create(cls, SHAPE)
    assert isinstance(likelihood, cls)
    assert likelihood.name == "StudentT"
    with pytest.raises(LikelihoodError, match="did you mean 'gaussian'"):
        likelihoods.get("gausian")


@pytest.mark.parametrize("share", ["image", "channel"])
def test_optimal_names_are_one_class_and_differ_in_what_shares_a_sigma(share: str) -> None:
    assert likelihoods.get(f"optimal_per_{share}_sigma") is likelihoods.get("optimal_sigma")
    preset = likelihoods.create(f"optimal_per_{share}_sigma", SHAPE)
    chosen = likelihoods.create("optimal_sigma", SHAPE, share=share)
    outputs, x = torch.randn(2, *SHAPE), torch.rand(2, *SHAPE)
    assert torch.equal(preset(outputs, x).log_prob(x), chosen(outputs, x).log_prob(x))
    assert "share" not in preset.options


def test_a_taken_name_is_refused() -> None:
    class Another(Likelihood):
        pass

    with pytest.raises(
        LikelihoodError, match=r"the name 'gaussian' is taken by Gaussian of .*gaussian\.py"
    ):
        likelihoods.register("gaussian")(Another)


def test_an_option_without_default_is_asked_for() -> None:
    class Demanding(Likelihood):
        def __init__(self, shape: likelihoods.Shape, *, needed: int) -> None:
            super().__init__(shape)

    with pytest.raises(LikelihoodError, match="needs the option 'needed'"):
        likelihoods.create(Demanding, SHAPE)


def test_a_file_dropped_into_the_folder_is_found(tmp_path: Path) -> None:
    import os
    import shutil
    import subprocess
    import sys

    package = Path(likelihoods.__file__).parent
    shutil.copytree(package, tmp_path / "likelihoods", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "likelihoods" / "families" / "dropped.py").write_text(
        "from likelihoods import Likelihood, register\n"
        "@register('dropped')\n"
        "class Dropped(Likelihood):\n"
        "    pass\n"
    )
    script = "import likelihoods; print('dropped' in likelihoods.names())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "True"


def test_validators_return_what_they_checked() -> None:
    assert number("a", 3) == 3.0
    assert integer("a", 3, 1) == 3
    assert choice("a", "x", ("x", "y")) == "x"
    assert interval("a", [-6, 0]) == (-6.0, 0.0)


def test_an_init_without_the_base_class_is_told() -> None:
    class Forgetful(Likelihood):
        def __init__(self, shape: Shape) -> None:
            pass

    with pytest.raises(LikelihoodError, match=r"Forgetful: .* super\(\).__init__\(shape\)"):
        likelihoods.create(Forgetful, (1, 2, 2))


def test_what_is_not_written_is_named() -> None:
    likelihood = likelihoods.create("bernoulli", (1, 2, 2))
    for missing in ("cdf", "icdf"):
        with pytest.raises(NotImplementedError) as caught:
            getattr(likelihood(torch.zeros(1, 1, 2, 2)), missing)(torch.zeros(1, 1, 2, 2))
        assert (
            likelihoods.described(caught.value) == f"NotImplementedError: {missing} is not written"
        )
    assert likelihoods.described(ValueError("one\ntwo")) == "ValueError: one"
    assert likelihoods.described(ValueError("one:\n  two")) == "ValueError: one: two"
    assert likelihoods.described(KeyboardInterrupt()) == "KeyboardInterrupt"


def test_what_is_no_name_is_refused() -> None:
    with pytest.raises(LikelihoodError, match="3 is neither a name nor a class"):
        likelihoods.create(3, (1, 2, 2))  # type: ignore[arg-type]
