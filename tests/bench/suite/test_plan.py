from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import datasets
import likelihoods
from bench import suite
from bench.errors import UsageError
from bench.evaluation import Evaluation, Measurement, restored
from bench.evaluation.reference import network
from bench.metrics import FeatureError, FeatureExtractor
from bench.suite import Choices, Plan, RunSpec, make
from tests.bench.suite.conftest import MakePlan


def test_rows_by_values_by_seeds(plan: MakePlan) -> None:
    runs = plan(seeds=2).runs
    assert [(run.label, run.seed) for run in runs] == [
        ("gaussian", 0),
        ("gaussian", 1),
        ("optimal_sigma", 0),
        ("optimal_sigma", 1),
        ("beta_vae(beta=0.1)", 0),
        ("beta_vae(beta=0.1)", 1),
        ("beta_vae(beta=10.0)", 0),
        ("beta_vae(beta=10.0)", 1),
    ]
    assert len({run.run_id for run in runs}) == 8
    assert len({(run.training, run.history) for run in runs}) == 1
    assert len({run.column_key for run in runs}) == 1


def test_patterns_choose_rows(plan: MakePlan) -> None:
    assert {run.likelihood for run in plan(likelihoods=["*sigma"]).runs} == {"optimal_sigma"}
    with pytest.raises(UsageError, match=r"'gausian'; did you mean 'gaussian'\?"):
        plan(likelihoods=["gausian"])


def test_any_data_set_gets_a_column(plan: MakePlan) -> None:
    columns = plan(data_sets=["patches", "digits"]).columns
    assert [(c.heading, c.data_set, c.stands_for) for c in columns] == [
        ("Digits", "digits", "svhn"),
        ("patches VAE", "patches", None),
    ]
    with pytest.raises(UsageError, match=r"unknown data set 'patchs'; did you mean 'patches'\?"):
        plan(data_sets=["patchs"])


def test_wrong_options_fail_before_anything_is_fetched(
    tiny: Path, plan: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "load", lambda name: pytest.fail("fetched"))
    original = tiny.read_text()
    tiny.write_text(original.replace("sweep = { beta", "sweep = { beat"))
    with pytest.raises(likelihoods.LikelihoodError, match="beat"):
        plan()
    tiny.write_text(original.replace('likelihood = "gaussian"', 'likelihood = "gausian"'))
    with pytest.raises(likelihoods.LikelihoodError, match="gaussian"):
        plan()
    tiny.write_text(original.replace("thumbnail", "inseption"))
    with pytest.raises(UsageError, match=r"extractor 'inseption'; did you mean 'inception'\?"):
        plan()
    tiny.write_text(original)
    with pytest.raises(UsageError, match="seeds must be at least 1, not 0"):
        plan(seeds=0)


