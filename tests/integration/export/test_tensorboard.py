"""A real TensorBoard over HTTP reads back what is in a real store."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.integration.export.pushing import config_file
from tests.integration.export.real_tensorboard import TensorBoard, tensorboard
from tests.integration.export.seed import NOW, WINDOW, measurement, seed
from tests.unit.present.export.test_tensorboard import distributions
from tests.unit.present.story import week

from driftlog.cli.app import run
from driftlog.contract.points import path_of, step_of
from driftlog.contract.window import DAY, Window
from driftlog.present.export.tensorboard import export
from driftlog.store.client import Store
from driftlog.store.results import find_measurements, scan_measurements, write_measurements

pytestmark = [pytest.mark.elasticsearch, pytest.mark.slow]


@pytest.fixture(scope="module")
def logdir(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def board(logdir, tmp_path_factory) -> Iterator[TensorBoard]:
    with tensorboard(logdir, tmp_path_factory.mktemp("log") / "tensorboard.log") as made:
        yield made


def as_single(value: float) -> float:
    """As TensorBoard's quick loader keeps it: 32 bits."""
    return struct.unpack("f", struct.pack("f", value))[0]


def write_history(store: Store, model: str, values: list[float], *, computed=NOW) -> None:
    """roc_auc of consecutive days, up to the seeded window."""
    for number, value in enumerate(reversed(values)):
        window = Window(WINDOW.start - number * DAY, WINDOW.end - number * DAY)
        bounds = {"lower": value - 0.02, "upper": value + 0.02}
        found = measurement(model, "roc_auc", "performance", value, window=window, computed=computed, **bounds)
        write_measurements(store, [found], term=1)


def test_scalars_are_those_of_the_store(store: Store, board, logdir, elasticsearch_url, tmp_path, capsys):
    """Of every series with a value, at its window; written by the command, by which a revision is shown once."""
    seed(store, "churn")
    write_history(store, "churn", [0.8, 0.79, 0.81])
    config = config_file(tmp_path, elasticsearch_url, store.names.prefix)
    command = ["--config", str(config), "export", "tensorboard", "churn", "--logdir", str(logdir), "--json"]
    assert run(command) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(line["changed"] for line in lines)
    expected: dict[str, list[tuple[int, float]]] = {}
    for m in find_measurements(store, "churn"):
        if m.value is not None:
            expected.setdefault(path_of(m), []).append((step_of(m.window), as_single(m.value)))
    one = "churn/production/all"
    board.until(lambda: board.scalars(one, "performance/roc_auc"), lambda found: len(found) == 3)
    tags = board.ask("plugin/scalars/tags")[one]
    assert set(tags) == {*expected, "alerts/open"}
    assert {tag: board.scalars(one, tag) for tag in expected} == expected
    lower = board.scalars("churn/production/all lower", "performance/roc_auc")
    assert [value for _, value in lower] == [as_single(value - 0.02) for value in (0.8, 0.79, 0.81)]
    assert run(command) == 0
    assert not any(json.loads(line)["changed"] for line in capsys.readouterr().out.splitlines())
    write_history(store, "churn", [0.8, 0.7, 0.81], computed=NOW + timedelta(hours=1))
    assert run(command) == 0
    board.until(
        lambda: [value for _, value in board.scalars(one, "performance/roc_auc")],
        lambda found: found == [as_single(value) for value in (0.8, 0.7, 0.81)],
    )


def test_histograms_are_those_of_the_profiles(store: Store, board, logdir):
    """Exact edges and counts, of each window and of the reference."""
    for index in range(3):
        found = measurement("flights", "roc_auc", "performance", 0.7, window=week(index), environment="demo")
        write_measurements(store, [found], term=1)
    export(scan_measurements(store, "flights"), [], logdir, "flights", "demo", distributions=distributions())

    def histograms(run: str) -> list[list[list[float]]]:
        found = board.ask("plugin/histograms/histograms", run=run, tag="distribution/features.temp")
        return [bins for _, _, bins in found or []]

    assert board.until(lambda: histograms("flights/demo/all"), lambda found: len(found) == 3) == [
        [[0.0, 10.0, 2.0], [10.0, 20.0, 3.0]],
        [[-5.5, 0.0, 1.0], [0.0, 10.0, 2.0], [10.0, 20.0, 3.0]],
        [[-5.5, 0.0, 2.0], [0.0, 10.0, 2.0], [10.0, 20.0, 3.0]],
    ]
    reference = board.until(lambda: histograms("flights/demo/reference"), bool)
    assert [count for _, _, count in reference[0]] == [5, 5, 5, 5]


def test_it_follows_and_survives_being_killed(store: Store, board, logdir, elasticsearch_url, tmp_path):
    """New windows appear; after kill -9 the next one goes on, and nothing is there twice."""
    seed(store, "fraud")
    config = config_file(tmp_path, elasticsearch_url, store.names.prefix)
    command = [sys.executable, "-m", "driftlog", "--config", str(config), "export", "tensorboard", "fraud"]
    command += ["--logdir", str(logdir), "--follow", "--every", "1s"]
    one = "fraud/production/all"

    def values() -> list[float]:
        return [value for _, value in board.scalars(one, "performance/roc_auc")]

    for history in ([0.6], [0.65, 0.7]):
        follower = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONWARNINGS": "ignore"})
        try:
            write_history(store, "fraud", history)
            expected = [as_single(value) for value in history]
            board.until(values, lambda found, expected=expected: found == expected)
        finally:
            follower.send_signal(signal.SIGKILL)
            follower.wait()


def test_a_model_without_results_is_told(store: Store, elasticsearch_url, tmp_path, capsys):
    """With what to do next; no folder is made."""
    seed(store, "churn")
    config = config_file(tmp_path, elasticsearch_url, store.names.prefix)
    command = ["--config", str(config), "export", "tensorboard", "churn", "-e", "staging", "--logdir"]
    assert run([*command, str(tmp_path / "runs")]) == 2
    assert "there are no results of churn in staging" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
