"""The life of alerts: short stories, and long random ones against a naive model."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlog.contract.alert import Alert, Contribution, Decomposition
from driftlog.contract.measurement import Chunks, Limit
from driftlog.decide.alerts import advance
from driftlog.decide.judge import judge
from driftlog.decide.wording import explanation

BREACH = ("warning", "critical")
JUDGED = ("ok", "warning", "critical", "cannot_alarm")


class Board:
    """What a worker keeps: alerts by id, verdicts by window; every window is advanced twice to prove idempotence."""

    def __init__(self, make, *, keep_resolved=True):
        self.make, self.keep_resolved = make, keep_resolved
        self.alerts: dict[str, Alert] = {}
        self.windows: dict[int, list] = {}

    def play(self, *judged):
        """Evaluate (again) the window of the measurements; returns what changed."""
        number = (judged[0].window.start - self.make.start).days
        self.windows[number] = list(judged)
        history: dict[str, list] = {}
        for earlier in sorted(n for n in self.windows if n < number):
            for m in self.windows[earlier]:
                history.setdefault(m.series, []).append(m.verdict)
        changed = self._advance(judged, history)
        self.alerts.update({alert.id: alert for alert in changed})
        assert self._advance(judged, history) == []
        return changed

    def _advance(self, judged, history):
        known = [a for a in self.alerts.values() if self.keep_resolved or a.status == "open"]
        episodes: dict[str, int] = {}
        for alert in self.alerts.values():
            episodes[alert.key] = max(alert.episode, episodes.get(alert.key, 0))
        return advance(known, episodes, judged, history, self.make.start + timedelta(days=1000))

    def open(self):
        return [alert for alert in self.alerts.values() if alert.status == "open"]


@pytest.fixture
def board(make):
    return Board(make)


def test_two_of_three_windows_open_and_three_quiet_ones_resolve(make, board):
    """One breach is no alert yet; the alert stays through one good window; then it is over."""
    seen = []
    for window, verdict in enumerate(["warning", "ok", "warning", "ok", "warning", "ok", "ok", "ok", "ok"]):
        board.play(make.judged(verdict, window=window, of=(2, 3)))
        seen.append(len(board.open()))
    assert seen == [0, 0, 1, 1, 1, 1, 1, 0, 0]
    (alert,) = board.alerts.values()
    assert (alert.windows, alert.episode, alert.status) == (2, 1, "resolved")
    assert alert.opened == make.window(2).end
    assert alert.resolved == make.window(7).end
    assert alert.resolution == "within limits for 3 windows"
    assert alert.evidence.window == make.window(2)


def test_a_cause_that_comes_back_is_a_new_episode(make, board):
    """With the same key and the next number."""
    for window, verdict in enumerate(["critical", "ok", "warning", "ok", "warning"]):
        board.play(make.judged(verdict, window=window))
    assert [(a.episode, a.status, a.severity) for a in board.alerts.values()] == [
        (1, "resolved", "critical"),
        (2, "resolved", "warning"),
        (3, "open", "warning"),
    ]
    assert len({a.key for a in board.alerts.values()}) == 1


def test_many_features_are_one_alert_worst_first(make, board):
    """Named in plain words, with the number of features looked at and what to bear in mind."""
    board.play(
        *(
            make.judged(verdict, field=f"features.{name}", value=value, marks=("season_unseen",))
            for name, verdict, value in [
                ("dest", "warning", 0.31),
                ("month", "critical", 0.62),
                ("hour", "ok", 0.04),
                ("wind", "cannot_alarm", 0.5),
                ("temp", "warning", 0.44),
            ]
        )
    )
    (alert,) = board.open()
    assert alert.key == "m|e||data_drift"
    assert alert.title == "m: 3 of 5 features drifted"
    assert [member.field for member in alert.members] == ["features.month", "features.temp", "features.dest"]
    assert alert.message == (
        "3 of 5 features drifted against the reference in 2026-01-05/2026-01-06; strongest: month 0.62 (limit 0.1), "
        "temp 0.44 (limit 0.1), dest 0.31 (limit 0.1). 500 rows in the window. The reference covers less than a year: "
        "a season it has not seen may be the reason."
    )
    assert alert.marks == ("season_unseen",)


def test_another_feature_joins_the_open_alert(make, board):
    """Never a second one; severity is the highest so far."""

    def both(window, x, y):
        return [make.judged(v, window=window, field=f"features.{n}") for n, v in (("x", x), ("y", y))]

    board.play(*both(0, "critical", "ok"))
    board.play(*both(1, "ok", "warning"))
    (alert,) = board.open()
    assert (alert.severity, alert.windows, [m.field for m in alert.members]) == ("critical", 2, ["features.y"])
    assert alert.evidence.field == "features.x"
    assert alert.latest.window == make.window(1)


def test_metrics_that_fall_together_are_one_performance_alert(make, board):
    """Led by the worst."""
    board.play(
        make.judged("warning", metric="accuracy", purpose="performance", value=0.66, reference_value=0.7),
        make.judged("critical", metric="roc_auc", purpose="performance", value=0.5, reference_value=0.7),
        make.judged("warning", metric="brier", purpose="performance", value=0.3, reference_value=0.2, maturity=0.97),
    )
    (alert,) = board.open()
    assert alert.key == "m|e||performance"
    assert [m.metric for m in alert.members] == ["roc_auc", "brier", "accuracy"]
    assert "roc_auc 0.5 (reference 0.7, limit 0.1)" in alert.message


def test_causes_are_apart(make, board):
    """Drift of data, of predictions, errors, and each kind of quality fault have alerts of their own."""
    board.play(
        make.judged("warning"),
        make.judged("warning", purpose="prediction_drift", field="prediction.score"),
        make.judged("warning", purpose="target_drift", field="outcome.actual"),
        make.judged("warning", metric="error_rate", purpose="operational"),
        make.judged("warning", metric="error_rate_by_type", purpose="operational", field="E"),
        make.judged("warning", metric="latency_p99_ms", purpose="operational"),
        make.judged("warning", metric="missing_share", purpose="quality"),
        make.judged("warning", metric="missing_share", purpose="quality", field="features.y"),
        make.judged("warning", metric="dominant_share", purpose="quality", note="nearly all values are 3"),
        make.judged("warning", metric="cpu_percent_mean", purpose="resource"),
    )
    assert sorted(alert.key for alert in board.open()) == [
        "m|e||data_drift",
        "m|e||operational|errors",
        "m|e||operational|latency",
        "m|e||prediction_drift",
        "m|e||quality|dominant_share",
        "m|e||quality|missing_share",
        "m|e||resource|cpu_percent_mean",
        "m|e||target_drift",
    ]
    titles = {alert.metric: alert.title for alert in board.open()}
    assert titles["missing_share"] == "m: values missing in 2 features"
    assert "Nearly all values are 3." in board.alerts["m|e||quality|dominant_share#1"].message


def test_segments_and_versions_have_alerts_of_their_own(make, board):
    """Each scope is watched for itself."""
    board.play(make.judged("warning"), make.judged("warning", segment="eu"), make.judged("warning", version="2"))
    assert len(board.open()) == 3


def test_windows_without_data_change_nothing(make, board):
    """Neither open nor resolve; nor do they count among the last three."""
    for window, verdict in enumerate(["warning", "insufficient_data", "insufficient_data", "warning"]):
        board.play(make.judged(verdict, window=window, of=(2, 3)))
    (alert,) = board.open()
    for window in range(4, 9):
        assert board.play(make.judged("insufficient_data", window=window, of=(2, 3))) == []
    assert board.open() == [alert]


def test_late_data_update_the_window_in_place(make, board):
    """The same window again, now worse: one alert, one window, severity up; evidence is what opened it."""
    board.play(make.judged("warning"))
    (changed,) = board.play(make.judged("critical"))
    assert (changed.windows, changed.severity, changed.evidence.verdict) == (1, "critical", "warning")


def test_an_alert_that_late_data_refute_is_resolved(make, board):
    """And says so; a later breach is a new episode."""
    board.play(make.judged("warning"))
    (changed,) = board.play(make.judged("ok"))
    assert (changed.status, changed.resolution) == ("resolved", "after late data the window is within its limits")
    board.play(make.judged("warning", window=1))
    assert [a.episode for a in board.open()] == [2]


def test_late_data_in_the_window_before_can_refute_an_alert(make, board):
    """2 of 3 were in breach, after late data only 1 of 2 is: the opening window is looked at again."""
    board.play(make.judged("warning", window=0, of=(2, 3)))
    board.play(make.judged("warning", window=1, of=(2, 3)))
    board.play(make.judged("ok", window=0, of=(2, 3)))
    assert len(board.open()) == 1
    board.play(make.judged("warning", window=1, of=(2, 3)))
    assert board.open() == []


def test_old_windows_do_not_disturb_an_alert(make, board):
    """A window before the alert's last one, evaluated again with the same result, changes nothing."""
    for window in range(4):
        board.play(make.judged("warning", window=window))
    for window in range(3):
        assert board.play(make.judged("warning", window=window)) == []
    assert board.open()[0].windows == 4


