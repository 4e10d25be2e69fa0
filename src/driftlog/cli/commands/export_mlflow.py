"""``driftlog export mlflow``."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from driftlog.cli import exits
from driftlog.cli.base import Command
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import DurationType, MomentType, as_json, environment, optional_model
from driftlog.cli.session import Session
from driftlog.cli.times import Moment, resolve
from driftlog.contract.errors import StoreAccessDenied, UsageError

if TYPE_CHECKING:
    from driftlog.act.mlflow_export import MlflowExporter, VersionExport
    from driftlog.act.versions.mlflow_registry import MlflowRegistry
    from driftlog.contract.settings import ModelSettings
    from driftlog.store.client import Store


@click.command(
    cls=Command,
    examples=[
        "driftlog export mlflow churn                       # to the registry of maintain.registry",
        "driftlog export mlflow churn --tracking-uri http://mlflow:5000 --registered churn-model",
        "driftlog export mlflow churn --every 10m           # go on",
        "driftlog export mlflow churn --dry-run --json",
    ],
)
@optional_model
@click.option("--tracking-uri", help="Address of the MLflow server  [default: maintain.registry, MLFLOW_TRACKING_URI]")
@click.option("--registered", metavar="NAME", help="The registered model in MLflow  [default: the model's name]")
@click.option("--model-version", metavar="VERSION", help="Log all to this version's run, whatever served when.")
@click.option("--from", "--since", "since", type=MomentType(), help="Windows from this time on, or 90d: so far back.")
@click.option("--to", "--until", "until", type=MomentType(), help="Windows up to this time.")
@environment
@click.option("--report/--no-report", "with_report", default=True, help="Keep the HTML report with the newest run.")
@click.option("--every", type=DurationType(), help="Go on: look again so often. Ctrl-C ends it.")
@click.option("--dry-run", is_flag=True, help="Only say what would be logged.")
@as_json
@click.pass_obj
def mlflow(
    session: Session,
    model: str | None,
    tracking_uri: str | None,
    registered: str | None,
    model_version: str | None,
    since: Moment | None,
    until: Moment | None,
    environment: str | None,
    with_report: bool,
    every: timedelta | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Log what is measured of MODEL to the runs of its versions in MLflow.

    Performance, estimates, drift, operation and open alerts of every window, at the window's end, to the run of the
    version that served then. What a run has is not logged again. Credentials come from MLflow's own variables. Exit
    code 1 when something could not be logged anywhere.
    """
    from driftlog.act.mlflow_export import MlflowExporter
    from driftlog.cli.following import while_changing
    from driftlog.cli.known import choose_model

    with session.store() as store:
        chosen = choose_model(store, session.settings, model)
        place = environment or chosen.environment
        exporter = MlflowExporter(_registry(session, chosen, tracking_uri, registered))

        def log() -> bool:
            done = _export(
                session,
                store,
                exporter,
                chosen,
                place,
                since,
                until,
                only=model_version or "",
                with_report=with_report,
                dry_run=dry_run,
            )
            _print(session, done, dry_run=dry_run, as_json=as_json)
            return not any(one.skipped for one in done)

        return exits.OK if while_changing(session, store, chosen.name, place, log, every=every) else exits.FAILED


def _registry(session: Session, model: ModelSettings, uri: str | None, name: str | None) -> MlflowRegistry:
    from driftlog.act.versions.mlflow_registry import MlflowRegistry
    from driftlog.contract.maintaining import RegistrySettings

    own = model.maintain.registry
    settings = RegistrySettings(
        kind="mlflow", tracking_uri=uri or own.tracking_uri, name=name or own.name, repository=own.repository
    )
    return MlflowRegistry.connect(settings, environ=session.environ)


def _export(
    session: Session,
    store: Store,
    exporter: MlflowExporter,
    model: ModelSettings,
    environment: str,
    since: Moment | None,
    until: Moment | None,
    *,
    only: str,
    with_report: bool,
    dry_run: bool,
) -> list[VersionExport]:
    from driftlog.act.mlflow_export import points_by_version
    from driftlog.store.alerts import find_alerts
    from driftlog.store.results import latest_window, scan_measurements

    latest = latest_window(store, model.name, environment)
    span = resolve(since, until, latest.end if latest is not None else None)
    versions = exporter.versions(model.name)
    if not versions:
        raise UsageError(
            f"MLflow's registry has no version of {model.name}",
            remedy="name the registered model with --registered, or register a version: `driftlog versions register`",
        )
    alerts = find_alerts(store, model.name, environment=environment, since=span.since, until=span.until)
    measured = scan_measurements(store, model.name, environment=environment, since=span.since, until=span.until)
    found = points_by_version(measured, alerts, versions, only=only)
    export = partial(exporter.export, model.name, found, alerts, dry_run=dry_run)
    if not with_report or dry_run or not found:
        return export()
    with tempfile.TemporaryDirectory(prefix="driftlog-") as folder:
        path = Path(folder) / f"{model.name}-{environment or 'none'}-report.html"
        path.write_text(_report(session, store, model, environment, span.since, span.until), encoding="utf-8")
        return export(report=path)


def _report(
    session: Session,
    store: Store,
    model: ModelSettings,
    environment: str,
    since: datetime | None,
    until: datetime | None,
) -> str:
    from driftlog.evaluate.segments.weakest import rank_segments
    from driftlog.present.report import render_report
    from driftlog.present.report_data import load_report_data
    from driftlog.worker.audit import head_line
    from driftlog.worker.happenings import markers
    from driftlog.worker.report_source import profile_source

    try:
        happened = markers(store, model.name, environment, since=since, until=until)
    except StoreAccessDenied:  # the role that is enough for everything else does not read the audit trail
        happened = []
    return render_report(
        load_report_data(
            store,
            model.name,
            environment=environment,
            since=since,
            until=until,
            profiles=profile_source(store, model.name, environment),
            rank=partial(rank_segments, settings=model),
            markers=happened,
            anchor=head_line(store, session.settings.audit, session.now()),
            now=session.now,
        )
    )


def _print(session: Session, done: list[VersionExport], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json_lines(done)
        return
    if not done:
        session.console.print("no results yet")
    verb = "to log" if dry_run else "logged"
    for one in done:
        name = f"version {one.version}" if one.version else "no version"
        if one.skipped:
            session.console.print(f"{name}: {one.points} points not logged: {one.skipped}", markup=False)
        else:
            report = ", report" if one.report else ""
            session.console.print(
                f"{name}: {one.logged} points {verb}, {one.known} there before{report}  {one.run_url}",
                markup=False,
                soft_wrap=True,
            )
