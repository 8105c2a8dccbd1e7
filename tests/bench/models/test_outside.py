"""Models of users' files: what they are called, what identifies them, what is wrong with some."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import likelihoods
from bench import models
from bench.cli.new import TEMPLATES
from bench.errors import UsageError
from bench.models import base, check, outside
from bench.models.vae import VAE
from bench.suite import RunSpec
from bench.training import History, Training

NET = (TEMPLATES / "model.py").read_text(encoding="utf-8").replace("Template", "Net")


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_MODELS", dict(base._MODELS))
    monkeypatch.setattr(outside, "_references", {})


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.py"
    path.write_text(NET)
    return path


def test_runs_of_built_in_models_are_called_as_ever() -> None:
    """Whoever has results keeps them: these ids are of before there were models of users."""

    def named(model: str, likelihood: str, seed: int, **changes: object) -> str:
        spec = RunSpec(
            data_set="mnist",
            data_checksum="c0ffee",
            model=model,
            model_options=changes.pop("model_options", {}),  # type: ignore[arg-type]
            model_version=models.version(model),
            likelihood=likelihood,
            likelihood_options=changes.pop("options", {}),  # type: ignore[arg-type]
            likelihood_source="5eed",
            training=Training.model_validate(changes),
            history=History(points=4, images=16, batch_size=16),
            seed=seed,
            training_version=4,
        )
        assert RunSpec.model_validate_json(spec.model_dump_json()) == spec
        return f"{spec.run_id} {spec.column_key}"

    narrow = {"width": 8, "latents": 20}
    assert named(
        "vae", "optimal_sigma", 0, model_options=narrow, steps=3000, batch_size=8, decay=0.5,
        start="data",
    ) == "mnist-vae-optimal_sigma-seed=0-aeab28a421 dd776e0632"  # fmt: skip
    small = {"width": 16, "units": "6,5,4", "blocks": 1}
    assert named(
        "hvae", "beta_vae", 3, model_options=small, options={"beta": 0.1}, optimiser="adamax",
        learning_rate=2e-3, epochs=2,
    ) == "mnist-hvae-beta_vae-beta=0.1-seed=3-905a3f8bad 52140da0b4"  # fmt: skip
    assert (
        named(
            "svg", "per_pixel_sigma", -1, options={"bounds": "none"}, steps=10, precision="bfloat16"
        )
        == "mnist-svg-per_pixel_sigma-bounds=none-seed=-1-b697450e70 15f22039fa"
    )


def test_it_is_known_by_its_class_and_identified_by_its_content(net: Path, tmp_path: Path) -> None:
    named = models.resolve(f"{net}:Net(width=8)")
    assert named == ("Net", {"width": 8})
    first = models.version("Net")
    assert isinstance(first, str)
    assert models.references() == {"Net": f"{net}:Net"}
    moved = tmp_path / "elsewhere" / "net.py"
    moved.parent.mkdir()
    moved.write_text(NET)
    base._MODELS.pop("Net")
    models.resolve(f"{moved}:Net")
    assert models.version("Net") == first, "where the file lies does not count"
    moved.write_text(f"{NET}# edited\n")
    assert models.version("Net") == first, "what was read counts, not what became of the file"
    models.resolve(f"{moved}:Net")
    assert models.version("Net") != first
    assert models.version("vae") == VAE.version


def test_what_it_imports_from_beside_it_counts(
    net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "beside_net", raising=False)
    (tmp_path / "beside_net.py").write_text("WIDTH = 8\n")
    net.write_text(f"{NET}\nfrom beside_net import WIDTH\n")
    models.resolve(f"{net}:Net")
    before = models.version("Net")
    (tmp_path / "beside_net.py").write_text("WIDTH = 9\n")
    assert models.version("Net") != before


def test_a_new_version_of_a_built_in_model_that_it_stands_on_counts(
    net: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = net.with_name("other.py")
    other.write_text("from bench.models.vae import VAE\nclass Mine(VAE):\n    '''Mine.'''\n")
    for path, name in ((net, "Net"), (other, "Mine")):
        models.resolve(f"{path}:{name}")
    before = [models.version(name) for name in ("Net", "Mine")]
    monkeypatch.setattr(VAE, "version", VAE.version + 1)
    after = [models.version(name) for name in ("Net", "Mine")]
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_what_cannot_be_had_is_told_in_one_line(net: Path, tmp_path: Path) -> None:
    for text, message in (
        (f"{net}:Nett", "has no model 'Nett'; it defines: Net; did you mean 'Net'?"),
        (f"{net}", "needs a class"),
        (f"{tmp_path}/absent.py:Net", "No such file"),
        ("vae", "'vae' is not FILE.py"),
    ):
        with pytest.raises(likelihoods.LikelihoodError) as caught:
            models.resolve(text)
        assert message in str(caught.value)
    models.resolve(f"{net}:Net")
    twin = net.with_name("twin.py")
    twin.write_text(NET)
    with pytest.raises(UsageError, match="the name 'Net' is taken by a model of net@"):
        models.resolve(f"{twin}:Net")
    likelihood = likelihoods.create("gaussian", (1, 8, 8))
    with pytest.raises(UsageError, match=r"unknown option of model Net 'witdh'; did you mean"):
        models.create("Net", likelihood, seed=0, witdh=3)
    net.write_text(NET.replace("super().__init__()", "super().__init__(); {}['x']"))
    models.resolve(f"{net}:Net")
    with pytest.raises(UsageError, match="model Net: KeyError: 'x'"):
        models.create("Net", likelihood, seed=0)


def failures(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(check, "SHAPE", (1, 8, 8))
    models.resolve(f"{path}:Net")
    found = check.run(lambda likelihood, seed: models.create("Net", likelihood, seed=seed, width=8))
    return [each.property for each in found if each.passed is False]


@pytest.mark.parametrize(
    ("old", "new", "failed"),
    [
        ("", "", []),
        ("self.head(self.decoder(z)), kl,", "self.head(self.decoder(z))[:, :1], kl,", ["shapes"]),
        (").sum(1)\n        log", ").mean(1)\n        log", ["posterior", "log_ratio"]),
        (".sum(1)  # ln", ".mean(1)  # ln", ["log_ratio"]),
        ("kl = (0.5", "kl = -(0.5", ["negative", "posterior", "log_ratio", "elbo"]),
        ('seed, "trunk weights"', "like.output_channels", ["trunk"]),
        ("q.draw(generator)", "q.draw(None)", ["generator"]),
    ],
)
def test_a_defect_fails_its_property_and_no_other(
    net: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, failed: list[str]
) -> None:
    assert old in NET
    net.write_text(NET.replace(old, new))
    found = failures(net, monkeypatch)
    assert len(found) == len(failed), found
    assert all(word in each for word, each in zip(failed, found, strict=True)), found


def test_the_template_is_short() -> None:
    assert len(NET.splitlines()) <= 45
