"""One look of the maintenance loop at one model: find out where it stands, decide, act, note where it stands now.

Everything is resumed from the stored state: a state is written before what follows from it is done, and each act can be
repeated or is announced by an action document that is created once.
"""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

import driftlog
from driftlog.contract.audit import Recorder
from driftlog.contract.errors import ActionUnavailable, DriftlogError, StoreError
from driftlog.contract.maintenance import (
    Comparison,
    Decision,
    Deployer,
    Executor,
    Exporter,
    LoopState,
    Registry,
    Scorer,
    Trial,
)
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.decide.retrain import decide
from driftlog.decide.retrain_facts import Facts, Standing
from driftlog.present.trial_page import render_trial
from driftlog.profile.binning import bare_binning
from driftlog.store.client import Store
from driftlog.store.decisions import (
    find_requests,
    read_answer,
    read_decision,
    read_state,
    read_trial,
    take_request,
    write_run,
    write_state,
    write_trial,
)
from driftlog.worker.maintain_deploy import go_back, take_step
from driftlog.worker.maintain_facts import count_labels_of, idle_facts, next_window
from driftlog.worker.maintain_parts import Loop
from driftlog.worker.maintain_record import record
from driftlog.worker.maintain_standing import standings
from driftlog.worker.maintain_training import begin, follow, register, run_id
from driftlog.worker.maintain_trial import Examination, hold_trial
from driftlog.worker.maintain_watch import paired_standings
from driftlog.worker.memory import Memory
from driftlog.worker.validation import validate_if_due

log = logging.getLogger("driftlog.worker")

REPORT: Final = "report.html"
MOST_STAGES: Final = 8
"""Stages that one look may pass through."""


def maintain(
    store: Store,
    settings: ModelSettings,
    *,
    registry: Registry,
    executor: Executor | None,
    deployer: Deployer,
    recorder: Recorder | None,
    export: Exporter,
    score: Scorer | None,
    folder: Path,
    term: int,
    now: datetime,
    worker_id: str = "",
    memory: Memory | None = None,
) -> Decision | None:
    """Look once; call it after each cycle of the model. The last decision; None where the mode is off.

    A scheduled validation that is due is done first, whatever the mode.

    Returns as soon as something else has to happen first: a training runs on by itself and is looked at again by the
    next call.

    Parameters
    ----------
    term
        Of the lease under which the model is held.

    Raises
    ------
    StoreError
        Elasticsearch cannot be used, or a newer term has moved the loop: the next call goes on.
    """
    loop = Loop(
        store,
        settings,
        registry,
        executor,
        deployer,
        recorder,
        export,
        score,
        folder,
        term,
        now,
        worker_id,
        memory or Memory(),
    )
    validate_if_due(
        store,
        settings,
        champion=registry.champion(settings.name) if settings.maintain.validation.schedule else None,
        score=score,
        folder=folder,
        term=term,
        now=now,
    )
    state = read_state(store, settings.name, settings.environment)
    if settings.maintain.mode == "off" and state.stage == "idle":
        return None
    if state.first is None:
        state = msgspec.structs.replace(state, first=now)
    decision: Decision | None = None
    for _ in range(MOST_STAGES):
        state, facts = _look(loop, state)
        stood = state.stage
        decision = decide(settings, facts, state, now)
        decision, state = record(loop, state, decision)
        _audit_requests(loop, facts)
        state = _follow(loop, state, decision, facts)
        write_state(store, settings.name, settings.environment, state, term=term)
        if state.stage in (stood, "idle"):
            break
    return decision


# What has to be done, and seen, where the loop stands


def _look(loop: Loop, state: LoopState) -> tuple[LoopState, Facts]:
    """Do what the stage asks for; (state, facts of the stage the loop is in then)."""
    _mark_taken(loop, state)
    note = ""
    if state.stage == "promoting":
        state, note = take_step(loop, state)
        if not note:
            write_state(loop.store, loop.model, loop.environment, state, term=loop.term)
    elif state.stage == "returning":
        state, note = go_back(loop, state, _why_back(loop, state))
        if not note:
            write_state(loop.store, loop.model, loop.environment, state, term=loop.term)
    if state.stage == "starting":
        state, run = begin(loop, state)
        write_state(loop.store, loop.model, loop.environment, state, term=loop.term)
        if run.status != "succeeded":
            return state, Facts(run=run)
    if state.stage == "training":
        state, facts = _training(loop, state)
        if state.stage == "training":
            return state, facts
    return state, _facts(loop, state, note)


