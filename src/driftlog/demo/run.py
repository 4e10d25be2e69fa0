"""``driftlog demo``: nine months of real flights through the whole pipeline, in one command."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from driftlog.contract.errors import DriftlogError
from driftlog.contract.names import IndexNames
from driftlog.contract.records import ModelRecord
from driftlog.contract.settings import Settings
from driftlog.demo.closing import close
from driftlog.demo.data import live_part, load_flights, reference_part, training_part
from driftlog.demo.maintenance import Maintenance, fresh_folder, print_maintenance
from driftlog.demo.model import FlightModel
from driftlog.demo.processes import Children, free_ports
from driftlog.demo.reference import build_reference
from driftlog.demo.replay import AppClient, Hour, Sent, replay
from driftlog.demo.scenarios import SCENARIOS
from driftlog.demo.server import DemoServer
from driftlog.demo.settings import (
    ENVIRONMENT,
    MODEL,
    DemoOptions,
    check_demo_prefix,
    fresh_spool,
    model_settings,
    service_of,
    write_settings,
)
from driftlog.demo.signals import end_like_ctrl_c, undisturbed
from driftlog.demo.summary import STYLES
from driftlog.store import models, templates
from driftlog.store.alerts import find_alerts
from driftlog.store.client import Store
from driftlog.worker.cycle import run_cycle
from driftlog.worker.memory import Memory

FAILED = 1
INTERRUPTED = 130
TERM = 1
"""The demo is the only worker of its models."""


def run_demo(options: DemoOptions, console: Console) -> int:
    """Run the demo and return the exit code of the command.

    Whatever ends it, also Ctrl-C, SIGTERM or a closed terminal, no process of the demo stays; Elasticsearch stays
    running after a complete run without `DemoOptions.stop`, and where it ran before.

    Raises
    ------
    DriftlogError
        Something could not be done; what, and what to do about it.
    """
    server = DemoServer(options, console)
    complete = False
    try:
        with end_like_ctrl_c():
            arrived = _run(options, server, console)
            complete = True
    except KeyboardInterrupt:
        console.print("\n[bold]Interrupted.[/] The demo's processes are ended; the next run starts clean.")
        return INTERRUPTED
    finally:
        with undisturbed():
            server.leave(complete=complete)
    return 0 if arrived else FAILED


def _run(options: DemoOptions, server: DemoServer, console: Console) -> bool:
    """The demo from start to end; False when events are missing."""
    started = time.monotonic()
    scenario = SCENARIOS[options.scenario] if options.scenario else None
    url = server.start()
    *app_ports, intake_port = free_ports(3 if scenario else 2)
    file, settings = write_settings(
        options, url=url, intake_port=intake_port, app_port=app_ports[0], environ=os.environ
    )
    with Store.connect(settings.elasticsearch, IndexNames(settings.prefix, settings.period)) as store:
        prepare(store, settings)
        with Children(options.folder) as children:
            apps = _start_processes(children, options, file, settings, app_ports, intake_port)
            flights = _train(store, settings, console)
            _wait_ready(children, apps, intake_port)
            console.print("Intake and serving app answer; replaying April to December")
            live = live_part(flights, options.events, until=options.until)
            loop = _maintenance(store, settings, options, flights, console) if options.maintain else None
            sent = _replay(store, settings, options, live, apps, console, loop)
        arrived = close(store, settings, options, file, sent, scenario, console)
        if loop is not None:
            print_maintenance(loop, live, file, console)
    console.print(f"Done in {time.monotonic() - started:.0f} s", highlight=False)
    return arrived


def prepare(store: Store, settings: Settings) -> None:
    """Start clean: delete the demo's own indices, install its templates, register its models."""
    check_demo_prefix(store.names.prefix)
    store.wait_until_ready(30.0)
    for index in store.list_indices(store.names.everything):
        store.drop_index(index.name)
    templates.install(store)
    for model in settings.models:
        models.register(
            store,
            ModelRecord(
                name=model.name,
                task=model.task,
                description="Will a flight from New York arrive more than 15 minutes late?",
                registered=_now(),
                registered_by="demo",
            ),
        )


@dataclass(frozen=True)
class _App:
    """A serving app of the demo: its model and where it answers."""

    model: str
    url: str


