"""Likelihoods by name, from files and from packages."""

from __future__ import annotations

import pickle
import sys
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest
import torch

import likelihoods
from likelihoods import LikelihoodError, fingerprint, resolve
from likelihoods.core import registry
from likelihoods.outside import plugins
from likelihoods.outside.plugins import load_plugins

SOURCE = """
from torch import distributions as D
from likelihoods import Likelihood

class Narrow(Likelihood):
    reference = "nobody"

    def __init__(self, shape, *, scale=0.5):
        super().__init__(shape)
        self.scale = scale

    def forward(self, outputs, target=None):
        (location,) = self.split(outputs)
        return D.Independent(D.Laplace(location, self.scale), 3)

class Other(Narrow):
    pass
"""


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "narrow.py"
    path.write_text(SOURCE)
    return path


def test_a_registered_name_with_options() -> None:
    given = resolve("beta_vae(beta=0.1, convention='paper')")
    assert (given.name, given.file) == ("beta_vae", None)
    assert given.options == {"beta": 0.1, "convention": "paper"}
    assert given.label == "beta_vae(beta=0.1, convention=paper)"
    assert (
        given.create((1, 2, 2)).kl_weight
        == likelihoods.create("beta_vae", (1, 2, 2), beta=0.1, convention="paper").kl_weight
    )


def test_a_class_of_a_file(file: Path) -> None:
    given = resolve(f"{file}:Narrow(scale=0.25)")
    assert (given.name, given.label, given.file) == ("Narrow", "Narrow(scale=0.25)", file.resolve())
    made = given.create((1, 2, 2))
    outputs, x = torch.zeros(3, 1, 2, 2), torch.ones(3, 1, 2, 2)
    expected = 4 * torch.distributions.Laplace(0.0, 0.25).log_prob(torch.tensor(1.0))
    torch.testing.assert_close(made(outputs).log_prob(x), expected.expand(3))
    assert made.family == "narrow"
    assert repr(made) == "Narrow(shape=(1, 2, 2), scale=0.25)"
    assert "Narrow" in likelihoods.names()
    assert "Other" not in likelihoods.names()
    assert isinstance(pickle.loads(pickle.dumps(made)), type(made))
    assert f"{file.resolve()}:Narrow" in likelihoods.references()


def test_a_file_is_read_again_when_it_has_changed(file: Path) -> None:
    first = resolve(f"{file}:Narrow").create((1, 2, 2))
    assert type(resolve(f"{file}:Narrow").create((1, 2, 2))) is type(first)
    before, gaussian = fingerprint("Narrow"), fingerprint("gaussian")
    file.write_text(SOURCE.replace("0.5", "0.125"))
    assert fingerprint("Narrow") == before, "what was read counts, not what became of the file"
    assert resolve(f"{file}:Narrow").create((1, 2, 2)).options == {"scale": 0.125}
    assert fingerprint("Narrow") != before
    assert fingerprint("gaussian") == gaussian
    file.write_text(SOURCE)
    resolve(f"{file}:Narrow")
    assert fingerprint("Narrow") == before


def test_the_folder_is_not_part_of_the_identity(file: Path, tmp_path: Path) -> None:
    resolve(f"{file}:Narrow")
    before = fingerprint("Narrow")
    registry._entries.pop("Narrow")
    moved = tmp_path / "elsewhere" / "narrow.py"
    moved.parent.mkdir()
    moved.write_text(SOURCE)
    resolve(f"{moved}:Narrow")
    assert fingerprint("Narrow") == before