def test_an_episode_that_is_over_is_not_opened_again_by_its_own_windows(make, board):
    """Evaluating a whole month again after the fact leaves the alerts as they were."""
    verdicts = ["warning", "warning", "ok", "ok", "critical", "ok"]
    for window, verdict in enumerate(verdicts):
        board.play(make.judged(verdict, window=window))
    before = dict(board.alerts)
    for window, verdict in enumerate(verdicts):
        assert board.play(make.judged(verdict, window=window)) == []
    assert board.alerts == before


def test_quality_that_is_not_mentioned_any_more_is_well_again(make, board):
    """Shares of zero are not stored; a window with data that says nothing of them resolves their alert."""
    board.play(make.judged("ok"), make.judged("warning", metric="unseen_share", purpose="quality"))
    assert len(board.open()) == 1
    silent = make.measurement("predictions", "operational", 0.0, window=1, n_current=0, verdict="warning")
    board.play(silent)
    assert any(alert.metric == "unseen_share" for alert in board.open())
    board.play(make.judged("ok", window=2))
    assert not any(alert.metric == "unseen_share" for alert in board.open())


def test_another_run_of_the_same_window_is_no_change(make, board):
    """Run id, time and revision of the measurement differ; the alert stays as it was written."""
    measurement = make.judged("warning")
    board.play(measurement)
    assert board.play(msgspec.structs.replace(measurement, run_id="r2", revision=7, computed=make.start)) == []


