"""Bins from reference rows."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from driftlog.contract.binning import CategoricalBins, NumericBins
from driftlog.contract.errors import ReferenceUnusable
from driftlog.contract.settings import ModelSettings
from driftlog.profile.binning import bare_binning, build_binning, skipped_columns
from driftlog.profile.count import histogram
from driftlog.profile.edges import numeric_bins, score_bins

CREATED = datetime(2026, 3, 3, tzinfo=UTC)
MODEL = ModelSettings(name="m")

doubles = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=150, deadline=None)
@given(arrays(np.float64, st.integers(1, 300), elements=doubles))
def test_any_finite_values_get_usable_bins(values: np.ndarray) -> None:
    """Edges increase, every value is counted once, single bins hold one value, coarse bins are at most 10 in a row."""
    bins = numeric_bins(values)
    assert all(low < high for low, high in zip(bins.edges, bins.edges[1:], strict=False))
    assert all(math.isfinite(edge) for edge in bins.edges)
    counts = histogram(values, bins)
    assert counts.sum() == len(values)
    indices = np.searchsorted(bins.edges, values, side="right")
    for index in bins.single:
        assert len(set((values + 0.0)[indices == index])) <= 1
    assert len(bins.coarse) == bins.size
    assert bins.coarse[0] == 0
    assert set(np.diff(bins.coarse)) <= {0, 1}
    assert bins.coarse[-1] < 10
    assert bins.minimum == values.min()
    assert bins.maximum == values.max()
    assert math.isfinite(bins.shift)
    assert 0 < bins.scale < math.inf or len(values) > 1


def test_continuous_values_fill_100_bins_evenly() -> None:
    """Quantile edges: each bin holds one hundredth."""
    values = np.random.default_rng(1).normal(size=100_000)
    bins = numeric_bins(values)
    counts = histogram(values, bins)
    assert bins.size == 100
    assert counts.min() >= 999
    assert counts.max() <= 1001
    assert not bins.discrete
    assert not bins.single
    assert np.bincount(bins.coarse, weights=counts).tolist() == pytest.approx([10_000] * 10, abs=10)


def test_a_repeated_value_has_a_bin_of_its_own() -> None:
    """Zeros beside a continuous rest."""
    rng = np.random.default_rng(1)
    values = np.where(rng.random(10_000) < 0.6, 0.0, rng.exponential(size=10_000))
    bins = numeric_bins(values)
    [zero] = bins.single
    assert bins.discrete
    assert histogram(values, bins)[zero] == (values == 0.0).sum()
    assert histogram(np.array([-0.0, 5e-324, -5e-324]), bins)[zero] == 1


def test_few_distinct_values_have_a_bin_each() -> None:
    """Hours of the day: 24 bins of one value, and the gaps between them are empty."""
    values = np.repeat(np.arange(24.0), 50)
    bins = numeric_bins(values)
    counts = histogram(values, bins)
    assert [int(counts[index]) for index in bins.single] == [50] * 24
    assert counts.sum() == sum(counts[list(bins.single)])


def test_a_constant_column_has_one_single_bin() -> None:
    """Values below and above it are told apart."""
    bins = numeric_bins(np.full(10, 7.0))
    assert bins.single == (1,)
    assert histogram(np.array([6.0, 7.0, 8.0]), bins).tolist() == [1, 1, 1]
    assert bins.scale == 1.0


def test_scores_have_equal_widths_quantiles_and_the_threshold() -> None:
    """A rare class piles scores up near zero; the decision threshold is an edge."""
    scores = np.random.default_rng(1).beta(1, 200, 10_000)
    edges = set(score_bins(scores, [0.123]).edges)
    assert {0.123, 0.01, 0.5, 0.99} <= edges
    assert sum(edge < 0.01 for edge in edges) > 50


def test_columns_without_values_are_left_out_and_named() -> None:
    """An all-null column cannot be binned; infinities alone cannot either."""
    frame = pd.DataFrame({"features.a": [1.0, 2.0], "features.b": [None, None], "features.c": [np.inf, np.nan]})
    binning = build_binning(frame, MODEL, created=CREATED)
    assert list(binning.fields) == ["features.a"]
    assert skipped_columns(frame, binning, MODEL) == ["features.b", "features.c"]


@pytest.mark.parametrize(
    ("frame", "model", "message"),
    [
        (pd.DataFrame({"features.a": []}), MODEL, "no rows"),
        (pd.DataFrame({"a": [1]}), MODEL, "none of the columns"),
        (pd.DataFrame({"features.a": [1]}), ModelSettings(name="m", features=("b",)), "features.b"),
        (pd.DataFrame([[1, 2]], columns=["features.a", "features.a"]), MODEL, "twice"),
    ],
)
def test_what_cannot_be_binned_is_refused(frame: pd.DataFrame, model: ModelSettings, message: str) -> None:
    """The message names what is wrong."""
    with pytest.raises(ReferenceUnusable, match=message):
        build_binning(frame, model, created=CREATED)


def test_one_row_is_enough() -> None:
    """Bins of one row: a single value, a single category."""
    frame = pd.DataFrame({"features.a": [3.0], "features.b": ["x"]})
    fields = build_binning(frame, MODEL, created=CREATED).fields
    assert isinstance(fields["features.a"], NumericBins)
    assert fields["features.b"] == CategoricalBins(values=("x",))


def test_rare_categories_are_other() -> None:
    """The 200 most frequent values, then the rest by name."""
    values = [f"v{i:03}" for i in range(250) for _ in range(250 - i)]
    bins = build_binning(pd.DataFrame({"features.a": values}), MODEL, created=CREATED).fields["features.a"]
    assert isinstance(bins, CategoricalBins)
    assert bins.values == tuple(f"v{i:03}" for i in range(200))
    assert bins.other_values == tuple(f"v{i:03}" for i in range(200, 250))


def test_a_number_can_be_declared_categorical() -> None:
    """Its categories are named without a decimal point where they are whole."""
    frame = pd.DataFrame({"features.zone": [1.0, 2.0, 2.0, 2.5, np.nan]})
    model = ModelSettings(name="m", categorical=("zone",))
    bins = build_binning(frame, model, created=CREATED).fields["features.zone"]
    assert bins == CategoricalBins(values=("2", "1", "2.5"), numeric=True)


def test_the_id_is_the_content() -> None:
    """Neither the time nor the order of columns changes it; a value does."""
    frame = pd.DataFrame({"features.a": [1.0, 2.0], "features.b": ["x", "y"]})
    one = build_binning(frame, MODEL, created=CREATED)
    other = build_binning(frame[["features.b", "features.a"]], MODEL, created=datetime(2027, 1, 1, tzinfo=UTC))
    changed = build_binning(frame.replace("y", "z"), MODEL, created=CREATED)
    assert one.id == other.id
    assert one.id != changed.id


def test_a_classifier_without_reference_has_score_bins() -> None:
    """A regression has none."""
    assert bare_binning(MODEL).fields["prediction.score"].size == 100
    assert not bare_binning(ModelSettings(name="m", task="regression")).fields


@pytest.mark.parametrize("features", [(), ("age", "comment")], ids=["all features", "features named"])
def test_of_a_text_the_derived_numbers_are_counted_and_not_the_text(features: tuple[str, ...]) -> None:
    frame = pd.DataFrame(
        {
            "features.age": [1.0, 2.0, 3.0],
            "features.comment": ["late again", "on time", "late"],
            "features.comment.length": [10.0, 7.0, 4.0],
            "features.comment.words": [2.0, 2.0, 1.0],
        }
    )
    model = ModelSettings(name="m", text=("comment",), features=features)
    assert list(build_binning(frame, model, created=CREATED).fields) == [
        "features.age",
        "features.comment.length",
        "features.comment.words",
    ]