def test_without_units_for_bfloat16_training_is_in_float32(
    tiny: Path, plan: MakePlan, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tiny.read_text()
    tiny.write_text(text + '[columns.budgets.tiny]\ntraining = { precision = "bfloat16" }\n')
    found = [{run.training.precision for run in plan(bfloat16=has).runs} for has in (True, False)]
    assert "bfloat16" in found[0]
    assert found[1] == {"float32"}
    assert "no units for bfloat16 here, so training is in float32" in capsys.readouterr().err
    tiny.write_text(text + '[columns.budgets.tiny]\ntraining = { precision = "float16" }\n')
    with pytest.raises(UsageError, match=r"precision.*'float32' or 'bfloat16'"):
        plan()


def test_what_is_absent_has_a_stand_in(
    tiny: Path, plan: MakePlan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LIKELIHOOD_BENCH_DATA", str(tmp_path))

    def offline(name: str, **_: object) -> None:
        raise datasets.DataError(f"{name}: no source")

    monkeypatch.setattr(datasets, "fetch", offline)
    tiny.write_text(tiny.read_text().replace('["digits"]', '["mnist", "digits"]'))
    assert [column.data_set for column in plan().columns] == ["digits"]
    tiny.write_text(tiny.read_text().replace('["mnist", "digits"]', '["mnist"]'))
    with pytest.raises(datasets.DataError, match="no data for column 'Digits': mnist: no source"):
        plan()


def test_what_is_large_has_a_stand_in(
    tiny: Path,
    plan: MakePlan,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LIKELIHOOD_BENCH_DATA", str(tmp_path))
    monkeypatch.setattr("datasets.core.fetching._fetch", lambda *_: pytest.fail("fetched"))
    tiny.write_text(tiny.read_text().replace('["digits"]', '["celeba", "digits"]'))
    assert [column.data_set for column in plan().columns] == ["digits"]
    (told,) = (line for line in capsys.readouterr().err.splitlines() if "stand-in" in line)
    assert told.startswith(
        f"Digits goes on with a stand-in: celeba is not in {tmp_path}, and 1.4 GB to fetch, "
        "more than the 1.0 GB that are fetched unasked: run `python -m bench data fetch celeba`, or"
    )
    assert list(tmp_path.iterdir()) == [tiny]


def test_what_is_damaged_has_none(
    tiny: Path, plan: MakePlan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{part}-ubyte").write_bytes(b"nonsense")
    monkeypatch.setenv("LIKELIHOOD_BENCH_DATA", str(tmp_path))
    tiny.write_text(tiny.read_text().replace('["digits"]', '["mnist", "digits"]'))
    with pytest.raises(datasets.DataError, match="ubyte"):
        plan()


def test_the_identity_of_a_run(plan: MakePlan) -> None:
    run = plan().runs[0]
    restored = RunSpec.model_validate_json(run.model_dump_json())
    assert restored == run
    assert restored.run_id == run.run_id
    changes = {
        "data_checksum": "other",
        "model_options": {"width": 3},
        "likelihood_options": {"beta": 2.0},
        "likelihood_source": "edited",
        "training": run.training.model_copy(update={"steps": 7}),
        "history": run.history.model_copy(update={"points": 4}),
        "seed": 1,
        "training_version": run.training_version + 1,
        "model_version": "of a user",
        "data_set": "patches",
        "model": "hvae",
        "likelihood": "laplace",
    }
    assert changes.keys() == RunSpec.model_fields.keys()
    hashes = {run.model_copy(update={key: value}).run_id for key, value in changes.items()}
    assert len(hashes | {run.run_id}) == len(changes) + 1


@pytest.mark.parametrize("name", Evaluation.model_fields)
def test_nothing_of_the_evaluation_is_in_a_run(
    tiny: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each parameter changes the measurements that have it, and no run."""
    monkeypatch.setattr("bench.metrics.features.available", lambda name: False)

    def planned() -> Plan:
        return make(suite.load(str(tiny)), Choices("tiny"), fetch=False)

    before = planned()
    value = getattr(suite.load(str(tiny)).budget("tiny").evaluation, name)
    changed = value + 1 if isinstance(value, int) else ["inception"]
    head, table = tiny.read_text().split("[budgets.tiny.evaluation]")
    kept = [line for line in table.splitlines() if not line.startswith(f"{name} =")]
    lines = [head, "[budgets.tiny.evaluation]", *kept, f"{name} = {json.dumps(changed)}"]
    tiny.write_text("\n".join(lines))
    after = planned()
    assert after.runs == before.runs
    assert [run.run_id for run in after.runs] == [run.run_id for run in before.runs]
    (old,), (new,) = before.measurements.values(), after.measurements.values()
    for former, present in zip(old, new, strict=True):
        changes = name in type(present).model_fields
        assert (former.key != present.key) is changes, present.label


def test_measurements_of_one_plan_are_those_of_its_data_and_model(plan: MakePlan) -> None:
    found = plan()
    labels = [each.label for each in found.of(found.runs[0])]
    assert labels == [
        "elbo",
        "calibration",
        "information",
        "iwae",
        "pictures",
        "probe",
        "quality_thumbnail",
        "without_code",
    ]
    (seen,) = (each for each in found.of(found.runs[0]) if each.label == "quality_thumbnail")
    assert seen.content()["parameters"]["fingerprint"]
    assert found.content()["measurements"] == {
        found.columns[0].key: [each.content() for each in found.of(found.runs[0])]
    }
    assert restored_all(found) == list(found.of(found.runs[0]))


def restored_all(plan: Plan) -> list[Measurement | None]:
    """The measurements of the one column, read back from the plan as it is stored."""
    ((_, contents),) = json.loads(json.dumps(plan.content()))["measurements"].items()
    return [restored(content) for content in contents]


def test_an_extractor_that_cannot_be_had_is_left_out_with_its_reason(
    tiny: Path, plan: MakePlan, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = network

    def absent(name: str, device: torch.device) -> FeatureExtractor:
        if name == "inception":
            raise FeatureError("no weights of inception")
        return original(name, device)

    monkeypatch.setattr("bench.evaluation.quality.network", absent)
    tiny.write_text(tiny.read_text().replace('["thumbnail"]', '["inception", "thumbnail"]'))
    found = plan()
    assert found.unavailable == {"quality_inception": "no weights of inception"}
    assert capsys.readouterr().err.count("no weights of inception") == 1
    labels = [each.label for each in found.of(found.runs[0])]
    assert "quality_thumbnail" in labels
    assert "quality_inception" not in labels


def test_a_dry_run_fetches_nothing_and_says_what_would_be(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.metrics.features.available", lambda name: name == "thumbnail")
    monkeypatch.setattr(datasets, "fetch", lambda *_, **__: pytest.fail("fetched"))
    original = network

    def present(name: str, device: torch.device) -> FeatureExtractor:
        return original(name, device) if name == "thumbnail" else pytest.fail("fetched")

    monkeypatch.setattr("bench.evaluation.quality.network", present)
    tiny.write_text(tiny.read_text().replace('["thumbnail"]', '["inception", "thumbnail"]'))
    found = make(suite.load(str(tiny)), Choices("tiny"), fetch=False)
    assert found.to_fetch == ["the weights of inception are not here"]
    assert found.absent_data == []
    keys = {each.label: each.content()["parameters"] for each in found.of(found.runs[0])}
    assert keys["quality_inception"]["fingerprint"] == ""
    assert keys["quality_thumbnail"]["fingerprint"]


def test_absent_data_are_planned_and_not_fetched_by_a_dry_run(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Small enough to be fetched unasked: a run would fetch them first."""
    monkeypatch.setenv("LIKELIHOOD_BENCH_DATA", str(tmp_path))
    monkeypatch.setattr(datasets, "fetch", lambda *_, **__: pytest.fail("fetched"))
    tiny.write_text(tiny.read_text().replace('["digits"]', '["mnist", "digits"]'))
    found = make(suite.load(str(tiny)), Choices("tiny"), fetch=False)
    assert found.absent_data == ["mnist"]
    assert {(run.data_set, run.data_checksum) for run in found.runs} == {("mnist", "")}


def test_the_name_of_a_budget_is_not_what_it_makes_a_run_do(tiny: Path) -> None:
    first = make(suite.load(str(tiny)), Choices("tiny")).runs
    tiny.write_text(tiny.read_text().replace("budgets.tiny", "budgets.other"))
    assert make(suite.load(str(tiny)), Choices("other")).runs == first


def test_a_model_that_cannot_be_built_fails_in_the_plan(tiny: Path, plan: MakePlan) -> None:
    text = tiny.read_text()
    tiny.write_text(text.replace("width = 2", "widht = 2"))
    with pytest.raises(UsageError, match="'widht'; did you mean 'width'"):
        plan()
    tiny.write_text(text.replace("width = 2", "width = 0"))
    with pytest.raises(UsageError, match="width and latents must be positive"):
        plan()
