"""``driftlog maintain``."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from driftlog.cli import exits
from driftlog.cli.base import Group
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import TimeType, as_json, limit, optional_model, required_model, since_until
from driftlog.cli.session import Session
from driftlog.cli.times import Moment, resolve
from driftlog.contract.errors import UsageError

if TYPE_CHECKING:
    from driftlog.contract.maintenance import MaintainRequest
    from driftlog.contract.settings import ModelSettings
    from driftlog.store.client import Store

_why = click.option("--why", default="", help="For those who ask later.")


@click.group(
    cls=Group,
    examples=[
        "driftlog maintain explain churn      # why it trains, or why not",
        "driftlog maintain list churn",
        'driftlog maintain approve churn --why "figures look right"',
        "driftlog maintain trial churn --html trial.html",
    ],
)
def maintain() -> None:
    """Look at the maintenance loop, and say yes or no where it waits.

    is there data? -> check performance -> acceptable? -> go on, or retrain -> candidate -> deploy -> watch -> loop.
    What it may do stands below models.MODEL.maintain; the worker does it.
    """


@maintain.command(
    examples=["driftlog maintain explain churn", "driftlog maintain explain churn --json"],
)
@required_model
@as_json
@click.pass_obj
def explain(session: Session, model: str, as_json: bool) -> None:
    """The last decision on MODEL: each trigger with its value, what is needed, and where the flow stands."""
    from driftlog.cli.known import choose_model
    from driftlog.present.maintain_table import explained
    from driftlog.store.decisions import find_decisions, find_trials, read_state

    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        found = find_decisions(store, settings.name, environment=settings.environment, size=1)
        state = read_state(store, settings.name, settings.environment)
        trials = find_trials(store, settings.name, environment=settings.environment, size=20)
    if not found:
        raise _no_decision(settings)
    trial = next((each for each in trials if each.candidate == state.version), None)
    if as_json:
        print_json_lines([{"decision": found[0], "state": state, "trial": trial}])
    else:
        session.console.print(explained(found[0], state, trial))


@maintain.command(
    "list",
    examples=[
        "driftlog maintain list",
        "driftlog maintain list churn --since 30d",
        "driftlog maintain list churn --outcome rollback --json",
    ],
)
@optional_model
@click.option("--outcome", help="Only this one: go_on, retrain, promote, rollback, ...")
@since_until
@limit(50)
@as_json
@click.pass_obj
def list_(
    session: Session,
    model: str | None,
    outcome: str | None,
    since: Moment | None,
    until: Moment | None,
    limit: int,
    as_json: bool,
) -> None:
    """Decisions, newest first, of MODEL or of all models."""
    from driftlog.cli.known import choose_model
    from driftlog.contract.maintenance import OUTCOMES
    from driftlog.present.maintain_table import decisions_table
    from driftlog.store.decisions import find_decisions

    if outcome is not None and outcome not in OUTCOMES:
        raise UsageError(f"no outcome is called {outcome[:40]}", remedy=f"use one of {', '.join(OUTCOMES)}")
    with session.store() as store:
        name = choose_model(store, session.settings, model).name if model is not None else None
        latest = None
        if isinstance(since, timedelta) or isinstance(until, timedelta):
            newest = find_decisions(store, name, size=1)
            latest = (newest[0].until or newest[0].at) if newest else None
        span = resolve(since, until, latest)
        found = find_decisions(store, name, since=span.since, until=span.until, outcome=outcome, size=limit)
    if as_json:
        print_json_lines(found)
    else:
        session.console.print(decisions_table(found))


@maintain.command(
    examples=["driftlog maintain approve churn", 'driftlog maintain approve churn --why "checked with risk"']
)
@required_model
@_why
@as_json
@click.pass_obj
def approve(session: Session, model: str, why: str, as_json: bool) -> None:
    """Say yes to what waits for approval; the worker goes on at its next look."""
    _answer(session, model, "approve", why, as_json)


@maintain.command(examples=['driftlog maintain reject churn --why "wait for the new feature"'])
@required_model
@_why
@as_json
@click.pass_obj
def reject(session: Session, model: str, why: str, as_json: bool) -> None:
    """Say no to what waits for approval: no training for a cool-down, or the candidate is refused."""
    _answer(session, model, "reject", why, as_json)


@maintain.command(
    examples=[
        "driftlog maintain run churn",
        "driftlog maintain run churn --as-of 2026-03-01   # as if it were this time",
    ],
)
@required_model
@click.option("--as-of", type=TimeType(), help="Look as if it were this time  [default: now]")
@as_json
@click.pass_obj
def run(session: Session, model: str, as_of: datetime | None, as_json: bool) -> int:
    """Look once at MODEL, and do what follows, without a standing worker.

    Where a worker holds the model, this waits for its lease.
    """
    from driftlog.cli.app import start_logging
    from driftlog.cli.commands.worker import own_id
    from driftlog.cli.known import choose_model
    from driftlog.present.maintain_table import explained
    from driftlog.store import templates
    from driftlog.store.decisions import read_state
    from driftlog.worker.maintain_once import maintain_once

    start_logging(session)
    with session.store() as store:
        templates.check(store)
        settings = choose_model(store, session.settings, model)
        decision = maintain_once(
            store,
            session.settings,
            settings,
            now=as_of or session.now(),
            worker_id=own_id(session.settings),
            environ=session.environ,
        )
        state = read_state(store, settings.name, settings.environment)
    if decision is None:
        raise UsageError(
            f"the maintenance loop of {settings.name} is off",
            remedy=f"set models.{settings.name}.maintain.mode to advise or act",
        )
    if as_json:
        print_json_lines([decision])
    else:
        session.console.print(explained(decision, state))
    return exits.FAILED if decision.outcome in ("training_failed", "refuse", "rollback") else exits.OK


@maintain.command(
    examples=["driftlog maintain trial churn", "driftlog maintain trial churn 20260303-2 --html trial.html"],
)
@required_model
@click.argument("version", required=False)
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write the report to this file.")
@as_json
@click.pass_obj
def trial(session: Session, model: str, version: str | None, html: Path | None, as_json: bool) -> None:
    """The trial of a candidate against the champion: of VERSION, or the last one."""
    import driftlog
    from driftlog.cli.known import choose_model
    from driftlog.present.maintain_table import trial_table
    from driftlog.present.trial_page import render_trial
    from driftlog.store.decisions import find_trials

    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        found = find_trials(store, settings.name, environment=settings.environment, size=200)
    chosen = next((each for each in found if version in (None, each.candidate)), None)
    if chosen is None:
        known = ", ".join(dict.fromkeys(each.candidate for each in found)) or "none"
        raise UsageError(f"no trial of {version or settings.name}", remedy=f"versions with a trial: {known}")
    if html is not None:
        page = render_trial(chosen, generated=session.now(), version=driftlog.__version__)
        try:
            html.write_text(page, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{html} cannot be written: {error.strerror}", remedy="choose another path") from error
        session.messages.print(f"Wrote {html}", markup=False)
    if as_json:
        print_json_lines([chosen])
    else:
        session.console.print(trial_table(chosen))


def _answer(session: Session, model: str, kind: Literal["approve", "reject"], why: str, as_json: bool) -> None:
    from driftlog.cli.known import choose_model
    from driftlog.contract.maintenance import MaintainRequest
    from driftlog.store.decisions import answer_id, ask, read_answer, read_decision, read_state

    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        state = read_state(store, settings.name, settings.environment)
        if not state.pending:
            raise UsageError(
                f"nothing about {settings.name} waits for approval",
                remedy=f"`driftlog maintain explain {settings.name}` says where it stands",
            )
        request = MaintainRequest(
            id=answer_id(state.pending),
            model=settings.name,
            environment=settings.environment,
            kind=kind,
            by=session.actor,
            at=session.now(),
            why=why.strip(),
            decision_id=state.pending,
        )
        if not ask(store, request):
            _answered_before(store, settings, read_answer(store, settings.name, settings.environment, state.pending))
        decision = read_decision(store, state.pending)
    if as_json:
        print_json_lines([request])
    else:
        about = f": {decision.reason}" if decision is not None else ""
        session.console.print(f"{kind}: {state.pending_step} of {settings.name}{about}", markup=False)


def _answered_before(store: Store, settings: ModelSettings, before: MaintainRequest | None) -> None:  # noqa: ARG001
    told = f"{before.by} said {before.kind} at {before.at:%Y-%m-%d %H:%M}" if before is not None else "somebody did"
    raise UsageError(f"{settings.name} was answered before: {told}", remedy="the worker acts on it at its next look")


def _no_decision(settings: ModelSettings) -> UsageError:
    if settings.maintain.mode == "off":
        return UsageError(
            f"the maintenance loop of {settings.name} is off",
            remedy=f"set models.{settings.name}.maintain.mode to advise or act, and run the worker",
        )
    return UsageError(
        f"no decision on {settings.name} yet",
        remedy=f"the worker makes one after each cycle; `driftlog maintain run {settings.name}` makes one now",
    )