@pytest.mark.parametrize(
    "line",
    ["import helper_beside", "from helper_beside import SCALE", "import package_beside.inner"],
)
def test_the_identity_holds_what_is_imported_from_beside(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a plain number, which does not say where it is from."""
    monkeypatch.syspath_prepend(str(tmp_path))
    helper, inner = tmp_path / "helper_beside.py", tmp_path / "package_beside" / "inner.py"
    inner.parent.mkdir()
    (inner.parent / "__init__.py").touch()
    for path in (helper, inner):
        path.write_text("SCALE = 0.5\n")
    mine = tmp_path / "mine.py"
    mine.write_text(
        f"{line}\nfrom likelihoods.families.gaussian import Gaussian\nclass Mine(Gaussian): pass\n"
    )
    resolve(f"{mine}:Mine")
    before, gaussian = fingerprint("Mine"), fingerprint("gaussian")
    (inner if "package" in line else helper).write_text("SCALE = 0.25\n")
    assert fingerprint("Mine") != before
    assert fingerprint("gaussian") == gaussian
    for name in ("helper_beside", "package_beside", "package_beside.inner"):
        sys.modules.pop(name, None)


def test_the_identity_holds_what_a_likelihood_stands_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Editing the file of a base class, or of a function that is imported, is a change."""
    from likelihoods.outside import fingerprint as module

    path = tmp_path / "mine.py"
    path.write_text(
        "from likelihoods.families.gaussian import Gaussian\nclass Mine(Gaussian): pass\n"
    )
    resolve(f"{path}:Mine")
    before = {name: fingerprint(name) for name in ("Mine", "student_t", "gaussian")}
    content = module._content

    def edited(source: ModuleType) -> bytes:
        return content(source) + (
            b"#" if source.__name__ == "likelihoods.families.gaussian" else b""
        )

    monkeypatch.setattr(module, "_content", edited)
    after = {name: fingerprint(name) for name in before}
    assert {name for name in before if before[name] != after[name]} == {"Mine", "gaussian"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gausian", "no likelihood 'gausian'; there are: .*did you mean 'gaussian'"),
        ("gaussian(", r"'gaussian\(' is not NAME\(option=value"),
        ("gaussian(1)", r"is not NAME\(option=value"),
        ("gaussian(**{})", r"is not NAME\(option=value"),
        ("gaussian(a=open('x'))", r"is not NAME\(option=value"),
        ("missing.py:Narrow", "missing.py: No such file"),
        ("{file}", r"narrow.py needs a class, .*narrow.py:Class; it defines: Narrow, Other"),
        ("{file}:Narow", "has no likelihood 'Narow'; it defines: Narrow, Other; did you mean"),
        ("{file}:Likelihood", "has no likelihood 'Likelihood'"),
        ("{folder}/notes.txt:Narrow", "is not FILE.py"),
    ],
)
def test_what_cannot_be_had_is_told_in_one_line(text: str, message: str, file: Path) -> None:
    with pytest.raises(LikelihoodError, match=message) as caught:
        resolve(text.replace("{file}", str(file)).replace("{folder}", str(file.parent)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def (", r"broken.py cannot be imported: SyntaxError: .* \(line 1\)"),
        ("x = 1\nx.y", r"AttributeError: 'int' object has no attribute 'y' \(line 2\)"),
        ("import no_such_package", r"No module named 'no_such_package' \(line 1\)"),
        ("x = 1", "it defines no subclass of Likelihood"),
    ],
)
def test_a_broken_file_names_the_line(source: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text(source)
    with pytest.raises(LikelihoodError, match=message):
        resolve(f"{path}:Any")


def test_a_name_that_is_taken(tmp_path: Path, file: Path) -> None:
    resolve(f"{file}:Narrow")
    twin = tmp_path / "twin.py"
    twin.write_text(SOURCE)
    with pytest.raises(LikelihoodError, match=r"'Narrow' is taken by Narrow of .*/narrow\.py"):
        resolve(f"{twin}:Narrow")


def test_packages_offer_likelihoods(monkeypatch: pytest.MonkeyPatch) -> None:
    def points(group: str) -> list[EntryPoint]:
        assert group == "likelihood_bench"
        good = EntryPoint("plugged", "likelihoods.families.gaussian:Gaussian", group)
        bad = EntryPoint("broken", "no_such_package:Thing", group)
        wrong = EntryPoint("wrong", "pathlib:Path", group)
        return [bad, wrong, good]

    monkeypatch.setattr(plugins, "entry_points", points)
    with pytest.warns(UserWarning, match="cannot be had") as warned:
        load_plugins()
    assert [str(each.message) for each in warned] == [
        "likelihood 'broken' of an installed package cannot be had: "
        "ModuleNotFoundError: No module named 'no_such_package'",
        "likelihood 'wrong' of an installed package cannot be had: "
        "TypeError: pathlib:Path is not a subclass of Likelihood",
    ]
    assert likelihoods.get("plugged") is likelihoods.get("gaussian")


def test_a_class_in_the_init_of_a_package_is_part_of_the_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "some_package"
    package.mkdir()
    (package / "__init__.py").write_text(f"from some_package.parts import part\n{SOURCE}")
    (package / "parts.py").write_text("def part(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    import_module("some_package")
    likelihoods.register("packaged")(sys.modules["some_package"].Narrow)
    before = fingerprint("packaged")
    for file in ("parts.py", "__init__.py"):
        text = (package / file).read_text()
        (package / file).write_text(f"{text}# edited")
        assert fingerprint("packaged") != before
        (package / file).write_text(text)
    assert fingerprint("packaged") == before
