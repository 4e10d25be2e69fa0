"""``driftlog results``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from driftlog.cli.base import Command
from driftlog.cli.known import choose_model
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import as_json, environment, limit, optional_model, since_until
from driftlog.cli.session import Session
from driftlog.cli.times import Moment, Span, resolve
from driftlog.contract.measurement import PURPOSES
from driftlog.contract.segment import canonical_segment

if TYPE_CHECKING:
    from driftlog.store.client import Store

VERDICTS = ("ok", "info", "warning", "critical", "insufficient_data", "cannot_alarm", "not_judged")


@click.command(
    cls=Command,
    examples=[
        "driftlog results churn                          # the latest window, worst first",
        "driftlog results churn --by-window --since 60d  # one line a window",
        "driftlog results churn --metric roc_auc --since 2026-01-01",
        "driftlog results churn --purpose data_drift --verdict critical --json",
    ],
)
@optional_model
@since_until
@environment
@click.option("--metric", help="Only this metric: roc_auc, latency_p99_ms, ...")
@click.option("--field", help="Only this field: features.distance.")
@click.option("--purpose", type=click.Choice(PURPOSES), help="Only this kind of measurement.")
@click.option("--verdict", type=click.Choice(VERDICTS), help="Only this verdict.")
@click.option("--segment", default="", help="Of a segment, such as carrier=UA; * for all of them.")
@click.option("--version", default="*", show_default=True, help="Of one version of the model.")
@click.option("--variant", default="*", show_default=True, help="Of one variant.")
@click.option("--by-window", is_flag=True, help="One line a window: key figures and alerts.")
@limit(200)
@as_json
@click.pass_obj
def results(
    session: Session,
    model: str | None,
    since: Moment | None,
    until: Moment | None,
    environment: str | None,
    metric: str | None,
    field: str | None,
    purpose: str | None,
    verdict: str | None,
    segment: str,
    version: str,
    variant: str,
    by_window: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Show measurements and their verdicts.

    By default those of the latest window, worst first. MODEL may be left out where there is only one.
    """
    from driftlog.present.tables import measurements_table, worst_first
    from driftlog.store.results import find_measurements, latest_window

    with session.store() as store:
        name = choose_model(store, session.settings, model).name
        latest = latest_window(store, name)
        if latest is None:
            session.messages.print(f"{name} has no results yet. `driftlog run --once` evaluates it.", markup=False)
            return
        span = resolve(since, until, latest.end)
        if since is None and until is None and not by_window:
            span = resolve(latest.start, None, latest.end)
        if by_window:
            _by_window(session, store, name, environment, span, as_json=as_json)
            return
        found = find_measurements(
            store,
            name,
            environment=environment,
            since=span.since,
            until=span.until,
            metric=metric,
            field=field,
            purpose=purpose,
            verdict=verdict,
            segment=None if segment == "*" else canonical_segment(segment),
        )
        found = [m for m in found if (m.version, m.variant) == (version, variant) or m.purpose == "custom"]
    shown = worst_first(found)[:limit]
    if as_json:
        print_json_lines(shown)
        return
    session.console.print(measurements_table(shown, several_windows=since is not None or until is not None))
    if len(found) > len(shown):
        session.messages.print(f"{len(found) - len(shown)} more; raise --limit or narrow the search.")


def _by_window(
    session: Session, store: Store, model: str, environment: str | None, span: Span, *, as_json: bool
) -> None:
    from driftlog.present.summary import summarise_windows
    from driftlog.present.tables import windows_table
    from driftlog.store.alerts import find_alerts
    from driftlog.store.results import find_measurements

    found = find_measurements(store, model, environment=environment, since=span.since, until=span.until)
    alerts = [a for a in find_alerts(store, model) if environment is None or a.environment == environment]
    lines = summarise_windows(found, alerts)
    if as_json:
        print_json_lines(lines)
    else:
        session.console.print(windows_table(lines))
