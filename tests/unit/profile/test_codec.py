"""Packed profiles come back whole, and add up as their profiles do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from driftlog.contract.errors import StoreError
from driftlog.contract.profile import OutcomeProfile, PredictionProfile, ProfileKey, total
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.binning import build_binning
from driftlog.profile.codec import (
    pack_outcomes,
    pack_predictions,
    sum_predictions,
    unpack_outcomes,
    unpack_predictions,
)
from driftlog.profile.count import count_frame, count_outcomes

START = datetime(2026, 3, 3, tzinfo=UTC)


def rows(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    score = rng.random(n)
    return pd.DataFrame(
        {
            "@timestamp": [START + timedelta(seconds=i) for i in range(n)],
            "features.a": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "features.b": rng.choice(["x", "y", "z"], n),
            "features.empty": [None] * n if seed > 1 else [1.0] * n,
            "prediction.score": score,
            "prediction.label": np.where(score > 0.5, "1", "0"),
            "event.duration": rng.integers(10**4, 10**8, n),
            "event.outcome": rng.choice(["success", "failure"], n),
            "error.type": rng.choice(["A", "B", "Ü"], n),
            "outcome.actual": rng.choice(["1", "0"], n),
            "outcome.score": score,
            "outcome.predicted": np.where(score > 0.5, "1", "0"),
        }
    )


BINNING = build_binning(rows(500, 1), ModelSettings(name="m"), created=START)
KEY = ProfileKey("m", "production", "1", "", "", BINNING.id, Window(START, START + timedelta(hours=1)))


def same(one: PredictionProfile, other: PredictionProfile) -> None:
    assert (one.key, one.n, one.failures, one.hours) == (other.key, other.n, other.failures, other.hours)
    assert one.errors == other.errors
    assert one.latency.tolist() == other.latency.tolist()
    assert one.latency_total_ns == other.latency_total_ns
    assert list(one.fields) == sorted(other.fields)
    for name, counts in one.fields.items():
        expected = other.fields[name]
        assert counts.counts.tolist() == expected.counts.tolist()
        assert (counts.missing, counts.unseen, counts.malformed, counts.nonfinite) == (
            expected.missing,
            expected.unseen,
            expected.malformed,
            expected.nonfinite,
        )
        assert (counts.minimum, counts.maximum) == (expected.minimum, expected.maximum)
        assert counts.total == pytest.approx(expected.total)
        assert counts.squares == pytest.approx(expected.squares)
    assert {k: v.tolist() for k, v in one.score_by_label.items()} == {
        k: v.tolist() for k, v in other.score_by_label.items()
    }


@pytest.mark.parametrize("n", [0, 1, 300, 70_000])
def test_predictions_come_back(n: int) -> None:
    """Also of an empty bucket, and of one whose counts need wider integers."""
    profile = count_frame(rows(n, 2), BINNING, KEY)
    same(unpack_predictions(pack_predictions(profile, BINNING), KEY), profile)


def test_packed_profiles_add_up() -> None:
    """Whatever the width of their integers: the sum of arrays is the sum of profiles."""
    profiles = [count_frame(rows(n, seed), BINNING, KEY) for n, seed in ((0, 2), (50, 3), (3000, 4), (40_000, 5))]
    summed = sum_predictions([pack_predictions(profile, BINNING) for profile in profiles], KEY)
    expected = total(profiles)
    assert summed is not None
    assert expected is not None
    same(summed, expected)
    assert sum_predictions([], KEY) is None


def test_huge_counts_are_kept() -> None:
    """Sums beyond 32 bits."""
    profile = count_frame(rows(10, 2), BINNING, KEY)
    profile.fields["features.a"].counts[0] = 2**40
    assert unpack_predictions(pack_predictions(profile, BINNING), KEY).fields["features.a"].counts[0] == 2**40


def test_outcomes_come_back() -> None:
    """Confusion matrix, score histograms and sums."""
    profile = count_outcomes(rows(300, 2), BINNING, KEY, positive_label="1")
    again = unpack_outcomes(pack_outcomes(profile), KEY)
    assert again.confusion == profile.confusion
    assert {k: v.tolist() for k, v in again.score.items()} == {k: v.tolist() for k, v in profile.score.items()}
    assert (again.n, again.scored, again.log_loss, again.brier) == (300, 300, profile.log_loss, profile.brier)
    assert isinstance(again.n, int)
    assert unpack_outcomes(pack_outcomes(OutcomeProfile(KEY, 0)), KEY) == OutcomeProfile(KEY, 0)


def test_another_codec_version_is_refused() -> None:
    """A reader says which versions it can read instead of returning nonsense."""
    data = bytearray(pack_predictions(count_frame(rows(5, 2), BINNING, KEY), BINNING))
    data[0] = 99
    with pytest.raises(StoreError, match="99"):
        unpack_predictions(bytes(data), KEY)


def test_an_hour_is_small() -> None:
    """20 features of 100 bins and 1,000 events: below 5 kB."""
    rng = np.random.default_rng(1)
    wide = pd.DataFrame({f"features.f{i}": rng.normal(size=20_000) for i in range(20)})
    binning = build_binning(wide, ModelSettings(name="m"), created=START)
    assert len(pack_predictions(count_frame(wide.head(1000), binning, KEY), binning)) < 5_000
