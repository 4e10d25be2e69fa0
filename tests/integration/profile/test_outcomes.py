"""Truth meets predictions: late, early, corrected, repeated; and is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftlog.contract.binning import Binning
from driftlog.contract.profile import OutcomeProfile, ProfileKey, total
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.binning import build_binning
from driftlog.profile.buckets import load_outcomes, recompute
from driftlog.profile.count import count_outcomes
from driftlog.profile.dirty import dirty_buckets, verify_counts
from driftlog.profile.documents import OUTCOMES
from driftlog.profile.outcomes import JoinReport, forget_waiting, join_feedback
from driftlog.profile.reference import reference_from_window
from driftlog.store.client import Store

pytestmark = pytest.mark.elasticsearch

DAY0 = datetime(2026, 3, 3, tzinfo=UTC)
NOW = datetime(2026, 3, 6, tzinfo=UTC)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
DAY = Window(DAY0, DAY0 + timedelta(days=1))
SETTINGS = ModelSettings(name="churn", positive_label="yes")
Write = Callable[[Iterable[dict[str, Any]]], None]


def rows(n: int = 200, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    score = rng.random(n)
    return pd.DataFrame(
        {
            "prediction.score": score,
            "prediction.label": np.where(score >= 0.5, "yes", "no"),
            "outcome.actual": rng.choice(["yes", "no"], n),
        }
    )


def prediction(number: int, score: float, label: str, **rest: Any) -> dict[str, Any]:
    return {
        "@timestamp": (DAY0 + timedelta(minutes=number)).isoformat(),
        "event": {"id": f"p{number}", "ingested": NOW.isoformat()},
        "service": {"environment": "production"},
        "model": {"name": "churn", "version": "1"},
        "prediction": {"score": score, "label": label},
    } | rest


def feedback(number: int, actual: str, *, hours: float = 24, name: str = "", **rest: Any) -> dict[str, Any]:
    return {
        "@timestamp": (DAY0 + timedelta(minutes=number, hours=hours)).isoformat(),
        "event": {"id": name or f"f{number}-{hours}", "dataset": "driftlog.feedback", "ingested": NOW.isoformat()},
        "model": {"name": "churn"},
        "feedback": {"prediction_id": f"p{number}", "actual": actual},
    } | rest


def predictions_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        prediction(number, row["prediction.score"], row["prediction.label"])
        for number, row in enumerate(frame.to_dict("records"))
    ]


def feedback_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [feedback(number, actual) for number, actual in enumerate(frame["outcome.actual"])]


def join(
    store: Store, since: datetime = LONG_AGO, as_of: datetime = NOW, settings: ModelSettings = SETTINGS
) -> JoinReport:
    store.refresh(store.names.everything)
    return join_feedback(store, settings, since=since, as_of=as_of)


def figures(report: JoinReport) -> tuple[int, int, int]:
    return report.joined, report.unchanged, report.waiting


def counted(store: Store, binning: Binning, settings: ModelSettings = SETTINGS) -> OutcomeProfile:
    dirty = dirty_buckets(store, settings, binning, since=LONG_AGO, as_of=NOW)
    recompute(store, settings, binning, dirty.prediction_keys, dirty.outcome_keys, term=1)
    profile = total(load_outcomes(store, "churn", "production", binning.id, DAY))
    assert profile is not None
    return profile


def test_joined_outcomes_count_as_their_rows(store: Store, write: Write) -> None:
    """Confusion matrix, score histograms, log loss, Brier score and delay equal those of the table."""
    frame = rows()
    binning = build_binning(frame, SETTINGS, created=DAY0)
    write([*predictions_of(frame), *feedback_of(frame)])
    report = join(store)
    assert figures(report) == (200, 0, 0)
    assert report.newest_ingested == NOW
    got = counted(store, binning)
    table = frame.assign(
        **{
            "outcome.predicted": frame["prediction.label"],
            "outcome.score": frame["prediction.score"],
            "outcome.delay_s": 86400.0,
        }
    )
    expected = count_outcomes(table, binning, got.key, positive_label="yes")
    assert (got.n, got.scored, got.confusion) == (expected.n, expected.scored, expected.confusion)
    for name in ("log_loss", "brier", "delay_s"):
        assert getattr(got, name) == pytest.approx(getattr(expected, name))
    assert {k: v.tolist() for k, v in got.score.items()} == {k: v.tolist() for k, v in expected.score.items()}
    assert verify_counts(store, SETTINGS, binning, as_of=NOW, kind=OUTCOMES) == []


def test_looking_twice_changes_nothing(store: Store, write: Write) -> None:
    """The cursor's overlap reads feedback again; nothing is written, so no window opens again."""
    frame = rows(20)
    write([*predictions_of(frame), *feedback_of(frame)])
    join(store)
    assert figures(join(store)) == (0, 20, 0)


