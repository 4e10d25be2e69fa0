"""What the maintenance loop decides: nothing starts without its conditions, and each look says why."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlog.contract.maintaining import (
    ConditionSettings,
    ExecutorSettings,
    MaintainSettings,
    PromotionSettings,
    TriggerSettings,
    ValidationSettings,
)
from driftlog.contract.maintenance import (
    TRIGGERS,
    Comparison,
    Decision,
    LoopState,
    MaintainRequest,
    TrainingRun,
    Trial,
)
from driftlog.contract.measurement import Measurement
from driftlog.contract.settings import CellValue, ModelSettings
from driftlog.contract.window import Window
from driftlog.decide.retrain import ACTS, decide
from driftlog.decide.retrain_facts import DriftWindow, Facts, OpenAlert, Standing
from driftlog.decide.retrain_hours import quiet_until
from driftlog.decide.watch import watch

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WINDOW = Window(NOW - 2 * DAY, NOW - DAY)


def model(**parts: Any) -> ModelSettings:
    """A model whose loop acts, and trains on 1,000 new labels."""
    known: dict[str, Any] = {
        "mode": "act",
        "triggers": TriggerSettings(new_labels=1000),
        "conditions": ConditionSettings(approval=()),
        "executor": ExecutorSettings(kind="command", command=("train",)),
    }
    return ModelSettings(
        name="churn",
        business_value=(CellValue(actual="*", predicted="*", value=1.0),),
        maintain=MaintainSettings(**(known | parts)),
    )


def performance(value: float | None = 0.8, verdict: str = "ok") -> Measurement:
    return Measurement(
        model="churn",
        environment="production",
        metric="roc_auc",
        purpose="performance",
        window=WINDOW,
        value=value,
        verdict=verdict,  # type: ignore[arg-type]
    )


def facts(**changes: Any) -> Facts:
    """A model that is served, measured, and has new labels enough."""
    known: dict[str, Any] = {
        "champion": "1",
        "newest": NOW,
        "predictions": 500,
        "metric": "roc_auc",
        "performance": performance(),
        "labels": 5000,
        "new_labels": 2000,
        "next_window": NOW + DAY,
    }
    return Facts(**(known | changes))


LONG_THERE = LoopState(first=NOW - 90 * DAY)


def outcome(settings: ModelSettings, seen: Facts, state: LoopState = LONG_THERE) -> str:
    return decide(settings, seen, state, NOW).outcome


def test_a_model_that_is_well_goes_on() -> None:
    """The decision names the performance, and looks again when the next window has ended."""
    found = decide(model(), facts(new_labels=10), LoopState(first=NOW), NOW)

    assert found.outcome == "go_on"
    assert "roc_auc 0.8" in found.reason
    assert found.next_look == NOW + DAY
    assert [(each.name, each.value, each.needed, each.met) for each in found.evidence if each.name in TRIGGERS] == [
        ("new_labels", 10, 1000, False)
    ]


def test_no_predictions_are_no_data() -> None:
    """The first question of the flow."""
    assert outcome(model(), facts(predictions=0, new_labels=0)) == "no_data"


def test_performance_that_cannot_be_told_waits_for_data_and_says_which() -> None:
    """Truth is missing; it looks again after the next window."""
    late = msgspec.structs.replace(performance(None), note="12 % of the truths have arrived")
    found = decide(model(), facts(performance=None, immature=late, new_labels=0), LoopState(first=NOW), NOW)

    assert found.outcome == "waiting_for_data"
    assert "12 % of the truths" in found.missing
    assert found.next_look == NOW + DAY


TRIGGERED: list[tuple[str, TriggerSettings, dict[str, Any]]] = [
    ("schedule", TriggerSettings(schedule="0 6 * * *"), {}),
    ("degraded", TriggerSettings(degraded="warning"), {"alerts": (OpenAlert("a", "performance", "critical", "AUC"),)}),
    (
        "degraded",
        TriggerSettings(degraded="warning"),
        {"alerts": (OpenAlert("a", "estimated_performance", "warning", ""),)},
    ),
    ("drifted", TriggerSettings(drifted=(2, 3)), {"drifted": tuple(DriftWindow(NOW, n) for n in (3, 0, 1))}),
    ("new_labels", TriggerSettings(new_labels=2000), {}),
    ("estimated_loss", TriggerSettings(estimated_loss=100.0), {"loss": 100.0, "loss_windows": 3}),
]


@pytest.mark.parametrize(("name", "triggers", "seen"), TRIGGERED)
def test_each_trigger_starts_a_training(name: str, triggers: TriggerSettings, seen: dict[str, Any]) -> None:
    """And is named, with its value, what was needed, and that it is met."""
    found = decide(model(triggers=triggers), facts(**seen), LoopState(first=NOW - 9 * DAY), NOW)

    assert found.outcome == "retrain"
    assert found.triggers == (name,)
    assert next(each for each in found.evidence if each.name == name).met is True


UNTRIGGERED: list[tuple[TriggerSettings, dict[str, Any]]] = [
    (TriggerSettings(schedule="0 6 1 1 *"), {}),
    (TriggerSettings(degraded="critical"), {"alerts": (OpenAlert("a", "performance", "warning", ""),)}),
    (TriggerSettings(degraded="warning"), {"alerts": (OpenAlert("a", "data_drift", "critical", ""),)}),
    (TriggerSettings(drifted=(2, 3)), {"drifted": tuple(DriftWindow(NOW, n) for n in (3, 0, 0, 5))}),
    (TriggerSettings(new_labels=2001), {}),
    (TriggerSettings(estimated_loss=100.0), {"loss": 99.9}),
    (TriggerSettings(estimated_loss=100.0), {"loss": None}),
    (TriggerSettings(), {"new_labels": 10**6}),
]


@pytest.mark.parametrize(("triggers", "seen"), UNTRIGGERED)
def test_a_trigger_that_is_not_met_starts_nothing(triggers: TriggerSettings, seen: dict[str, Any]) -> None:
    """Just below each."""
    assert outcome(model(triggers=triggers), facts(**seen), LoopState(first=NOW - 9 * DAY)) == "go_on"


def test_a_schedule_does_not_fire_for_the_time_before_the_loop_or_before_the_last_training() -> None:
    """Six in the morning was before the first look, or before the training at seven."""
    daily = model(triggers=TriggerSettings(schedule="0 6 * * *"), conditions=ConditionSettings(cooldown=timedelta(0)))
    seven = NOW.replace(hour=7)

    assert outcome(daily, facts(), LoopState(first=seven)) == "go_on"
    assert outcome(daily, facts(), LoopState(first=NOW - 9 * DAY, starts=(seven,))) == "go_on"


def test_each_condition_holds_a_training_up() -> None:
    """Labels, cool-down, budget, executor, mode: the first that does not hold is said."""
    recent = LoopState(starts=(NOW - DAY,))
    spent = LoopState(starts=tuple(NOW - n * DAY for n in (29, 20, 15, 8)))

    assert outcome(model(), facts(labels=999)) == "waiting_for_data"
    assert outcome(model(), facts(), recent) == "cooling_down"
    assert outcome(model(), facts(), spent) == "budget_spent"
    assert outcome(model(executor=ExecutorSettings()), facts()) == "advise"
    assert outcome(model(mode="advise"), facts()) == "advise"
    assert outcome(model(), facts(), LoopState(paused=NOW - DAY)) == "cooling_down"


def test_waiting_says_when_it_looks_again() -> None:
    """The end of the cool-down; the day the oldest training leaves the budget's period."""
    recent = decide(model(), facts(), LoopState(starts=(NOW - DAY,)), NOW)
    spent = decide(model(), facts(), LoopState(starts=tuple(NOW - n * DAY for n in (29, 20, 15, 8))), NOW)

    assert recent.next_look == NOW + 6 * DAY
    assert spent.next_look == NOW + DAY


