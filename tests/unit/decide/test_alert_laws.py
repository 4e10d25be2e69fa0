"""Random lives of alerts: whatever comes, in whatever order, however often, what must hold holds.

A machine plays measurements, late re-evaluations, clocks that jump, requests of people that come late, twice and in any
order, silences, crashes between two writes, and restarts: all it keeps are documents, as Elasticsearch would give them
back.
"""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.unit.decide.conftest import START

from driftlog.contract.alert import ACTIVE, Alert
from driftlog.contract.alerting import AlertSettings, MaintenanceWindowSettings
from driftlog.contract.handling import AlertRequest, Silence, Transition
from driftlog.contract.measurement import Limit, Measurement
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.decide.alert_steps import after_window, between_windows
from driftlog.decide.lifecycle import fold
from driftlog.store.documents import alert_document, alert_of

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WINDOWS = 5
SERIES = (("data_drift", "kolmogorov_smirnov", "features.x"), ("data_drift", "kolmogorov_smirnov", "features.y"),
          ("performance", "roc_auc", ""), ("integrity", "shipping_loss_share", ""))  # fmt: skip
VALUES = {"ok": 0.01, "almost": 0.08, "warning": 0.2, "critical": 0.6}
LIMIT = Limit("constant", "above", warning=0.1, critical=0.5, clear=0.05)

verdicts = st.sampled_from(["ok", "warning", "ok", "warning", "critical", "almost", "insufficient_data", "missing"])
losses = st.sampled_from([0, 0, 0, 0, 1, 2])
"""How many documents of a write are lost with the worker that dies in it."""
jumps = st.sampled_from([timedelta(0), timedelta(minutes=20), HOUR, DAY, 3 * DAY, -HOUR, -2 * DAY])
kinds = st.sampled_from(
    ["acknowledge", "resolve", "reopen", "snooze", "unsnooze", "resolve", "reopen", "acknowledge", "assign", "comment"]
)

NEXT: dict[str, dict[str, str]] = {
    "": {"opened": "open"},
    "open": {"acknowledged": "acknowledged", "resolved": "resolved"},
    "acknowledged": {"resolved": "resolved"},
    "resolved": {"reopened": "open"},
}
"""Status -> what may happen to it -> status; everything else leaves it."""
AFTER_THE_END = {"commented", "assigned", "reopened"}


def measured(purpose: str, metric: str, field: str, number: int, verdict: str, of: tuple[int, int]) -> Measurement:
    value = VALUES.get(verdict)
    return Measurement(
        model="m",
        environment="e",
        purpose=purpose,  # type: ignore[arg-type]
        metric=metric,
        field=field,
        window=Window(START + number * DAY, START + (number + 1) * DAY),
        value=value,
        n_current=100,
        verdict="ok" if verdict == "almost" else verdict,  # type: ignore[arg-type]
        limit=msgspec.structs.replace(LIMIT, of_windows=of),
    )