def _start_processes(
    children: Children, options: DemoOptions, file: Path, settings: Settings, ports: Sequence[int], intake_port: int
) -> list[_App]:
    """Start the intake, and a serving app for each model; the first one has the fault."""
    spool = fresh_spool(options)
    children.start("intake", "driftlog", ["--config", str(file), "intake"], {})
    apps = []
    for model, port in zip(settings.models, ports, strict=True):
        arguments = ["--port", str(port), "--intake", f"http://127.0.0.1:{intake_port}", "--model", model.name]
        arguments += ["--spool", str(spool / model.name), "--environment", ENVIRONMENT]
        arguments += ["--service", service_of(model.name)]
        if options.scenario and model.name == MODEL:
            arguments += ["--scenario", options.scenario]
        # One thread: a request is a few rows, and more threads would wait for each other.
        children.start(service_of(model.name), "driftlog.demo.app", arguments, {"OMP_NUM_THREADS": "1"})
        apps.append(_App(model.name, f"http://127.0.0.1:{port}"))
    return apps


def _wait_ready(children: Children, apps: Sequence[_App], intake_port: int) -> None:
    children.wait_ready("intake", f"http://127.0.0.1:{intake_port}/health")
    for app in apps:
        children.wait_ready(service_of(app.model), f"{app.url}/health")


def _train(store: Store, settings: Settings, console: Console) -> pd.DataFrame:
    """Train the model, keep its predictions of the days between as the reference, and return all flights."""
    flights = load_flights()
    training, between = training_part(flights), reference_part(flights)
    model = FlightModel().fit(training)
    for each in settings.models:
        build_reference(store, each, between, model, created=_now())
    console.print(
        f"Trained on {len(training):,} flights, every other day of January to March; "
        f"the reference: {len(between):,} flights of the days between, 12 weeks"
    )
    return flights


def _maintenance(
    store: Store, settings: Settings, options: DemoOptions, flights: pd.DataFrame, console: Console
) -> Maintenance:
    """The maintenance loop, with the first model as its champion."""
    fresh_folder(options.folder)
    model = model_settings(settings, MODEL)
    loop = Maintenance(store, model, options.folder, TERM, console, Memory())
    loop.prepare(training_part(flights))
    return loop


def _replay(
    store: Store,
    settings: Settings,
    options: DemoOptions,
    live: pd.DataFrame,
    apps: Sequence[_App],
    console: Console,
    loop: Maintenance | None,
) -> Sent:
    """Replay with a progress bar, a worker cycle after each simulated week, and each alert shown as it opens."""
    clients = [AppClient(app.url) for app in apps]
    shown: set[str] = set()
    memories = {model.name: Memory() for model in settings.models}
    with _progress(console) as progress:
        task = progress.add_task("replay", total=len(live), date="")

        def on_hour(hour: Hour) -> None:
            progress.update(task, advance=len(hour.flights), date=f"{hour.start:%a %b %d %H:00}")

        def on_week(end: datetime, _week: Sent) -> None:
            if _cycle(store, settings, memories, end):
                _show_opened(store, shown, console)
            if loop is not None:
                loop.after_week(end)

        try:
            scenario = SCENARIOS[options.scenario] if options.scenario else None
            return replay(live, clients, scenario=scenario, on_hour=on_hour, on_week=on_week, until=options.until)
        finally:
            for client in clients:
                client.close()


def _cycle(store: Store, settings: Settings, memories: Mapping[str, Memory], as_of: datetime) -> int:
    """One worker cycle a model at the simulated time; the number of alerts the first model opened."""
    store.refresh(store.names.everything)
    opened = 0
    for model in settings.models:
        record = run_cycle(
            store,
            model,
            as_of=as_of,
            worker_id="demo",
            term=TERM,
            now=_now,
            overlap=timedelta(0),  # everything was stored and refreshed before, so nothing appears late
            memory=memories[model.name],
        )
        if record.status == "failed":
            raise DriftlogError(f"the worker's cycle of {as_of:%Y-%m-%d} failed: {record.error}")
        opened += record.alerts_opened if model.name == MODEL else 0
    return opened


def _show_opened(store: Store, shown: set[str], console: Console) -> None:
    for alert in find_alerts(store, MODEL):
        if alert.id not in shown:
            shown.add(alert.id)
            style = STYLES[alert.severity]
            console.print(
                f"{alert.opened:%b %d}  [{style}]{alert.severity:<8}[/]  {escape(alert.title)}", highlight=False
            )


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.fields[date]:<16}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("flights"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def _now() -> datetime:
    return datetime.now(UTC)
