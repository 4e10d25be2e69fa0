"""Drift measurements of a whole window."""

from __future__ import annotations

import time

import numpy as np
import pytest

from driftlog.contract.errors import ConfigError
from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.drift.chunks import ChunkCache
from driftlog.evaluate.drift.window import drift_measurements
from driftlog.evaluate.multiple_testing import benjamini_hochberg


@pytest.fixture(scope="module")
def case(build):
    """Twelve weeks of two features and a score; a window in which x has moved."""
    generator = np.random.default_rng(1)
    x, score = generator.normal(size=(12, 800)), generator.beta(2, 5, size=(12, 800))
    bins, score_bins, colours = build.bins(x), build.bins(score), build.categories(3)

    def fields(xs, scores, counts):
        return {
            "features.x": build.count(xs, bins),
            "features.colour": build.cells(counts),
            "prediction.score": build.count(scores, score_bins),
        }

    mixes = generator.multinomial(800, [0.5, 0.3, 0.2], size=12)
    reference = build.reference([fields(*week) for week in zip(x, score, mixes, strict=True)])
    current = build.profile(fields(generator.normal(0.5, 1, 600), generator.beta(2, 5, 600), [300, 180, 120]), n=600)
    binning = build.binning(features__x=bins, features__colour=colours, prediction__score=score_bins)
    return reference, current, binning


def test_every_field_has_its_judged_measure(build, case):
    """Numbers the first measure, categories the second; features and predictions by purpose."""
    found = drift_measurements(*case, build.settings(), build.context())
    assert [(m.purpose, m.field, m.metric) for m in found] == [
        ("data_drift", "features.x", "kolmogorov_smirnov"),
        ("data_drift", "features.colour", "total_variation"),
        ("prediction_drift", "prediction.score", "kolmogorov_smirnov"),
    ]
    assert all(m.chunks.k == 12 for m in found)
    assert all(m.marks == ("season_unseen",) for m in found)
    assert found[0].value > 0.15 > found[2].value
    assert found[0].lower <= found[0].value <= found[0].upper


def test_p_values_are_adjusted_within_a_purpose(build, case):
    """Features together, predictions apart, each reported measure apart."""
    settings = build.settings(report_measures=("jensen_shannon", "wasserstein", "kolmogorov_smirnov"))
    found = drift_measurements(*case, settings, build.context())
    judged = [m for m in found if m.purpose == "data_drift" and m.chunks is not None]
    assert [m.p_adjusted for m in judged] == pytest.approx(benjamini_hochberg([m.p_value for m in judged]))
    reported = [m.metric for m in found if m.chunks is None]
    assert sorted(reported) == ["jensen_shannon"] * 3 + ["wasserstein"] * 2
    (score,) = [m for m in found if m.field == "prediction.score" and m.chunks is not None]
    assert score.p_adjusted == score.p_value


def test_too_few_rows_are_no_value(build, case):
    """Below min_rows on a side: None with a note, for the field that lacks them only."""
    reference, current, binning = case
    fields = {**current.fields, "features.x": FieldCounts(np.zeros(binning.fields["features.x"].size, np.int64), 600)}
    x, colour, _ = drift_measurements(
        reference, build.profile(fields, n=600), binning, build.settings(), build.context()
    )
    assert (x.value, x.p_value, x.details) == (None, None, {})
    assert "fewer than 30" in x.note
    assert colour.value is not None


def test_a_short_reference_is_marked(build, case):
    """Seven chunks: reference_too_short; no chunks at all: the same, without statistics."""
    reference, current, binning = case
    short = build.reference([dict(chunk.predictions.fields) for chunk in reference.chunks[:7]])
    found = drift_measurements(short, current, binning, build.settings(), build.context())
    assert all(m.marks[0] == "reference_too_short" and m.chunks.k == 7 for m in found)


def test_only_named_features_are_watched(build, case):
    """Predictions always are."""
    for name in ("x", "features.x"):
        found = drift_measurements(*case, build.settings(features=(name,)), build.context())
        assert [m.field for m in found] == ["features.x", "prediction.score"]


def test_a_field_absent_from_the_window_has_no_data(build, case):
    """A feature that is not sent any more is a lack of data, not an error."""
    reference, current, binning = case
    fields = {name: counts for name, counts in current.fields.items() if name != "features.x"}
    found = drift_measurements(reference, build.profile(fields, n=600), binning, build.settings(), build.context())
    assert (found[0].value, found[0].n_current) == (None, 0)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"drift_measures": ("ks", "total_variation")}, r"drift_measures\[0\]"),
        ({"drift_measures": ("total_variation", "wasserstein")}, "not defined on categorical"),
        ({"drift_measures": ()}, "is empty"),
        ({"report_measures": ("psi",)}, r"report_measures\[0\]"),
    ],
)
def test_unknown_measures_are_named(build, case, values, said):
    """The message names the setting, the value and the names that exist."""
    with pytest.raises(ConfigError, match=said):
        drift_measurements(*case, build.settings(**values), build.context())


def test_evaluating_again_gives_the_same(build, case):
    """Whatever the cache held before, to the last digit."""
    cache = ChunkCache()
    first = drift_measurements(*case, build.settings(), build.context(), cache=cache)
    assert first == drift_measurements(*case, build.settings(), build.context(), cache=cache)
    assert first == drift_measurements(*case, build.settings(), build.context())


def test_thirty_fields_are_fast(build):
    """A window of 30 numeric fields with 12 chunks: statistics once, then a few milliseconds."""
    generator = np.random.default_rng(2)
    bins = build.bins(generator.normal(size=5000))
    names = [f"features__x{i}" for i in range(30)]

    def fields(n):
        return {name.replace("__", "."): build.count(generator.normal(size=n), bins) for name in names}

    reference = build.reference([fields(500) for _ in range(12)])
    current, binning, cache = build.profile(fields(300)), build.binning(**dict.fromkeys(names, bins)), ChunkCache()
    drift_measurements(reference, current, binning, build.settings(), build.context(), cache=cache)
    started = time.perf_counter()
    drift_measurements(reference, current, binning, build.settings(), build.context(1), cache=cache)
    assert time.perf_counter() - started < 0.1