def test_the_newest_label_wins_in_any_order(store: Store, write: Write) -> None:
    """A correction overwrites; an older label that arrives later does not."""
    write([prediction(0, 0.9, "yes"), feedback(0, "no", hours=5)])
    join(store)
    write([feedback(0, "yes", hours=9)])
    assert join(store).joined == 1
    write([feedback(0, "no", hours=7)])
    join(store)
    [outcome] = [hit["_source"]["outcome"] for hit in store.scan(store.names.every("outcomes"))]
    assert (outcome["actual"], outcome["correct"], outcome["delay_s"]) == ("yes", True, 9 * 3600.0)


def test_truth_waits_for_its_prediction(store: Store, write: Write) -> None:
    """Feedback came first: it is tried again, less and less often, and is joined when the prediction is there."""
    write([feedback(0, "yes"), feedback(1, "yes")])
    assert figures(join(store)) == (0, 0, 2)
    later = NOW + timedelta(hours=4)
    assert join(store, since=later, as_of=later).waiting == 2
    write([prediction(0, 0.9, "yes")])
    pausing = later + timedelta(minutes=30)
    assert join(store, since=pausing, as_of=pausing).read == 0
    due = later + timedelta(minutes=61)
    assert figures(join(store, since=due, as_of=due)) == (1, 0, 1)
    found = dirty_buckets(store, SETTINGS, build_binning(rows(), SETTINGS, created=DAY0), since=due, as_of=due)
    assert [key.bucket.start for key in found.outcome_keys] == [DAY0]
    much_later = due + SETTINGS.look_back
    assert join(store, since=much_later, as_of=much_later).given_up == 1
    store.refresh(store.names.state)
    assert forget_waiting(store, SETTINGS) == 0


def test_feedback_without_model_is_joined_and_does_not_wait(store: Store, write: Write) -> None:
    """It is looked up in every model, and waits in none."""
    write([prediction(0, 0.9, "yes"), feedback(0, "yes", model={}), feedback(1, "yes", model={})])
    assert figures(join(store)) == (1, 0, 0)


def test_other_environments_are_left_alone(store: Store, write: Write) -> None:
    """Staging predictions are not production's outcomes, nor waited for."""
    staging = {"environment": "staging"}
    write(
        [
            prediction(0, 0.9, "yes", service=staging),
            prediction(1, 0.9, "yes", service={}),
            feedback(0, "yes"),
            feedback(1, "no"),
        ]
    )
    assert figures(join(store)) == (1, 0, 0)
    elsewhere = ModelSettings(name="churn", positive_label="yes", environment="staging")
    assert figures(join(store, settings=elsewhere)) == (1, 0, 0)


def test_ratings_and_comments_are_no_truth(store: Store, write: Write) -> None:
    """They are not joined."""
    write([prediction(0, 0.9, "yes"), feedback(0, "", feedback={"prediction_id": "p0", "rating": 5})])
    assert join(store).read == 0


def test_lost_outcomes_are_rebuilt(store: Store, write: Write) -> None:
    """From feedback and predictions."""
    frame = rows(50)
    write([*predictions_of(frame), *feedback_of(frame)])
    join(store)
    for info in store.list_indices(store.names.every("outcomes")):
        store.drop_index(info.name)
    assert join(store).joined == 50


def test_a_long_prediction_id_fits(store: Store, write: Write) -> None:
    """512 bytes are allowed for an event id; the outcome's id is a digest then."""
    long = "x" * 512
    write(
        [
            prediction(0, 0.9, "yes", event={"id": long}),
            feedback(0, "yes", feedback={"prediction_id": long, "actual": "yes"}),
        ]
    )
    assert join(store).joined == 1


def test_regression_outcomes_count_as_their_rows(store: Store, write: Write) -> None:
    """Errors and the truth's spread, also around 1e6."""
    settings = ModelSettings(name="churn", task="regression")
    rng = np.random.default_rng(1)
    value = 1e6 + rng.normal(size=100)
    frame = pd.DataFrame({"prediction.value": value, "outcome.actual_value": value + rng.normal(size=100)})
    binning = build_binning(frame, settings, created=DAY0)
    write(
        [prediction(i, 0, "", prediction={"value": v}) for i, v in enumerate(frame["prediction.value"])]
        + [
            feedback(i, "", feedback={"prediction_id": f"p{i}", "actual_value": v})
            for i, v in enumerate(frame["outcome.actual_value"])
        ]
    )
    assert join(store, settings=settings).joined == 100
    got = counted(store, binning, settings)
    table = frame.assign(**{"outcome.predicted_value": frame["prediction.value"]})
    expected = count_outcomes(table, binning, got.key)
    for name in ("n", "valued", "error", "absolute_error", "squared_error", "actual_total", "actual_squares"):
        assert getattr(got, name) == pytest.approx(getattr(expected, name), rel=1e-3), name


def test_a_past_window_brings_its_outcomes(store: Store, write: Write) -> None:
    """A reference from a window has the performance of its days."""
    frame = rows()
    write([*predictions_of(frame), *feedback_of(frame)])
    join(store)
    _, reference = reference_from_window(store, SETTINGS, DAY, created=NOW)
    assert [outcome.n for outcome in reference.outcomes] == [200]
    assert [outcome.n for chunk in reference.chunks for outcome in chunk.outcomes] == [200]
    assert isinstance(reference.outcomes[0].key, ProfileKey)