def test_a_training_waits_for_a_person_who_says_yes_or_no() -> None:
    """Where the settings say so; the answer names the person."""
    asking = model(conditions=ConditionSettings(approval=("retrain",)))
    waiting = LoopState(first=NOW, pending="churn|production|3", pending_step="retrain")

    def said(kind: str) -> Decision:
        answer = MaintainRequest(
            id="a",
            model="churn",
            environment="production",
            kind=kind,
            by="ann",
            at=NOW,
            why="so",  # type: ignore[arg-type]
        )
        return decide(asking, facts(answer=answer), waiting, NOW)

    asked = decide(asking, facts(), LoopState(first=NOW), NOW)
    assert (asked.outcome, asked.approval) == ("waiting_for_approval", "retrain")
    assert (said("approve").outcome, said("approve").by) == ("retrain", "ann")
    assert (said("reject").outcome, said("reject").by) == ("rejected", "ann")


def test_a_request_of_a_person_is_a_trigger_that_needs_no_further_approval() -> None:
    """`driftlog retrain request`; the other conditions hold for it, too."""
    asked = MaintainRequest(
        id="r", model="churn", environment="production", kind="retrain", by="ann", at=NOW, why="new tariff"
    )
    asking = model(triggers=TriggerSettings(), conditions=ConditionSettings(approval=("retrain",)))
    found = decide(asking, facts(requests=(asked,)), LoopState(first=NOW), NOW)

    assert (found.outcome, found.triggers) == ("retrain", ("request",))
    assert "ann: new tariff" in [each.value for each in found.evidence]
    assert outcome(asking, facts(requests=(asked,)), LoopState(starts=(NOW - DAY,))) == "cooling_down"


