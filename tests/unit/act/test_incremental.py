"""Incremental training: every labelled row reaches the model once, whatever is killed when."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.act.runs import environ, make_run, until

from driftlog.act.executors.executor import build_executor
from driftlog.act.executors.incremental import LEARNED, feed
from driftlog.act.versions.embedded import EmbeddedRegistry
from driftlog.contract.errors import ActionFailed
from driftlog.contract.maintaining import ExecutorSettings, MaintainSettings
from driftlog.contract.maintenance import ModelVersion

MODULE = '''
import json, os, signal
from pathlib import Path

class Model:
    """Remembers what it was fed."""
    def __init__(self, fed): self.fed = fed; self.calls = 0
    def partial_fit(self, rows, labels):
        self.calls += 1
        if str(self.calls) == os.environ.get("DIE_AT"):
            os.kill(os.getpid(), signal.SIGKILL)
        self.fed += [[row["n"], label] for row, label in zip(rows, labels)]

def load(folder):
    path = Path(folder, "model.json") if folder else None
    return Model(json.loads(path.read_text()) if path and path.exists() else [])

def save(model, folder):
    if "save" == os.environ.get("DIE_AT") and model.calls > 4:
        Path(folder, "model.json").write_text("[half")
        os.kill(os.getpid(), signal.SIGKILL)
    Path(folder, "model.json").write_text(json.dumps(model.fed))
'''


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "adaptive.py").write_text(MODULE)
    return tmp_path


def write(path: Path, numbers: range | list[int]) -> Path:
    with path.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["id", "time", "version", "variant", "predicted", "score", "actual", "n", "zip", "flag"])
        for n in numbers:
            out.writerow(
                [f"p{n}", f"2026-07-01T00:00:{n % 60:02}Z", "1", "", "1", "0.5", n % 2, f"{n}.0", "0123", "true"]
            )
    return path


def train(folder: Path, data: Path, output: str, *more: str, die: str = "", base: str = "") -> int:
    command = [sys.executable, "-m", "driftlog.act.executors.incremental", "--load", "adaptive:load"]
    command += ["--save", "adaptive:save", "--data", str(data), "--output", str(folder / output), "--base", base]
    command += ["--batch", "10", "--checkpoint", "2", *more]
    env = {"PATH": os.environ["PATH"], "DIE_AT": die}
    return subprocess.run(command, cwd=folder, env=env, check=False, capture_output=True).returncode


def fed(folder: Path, output: str) -> list:
    return json.loads((folder / output / "model.json").read_text())


def expected(numbers) -> list:
    return [[float(n), str(n % 2)] for n in numbers]


def test_rows_are_fed_in_order_with_their_labels(folder):
    """Types of the export are kept; the state of the run is gone afterwards."""
    seen: list = []

    class Model:
        def partial_fit(self, rows, labels):
            seen.extend(zip(rows, labels, strict=True))

    data = write(folder / "data.csv", range(25))
    (folder / "out").mkdir()
    count = feed(data, folder / "out", load=lambda path: Model(), save=_touch, batch=10)
    assert count == 25
    assert seen[3] == ({"n": 3.0, "zip": "0123", "flag": True}, "1")
    assert [row["n"] for row, _ in seen] == [float(n) for n in range(25)]
    assert sorted(path.name for path in folder.iterdir()) == ["adaptive.py", "data.csv", "out"]


def _touch(model, folder: str) -> None:
    Path(folder, "weights").write_text("x")


@pytest.mark.parametrize("die", ["1", "2", "3", "4", "5", "6", "10", "save"])
def test_a_killed_run_goes_on_without_feeding_anything_twice(folder, die):
    """At any batch, and in the middle of saving."""
    data = write(folder / "data.csv", range(95))
    assert train(folder, data, "out", die=die) == -9
    assert train(folder, data, "out") == 0
    assert fed(folder, "out") == expected(range(95))
    assert train(folder, data, "out") == 0
    assert fed(folder, "out") == expected(range(95))


def test_the_next_run_learns_only_what_is_new(folder):
    """Its window overlaps, and some labels came late."""
    assert train(folder, write(folder / "a.csv", [n for n in range(50) if n != 7]), "v1") == 0
    assert train(folder, write(folder / "b.csv", range(5, 60)), "v2", base=str(folder / "v1")) == 0
    late = [*(n for n in range(50) if n != 7), 7, *range(50, 60)]
    assert fed(folder, "v2") == expected(late)
    assert "p7" not in (folder / "v2" / LEARNED).read_text()


def test_other_data_after_a_crash_is_refused(folder):
    """Rows would be mixed up."""
    train(folder, write(folder / "data.csv", range(95)), "out", die="5")
    assert train(folder, write(folder / "data.csv", range(90)), "out") == 1
    assert not (folder / "out" / LEARNED).exists()


def test_files_that_are_no_export_are_refused(folder):
    """With what to give instead."""
    (folder / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ActionFailed, match="no columns id and actual"):
        feed(folder / "x.csv", folder / "out", load=lambda path: None, save=_touch)


def test_the_executor_goes_on_from_the_champion(folder):
    """Kind incremental: the served version's files are found, checked and handed over."""
    registry = EmbeddedRegistry(folder / "versions")
    train(folder, write(folder / "a.csv", range(20)), "v1")
    first = ModelVersion(
        model="churn",
        version="v1",
        status="champion",
        created=datetime(2026, 7, 1, tzinfo=UTC),
        promoted=datetime(2026, 7, 1, tzinfo=UTC),
    )
    registry.register(first, str(folder / "v1"))
    settings = ExecutorSettings(
        kind="incremental",
        command=("adaptive:load", "adaptive:save", "--batch", "10"),
        working_folder=str(folder),
        time_limit=timedelta(minutes=2),
    )
    executor = build_executor(MaintainSettings(executor=settings), folder, environ=environ())
    data = write(folder / "b.csv", range(10, 30))
    run = executor.start(make_run(executor="incremental"), str(data), str(folder / "v2"))
    until(lambda: executor.poll(run).status not in ("starting", "running"))
    assert executor.poll(run).status == "succeeded", Path(run.log).read_text()
    assert fed(folder, "v2") == expected(range(30))
    assert "10 rows were new" in Path(run.log).read_text()
