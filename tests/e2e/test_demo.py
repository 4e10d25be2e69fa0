"""The demo, as its users run it: real processes, a real Elasticsearch, a few hundred flights."""

from __future__ import annotations

import io
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import psutil
import pytest
from rich.console import Console
from tests.conftest import delete_prefix
from tests.e2e.shown.exports import check_push, check_tensorboard
from tests.e2e.shown.grafana import check_elasticsearch, check_prometheus
from tests.e2e.shown.kibana import check_kibana
from tests.e2e.shown.rules import check_rules

from driftlog.contract.errors import StoreError
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.demo.data import live_part, load_flights
from driftlog.demo.run import run_demo
from driftlog.demo.settings import ENVIRONMENT, MODEL, WITHOUT_FAULT, DemoOptions
from driftlog.store.alerts import find_alerts
from driftlog.store.client import Store
from driftlog.store.results import find_measurements

pytestmark = [pytest.mark.elasticsearch, pytest.mark.slow, pytest.mark.timeout(1200)]

EVENTS = 1_200
UNTIL = datetime(2013, 8, 26, tzinfo=UTC)
"""The fault is there in the last three of 21 weeks; 57 flights a week."""
WEEKS = 21
INTERRUPTED = """
import sys
from pathlib import Path
from rich.console import Console
from driftlog.demo.run import run_demo
from driftlog.demo.settings import DemoOptions
options = DemoOptions(elasticsearch=sys.argv[1], prefix=sys.argv[2], folder=Path(sys.argv[3]), open_report=False)
sys.exit(run_demo(options, Console()))
"""


@dataclass(frozen=True)
class Run:
    """A finished run: how it was asked for, what it printed, and what it left."""

    options: DemoOptions
    code: int
    output: str
    children: list[psutil.Process]


@dataclass(frozen=True)
class Interrupted:
    """How an interrupted run ended, and the processes it had and left."""

    code: int
    replaying: bool
    children: int
    left: list[psutil.Process]


@pytest.fixture(scope="module")
def options(elasticsearch_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoOptions]:
    """A demo with a fault, and with a prefix and a folder of its own."""
    yield DemoOptions(
        events=EVENTS,
        until=UNTIL,
        elasticsearch=elasticsearch_url,
        scenario="silent-model-error",
        prefix=(prefix := f"driftlog-demo-t{secrets.token_hex(3)}"),
        folder=tmp_path_factory.mktemp("demo"),
        open_report=False,
    )
    delete_prefix(elasticsearch_url, prefix)


@pytest.fixture(scope="module")
def interrupted(options: DemoOptions) -> Interrupted:
    """A run that got Ctrl-C in the middle of its replay."""
    assert options.elasticsearch is not None
    command = [sys.executable, "-c", INTERRUPTED, options.elasticsearch, options.prefix, str(options.folder)]
    parent = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    store = connect(options)
    try:
        replaying = eventually(lambda: stored_predictions(store) > 200, within_s=120)
        family = psutil.Process(parent.pid).children(recursive=True)
        parent.send_signal(signal.SIGINT)
        code = parent.wait(30)
        left = [process for process in family if process.is_running()]
        return Interrupted(code, replaying, len(family), left)
    finally:
        parent.kill()
        parent.wait()
        store.close()


@pytest.fixture(scope="module")
def run(options: DemoOptions, interrupted: Interrupted) -> Run:
    """A complete run, over what the interrupted one left."""
    assert interrupted.replaying
    before = set(psutil.Process().children(recursive=True))
    output = io.StringIO()
    code = run_demo(options, Console(file=output, width=200))
    left = [process for process in psutil.Process().children(recursive=True) if process not in before]
    return Run(options, code, output.getvalue(), left)


def stored_predictions(store: Store) -> int:
    """How many are searchable; none while the first index comes into being."""
    try:
        return store.count(store.names.all_predictions(MODEL))
    except StoreError:
        return 0