# The rest of the way


def trial(passed: bool = True) -> Trial:
    main = Comparison(metric="roc_auc", champion=0.7, candidate=0.75, difference=0.05, lower=0.01, upper=0.09, n=900)
    return Trial(
        id="t",
        model="churn",
        environment="production",
        champion="1",
        candidate="2",
        window=WINDOW,
        rows=900,
        at=NOW,
        passed=passed,
        reason="better",
        main=main,
    )


def at(stage: str, **changes: Any) -> LoopState:
    known = {"stage": stage, "since": NOW - DAY, "run_id": "r", "version": "2", "replaced": "1", "starts": (NOW,)}
    return LoopState(**(known | changes))  # type: ignore[arg-type]


def training(status: str) -> TrainingRun:
    return TrainingRun(
        id="r",
        model="churn",
        environment="production",
        decision_id="d",
        executor="command",
        started=NOW,
        status=status,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("starting", "training"),
        ("running", "training"),
        ("failed", "training_failed"),
        ("timed_out", "training_failed"),
        ("lost", "training_failed"),
    ],
)
def test_a_training_is_followed_to_its_end(status: str, expected: str) -> None:
    """Also to one that nobody knows."""
    assert outcome(model(), Facts(run=training(status)), at("training")) == expected


def test_a_training_without_a_record_is_lost() -> None:
    """It is said, not waited for."""
    assert outcome(model(), Facts(), at("training")) == "training_failed"


def test_a_candidate_is_promoted_or_refused_by_its_trial() -> None:
    """With the trial's reason and id."""
    assert outcome(model(), Facts(champion="1", trial=trial()), at("trial")) == "promote"
    assert outcome(model(), Facts(champion="1", trial=trial(passed=False)), at("trial")) == "refuse"


def test_a_candidate_waits_for_rows_and_is_refused_when_none_come() -> None:
    """As long as the trial's window is."""
    waiting = decide(model(), Facts(champion="1", trial_rows=100), at("trial"), NOW)

    assert (waiting.outcome, waiting.missing) == ("waiting_for_data", "400 labelled rows for the trial")
    assert outcome(model(), Facts(champion="1", trial_rows=100), at("trial", since=NOW - 28 * DAY)) == "refuse"