class Life(RuleBasedStateMachine):
    """What a cluster keeps (documents), what people and clocks do, and what a worker that may die any time writes."""

    documents: dict[str, bytes]
    read: dict[str, Alert]
    before: dict[str, Alert]

    @initialize(
        cooldown=st.sampled_from([timedelta(0), DAY, 3 * DAY]),
        of=st.sampled_from([(1, 1), (2, 3), (1, 3)]),
        planned=st.booleans(),
    )
    def begin(self, cooldown: timedelta, of: tuple[int, int], planned: bool) -> None:
        nightly = MaintenanceWindowSettings(name="nightly", cron="30 0 * * *", duration=2 * HOUR)
        self.settings = ModelSettings(
            name="m",
            environment="e",
            timezone="Europe/Berlin",
            alerts=AlertSettings(
                escalate_after=HOUR,
                escalate_from="warning",
                cooldown=cooldown,
                maintenance=(nightly,) if planned else (),
            ),
        )
        self.of = of
        self.now = START + DAY
        self.documents = {}
        self.read = {}
        self.before = {}
        self.windows: dict[int, list[Measurement]] = {}
        self.requests: list[AlertRequest] = []
        self.asked: list[AlertRequest] = []
        self.silences: list[Silence] = []
        self.by_person: dict[str, Any] = {}

    # What happens

    @rule(number=st.integers(0, WINDOWS - 1), found=st.lists(verdicts, min_size=4, max_size=4), lost=losses)
    def judge(self, number: int, found: list[str], lost: int) -> None:
        """A window is evaluated, for the first time or again; the last `lost` alerts are not written (a crash)."""
        judged = [
            measured(*series, number, verdict, self.of)
            for series, verdict in zip(SERIES, found, strict=True)
            if verdict != "missing"
        ]
        self.windows[number] = judged
        self.evaluate(number, lost)
        if not lost:
            assert self.after(number) == []

    @rule(rows=st.lists(st.lists(verdicts, min_size=4, max_size=4), min_size=1, max_size=WINDOWS))
    def a_week_goes_by(self, rows: list[list[str]]) -> None:
        """Windows in order, from the first, as a back-fill or a replay has them."""
        for number, found in enumerate(rows):
            self.judge(number, found, 0)

    @rule()
    def evaluate_again(self) -> None:
        """The same data once more, in order, as a run after an outage has it."""
        for number in sorted(self.windows):
            self.evaluate(number, 0)

    @rule(lost=losses, forgotten=st.booleans())
    def attend(self, lost: int, forgotten: bool) -> None:
        """Between cycles; where the worker dies before it takes the requests away they come again."""
        changed = self.between()
        self.write(changed[: len(changed) - lost])
        if not lost:
            assert self.between() == []
            self.requests = self.requests if forgotten else []

    @rule(jump=jumps)
    def time_passes(self, jump: timedelta) -> None:
        """Forwards, or backwards where somebody sets the clock."""
        self.now += jump

    @rule(kind=kinds, who=st.sampled_from(["ann", "bob"]), data=st.data(), skew=jumps)
    def ask(self, kind: str, who: str, data: st.DataObject, skew: timedelta) -> None:
        """Somebody asks for something, by a clock of their own."""
        if not self.documents:
            return
        alert = self.stored()[data.draw(st.sampled_from(sorted(self.documents)))]
        at = self.now + skew
        request = AlertRequest(
            id=f"r{len(self.asked)}",
            alert_id=alert.id,
            model="m",
            environment="e",
            kind=kind,  # type: ignore[arg-type]
            by=who,
            at=at,
            text=data.draw(st.sampled_from(["", "because"])),
            until=at + data.draw(st.sampled_from([HOUR, 2 * DAY, -HOUR])) if kind == "snooze" else None,
            assignee=who if kind == "assign" else "",
            cause="a bad join" if kind == "resolve" else "",
            false_alarm=data.draw(st.sampled_from([None, True, False])) if kind == "resolve" else None,
        )
        self.asked.append(request)
        self.requests.append(request)

    @rule(kind=kinds, data=st.data())
    def ask_and_get(self, kind: str, data: st.DataObject) -> None:
        """The usual: somebody asks, and a moment later the worker has done it."""
        self.ask(kind, "ann", data, timedelta(0))
        self.attend(0, True)

    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        """The very same request is delivered once more."""
        if self.asked:
            self.requests.insert(0, data.draw(st.sampled_from(self.asked)))

    @rule(metric=st.sampled_from(["*", "data_drift", "roc_*"]), length=st.sampled_from([HOUR, 2 * DAY]))
    def silence(self, metric: str, length: timedelta) -> None:
        """From now on, for a while."""
        if len(self.silences) < 4:
            name = f"s{len(self.silences)}"
            silence = Silence(id=name, by="ann", why="known", start=self.now, until=self.now + length, metric=metric)
            self.silences.append(silence)

    # What a worker does

    def stored(self) -> dict[str, Alert]:
        """Everything is read from documents: there is no other memory, so every step is a restart."""
        for id, document in self.documents.items():
            if id not in self.read:
                self.read[id] = alert_of(msgspec.json.decode(document))
        return dict(self.read)

    def last(self) -> dict[str, Alert]:
        """The last episode of each key; resolved ones as far back as the worker would read them."""
        ordered = sorted(self.stored().values(), key=lambda alert: alert.episode)
        return {alert.key: alert for alert in ordered}

    def episodes(self) -> dict[str, int]:
        return {key: alert.episode for key, alert in self.last().items()}

    def after(self, number: int) -> list[Alert]:
        judged = self.windows[number]
        history: dict[str, list[Any]] = {}
        for earlier in sorted(one for one in self.windows if one < number):
            for m in self.windows[earlier]:
                history.setdefault(m.series, []).append(m.verdict)
        start = START + number * DAY - self.settings.alerts.cooldown
        known = {
            key: alert
            for key, alert in self.last().items()
            if alert.status in ACTIVE or (alert.resolved is not None and alert.resolved >= start)
        }
        return after_window(known, self.episodes(), judged, history, self.settings, self.silences, self.now)

    def evaluate(self, number: int, lost: int) -> None:
        changed = self.after(number)
        self.write(changed[: len(changed) - lost])

    def between(self) -> list[Alert]:
        stored = self.stored()
        named = {request.alert_id for request in self.requests}
        present = [alert for alert in stored.values() if alert.status in ACTIVE or alert.id in named]
        return between_windows(present, self.episodes(), self.requests, self.settings, self.silences, self.now)

    def write(self, alerts: list[Alert]) -> None:
        for alert in alerts:
            self.documents[alert.id] = msgspec.json.encode(alert_document(alert, term=1))
            self.read.pop(alert.id, None)

    # What must hold

    @invariant()
    def nothing_is_taken_back(self) -> None:
        """No alert disappears, no entry of a history changes, no clock sets an alert back."""
        now = self.stored()
        for id, earlier in self.before.items():
            assert now[id].history[: len(earlier.history)] == earlier.history
            assert now[id].updated >= earlier.updated
            assert now[id].evidence == earlier.evidence
            ended = earlier.status in ACTIVE and now[id].status == "resolved" and not now[id].resolved_by
            if ended and earlier.settled is not None:
                assert now[id].settled > earlier.settled, "ended by windows that a person had overruled"
        self.before = now

    @invariant()
    def histories_are_numbered_without_gaps(self) -> None:
        """From 1; and every request is in there once."""
        for alert in self.stored().values():
            assert [one.number for one in alert.history] == list(range(1, len(alert.history) + 1))
            requests = [one.request for one in alert.history if one.request]
            assert len(requests) == len(set(requests))

    @invariant()
    def one_episode_of_a_cause_is_active_at_most(self) -> None:
        """The last one; episodes are 1, 2, 3, ... and each begins after what the one before had taken into account."""
        by_key: dict[str, list[Alert]] = {}
        for alert in self.stored().values():
            by_key.setdefault(alert.key, []).append(alert)
        for episodes in by_key.values():
            episodes.sort(key=lambda alert: alert.episode)
            assert [alert.episode for alert in episodes] == list(range(1, len(episodes) + 1))
            assert all(alert.status == "resolved" for alert in episodes[:-1])
            for earlier, later in itertools.pairwise(episodes):
                assert earlier.settled is not None
                assert later.first_window.end > earlier.settled

    @invariant()
    def histories_tell_the_status(self) -> None:
        """Each transition is one that could happen then; the facets and the status are what the history says."""
        for alert in self.stored().values():
            status, facets = replayed(alert.history)
            assert alert.status == status
            assert (alert.resolved is not None) == (status == "resolved")
            assert (alert.acknowledged is not None) >= (status == "acknowledged")
            assert (bool(alert.muted_by), bool(alert.silenced_by)) == (facets["muted"], facets["silenced"])
            assert (alert.snoozed_until is not None) == facets["snoozed"]
            assert alert.escalations == sum(one.kind == "escalated" for one in alert.history)

    @invariant()
    def a_reader_sees_what_a_worker_will_write(self) -> None:
        """Requests that no worker has seen are folded in by whoever reads; the worker's history begins the same way."""
        stored, later = self.stored(), {alert.id: alert for alert in self.between()}
        for seen in fold(stored.values(), self.requests, self.episodes()):
            assert later[seen.id].history[: len(seen.history)] == seen.history


