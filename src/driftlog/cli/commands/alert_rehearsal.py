"""``driftlog alerts test``."""

from __future__ import annotations

from datetime import datetime

import click

from driftlog.cli.base import Command
from driftlog.cli.known import choose_model
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import TimeType, as_json, optional_model
from driftlog.cli.session import Session
from driftlog.contract.errors import UsageError


@click.command(
    "test",
    cls=Command,
    examples=[
        "driftlog alerts test churn --from 2026-01-01 --to 2026-03-01",
        "driftlog alerts test churn --from 2026-01-01 --to 2026-03-01 --config stricter.yml",
    ],
)
@optional_model
@click.option("--from", "start", type=TimeType(), required=True, help="Judge the windows from here ...")
@click.option("--to", "end", type=TimeType(), required=True, help="... to here again.")
@as_json
@click.pass_obj
def test(session: Session, model: str | None, start: datetime, end: datetime, as_json: bool) -> None:
    """Say which alerts the rules would have opened in a past period.

    The rules of the settings, which --config may name, judge the stored results of MODEL again; nothing is written.
    Beside what would have fired stands what did. Results are judged as they are stored: what was not measured then
    cannot be judged now.
    """
    from driftlog.present.rule_tables import rehearsal_table
    from driftlog.present.text import plural
    from driftlog.store.alerts import find_alerts
    from driftlog.worker.rules import rehearse_period

    if start >= end:
        raise UsageError("--from is not before --to", remedy="exchange the two")
    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        found = rehearse_period(store, settings, since=start, until=end)
        did = [
            alert
            for alert in find_alerts(store, settings.name, since=start, until=end)
            if alert.environment == settings.environment and alert.opened > start
        ]
    if not found.windows:
        raise UsageError(
            f"{settings.name} has no results of windows of {settings.window} in this period",
            remedy="`driftlog results` shows what there is; `driftlog run --from ... --to ...` evaluates a past period",
        )
    if as_json:
        print_json_lines(
            [
                *({"alert": alert, "with": "these rules"} for alert in found.alerts),
                *({"alert": alert, "with": "the rules then"} for alert in did),
                {"windows": found.windows, "unjudged": found.unjudged, "unmatched": found.unmatched},
            ]
        )
        return
    session.console.print(
        f"{settings.name}: {plural(found.windows, 'window')} judged again; "
        f"{plural(len(found.alerts), 'alert')} with these rules, {len(did)} then.",
        markup=False,
    )
    session.console.print(rehearsal_table(found.alerts, did, found.unjudged, found.unmatched))
