"""What the maintenance loop does next: a pure function of settings, facts, where it stands, and the time.

is there data? -> check performance -> acceptable? -> go on, or retrain -> evaluate the candidate -> deploy -> watch
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from driftlog.contract.maintenance import Decision, Evidence, LoopState, Outcome, Stage
from driftlog.contract.settings import ModelSettings
from driftlog.decide.retrain_facts import Facts
from driftlog.decide.retrain_hours import quiet_until
from driftlog.decide.retrain_triggers import cooling_until, next_schedule, spent, trigger_evidence
from driftlog.decide.watch import Watched, watch

ACTS: Final[frozenset[Outcome]] = frozenset({"retrain", "promote", "rollback"})
"""Outcomes that change something outside: they may wait for a person, keep quiet hours, and are only advised where
`maintain.mode` says so."""


def decide(settings: ModelSettings, facts: Facts, state: LoopState, now: datetime) -> Decision:
    """The decision at one look; its id and number are given by whoever stores it.

    A retraining starts only where a trigger is met, there are labels enough, the cool-down is over, the budget is not
    spent, the hours are not quiet, and a person has approved it where the settings say so, in this order: the first
    that does not hold is the outcome. Promotions and rollbacks keep quiet hours and wait for approval alike.

    >>> from datetime import UTC
    >>> decide(ModelSettings(name="churn"), Facts(), LoopState(), datetime(2026, 3, 2, tzinfo=UTC)).outcome
    'no_data'
    """
    look = _Look(settings, facts, state, now)
    return _gate(look, _STAGES[state.stage](look))


class _Look(msgspec.Struct, frozen=True):
    settings: ModelSettings
    facts: Facts
    state: LoopState
    now: datetime

    def decision(self, outcome: Outcome, reason: str, evidence: Sequence[Evidence] = (), **more: Any) -> Decision:
        fields: dict[str, Any] = {
            "run_id": self.state.run_id,
            "version": self.state.version,
            "next_look": self.now + self.settings.cycle,
        } | more
        return Decision(
            id="",
            model=self.settings.name,
            environment=self.settings.environment,
            at=self.now,
            outcome=outcome,
            reason=reason,
            evidence=tuple(evidence),
            stage=self.state.stage,
            **fields,
        )


def _idle(look: _Look) -> Decision:
    facts = look.facts
    triggers = trigger_evidence(look.settings, facts, look.state, look.now)
    evidence = [*_seen(facts), *triggers]
    met = tuple(dict.fromkeys(each.name for each in triggers if each.met))
    if met:
        return _wanted(look, met, evidence)
    if not facts.predictions:
        since = f" since {facts.newest:%Y-%m-%d %H:%M}" if facts.newest else ""
        return look.decision("no_data", f"no predictions{since}", evidence, missing="predictions")
    waits = {"next_look": facts.next_window or look.now + look.settings.cycle}
    if facts.performance is None or facts.performance.value is None:
        why = facts.immature.note if facts.immature is not None and facts.immature.note else "no truth has arrived"
        missing = f"truth for the newest windows ({why})"
        return look.decision("waiting_for_data", "performance cannot be told yet", evidence, missing=missing, **waits)
    scheduled = next_schedule(look.settings, look.now)
    later = min(moment for moment in (waits["next_look"], scheduled) if moment is not None)
    return look.decision("go_on", _acceptable(facts), evidence, next_look=max(later, look.now))


def _seen(facts: Facts) -> list[Evidence]:
    """The first two questions of the flow: is there data, and how good is the model?"""
    told = f"newest {facts.newest:%Y-%m-%d %H:%M}" if facts.newest else "none ever"
    data = Evidence(
        kind="count", name="predictions", value=facts.predictions, needed=1, met=facts.predictions > 0, object=told
    )
    measured = facts.performance
    if measured is None or measured.value is None:
        return [data, Evidence(kind="measurement", name="performance", value=f"{facts.metric}: not known", met=None)]
    told = f"{measured.metric} {measured.value:.4g} in {measured.window.label()}"
    verdict = measured.verdict
    fine = None if verdict in ("not_judged", "insufficient_data", "cannot_alarm") else verdict == "ok"
    limit = measured.limit
    needed = None
    if limit is not None and (end := limit.warning if limit.warning is not None else limit.critical) is not None:
        needed = f"{'not above' if limit.direction == 'above' else 'not below'} {end:.4g}"
    return [
        data,
        Evidence(kind="measurement", name="performance", value=told, needed=needed, met=fine, object=measured.id),
    ]


def _acceptable(facts: Facts) -> str:
    measured = facts.performance
    if measured is None:
        return "no trigger is met"
    told = f"{measured.metric} {measured.value:.4g} in {measured.window.label()}"
    if measured.verdict in ("warning", "critical"):
        return f"{told} is outside its limit ({measured.verdict}), but no trigger is met"
    return f"{told}; no trigger is met"


def _wanted(look: _Look, met: tuple[str, ...], evidence: list[Evidence]) -> Decision:
    """A trigger is met: may it start?"""
    facts, now, conditions = look.facts, look.now, look.settings.maintain.conditions
    wanted = f"retraining is wanted ({', '.join(met)})"
    evidence.append(
        Evidence(
            kind="count",
            name="labels",
            value=facts.labels,
            needed=conditions.min_labels,
            met=facts.labels >= conditions.min_labels,
            object=facts.labels_window.label() if facts.labels_window else "",
        )
    )
    cooling = cooling_until(look.settings, look.state)
    cool = cooling is None or now >= cooling
    if cooling is not None:
        evidence.append(Evidence(kind="time", name="cooldown", value=f"until {cooling:%Y-%m-%d %H:%M}", met=cool))
    runs, frees = spent(look.settings, look.state, now)
    left = runs < conditions.budget
    evidence.append(Evidence(kind="count", name="budget", value=runs, needed=f"below {conditions.budget}", met=left))
    if facts.labels < conditions.min_labels:
        missing = f"{conditions.min_labels - facts.labels:,} labelled predictions in the training window"
        then = {"triggers": met, "missing": missing, "next_look": facts.next_window or now + look.settings.cycle}
        return look.decision("waiting_for_data", f"{wanted}, labels are missing", evidence, **then)
    if not cool:
        then = {"triggers": met, "next_look": cooling}
        return look.decision("cooling_down", f"{wanted}, the last one was too short ago", evidence, **then)
    if not left:
        reason = f"{wanted}, but {runs} runs in {_days(conditions.budget_period)} are the budget"
        return look.decision("budget_spent", reason, evidence, triggers=met, next_look=frees)
    if not look.settings.maintain.executor.kind:
        return look.decision("advise", f"{wanted}, but maintain.executor.kind is empty", evidence, triggers=met)
    return look.decision("retrain", wanted, evidence, triggers=met)


def _training(look: _Look) -> Decision:
    run = look.facts.run
    if run is None:
        return look.decision("training_failed", "the training run has no record: lost")
    seen = [Evidence(kind="run", name="training", value=run.status, object=run.id)]
    if run.status in ("starting", "running"):
        return look.decision("training", f"running since {run.started:%Y-%m-%d %H:%M}", seen)
    if run.status == "succeeded":
        return look.decision("training", look.facts.note or "done; its version is being registered", seen)
    told = run.error or (f"exit code {run.exit_code}" if run.exit_code is not None else "no reason is known")
    return look.decision("training_failed", f"{run.status}: {told}", seen)


def _trial(look: _Look) -> Decision:
    facts, now, validation = look.facts, look.now, look.settings.maintain.validation
    if _changed_by_hand(look):
        return look.decision("refuse", f"the champion is {facts.champion} now, not {look.state.replaced}")
    trial = facts.trial
    if trial is not None:
        seen = [_of_trial(look)]
        if not trial.passed:
            return look.decision("refuse", trial.reason, seen)
        return look.decision("promote", trial.reason, seen)
    label = facts.trial_window.label() if facts.trial_window else ""
    seen = [
        Evidence(
            kind="count",
            name="trial_rows",
            value=facts.trial_rows,
            needed=validation.min_rows,
            met=facts.trial_rows >= validation.min_rows,
            object=label,
        )
    ]
    waited = now - (look.state.since or now)
    if waited >= validation.window:
        reason = facts.note or f"only {facts.trial_rows:,} labelled rows in {_days(validation.window)}"
        return look.decision("refuse", f"no trial could be held: {reason}", seen)
    missing = facts.note or f"{max(0, validation.min_rows - facts.trial_rows):,} labelled rows for the trial"
    then = {"missing": missing, "next_look": facts.next_window or now + look.settings.cycle}
    return look.decision("waiting_for_data", "the candidate waits for its trial", seen, **then)


def _of_trial(look: _Look) -> Evidence:
    trial, validation = look.facts.trial, look.settings.maintain.validation
    assert trial is not None  # noqa: S101 - the callers looked
    return Evidence(
        kind="measurement",
        name=f"{trial.main.metric}_difference",
        value=trial.main.difference,
        needed=validation.margin,
        met=trial.passed,
        object=trial.id,
    )


def _step(look: _Look) -> Decision:
    """In the shadow or on a share: wait, check, go on."""
    promotion, now, facts = look.settings.maintain.promotion, look.now, look.facts
    if _changed_by_hand(look):
        return look.decision("refuse", f"the champion is {facts.champion} now, not {look.state.replaced}")
    since = look.state.since or now
    found = _watch(look)
    step = promotion.steps[min(look.state.step, len(promotion.steps)) - 1]
    if found.verdict == "worse":
        return look.decision("refuse", f"worse in step {step}: {found.reason}", found.evidence)
    if now < since + promotion.step_time:
        reason = f"in step {step}: {found.reason}"
        return look.decision("watching", reason, found.evidence, next_look=since + promotion.step_time)
    if look.state.step >= len(promotion.steps):
        reason = f"{step} is the last of promotion.steps; it stays there until a person promotes or retires it"
        return look.decision("keep", reason, found.evidence)
    if found.verdict == "fine":
        return look.decision("promote", f"step {step} went well: {found.reason}", found.evidence)
    if facts.trial is not None:
        outcome: Outcome = "promote" if facts.trial.passed else "refuse"
        return look.decision(outcome, f"after step {step}: {facts.trial.reason}", [*found.evidence, _of_trial(look)])
    if now >= since + 3 * promotion.step_time:
        reason = f"step {step} showed nothing in {_days(3 * promotion.step_time)}: {facts.note or found.reason}"
        return look.decision("refuse", reason, found.evidence)
    then = {"missing": facts.note or found.reason, "next_look": facts.next_window or now + look.settings.cycle}
    return look.decision("waiting_for_data", f"step {step} cannot be judged yet", found.evidence, **then)


def _watching(look: _Look) -> Decision:
    """Live: until the watch is over, go back where it is worse."""
    promotion, now, facts, state = look.settings.maintain.promotion, look.now, look.facts, look.state
    if facts.champion and facts.champion != state.version:
        return look.decision("keep", f"the champion is {facts.champion} now; the watch of {state.version} ends")
    since = state.since or now
    found = _watch(look)
    if found.verdict == "worse":
        if not facts.previous:
            reason = f"worse than what it replaced, and there is no version to go back to: {found.reason}"
            return look.decision("keep", reason, found.evidence)
        reason = f"worse than {facts.previous}, which comes back: {found.reason}"
        return look.decision("rollback", reason, found.evidence)
    if now >= since + promotion.watch:
        return look.decision("keep", f"the watch of {_days(promotion.watch)} is over: {found.reason}", found.evidence)
    ends = since + promotion.watch
    later = min(ends, facts.next_window or now + look.settings.cycle)
    return look.decision("watching", f"until {ends:%Y-%m-%d %H:%M}: {found.reason}", found.evidence, next_look=later)


def _watch(look: _Look) -> Watched:
    return watch(look.facts.standings, look.settings.maintain.promotion)


def _busy(look: _Look) -> Decision:
    """A deploy hook is at work; only seen where it failed."""
    told = look.facts.note or "the deploy hook is at work"
    return look.decision("training" if look.state.stage == "starting" else "watching", told)


_STAGES: Final[Mapping[Stage, Callable[[_Look], Decision]]] = {
    "idle": _idle,
    "starting": _training,
    "training": _training,
    "trial": _trial,
    "promoting": _busy,
    "step": _step,
    "watch": _watching,
    "returning": _busy,
}


def _changed_by_hand(look: _Look) -> bool:
    """Somebody promoted another version while this candidate was on its way."""
    replaced = look.state.replaced
    return bool(replaced and look.facts.champion and look.facts.champion != replaced)


def _gate(look: _Look, wanted: Decision) -> Decision:
    """What a decision to act has to pass: mode, approval, quiet hours."""
    if wanted.outcome not in ACTS:
        return wanted
    maintain, replace = look.settings.maintain, msgspec.structs.replace
    if maintain.mode != "act":
        return replace(wanted, outcome="advise", reason=f"would {wanted.outcome}: {wanted.reason}")
    if _needs_person(look, wanted):
        answer = look.facts.answer
        if answer is None or look.state.pending_step != wanted.outcome:
            reason = f"{wanted.outcome} waits for approval: {wanted.reason}"
            told = f"`driftlog maintain approve {wanted.model}`, or reject"
            return replace(wanted, outcome="waiting_for_approval", reason=reason, missing=told, approval=wanted.outcome)
        yes = answer.kind == "approve"
        said = Evidence(kind="request", name="approval", value=answer.by, met=yes, object=answer.id)
        wanted = replace(wanted, evidence=(*wanted.evidence, said))
        if not yes:
            why = f": {answer.why}" if answer.why else ""
            return replace(
                wanted, outcome="rejected", reason=f"{answer.by} said no to {wanted.outcome}{why}", by=answer.by
            )
        wanted = replace(wanted, by=answer.by)
    quiet = quiet_until(maintain.conditions.quiet_hours, look.settings.timezone, look.now)
    if quiet is not None:
        reason = f"{wanted.outcome} waits for the end of the quiet hours: {wanted.reason}"
        return replace(wanted, outcome="quiet_hours", reason=reason, next_look=quiet)
    return wanted


def _needs_person(look: _Look, wanted: Decision) -> bool:
    """A request of a person is an approval of the training; the shadow, and a step after the first that served people,
    need none."""
    if wanted.outcome not in look.settings.maintain.conditions.approval:
        return False
    if wanted.outcome == "retrain":
        return "request" not in wanted.triggers
    if wanted.outcome == "promote":
        steps = look.settings.maintain.promotion.steps
        return steps[look.state.step] != "shadow" and "share" not in steps[: look.state.step]
    return True


def _days(length: timedelta) -> str:
    """
    >>> _days(timedelta(days=7)), _days(timedelta(hours=6))
    ('7 days', '6.0 hours')
    """
    if length >= timedelta(days=2) and not length % timedelta(days=1):
        return f"{length.days} days"
    return f"{length / timedelta(hours=1):.1f} hours"