def eventually(condition: Callable[[], bool], *, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def connect(options: DemoOptions) -> Store:
    assert options.elasticsearch is not None
    store = Store.connect(ElasticsearchSettings(urls=(options.elasticsearch,)), IndexNames(options.prefix))
    store.refresh(store.names.everything)
    return store


def counts(options: DemoOptions, model: str = MODEL) -> dict[str, int]:
    with connect(options) as store:
        this_model = {"term": {"model.name": model}}
        return {
            "predictions": store.count(store.names.all_predictions(model)),
            "feedback": store.count(store.names.every("feedback"), this_model),
            "outcomes": store.count(store.names.every("outcomes"), this_model),
            "quarantine": store.count(store.names.every("quarantine")),
        }


def expected_counts() -> dict[str, int]:
    live = live_part(load_flights(), EVENTS, until=UNTIL)
    arrived = int(live["late"].notna().sum())
    return {"predictions": EVENTS, "feedback": arrived, "outcomes": arrived, "quarantine": 0}


def test_everything_sent_is_stored_once_and_joined(run: Run) -> None:
    """Every flight is a prediction, every arrival a feedback and an outcome, nothing is refused, and nothing is left of
    the run before."""
    assert run.code == 0, run.output
    assert counts(run.options) == expected_counts() == counts(run.options, WITHOUT_FAULT)


def test_every_week_is_judged(run: Run) -> None:
    """21 whole weeks with performance, drift and operational measurements."""
    with connect(run.options) as store:
        found = find_measurements(store, MODEL, size=100_000)
    weeks = {measurement.window for measurement in found if measurement.metric == "roc_auc"}
    assert len(weeks) == WEEKS
    assert {"data_drift", "prediction_drift", "target_drift", "performance", "operational", "quality"} <= {
        measurement.purpose for measurement in found
    }
    mature = [m.maturity for m in found if m.metric == "accuracy" and m.maturity is not None]
    assert min(mature) > 0.8 and max(mature) <= 1.0 and sum(mature) / len(mature) < 0.995


def test_the_summary_shows_weeks_alerts_and_the_way_on(run: Run) -> None:
    """The table, the report's path, commands with the demo's own configuration."""
    assert "Apr 01" in run.output and "Aug 19" in run.output
    assert "ROC AUC" in run.output and "Look further" in run.output
    assert f"Report: {run.options.folder / 'report.html'}" in run.output


def test_the_report_is_self_contained(run: Run) -> None:
    """One file that fetches nothing."""
    html = (run.options.folder / "report.html").read_text(encoding="utf-8")
    assert "flights" in html and "<svg" in html
    assert not [tag for tag in ('src="http', 'href="http', "@import", "url(http") if tag in html]


def test_its_configuration_works_for_other_commands(run: Run) -> None:
    """``driftlog --config FILE alerts`` needs nothing else."""
    file = run.options.folder / "driftlog.yml"
    command = [sys.executable, "-m", "driftlog", "--config", str(file), "alerts", MODEL, "--status", "all", "--json"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    with connect(run.options) as store:
        assert len(answer.stdout.splitlines()) == len(find_alerts(store, MODEL))


def test_no_process_is_left(run: Run) -> None:
    """Neither the intake nor the app."""
    assert run.children == []


def test_a_silent_model_error_is_caught(run: Run) -> None:
    """By an alert that the model without the fault does not have."""
    assert "Caught on August" in run.output, run.output


def test_ctrl_c_in_the_middle_of_the_replay_leaves_no_process(interrupted: Interrupted) -> None:
    """Intake and app are gone when the command is, and its exit code says what happened."""
    assert interrupted.children >= 2
    assert (interrupted.code, interrupted.left) == (130, [])


def test_every_panel_and_search_of_kibana_shows_data(run: Run) -> None:
    """Each column of each panel has a value, of this run or of seeded documents of kinds a demo does not have."""
    with connect(run.options) as store:
        check_kibana(store, run.options.prefix)


def test_every_rule_and_watch_finds_what_is_there(run: Run) -> None:
    """Kibana's rules and the watches, on this run's documents and on seeded ones, at their time."""
    with connect(run.options) as store:
        check_rules(store, run.options.prefix, MODEL)


def test_every_query_of_grafana_and_prometheus_returns_data(run: Run) -> None:
    """Panels and rules over a real Prometheus that scrapes a real exporter, and panels over Elasticsearch."""
    with connect(run.options) as store:
        check_prometheus(store, MODEL)
        check_elasticsearch(store, run.options.prefix, MODEL)


def test_its_data_is_in_tensorboard_and_in_what_is_pushed(run: Run, tmp_path) -> None:
    """Scalars and histograms as TensorBoard's own reader finds them; lines for Datadog's agent, OpenTelemetry."""
    with connect(run.options) as store:
        check_tensorboard(store, MODEL, ENVIRONMENT, tmp_path)
        check_push(store, MODEL)
