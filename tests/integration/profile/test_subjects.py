"""Values of subjects out of a real Elasticsearch, against pandas on the same documents."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from driftlog.contract.errors import UsageError
from driftlog.contract.settings import ExperimentSettings, ModelSettings
from driftlog.profile import subjects
from driftlog.profile.outcomes import join_feedback
from driftlog.profile.subjects import collect, recent_units
from driftlog.store.client import Store
from driftlog.store.values import BulkAction

pytestmark = pytest.mark.elasticsearch

START = datetime(2026, 3, 25, tzinfo=UTC)
UNTIL = datetime(2026, 4, 8, tzinfo=UTC)
SETTINGS = ModelSettings(name="shop", positive_label="yes", look_back=timedelta(days=4000))
AB = ExperimentSettings(name="ab", control="old", treatments=("new",), start="2026-03-25")


def rows(n: int = 400, seed: int = 1) -> pd.DataFrame:
    """Predictions over a turn of the month: returning subjects, some without an id, some in two variants."""
    rng = np.random.default_rng(seed)
    subject = rng.integers(0, 120, n)
    variant = np.where(subject % 2 == 0, "old", "new")
    variant[rng.integers(0, n, 4)] = "new"
    frame = pd.DataFrame(
        {
            "id": [f"p{i}" for i in range(n)],
            "at": [START + timedelta(minutes=float(m)) for m in np.sort(rng.uniform(0, 13 * 1440, n))],
            "subject": [None if rng.random() < 0.05 else f"sübject-{s}-\U0001f600" for s in subject],
            "variant": variant,
            "minutes": rng.normal(30, 8, n) + 1.7e6,
            "bought": rng.random(n) < 0.3,
            "label": rng.choice(["yes", "no"], n),
            "actual": [None if rng.random() < 0.4 else rng.choice(["yes", "no"]) for _ in range(n)],
            "rating": [None if rng.random() < 0.6 else float(rng.integers(1, 6)) for _ in range(n)],
        }
    )
    frame.loc[5, "variant"] = "other"
    return frame


def send(store: Store, frame: pd.DataFrame) -> None:
    """Predictions, feedback, joined outcomes."""
    actions = []
    for row in frame.to_dict("records"):
        at = row["at"]
        document: dict[str, Any] = {
            "@timestamp": at.isoformat(),
            "event": {"id": row["id"], "dataset": "driftlog.prediction", "ingested": at.isoformat()},
            "model": {"name": "shop", "variant": row["variant"]},
            "features": {"minutes": row["minutes"], "bought": bool(row["bought"]), "word": "abc"},
            "prediction": {"task": "binary", "label": row["label"]},
        }
        if row["subject"]:
            document["subject"] = {"id": row["subject"]}
        actions.append(BulkAction("index", store.names.predictions("shop", at), row["id"], document))
        truth = {name: row[name] for name in ("actual", "rating") if row[name] and row[name] == row[name]}
        if truth:
            known = at + timedelta(days=9)
            feedback = {
                "@timestamp": known.isoformat(),
                "event": {"id": f"f-{row['id']}", "dataset": "driftlog.feedback", "ingested": known.isoformat()},
                "model": {"name": "shop"},
                "feedback": {"prediction_id": row["id"], **truth},
            }
            actions.append(BulkAction("index", store.names.monthly("feedback", known), f"f-{row['id']}", feedback))
    report = store.bulk(actions, refresh=True)
    assert not report.failures, report.failures[:3]
    join_feedback(store, SETTINGS, since=datetime(2000, 1, 1, tzinfo=UTC), as_of=UNTIL + timedelta(days=30))
    store.refresh(store.names.every("outcomes"))


def expected(frame: pd.DataFrame, values: pd.Series) -> tuple[pd.DataFrame, int]:
    """(a line a subject: variant, day, mean, low, high), and how many were in two variants."""
    frame = frame.assign(value=values)[frame.variant.isin(["old", "new"]) & frame.subject.notna()]
    groups = frame.groupby("subject")
    table = pd.DataFrame(
        {
            "variant": groups.variant.first(),
            "variants": groups.variant.nunique(),
            "day": groups["at"].min().dt.date,
            "value": groups.value.mean(),
            "rows": groups.value.count(),
        }
    )
    return table[table.variants == 1], int((table.variants > 1).sum())


TARGETS: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "accuracy": lambda f: (f.label == f.actual).astype(float).where(f.actual.notna()),
    "features.minutes": lambda f: f.minutes,
    "features.bought": lambda f: f.bought.astype(float),
    "prediction.label": lambda f: (f.label == "yes").astype(float),
    "outcome.actual": lambda f: (f.actual == "yes").astype(float).where(f.actual.notna()),
    "feedback.rating": lambda f: f.rating.astype(float),
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("page", [7, 10_000])
def test_sums_by_variant_and_day_are_those_of_pandas(
    store: Store, target: str, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the target and however many pages the subjects fill."""
    frame = rows()
    send(store, frame)
    monkeypatch.setattr(subjects, "PAGE", page)
    experiment = msgspec.structs.replace(AB, target=target, kind="numeric")
    data = collect(store, SETTINGS, experiment, until=UNTIL)
    table, contaminated = expected(frame, TARGETS[target](frame))
    in_arms = frame[frame.variant.isin(["old", "new"])]
    assert (data.rows, data.rows_without_subject) == (len(in_arms), int(in_arms.subject.isna().sum()))
    assert data.contaminated == contaminated > 0
    assert data.unreadable == 0
    found = {(variant, day): sums for variant, days in data.arms.items() for day, sums in days.items()}
    assert set(found) == set(zip(table.variant, table.day, strict=True))
    for (variant, day), group in table.groupby(["variant", "day"]):
        sums, valued = found[variant, day], group.value.dropna()
        assert (sums.exposed, sums.n, sums.rows) == (len(group), len(valued), int(group.rows.sum()))
        assert sums.mean == pytest.approx(valued.mean() if len(valued) else 0.0)
        assert sums.variance == pytest.approx(valued.var() if len(valued) > 1 else 0.0, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("target", ["accuracy", "features.bought"])
def test_counted_by_prediction_every_row_is_a_unit(store: Store, target: str) -> None:
    """Subjects are not looked at."""
    frame = rows()
    send(store, frame)
    data = collect(store, SETTINGS, msgspec.structs.replace(AB, target=target), until=UNTIL, unit="prediction")
    for variant in ("old", "new"):
        total = data.total(variant)
        values = TARGETS[target](frame)[frame.variant == variant].dropna()
        assert (total.exposed, total.n) == (int((frame.variant == variant).sum()), len(values))
        assert (total.mean, total.variance) == (pytest.approx(values.mean()), pytest.approx(values.var()))
        assert total.whole == total.n


def test_only_the_span_of_the_experiment_counts(store: Store) -> None:
    """From start to the look, or to the planned end."""
    frame = rows()
    send(store, frame)
    late = msgspec.structs.replace(AB, target="features.bought", start="2026-03-28T06:00:00Z", end="2026-04-02")
    data = collect(store, SETTINGS, late, until=UNTIL)
    inside = frame[
        (frame["at"] >= datetime(2026, 3, 28, 6, tzinfo=UTC)) & (frame["at"] < datetime(2026, 4, 2, tzinfo=UTC))
    ]
    assert data.until == datetime(2026, 4, 2, tzinfo=UTC)
    assert data.rows == inside.variant.isin(["old", "new"]).sum()


@pytest.mark.parametrize(
    ("change", "unit", "message", "remedy"),
    [
        ({"treatments": ("neu",)}, "subject", r"neu was never seen.*new \(", "experiments.ab.treatments"),
        ({"control": "alt"}, "subject", "alt was never seen", "experiments.ab.control"),
        ({"start": "2027-01-01"}, "subject", "starts on 2027-01-01", "experiments.ab.start"),
        ({"target": "features.clicks"}, "subject", "no prediction has a field features.clicks", "log the field"),
        ({"target": "features.minutes"}, "subject", "is not binary", "kind: numeric"),
        ({"target": "outcome.nothing"}, "subject", "is not known", "use accuracy"),
        ({"target": "feedback.rating"}, "prediction", "cannot be counted by prediction", "--by"),
    ],
)
def test_what_cannot_be_read_names_the_setting_and_the_remedy(
    store: Store, change: dict[str, Any], unit: Any, message: str, remedy: str
) -> None:
    """One mistake at a time."""
    send(store, rows())
    with pytest.raises(UsageError, match=message) as caught:
        collect(store, SETTINGS, msgspec.structs.replace(AB, **change), until=UNTIL, unit=unit)
    assert remedy in caught.value.remedy


def test_words_that_are_no_truth_values_are_counted_as_unreadable(store: Store) -> None:
    """They are neither 0 nor 1."""
    send(store, rows())
    data = collect(store, SETTINGS, msgspec.structs.replace(AB, target="features.word"), until=UNTIL)
    assert data.unreadable > 300
    assert data.total("old").n == 0 and data.total("old").exposed > 0


def test_without_any_subject_the_remedy_is_to_log_them(store: Store) -> None:
    """Or to count by prediction."""
    frame = rows()
    frame["subject"] = None
    send(store, frame)
    with pytest.raises(UsageError, match="none of its 399 predictions names a subject") as caught:
        collect(store, SETTINGS, AB, until=UNTIL)
    assert "log subject=" in caught.value.remedy and "--by prediction" in caught.value.remedy
    assert collect(store, SETTINGS, AB, until=UNTIL, unit="prediction").total("old").n > 0


def test_a_plan_reads_baseline_spread_and_traffic(store: Store) -> None:
    """Of the subjects of the newest days, whatever their variant."""
    assert recent_units(store, SETTINGS, "features.bought") is None
    frame = rows()
    send(store, frame)
    found = recent_units(store, SETTINGS, "features.minutes")
    means = frame[frame.subject.notna()].groupby("subject").minutes.mean()
    assert found is not None
    assert (found.units, found.mean, found.sd) == (len(means), pytest.approx(means.mean()), pytest.approx(means.std()))
    assert found.per_day == pytest.approx(len(means) / found.days)
