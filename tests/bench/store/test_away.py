"""A store elsewhere, and the one at home."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import torch

from bench.store import Store
from bench.store.away import Away, Files, cache_files, receive, take_along
from reports import Status
from tests.bench.conftest import MakeSpec

CPU = torch.device("cpu")


def snapshot(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def test_home_holds_what_was_written_elsewhere(make_spec: MakeSpec, tmp_path: Path) -> None:
    spec, home = make_spec(), Store(tmp_path / "home")
    sent: list[Files] = []

    def send(changed: Files) -> None:
        sent.append(changed)
        receive(home.root, changed)

    away = Away(tmp_path / "away", {}, send, lambda path: None)
    away.begin(spec, {"cores": 2})
    assert not sent
    away.write_state(spec.run_id, "checkpoint", {"step": 1})
    assert home.is_begun(spec.run_id)
    assert home.environment(spec.run_id) == {"cores": 2}
    away.write_state(spec.run_id, "checkpoint", {"step": 2})
    assert home.state(spec.run_id, "checkpoint", CPU) == {"step": 2}
    assert [len(each) for each in sent] == [3, 1]

    later = Away(tmp_path / "later", take_along(home, spec.run_id), send, lambda path: None)
    assert later.state(spec.run_id, "checkpoint", CPU) == {"step": 2}
    later.send_changes()
    assert len(sent) == 2
    later.write_history(spec.run_id, pd.DataFrame({"step": [1]}))
    later.write_state(spec.run_id, "weights", {"a": torch.ones(2)})
    later.write_record(spec.run_id, {"status": Status.FINISHED})
    later.send_changes()
    names = [path.rpartition("/")[2] for each in sent[2:] for path in each]
    assert names == ["history.csv", "weights.pt", "run.json", "checkpoint.pt"]
    assert snapshot(home.root) == snapshot(later.root)
    assert home.is_trained(spec.run_id)


def test_what_home_knows_of_real_images_is_lent(tmp_path: Path) -> None:
    home = Store(tmp_path / "home")
    home.cache("known", {"value": 1})
    asked = []

    def lend(path: str) -> bytes | None:
        asked.append(path)
        return (home.root / path).read_bytes() if path in cache_files(home) else None

    sent: list[Files] = []
    away = Away(tmp_path / "away", {}, sent.append, lend)
    assert away.cached("known") == away.cached("known") == {"value": 1}
    assert len(asked) == 1
    assert away.cached("unknown") is None
    away.cache("new", {"value": 2})
    away.send_changes()
    assert [set(each) for each in sent] == [{"cache/new.pt"}]
