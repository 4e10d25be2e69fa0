"""References hold their segments, whole rows, class probabilities and attributions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from driftlog.contract.binning import NumericBins
from driftlog.contract.errors import ReferenceUnusable
from driftlog.contract.profile import Reference, total
from driftlog.contract.settings import ModelSettings
from driftlog.profile.binning import build_binning
from driftlog.profile.reference_frame import reference_from_frame
from driftlog.profile.reference_store import pack_reference, unpack_reference
from driftlog.profile.sample import encode_rows
from driftlog.profile.segments import rows_in

START = datetime(2026, 3, 2, tzinfo=UTC)
SETTINGS = ModelSettings(name="m", segments=(("city",), ("a",)))
CLASSES = ("cat", "dog", "eel")
MULTI = ModelSettings(name="m", task="multiclass")


def rows(n: int = 24 * 30, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    score = rng.random(n)
    return pd.DataFrame(
        {
            "@timestamp": [START + timedelta(hours=i) for i in range(n)],
            "features.a": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "features.city": rng.choice(np.array(["x", "y", None], dtype=object), n),
            "prediction.score": score,
            "prediction.label": np.where(score >= 0.5, "1", "0"),
            "outcome.actual": rng.choice(np.array(["1", "0", None], dtype=object), n),
        }
    )


def build(frame: pd.DataFrame, settings: ModelSettings = SETTINGS):  # type: ignore[no-untyped-def]
    return reference_from_frame(frame, settings, origin="a test", created=START)


def multi_rows(n: int = 400, classes: tuple[str, ...] = CLASSES) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    shares = rng.dirichlet(np.ones(len(classes)), n)
    label = np.array(classes)[shares.argmax(axis=1)]
    columns = {f"prediction.probabilities.{name}": shares[:, at] for at, name in enumerate(classes)}
    return pd.DataFrame(
        columns
        | {
            "prediction.label": label,
            "prediction.score": shares.max(axis=1),
            "outcome.actual": np.where(rng.random(n) < 0.5, label, rng.choice(classes, n)),
        }
    )


def test_segments_are_the_reference_of_their_rows() -> None:
    """Predictions, chunks and daily outcomes of each segment are those of a reference built from its rows."""
    frame = rows()
    binning, reference = build(frame)
    assert sorted(reference.segments) == sorted(binning.segments)
    for name, part in reference.segments.items():
        _, expected = reference_from_frame(
            rows_in(frame, name, binning), SETTINGS, origin="rows", created=START, binning=binning
        )
        assert (part.id, part.n, part.window) == (reference.id, expected.n, reference.window)
        assert part.predictions.key.segment == name
        assert not part.sample
        assert part.rows is None
        chunks = {chunk.window: chunk for chunk in part.chunks}
        assert len(expected.chunks) >= 28
        for theirs in expected.chunks:
            mine = chunks[theirs.window]
            for field, counts in theirs.predictions.fields.items():
                assert mine.predictions.fields[field].counts.tolist() == counts.counts.tolist()
            assert [day.confusion for day in mine.outcomes] == [day.confusion for day in theirs.outcomes]
        assert sum(day.n for day in part.outcomes) == sum(day.n for day in expected.outcomes)


def test_segments_and_rows_come_back_and_are_in_the_digest() -> None:
    """Packed and unpacked they are the same; other segments or other rows are another reference."""
    binning, reference = build(rows())
    again = unpack_reference(
        pack_reference(reference, binning),
        id=reference.id,
        n=reference.n,
        origin=reference.origin,
        window=reference.window,
    )
    assert list(again.segments) == list(reference.segments)
    for name, part in reference.segments.items():
        same(again.segments[name], part)
    assert again.rows is not None
    assert reference.rows is not None
    assert again.rows.n == reference.rows.n == reference.n
    for name, column in reference.rows.columns.items():
        assert np.array_equal(again.rows.columns[name], column, equal_nan=True)
    bare = msgspec.structs.replace(binning, segments=())
    _, without = reference_from_frame(rows(), SETTINGS, origin="a test", created=START, binning=bare)
    assert without.id != reference.id


def same(one: Reference, other: Reference) -> None:
    assert (one.id, one.n, one.window, one.origin) == (other.id, other.n, other.window, other.origin)
    assert one.predictions.key == other.predictions.key
    assert [chunk.window for chunk in one.chunks] == [chunk.window for chunk in other.chunks]
    assert [day.confusion for day in one.outcomes] == [day.confusion for day in other.outcomes]
    for name, counts in other.predictions.fields.items():
        assert one.predictions.fields[name].counts.tolist() == counts.counts.tolist()


def test_rows_are_whole_bounded_and_seeded() -> None:
    """Up to 10,000 rows whose columns belong together, the same on every build, with outcomes where truth is known."""
    frame = pd.concat([rows()] * 20, ignore_index=True).drop(columns="@timestamp")
    frame["features.b"] = frame["features.a"] * 2
    _, one = build(frame)
    binning, other = build(frame)
    assert one.rows is not None
    assert other.rows is not None
    columns = one.rows.columns
    assert (one.rows.n, one.rows.rows) == (14_400, 10_000)
    assert np.array_equal(columns["features.a"] * 2, columns["features.b"], equal_nan=True)
    assert np.array_equal(columns["features.a"], other.rows.columns["features.a"], equal_nan=True)
    assert set(columns["outcome.correct"][~np.isnan(columns["outcome.correct"])]) == {0.0, 1.0}
    assert set(columns["features.city"]) == {0.0, 1.0, -1.0}
    assert set(columns) == {*binning.fields, "outcome.correct"}


def test_rows_of_columns_that_are_not_there() -> None:
    """Missing, whatever their kind; no rows, no values."""
    binning = build_binning(rows(), SETTINGS, created=START)
    sample = encode_rows(pd.DataFrame({"features.city": ["x", "new"]}), binning, n=2)
    assert np.isnan(sample.columns["features.a"]).all()
    assert sample.columns["prediction.label"].tolist() == [-1.0, -1.0]
    assert sample.columns["features.city"][1] == -2.0
    assert encode_rows(pd.DataFrame(), binning, n=0).rows == 0


def test_class_probabilities_are_binned_like_scores() -> None:
    """Equal widths and quantiles together, for multiclass models only, of 30 classes at most."""
    binning = build_binning(multi_rows(), MULTI, created=START)
    bins = binning.fields["prediction.probabilities.dog"]
    assert isinstance(bins, NumericBins)
    assert {0.01, 0.5, 0.99} <= set(bins.edges)
    assert bins.size > 150
    binary = ModelSettings(name="m")
    assert "prediction.probabilities.dog" not in build_binning(multi_rows(), binary, created=START).fields
    many = tuple(f"c{i:02}" for i in range(40))
    frame = multi_rows(2000, many)
    fields = build_binning(frame, MULTI, created=START).fields
    kept = [name for name in fields if name.startswith("prediction.probabilities.")]
    assert len(kept) == 30
    assert f"prediction.probabilities.{frame['prediction.label'].mode()[0]}" in kept


def test_attributions_are_binned_like_features() -> None:
    """Those of the features that are watched."""
    frame = rows().assign(**{"prediction.attributions.a": 0.5, "prediction.attributions.city": 0.1})
    assert {"prediction.attributions.a", "prediction.attributions.city"} <= set(
        build_binning(frame, SETTINGS, created=START).fields
    )
    only = ModelSettings(name="m", features=("city",))
    fields = build_binning(frame, only, created=START).fields
    assert [name for name in fields if "attributions" in name] == ["prediction.attributions.city"]


def test_multiclass_losses_are_those_of_scikit_learn() -> None:
    """Log loss; the Brier score over all classes; one-vs-rest histograms that hold every row."""
    frame = multi_rows()
    _, reference = build(frame, MULTI)
    outcome = total(reference.outcomes)
    assert outcome is not None
    shares = frame[[f"prediction.probabilities.{name}" for name in CLASSES]].to_numpy()
    actual = frame["outcome.actual"].to_numpy()
    hot = np.stack([actual == name for name in CLASSES], axis=1)
    assert outcome.scored == 400
    assert outcome.log_loss / 400 == pytest.approx(log_loss(actual, shares, labels=list(CLASSES)))
    assert outcome.brier == pytest.approx(((shares - hot) ** 2).sum())
    for name in CLASSES:
        assert outcome.class_positive[name].sum() == (actual == name).sum()
        assert outcome.class_negative[name].sum() == (actual != name).sum()
    right = sum(int(counts.sum()) for (one, _), counts in outcome.score.items() if one)
    assert right == (actual == frame["prediction.label"]).sum()
    assert sum(int(counts.sum()) for counts in outcome.score.values()) == 400


def test_incomplete_probabilities_have_no_loss() -> None:
    """One class of three is not logged: they do not add up to 1."""
    _, reference = build(multi_rows().drop(columns="prediction.probabilities.cat"), MULTI)
    outcome = total(reference.outcomes)
    assert outcome is not None
    shares = multi_rows()["prediction.probabilities.cat"]
    assert outcome.scored <= (shares <= 0.05).sum()


@pytest.mark.parametrize(("year", "rows_of_it"), [(1, 1), (1500, 1), (9999, 1), (9999, 48)])
def test_placeholder_times_are_refused(year: int, rows_of_it: int) -> None:
    """The years 1 and 9999 stand for "unknown" elsewhere; a reference does not reach over centuries either."""
    frame = rows(48)
    unknown = datetime(year, 12, 31, tzinfo=UTC)
    times = [when.to_pydatetime() for when in frame["@timestamp"]]
    frame["@timestamp"] = [unknown] * rows_of_it + times[rows_of_it:]
    with pytest.raises(ReferenceUnusable, match="no times of predictions"):
        build(frame)