def test_nothing_judged_is_nothing_done(make):
    """No measurements, no alerts; two windows at once are refused."""
    assert advance([], {}, [], {}, make.start) == []
    with pytest.raises(ValueError, match="one window at a time"):
        advance([], {}, [make.judged("ok"), make.judged("ok", window=1)], {}, make.start)


def test_judged_drift_reaches_an_alert(make, board):
    """From measurement through judge to the grouped alert, in 2 of 3 windows."""
    for window in range(3):
        board.play(judge(make.measurement(value=0.4, window=window, chunks=Chunks(12, 0.05, 0.01)), make.settings()))
    (alert,) = board.open()
    assert (alert.severity, alert.windows, alert.opened) == ("critical", 2, make.window(1).end)


verdict = st.sampled_from(["ok", "ok", "warning", "critical", "insufficient_data", "cannot_alarm"])
rule = st.sampled_from([(1, 1), (2, 3), (1, 3), (3, 5), (2, 2)])


@settings(max_examples=200, deadline=None)
@given(data=st.data(), of=rule, series=st.integers(1, 3), length=st.integers(1, 30))
def test_long_histories_agree_with_a_naive_model(make, data, of, series, length):
    """Open exactly when the plain reading of the rules says so; never two open with one key; episodes count up."""
    board, needed, last = Board(make, keep_resolved=data.draw(st.booleans())), *of
    past: list[list[str]] = [[] for _ in range(series)]
    is_open, episode, breaches = False, 0, 0
    for window in range(length):
        now = data.draw(st.lists(verdict, min_size=series, max_size=series))
        board.play(*(make.judged(v, window=window, of=of, field=f"features.x{i}") for i, v in enumerate(now)))
        raw = [[*before, v] for before, v in zip(past, now, strict=True)]
        judged = [[v for v in row if v in JUDGED] for row in raw]
        recent = [(j if n in JUDGED else r)[-last:] for j, r, n in zip(judged, raw, now, strict=True)]
        in_breach = any(v in BREACH for v in now)
        if not is_open:
            if any(n in BREACH and sum(v in BREACH for v in r) >= needed for n, r in zip(now, recent, strict=True)):
                is_open, episode, breaches = True, episode + 1, 1
        elif in_breach:
            breaches += 1
        elif any(n in JUDGED for n in now) and not any(v in BREACH for r in recent for v in r):
            is_open = False
        past = raw
        opened = board.open()
        assert len(opened) == is_open
        assert len(board.alerts) == episode
        if is_open:
            (alert,) = opened
            assert (alert.episode, alert.windows) == (episode, breaches)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), of=rule, length=st.integers(2, 12))
