"""``driftlog demo --maintain``: retrain, try, promote, watch and roll back, on the flights as they are.

The first model has learned from the winter. In June somebody asks for a training while the label column is broken: its
candidate is refused. In mid-July the scheduled training comes, on the spring's flights: its candidate is better on the
last four weeks and goes live. It is watched: when, towards the winter, the first model would have done better on the
same flights, it is taken back.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from driftlog.act.versions.registry import build_registry
from driftlog.audit.chain import Chain
from driftlog.contract.errors import DriftlogError
from driftlog.contract.maintenance import Decision, MaintainRequest, ModelVersion
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.demo.data import LIVE_START, TRAINING_START
from driftlog.demo.maintain_settings import fault_file
from driftlog.demo.model import VERSION
from driftlog.demo.training import load_version, write_version
from driftlog.store.client import Store
from driftlog.store.decisions import ask, find_decisions, find_trials, read_state
from driftlog.worker.maintain_build import maintain_model
from driftlog.worker.memory import Memory

ASKED: Final = datetime(2013, 6, 10, tzinfo=UTC)
"""Monday on which a training is asked for while the labels are broken."""
MENDED: Final = datetime(2013, 6, 24, tzinfo=UTC)
TRAINING_S: Final = 300.0
"""A training of the demo that takes longer is given up."""
SPOKEN: Final = frozenset({"retrain", "refuse", "promote", "keep", "rollback", "training_failed", "waiting_for_data"})
_COLOURS: Final = {"promote": "green", "keep": "green", "refuse": "yellow", "rollback": "yellow"}


@dataclass
class Maintenance:
    """The loop of one model at simulated times.

    Parameters
    ----------
    term
        Of the demo's only worker.
    """

    store: Store
    settings: ModelSettings
    folder: Path
    term: int
    console: Console
    memory: Memory
    _told: set[str] = field(default_factory=set)

    def prepare(self, training: pd.DataFrame) -> None:
        """Keep the first model as the champion, trained before there was a loop."""
        files = self.folder / "first"
        write_version(training, files)
        first = ModelVersion(
            model=self.settings.name,
            version=VERSION,
            status="champion",
            created=LIVE_START,
            created_by="demo",
            promoted=LIVE_START,
            data=Window(TRAINING_START, LIVE_START),
            data_rows=len(training),
            note="trained before the loop began",
        )
        registry = build_registry(self.settings.maintain, self.folder)
        registry.register(first, str(files))

    def after_week(self, now: datetime) -> None:
        """Look once, as a worker does after its cycle; a training is waited for, because the weeks pass in seconds."""
        fault = fault_file(self.folder)
        if now == ASKED:
            fault.touch()
            ask(self.store, self._request(now))
        if now == MENDED:
            fault.unlink(missing_ok=True)
        recorder = Chain(self.store)
        end = time.monotonic() + TRAINING_S
        while True:
            maintain_model(
                self.store,
                self.settings,
                folder=self.folder,
                recorder=recorder,
                term=self.term,
                now=now,
                worker_id="demo",
                memory=self.memory,
            )
            stage = read_state(self.store, self.settings.name, self.settings.environment).stage
            if stage not in ("starting", "training"):
                break
            if time.monotonic() > end:
                raise DriftlogError(f"the training of {now:%b %d} was not done after {TRAINING_S:g} s")
            time.sleep(0.2)
        self._tell()

    def _request(self, now: datetime) -> MaintainRequest:
        return MaintainRequest(
            id=f"demo-{now:%Y%m%d}",
            model=self.settings.name,
            environment=self.settings.environment,
            kind="retrain",
            by="demo",
            at=now,
            why="more flights than in the winter (and nobody knows yet that the label column is broken)",
        )

    def decisions(self) -> list[Decision]:
        """All of them, the oldest first."""
        found = find_decisions(self.store, self.settings.name, environment=self.settings.environment, size=1000)
        return sorted(found, key=lambda each: (each.at, each.id))

    def _tell(self) -> None:
        for each in self.decisions():
            if each.id in self._told or each.outcome not in SPOKEN:
                continue
            self._told.add(each.id)
            style = _COLOURS.get(each.outcome, "bold")
            told = escape(each.reason)
            self.console.print(f"{each.at:%b %d}  [{style}]{each.outcome:<8}[/]  {told}", highlight=False)


def versions_table(maintenance: Maintenance, live: pd.DataFrame) -> Table:
    """ROC AUC of every version on the flights of each month, served or not: what only the whole year can tell."""
    from sklearn.metrics import roc_auc_score

    registry = build_registry(maintenance.settings.maintain, maintenance.folder)
    versions = registry.list(maintenance.settings.name)
    known = live[live["late"].notna()]
    months = sorted(known["departure"].dt.strftime("%m").unique())
    table = Table(title="ROC AUC by month", title_justify="left", title_style="bold", pad_edge=False, box=None)
    table.add_column("version")
    table.add_column("status")
    for month in months:
        table.add_column(datetime(2013, int(month), 1, tzinfo=UTC).strftime("%b"), justify="right")
    for version in versions:
        model = load_version(Path(version.uri))
        cells = []
        for month in months:
            flights = known[known["departure"].dt.strftime("%m") == month]
            both = flights["late"].nunique() == 2
            cells.append(f"{roc_auc_score(flights['late'], model.scores(flights)):.2f}" if both else "")
        table.add_row(version.version, version.status, *cells)
    return table


def print_maintenance(maintenance: Maintenance, live: pd.DataFrame, file: Path, console: Console) -> None:
    """What the loop did, which version would have done how well, and where to look further."""
    console.print("\n[bold]What the maintenance loop did[/]")
    spoken = [each for each in maintenance.decisions() if each.outcome in SPOKEN]
    for each in spoken:
        version = "" if each.outcome == "retrain" else each.version  # what comes of it has no name yet
        console.print(f"  {each.at:%b %d}  {each.outcome:<16} {version}".rstrip(), highlight=False)
    trials = find_trials(maintenance.store, maintenance.settings.name, environment=maintenance.settings.environment)
    for trial in sorted(trials, key=lambda each: each.at):
        console.print(f"  trial of {trial.candidate}: {escape(trial.reason)}", highlight=False)
    console.print()
    console.print(versions_table(maintenance, live))
    console.print("Look further:", highlight=False)
    name = maintenance.settings.name
    for command in (f"maintain explain {name}", f"versions list {name}", f"audit list --model {name}", "audit verify"):
        console.print(f"  driftlog --config {file} {command}", highlight=False, soft_wrap=True)


def fresh_folder(folder: Path) -> None:
    """Forget an earlier run's versions, trainings and trials."""
    for name in ("versions", "training", "trials", "first", "fetched"):
        shutil.rmtree(folder / name, ignore_errors=True)
    fault_file(folder).unlink(missing_ok=True)