def test_a_champion_made_by_hand_ends_the_candidates_way() -> None:
    """It was tried against another one."""
    assert outcome(model(), Facts(champion="9", trial=trial()), at("trial")) == "refuse"
    assert outcome(model(), Facts(champion="9"), at("watch")) == "keep"


def standing(value: float, *, error: float = 0.005, replaced: float = 0.70) -> Standing:
    return Standing(
        metric="roc_auc",
        worse="below",
        value=value,
        error=error,
        freedom=13,
        n=9000,
        replaced=replaced,
        replaced_error=0.005,
        replaced_freedom=13,
    )


def test_a_watch_keeps_a_good_version_and_rolls_a_worse_one_back() -> None:
    """Worse by more than the margin and by more than chance."""
    over = at("watch", since=NOW - 15 * DAY)

    def seen(value: float, error: float = 0.005, previous: str = "1") -> Facts:
        return Facts(champion="2", previous=previous, standings=(standing(value, error=error),))

    assert outcome(model(), seen(0.75), at("watch")) == "watching"
    assert outcome(model(), seen(0.75), over) == "keep"
    assert outcome(model(), seen(0.64), at("watch")) == "rollback"
    assert outcome(model(), seen(0.69), at("watch")) == "watching"  # within the margin of 0.02
    assert outcome(model(), seen(0.64, error=0.05), at("watch")) == "watching"  # chance may explain it
    assert outcome(model(), seen(0.64, previous=""), at("watch")) == "keep"  # nothing to go back to


def test_on_the_same_rows_the_paired_difference_counts_not_the_two_values() -> None:
    """A hard month lowers both; a difference that is the same every day is seen although each value is uncertain."""

    def same_rows(gap: float, error: float, freedom: float = 27.0) -> Facts:
        found = msgspec.structs.replace(
            standing(0.60, error=0.05), beside=True, gap=gap, gap_error=error, gap_freedom=27.0, freedom=freedom
        )
        return Facts(champion="2", previous="1", standings=(found,))

    assert outcome(model(), same_rows(0.01, 0.002), at("watch")) == "watching"
    assert outcome(model(), same_rows(-0.03, 0.01), at("watch")) == "rollback"
    assert outcome(model(), same_rows(-0.03, 0.03), at("watch")) == "watching"  # chance may explain it
    assert outcome(model(), same_rows(-0.015, 0.001), at("watch")) == "watching"  # within the margin
    assert outcome(model(), same_rows(-0.03, 0.01, freedom=4.0), at("watch")) == "watching"  # five days


def test_a_watch_seldom_takes_back_a_version_that_is_better() -> None:
    """Daily looks for two weeks, spread as of the flights: of 300 versions two points better at most 4 % go back, of
    300 that are four points worse at least 70 %."""
    rng = np.random.default_rng(3)

    def taken_back(gap: float) -> float:
        count = 0
        for _ in range(300):
            days = rng.normal(gap, 0.066, 14)
            for end in range(7, 15):
                seen = days[:end]
                found = Standing(
                    metric="roc_auc", worse="below", value=0.7, error=0.01, freedom=end - 1.0, n=900, replaced=0.7,
                    gap=float(seen.mean()), gap_error=float(seen.std(ddof=1)) / end**0.5, gap_freedom=end - 1.0,
                )  # fmt: skip
                if watch([found], PromotionSettings()).verdict == "worse":
                    count += 1
                    break
        return count / 300

    assert taken_back(0.02) <= 0.04
    assert taken_back(-0.04) >= 0.7