def test_revisions_in_any_order_never_make_two_open_alerts(make, data, of, length):
    """Windows are evaluated, and evaluated again with other results, in any order: one open alert a key at most."""
    board = Board(make)
    for _ in range(length * 2):
        window = data.draw(st.integers(0, length - 1))
        board.play(make.judged(data.draw(verdict), window=window, of=of))
        assert len(board.open()) <= 1
        episodes = sorted(alert.episode for alert in board.alerts.values())
        assert episodes == list(range(1, len(episodes) + 1))


def test_alerts_survive_being_stored(make, board):
    """JSON and back: the reloaded alert is the same value, so nothing is written twice."""
    board.play(make.judged("critical", marks=("season_unseen",)))
    (alert,) = board.open()
    stored = msgspec.json.decode(msgspec.json.encode(alert), type=Alert)
    assert advance([stored], {alert.key: 1}, [alert.evidence], {}, make.start) == []


def test_a_limit_without_a_warning_level_is_described(make, board):
    """Only critical is set: that is the limit shown."""
    measurement = make.measurement(
        "error_rate", "operational", 0.4, verdict="critical", limit=Limit("constant", "above", critical=0.2)
    )
    board.play(measurement)
    assert "error_rate 0.4 (limit 0.2)" in board.open()[0].message


def test_an_alert_says_what_segments_explain(make):
    """In its message and as data, of its members only; the same again changes nothing."""
    split = Decomposition(
        "features.dest", ("features.origin",), 0.2, 0.19, 0.02, 0.95, 0.01, (Contribution("features.origin=EWR", 0.15),)
    )
    explain = {"features.dest": split, "features.hour": split}
    judged = [
        make.judged("critical", field="features.dest", value=0.3),
        make.judged("ok", field="features.hour"),
    ]
    (alert,) = advance([], {}, judged, {}, make.start, explain=explain)
    assert alert.decompositions == (split,)
    assert "dest: 95% of the change is the mix of origin" in alert.message
    assert "most by origin=EWR (0.15 of 0.2)." in alert.message
    assert advance([alert], {alert.key: 1}, judged, {}, make.start, explain=explain) == []
    assert msgspec.convert(msgspec.to_builtins(alert), Alert) == alert
    later = [make.judged("critical", field="features.dest", value=0.3, window=1)]
    (updated,) = advance([alert], {alert.key: 1}, later, {}, make.start)
    assert updated.decompositions == ()
    part = [make.judged("critical", field="features.dest", value=0.3, segment="features.carrier=UA")]
    (of_segment,) = advance([], {}, part, {}, make.start, explain=explain)
    assert of_segment.decompositions == ()


def test_a_change_that_the_mix_does_not_explain_is_worded_so(make):
    """The other way round, and more than all of it; a metric has no noise."""
    split = Decomposition("accuracy", ("features.origin", "features.carrier"), -0.1, 0.02, -0.12, -0.2)
    assert explanation(split) == (
        "accuracy: the mix of origin and carrier changed the other way; within the segments it changed by -0.12."
    )
    more = msgspec.structs.replace(split, mix=-0.12, within=0.02, mix_share=1.2)
    assert "explains all of the change, and more" in explanation(more)
    little = msgspec.structs.replace(split, mix=0.001, within=-0.101, mix_share=-0.01)
    assert "the mix of origin and carrier explains nothing of the change; within" in explanation(little)


def test_a_faulty_pipeline_neither_opens_nor_resolves(make, board):
    """Drift and performance are not judged in such windows, and silence about quality means nothing."""
    for window in range(2):
        board.play(
            make.judged("critical", window=window),
            make.judged("critical", metric="missing_share", purpose="quality", window=window),
        )
    before = board.open()
    assert len(before) == 2
    for window in range(2, 7):
        faulty = make.measurement(value=0.9, window=window, chunks=make.chunks(), marks=("integrity",))
        traffic = make.measurement("predictions", "operational", 500.0, window=window)
        assert board.play(judge(faulty, make.settings()), judge(traffic, make.settings())) == []
    assert board.open() == before


def test_faults_of_the_pipeline_are_one_alert(make, board):
    """Loss, lag and quarantine rise together."""
    settings = make.settings()
    for window in range(2):
        board.play(
            *(
                judge(make.measurement(metric, "integrity", value, window=window), settings)
                for metric, value in [("shipping_loss_share", 0.2), ("quarantine_rate", 0.5), ("ingest_lag_p95_s", 4e3)]
            )
        )
    (alert,) = board.open()
    assert (alert.key, len(alert.members)) == ("m|e||integrity", 3)
    assert alert.title == "m: the pipeline loses, repeats, delays or refuses events"