def _facts(loop: Loop, state: LoopState, note: str) -> Facts:
    champion = loop.registry.champion(loop.model)
    answer = read_answer(loop.store, loop.model, loop.environment, state.pending) if state.pending else None
    if state.stage == "idle":
        facts = idle_facts(loop.store, loop.settings, state, champion, loop.now)
        left = tuple(each for each in facts.requests if each.id not in state.taken)
        return msgspec.structs.replace(facts, requests=left, answer=answer)
    facts = Facts(
        champion=champion.version if champion is not None else "",
        next_window=next_window(loop.settings, loop.now),
        answer=answer,
        note=note,
    )
    if state.stage == "trial":
        return _trial(loop, state, facts)
    if state.stage in ("step", "watch"):
        return _watched(loop, state, facts)
    return facts


def _training(loop: Loop, state: LoopState) -> tuple[LoopState, Facts]:
    started = state.starts[-1] if state.starts else loop.now
    run, note = follow(loop, state, started)
    if run is None or run.status != "succeeded":
        return state, Facts(run=run, note=note)
    try:
        version = register(loop, run)
    except StoreError:
        raise
    except ActionUnavailable as error:
        return state, Facts(run=run, note=f"its version cannot be registered now: {error}")
    except DriftlogError as error:
        why = f"its version cannot be registered: {error}"[:1000]
        failed = msgspec.structs.replace(run, status="failed", error=why)
        write_run(loop.store, failed, term=loop.term)
        return state, Facts(run=failed)
    ends = run.data.end if run.data is not None else None
    moved = msgspec.structs.replace(
        state, stage="trial", since=loop.now, version=version.version, trained_until=ends, trial_id="", step=0
    )
    write_state(loop.store, loop.model, loop.environment, moved, term=loop.term)
    return moved, Facts(run=run)


def _trial(loop: Loop, state: LoopState, facts: Facts) -> Facts:
    """The candidate's trial, held as soon as there are rows enough."""
    replace, validation = msgspec.structs.replace, loop.settings.maintain.validation
    known = read_trial(loop.store, f"{state.run_id}|trial")
    if known is not None:
        return replace(facts, trial=known)
    start = max(each for each in (loop.now - validation.window, state.trained_until) if each is not None)
    if start >= loop.now:
        return facts
    window = Window(start, loop.now)
    rows = count_labels_of(loop.store, loop.settings, window, state.replaced)
    facts = replace(facts, trial_rows=rows, trial_window=window)
    if rows < validation.min_rows:
        return facts
    trial, note = _held(loop, state, window, f"{state.run_id}|trial", None)
    return replace(facts, trial=trial, note=note)


def _watched(loop: Loop, state: LoopState, facts: Facts) -> Facts:
    """How the new version does; after a step that showed nothing, a second trial on the rows since it began."""
    replace, promotion = msgspec.structs.replace, loop.settings.maintain.promotion
    since = state.since or loop.now
    version = loop.candidate(state)
    previous = version.previous if version is not None else ""
    found = paired_standings(loop, state, previous, since) if state.stage == "watch" and previous else None
    facts = replace(facts, standings=found if found is not None else _measured(loop, state, since), previous=previous)
    found = facts.standings
    seen = any(each.value is not None for each in found)
    if state.stage != "step" or seen or loop.now < since + promotion.step_time:
        return facts
    name = f"{state.run_id}|trial|{state.step}"
    known = read_trial(loop.store, name)
    if known is not None:
        return replace(facts, trial=known)
    window = Window(since, loop.now)
    rows = count_labels_of(loop.store, loop.settings, window, state.replaced)
    if rows < loop.settings.maintain.validation.min_rows:
        return replace(facts, note=f"{rows:,} labelled rows since the step began")
    trial, note = _held(loop, state, window, name, -promotion.rollback_margin)
    return replace(facts, trial=trial, note=note)


def _measured(loop: Loop, state: LoopState, since: datetime) -> tuple[Standing, ...]:
    """From what was served and measured, each version by itself."""
    pair = loop.memory.reference.pair(loop.store, loop.settings)
    return standings(
        loop.store,
        loop.settings,
        pair[0] if pair is not None else bare_binning(loop.settings),
        version=state.version,
        replaced=state.replaced,
        since=since,
        now=loop.now,
        trial=read_trial(loop.store, f"{state.run_id}|trial"),
    )