def test_steps_are_taken_one_after_the_other() -> None:
    """Shadow, share, full: each watched for its time; a worse one is taken out."""
    stepped = model(promotion=PromotionSettings(steps=("shadow", "share", "full"), step_time=7 * DAY))
    good = Facts(champion="1", standings=(standing(0.72),))

    assert outcome(stepped, good, at("step", step=1)) == "watching"
    assert outcome(stepped, good, at("step", step=1, since=NOW - 7 * DAY)) == "promote"
    assert outcome(stepped, Facts(champion="1", standings=(standing(0.6),)), at("step", step=1)) == "refuse"
    unknown = Facts(champion="1", standings=(Standing(metric="roc_auc", worse="below"),))
    assert outcome(stepped, unknown, at("step", step=1, since=NOW - 7 * DAY)) == "waiting_for_data"
    assert outcome(stepped, unknown, at("step", step=1, since=NOW - 21 * DAY)) == "refuse"
    tried = msgspec.structs.replace(unknown, trial=trial())
    assert outcome(stepped, tried, at("step", step=1, since=NOW - 7 * DAY)) == "promote"


def test_approval_of_a_promotion_is_asked_once_before_people_are_served() -> None:
    """Not before the shadow, and not again between share and full."""
    asking = model(
        conditions=ConditionSettings(approval=("promote",)),
        promotion=PromotionSettings(steps=("shadow", "share", "full"), step_time=DAY),
    )
    good = Facts(champion="1", standings=(standing(0.72),))

    assert outcome(asking, Facts(champion="1", trial=trial()), at("trial")) == "promote"
    assert outcome(asking, good, at("step", step=1)) == "waiting_for_approval"
    assert outcome(asking, good, at("step", step=2)) == "promote"


# Laws

moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))
triggers = st.builds(
    TriggerSettings,
    schedule=st.sampled_from(["", "0 6 * * *", "30 2 * * SUN"]),
    degraded=st.sampled_from(["", "warning", "critical"]),
    drifted=st.sampled_from([(), (1, 2), (2, 3)]),
    new_labels=st.none() | st.integers(1, 2000),
    estimated_loss=st.none() | st.floats(1, 1000),
)
conditions = st.builds(
    ConditionSettings,
    min_labels=st.integers(1, 2000),
    cooldown=st.integers(0, 20).map(lambda days: days * DAY),
    budget=st.integers(1, 4),
    budget_period=st.integers(1, 40).map(lambda days: days * DAY),
    quiet_hours=st.sampled_from(["", "22:00-06:00", "01:00-04:00", "08:00-20:00"]),
    approval=st.lists(st.sampled_from(["retrain", "promote", "rollback"]), unique=True).map(tuple),
)
requests = st.builds(
    MaintainRequest,
    id=st.just("r"),
    model=st.just("churn"),
    environment=st.just("production"),
    kind=st.just("retrain"),
    by=st.just("ann"),
    at=moments,
)
answers = st.builds(
    MaintainRequest,
    id=st.just("a"),
    model=st.just("churn"),
    environment=st.just("production"),
    kind=st.sampled_from(["approve", "reject"]),
    by=st.just("bob"),
    at=moments,
)
seen_facts = st.builds(
    Facts,
    champion=st.sampled_from(["", "1", "2"]),
    newest=st.none() | moments,
    predictions=st.integers(0, 100),
    performance=st.none() | st.sampled_from([performance(), performance(None), performance(0.5, "critical")]),
    alerts=st.lists(
        st.builds(
            OpenAlert,
            st.just("a"),
            st.sampled_from(["performance", "data_drift"]),
            st.sampled_from(["info", "warning", "critical"]),
            st.just("t"),
        ),
        max_size=2,
    ).map(tuple),
    drifted=st.lists(st.builds(DriftWindow, moments, st.integers(0, 2)), max_size=3).map(tuple),
    labels=st.integers(0, 3000),
    new_labels=st.none() | st.integers(0, 3000),
    loss=st.none() | st.floats(-100, 2000),
    requests=st.lists(requests, max_size=1).map(tuple),
    answer=st.none() | answers,
    run=st.none() | st.sampled_from([training(s) for s in ("starting", "running", "succeeded", "failed", "lost")]),
    trial=st.none() | st.sampled_from([trial(), trial(passed=False)]),
    trial_rows=st.integers(0, 1000),
    previous=st.sampled_from(["", "1"]),
    standings=st.lists(st.sampled_from([standing(0.75), standing(0.6)]), max_size=2).map(tuple),
)
states = st.builds(
    LoopState,
    stage=st.sampled_from(["idle", "idle", "idle", "training", "trial", "step", "watch"]),
    since=st.none() | moments,
    first=moments,
    starts=st.lists(moments, max_size=4).map(lambda found: tuple(sorted(found))),
    pending=st.sampled_from(["", "d"]),
    pending_step=st.sampled_from(["", "retrain", "promote", "rollback"]),
    version=st.just("2"),
    replaced=st.sampled_from(["", "1"]),
    step=st.just(1),
    paused=st.none() | moments,
)