def replayed(history: tuple[Transition, ...]) -> tuple[str, dict[str, bool]]:
    """Status and facets after a history, each step checked."""
    status, severity, acknowledged, ended_by = "", "", False, ""
    facets = {"muted": False, "silenced": False, "snoozed": False}
    ranks = ("info", "warning", "critical")
    for one in history:
        assert status != "resolved" or one.kind in AFTER_THE_END, one
        moves = NEXT[status]
        if one.kind in {"opened", "acknowledged", "resolved", "reopened"}:
            assert one.kind in moves, (status, one)
            status = moves[one.kind]
        if one.kind == "acknowledged":
            acknowledged = True
        if one.kind == "resolved":
            ended_by = one.by
        if one.kind == "reopened" and one.by == "driftlog":
            assert ended_by == "driftlog", "what a person closed stays closed"
            status = "acknowledged" if acknowledged else "open"
        elif one.kind == "reopened":
            acknowledged = False
        if one.kind == "worsened":
            assert ranks.index(one.severity) > ranks.index(severity)
        else:
            assert one.severity == severity or one.kind in ("opened", "reopened")
        severity = one.severity
        if one.kind == "escalated":
            assert status == "open"
            assert not any(facets.values())
        for facet in facets:
            if one.kind == facet:
                facets[facet] = True
            elif one.kind == f"un{facet}":
                assert facets[facet], one
                facets[facet] = False
    return status, facets


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
