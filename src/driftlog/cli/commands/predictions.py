"""``driftlog predictions``: log search for debugging."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from driftlog.cli.base import Command
from driftlog.cli.known import choose_model
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import as_json, limit, required_model, since_until
from driftlog.cli.session import Session
from driftlog.cli.times import Moment, resolve
from driftlog.contract.errors import UsageError

if TYPE_CHECKING:
    from driftlog.store.client import Store


@click.command(
    cls=Command,
    examples=[
        "driftlog predictions churn                        # the newest",
        "driftlog predictions churn --id 0190-77",
        "driftlog predictions churn --outcome failure --since 1d",
        "driftlog predictions churn --error-type ValueError --text 'could not convert'",
        "driftlog predictions churn --feature country=DE --score-min 0.9 --json",
        "driftlog predictions churn --trace-id 4bf92f3577b34da6",
    ],
)
@required_model
@click.option("--id", "event_id", help="The prediction with this event.id.")
@since_until
@click.option("--version", help="Only this model version.")
@click.option("--outcome", type=click.Choice(["success", "failure"]), help="Only calls that succeeded or failed.")
@click.option("--error-type", help="Only this error.type.")
@click.option("--score-min", type=float, help="Scores from here on.")
@click.option("--score-max", type=float, help="Scores up to here.")
@click.option("--feature", "features", multiple=True, metavar="NAME=VALUE", help="Only this value. May be repeated.")
@click.option("--trace-id", help="Only this trace.id.")
@click.option("--text", help="Words in the message of an error or of the event.")
@limit(50)
@click.option("--unrecorded", is_flag=True, help="Show them also when the access cannot be recorded.")
@as_json
@click.pass_obj
def predictions(
    session: Session,
    model: str,
    event_id: str | None,
    since: Moment | None,
    until: Moment | None,
    version: str | None,
    outcome: str | None,
    error_type: str | None,
    score_min: float | None,
    score_max: float | None,
    features: tuple[str, ...],
    trace_id: str | None,
    text: str | None,
    limit: int,
    unrecorded: bool,
    as_json: bool,
) -> None:
    """Search the stored predictions of MODEL, newest first.

    Who looked, by which conditions, and how many there were is recorded in the audit trail before they are shown.
    """
    from driftlog.audit.reads import record_read
    from driftlog.present.prediction_detail import prediction_detail
    from driftlog.present.tables import predictions_table
    from driftlog.store.predictions import find_predictions

    wanted = dict(_feature(feature) for feature in features)
    for option, score in (("--score-min", score_min), ("--score-max", score_max)):
        if score is not None and not math.isfinite(score):
            raise UsageError(f"{option}: {score} is no score", remedy="write a number such as 0.9")
    with session.store() as store:
        name = choose_model(store, session.settings, model).name
        relative = isinstance(since, timedelta) or isinstance(until, timedelta)
        span = resolve(since, until, _latest(store, name) if relative else None)
        found = find_predictions(
            store,
            name,
            id=event_id,
            since=span.since,
            until=span.until,
            version=version,
            error_type=error_type,
            score_min=score_min,
            score_max=score_max,
            feature=wanted,
            trace_id=trace_id,
            text=text,
            outcome=outcome,
            size=limit,
        )
        record_read(
            session.recorder(store),
            session.settings.audit,
            actor=session.actor,
            model=name,
            what="driftlog predictions",
            n=len(found),
            filters={
                "id": event_id,
                "since": span.since,
                "until": span.until,
                "version": version,
                "outcome": outcome,
                "error_type": error_type,
                "score_min": score_min,
                "score_max": score_max,
                "feature": wanted,
                "trace_id": trace_id,
                "text": text,
                "limit": limit,
            },
            unrecorded=unrecorded,
        )
        single = found[0] if event_id is not None and len(found) == 1 else None
        truth = _outcome(store, name, event_id) if single is not None and event_id is not None else None
    if as_json:
        print_json_lines(found)
        return
    session.console.print(predictions_table(found))
    if single is not None:
        session.console.print(prediction_detail(single, truth))


def _outcome(store: Store, model: str, event_id: str) -> dict[str, Any] | None:
    """The ``outcome`` group of the prediction's outcome, where there is one."""
    from driftlog.profile.outcomes import outcome_id

    found = store.find_by_ids(store.names.every("outcomes"), [outcome_id(model, event_id)])
    return found[0].source.get("outcome") if found else None


def _feature(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise UsageError(f"--feature: {text[:80]!r} is not NAME=VALUE", remedy="write --feature country=DE")
    return name, value


def _latest(store: Store, model: str) -> datetime | None:
    """Just after the newest prediction."""
    from driftlog.store.predictions import find_predictions

    newest = find_predictions(store, model, size=1)
    if not newest:
        return None
    return datetime.fromisoformat(str(newest[0]["@timestamp"])) + timedelta(milliseconds=1)