@settings(max_examples=600, deadline=None)
@given(
    triggers=triggers,
    conditions=conditions,
    seen=seen_facts,
    state=states,
    now=moments,
    mode=st.sampled_from(["advise", "act"]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
)
def test_nothing_is_ever_started_or_deployed_against_the_conditions(
    triggers: TriggerSettings,
    conditions: ConditionSettings,
    seen: Facts,
    state: LoopState,
    now: datetime,
    mode: str,
    zone: str,
) -> None:
    """Whatever is seen, wherever it stands: budget, cool-down, labels, triggers, approval, quiet hours, mode."""
    steps = PromotionSettings(steps=("share", "full"))
    made = model(triggers=triggers, conditions=conditions, mode=mode, promotion=steps)
    made = msgspec.structs.replace(made, timezone=zone)

    found = decide(made, seen, state, now)

    assert found.reason
    assert found.at == now
    if found.outcome not in ACTS:
        return
    assert mode == "act"
    assert quiet_until(conditions.quiet_hours, zone, now) is None
    approved = seen.answer is not None and seen.answer.kind == "approve" and state.pending_step == found.outcome
    if found.outcome == "retrain":
        assert state.stage == "idle"
        assert any(each.met for each in found.evidence if each.name in TRIGGERS)
        assert seen.labels >= conditions.min_labels
        assert sum(start > now - conditions.budget_period for start in state.starts) < conditions.budget
        last = max([*state.starts[-1:], *([state.paused] if state.paused else [])], default=None)
        assert last is None or now >= last + conditions.cooldown
        assert "retrain" not in conditions.approval or approved or seen.requests
    elif found.outcome == "promote":
        assert state.stage == "step" or (seen.trial is not None and seen.trial.passed)
    else:
        assert state.stage == "watch"
        assert seen.previous
        assert "rollback" not in conditions.approval or approved


@settings(max_examples=60, deadline=None)
@given(hours=st.lists(st.integers(1, 200), min_size=1, max_size=60), conditions=conditions)
def test_over_any_course_of_looks_the_budget_is_never_exceeded(hours: list[int], conditions: ConditionSettings) -> None:
    """Each training that is decided is started, and fails at once."""
    made = model(conditions=msgspec.structs.replace(conditions, approval=()))
    state, now = LoopState(first=NOW), NOW
    starts: list[datetime] = []
    for passed in hours:
        now += timedelta(hours=passed)
        if decide(made, facts(), state, now).outcome == "retrain":
            starts.append(now)
            state = msgspec.structs.replace(state, starts=tuple(starts))
    for start in starts:
        later = [each for each in starts if start <= each < start + conditions.budget_period]
        assert len(later) <= conditions.budget
    assert all(b - a >= conditions.cooldown for a, b in itertools.pairwise(starts))


def test_the_settings_of_a_trial_are_read() -> None:
    """A margin of its own stands in the evidence."""
    strict = model(validation=ValidationSettings(margin=0.01))
    found = decide(strict, Facts(champion="1", trial=trial()), at("trial"), NOW)

    assert next(each.needed for each in found.evidence if each.name == "roc_auc_difference") == 0.01