def _held(loop: Loop, state: LoopState, window: Window, name: str, margin: float | None) -> tuple[Trial | None, str]:
    """(the trial, or why it could not be held now). A candidate that cannot score the rows is refused."""
    candidate = loop.candidate(state)
    if candidate is None:
        return None, f"the registry has no version {state.version} any more"
    if loop.score is None:
        return None, "executor.score is empty: nothing scores the trial's rows"
    exam = Examination(name, state.replaced, candidate, window, loop.folder / "trials" / name.replace("|", "-"))
    try:
        trial = hold_trial(loop.store, loop.settings, exam, loop.score, at=loop.now, margin=margin)
    except StoreError:
        raise
    except ActionUnavailable as error:
        return None, str(error)
    except (DriftlogError, OSError) as error:
        trial = _not_scored(loop, exam, str(error))
    trial = _with_report(loop, exam, trial)
    write_trial(loop.store, trial, term=loop.term)
    measured = {
        f"trial_{trial.main.metric}": trial.main.candidate,
        f"trial_{trial.main.metric}_champion": trial.main.champion,
    }
    metrics = {key: value for key, value in measured.items() if value is not None}
    loop.registry.update(msgspec.structs.replace(candidate, metrics=candidate.metrics | metrics))
    loop.audit(
        "candidate.evaluated",
        state.version,
        f"{'passed' if trial.passed else 'refused'}: {trial.reason}",
        key=f"trial|{name}",
        passed=trial.passed,
        champion=trial.champion,
        rows=trial.rows,
        metrics=metrics,
    )
    return trial, ""


def _with_report(loop: Loop, exam: Examination, trial: Trial) -> Trial:
    """The report as a page beside the rows; a disk that is full does not stop the loop."""
    path = exam.folder / REPORT
    try:
        exam.folder.mkdir(parents=True, exist_ok=True)
        page = render_trial(trial, generated=loop.now, version=driftlog.__version__)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        log.warning("%s: the report of %s cannot be written: %s", loop.model, trial.id, error)
        return trial
    return msgspec.structs.replace(trial, report=str(path))


def _not_scored(loop: Loop, exam: Examination, why: str) -> Trial:
    return Trial(
        id=exam.id,
        model=loop.model,
        environment=loop.environment,
        champion=exam.champion,
        candidate=exam.candidate.version,
        window=exam.window,
        rows=0,
        at=loop.now,
        passed=False,
        reason=f"it could not answer the trial's rows: {why}"[:1000],
        main=Comparison(metric="", champion=None, candidate=None, difference=None),
    )


def _why_back(loop: Loop, state: LoopState) -> str:
    decision = read_decision(loop.store, state.decision_id)
    return decision.reason if decision is not None else "no reason is known"


def _mark_taken(loop: Loop, state: LoopState) -> None:
    if not state.taken:
        return
    for request in find_requests(loop.store, loop.model, loop.environment):
        if request.id in state.taken:
            take_request(loop.store, request, state.decision_id)


# What follows from a decision


def _follow(loop: Loop, state: LoopState, decision: Decision, facts: Facts) -> LoopState:
    """The state after `decision`; whatever is to be done is done by the next stage."""
    replace = msgspec.structs.replace
    outcome = decision.outcome
    if outcome == "waiting_for_approval":
        if state.pending and state.pending_step == decision.approval:
            return state
        return replace(state, pending=decision.id, pending_step=decision.approval)
    if outcome in ("retrain", "promote", "rollback", "rejected") and facts.answer is not None:
        _audit_answer(loop, decision, facts)
    done = {"pending": "", "pending_step": ""}
    if outcome == "retrain":
        attempt = state.attempt + 1
        return replace(
            state,
            stage="starting",
            since=loop.now,
            attempt=attempt,
            starts=(*state.starts, loop.now)[-100:],
            run_id=run_id(loop, attempt),
            version="",
            replaced=facts.champion,
            trial_id="",
            step=0,
            taken=tuple(each.id for each in facts.requests),
            **done,
        )
    if outcome == "promote":
        return replace(state, stage="promoting", since=loop.now, **done)
    if outcome == "rollback" or (outcome in ("refuse", "rejected") and state.stage == "step"):
        return replace(state, stage="returning", since=loop.now, **done)
    if outcome == "rejected" and state.stage == "idle":
        return replace(state, paused=loop.now, taken=tuple(each.id for each in facts.requests), **done)
    if outcome in ("refuse", "rejected") and state.stage == "trial":
        _refuse(loop, state, decision.reason)
        return replace(state, stage="idle", since=loop.now, **done)
    if outcome in ("keep", "training_failed", "rejected"):
        return replace(state, stage="idle", since=loop.now, **done)
    return state


def _refuse(loop: Loop, state: LoopState, reason: str) -> None:
    version = loop.candidate(state)
    if version is not None and version.status == "candidate":
        refused = msgspec.structs.replace(version, status="refused", retired=loop.now, note=reason[:500])
        loop.registry.update(refused)


def _audit_requests(loop: Loop, facts: Facts) -> None:
    for each in facts.requests:
        loop.audit("retrain.requested", each.id, each.why, key=f"request|{each.id}", actor=each.by)


def _audit_answer(loop: Loop, decision: Decision, facts: Facts) -> None:
    answer = facts.answer
    if answer is None:
        return
    said = "yes" if answer.kind == "approve" else "no"
    told = f"{answer.by} said {said}{f': {answer.why}' if answer.why else ''}"
    loop.audit("maintenance.approved", decision.id, told, key=f"answer|{answer.id}", actor=answer.by, answer=said)