def test_a_cause_that_is_back_within_the_cool_down_continues_its_episode(make):
    """Flapping is one alert; after the cool-down it is a new one."""

    def play(alerts, window, verdict):
        now = make.start + timedelta(days=window + 1)
        known = {alert.key: alert.episode for alert in alerts}
        judged = [make.judged(verdict, window=window)]
        changed = advance(alerts, known, judged, {}, now, cooldown=timedelta(days=2))
        after = {alert.id: alert for alert in [*alerts, *changed]}
        assert advance(list(after.values()), known, judged, {}, now, cooldown=timedelta(days=2)) == []
        return list(after.values())

    alerts = []
    for window, verdict in enumerate(["critical", "ok", "ok", "warning", "ok", "ok", "ok", "warning"]):
        alerts = play(alerts, window, verdict)
    first, second = alerts
    assert [one.kind for one in first.history] == ["opened", "resolved", "reopened", "resolved"]
    assert (first.windows, first.severity, first.episode) == (2, "critical", 1)
    assert (second.episode, second.status) == (2, "open")
    replayed = alerts
    for window, verdict in enumerate(["critical", "ok", "ok", "warning", "ok", "ok", "ok", "warning"]):
        replayed = play(replayed, window, verdict)
    assert replayed == alerts


def test_who_had_acknowledged_a_flapping_alert_still_has_it(make):
    """It is the same episode."""
    (opened,) = advance([], {}, [make.judged("warning")], {}, make.start)
    seen = msgspec.structs.replace(opened, status="acknowledged", acknowledged=make.start, acknowledged_by="ann")
    (over,) = advance([seen], {seen.key: 1}, [make.judged("ok", window=1)], {}, make.start)
    back = [make.judged("warning", window=2)]
    (again,) = advance([over], {seen.key: 1}, back, {}, make.start, cooldown=timedelta(days=1))
    assert (again.status, again.acknowledged_by, again.resolved) == ("acknowledged", "ann", None)


def test_an_acknowledged_alert_goes_on_and_ends_as_an_open_one_does(make):
    """Worse, over, and quality that is not mentioned any more."""
    judged = [make.judged("ok"), make.judged("warning", metric="unseen_share", purpose="quality")]
    (opened,) = advance([], {}, judged, {}, make.start)
    seen = msgspec.structs.replace(opened, status="acknowledged", acknowledged=make.start)
    worse = [make.judged("critical", metric="unseen_share", purpose="quality", window=1)]
    (changed,) = advance([seen], {seen.key: 1}, worse, {}, make.start)
    assert (changed.status, changed.severity, changed.history[-1].kind) == ("acknowledged", "critical", "worsened")
    assert changed.history[-1].severity == "critical"
    (over,) = advance([changed], {seen.key: 1}, [make.judged("ok", window=2)], {}, make.start)
    assert (over.status, over.history[-1].text) == ("resolved", "within limits again")


def test_hysteresis_keeps_an_alert_until_the_value_is_really_back(make):
    """Opened above 0.1, it ends at 0.05 and below; in between nothing happens, whatever is evaluated again."""
    settings = make.settings({"metric": "error_rate", "warning": 0.1, "clear": 0.05})

    def judged(window, value):
        return [judge(make.measurement("error_rate", "operational", value, window=window), settings)]

    (alert,) = advance([], {}, judged(0, 0.2), {}, make.start)
    for window, value in enumerate([0.09, 0.06, 0.051], start=1):
        assert advance([alert], {alert.key: 1}, judged(window, value), {}, make.start) == []
    (over,) = advance([alert], {alert.key: 1}, judged(4, 0.05), {}, make.start)
    assert over.status == "resolved"
    assert advance([], {}, judged(5, 0.09), {}, make.start) == [], "it opens at its limit, as ever"


def test_hysteresis_of_relative_limits_is_a_difference_too(make):
    """Opened 0.05 below the reference, it ends 0.02 below it."""
    threshold = {"metric": "roc_auc", "kind": "relative", "direction": "below", "warning": 0.05, "clear": 0.02}
    settings = make.settings(threshold)

    def judged(window, value):
        return [judge(make.measurement("roc_auc", "performance", value, window=window, reference_value=0.8), settings)]

    (alert,) = advance([], {}, judged(0, 0.7), {}, make.start)
    assert alert.evidence.limit.clear == pytest.approx(0.78)
    assert advance([alert], {alert.key: 1}, judged(1, 0.77), {}, make.start) == []
    (over,) = advance([alert], {alert.key: 1}, judged(2, 0.785), {}, make.start)
    assert over.status == "resolved"
