"""Drift measurements of a whole window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from driftlog.contract.binning import Binning, CategoricalBins
from driftlog.contract.errors import ConfigError
from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.drift.chunks import ChunkCache
from driftlog.evaluate.drift.presence import combined_by_holm, presence_p_values
from driftlog.evaluate.drift.registry import check_names
from driftlog.evaluate.drift.window import drift_measurements
from driftlog.evaluate.multiple_testing import ADJUSTMENTS, benjamini_hochberg
from driftlog.evaluate.proportions import two_proportion_p_value


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


@pytest.mark.parametrize("correction", list(ADJUSTMENTS))
def test_the_correction_of_the_settings_adjusts_the_family(build, case, correction):
    """Benjamini-Hochberg, Holm, Bonferroni or none, over the judged measures of one purpose."""
    found = drift_measurements(*case, build.settings(correction=correction), build.context())
    features = [m for m in found if m.purpose == "data_drift"]
    expected = ADJUSTMENTS[correction]([m.p_value for m in features])
    assert [m.p_adjusted for m in features] == pytest.approx(expected)
    assert [m.details["p_combined_adjusted"] for m in features] == pytest.approx(expected)


def test_missing_and_unseen_values_are_tests_of_their_own(build, case):
    """Holm combines the three p-values of a field; the measure's own adjusted one never falls below its p-value."""
    reference, current, binning = case
    counts = build.cells([250, 150, 100], unseen=40, missing=60)
    gone = build.profile({**current.fields, "features.colour": counts}, n=600)
    found = drift_measurements(reference, gone, binning, build.settings(), build.context())
    (colour,) = [m for m in found if m.field == "features.colour"]
    assert colour.details["p_missing"] == two_proportion_p_value(0, 9600, 60, 600)
    assert colour.details["p_unseen"] == two_proportion_p_value(0, 9600, 40, 540)
    own, combined = combined_by_holm(
        colour.p_value, {name: colour.details[f"p_{name}"] for name in ("missing", "unseen")}
    )
    assert colour.details["p_combined"] == combined < 1e-6
    assert own == colour.p_value > 0.05
    assert colour.p_adjusted >= colour.p_value


def test_a_field_without_gaps_has_no_test_for_them(build):
    """0 of n against 0 of m says nothing, and costs nothing in Holm's combination."""
    assert presence_p_values(build.cells([5, 5]), build.cells([9, 1])) == {}
    assert set(presence_p_values(build.cells([5, 5], missing=1), build.cells([9, 1]))) == {"missing"}
    assert combined_by_holm(0.03, {}) == (0.03, 0.03)
    assert combined_by_holm(0.03, {"missing": 0.02, "unseen": 0.5}) == pytest.approx((0.06, 0.06))


def test_attributions_and_probabilities_have_purposes_of_their_own(build):
    """Logged attributions are a family apart from predictions; probabilities belong to the predictions."""
    generator = np.random.default_rng(3)
    bins = build.bins(generator.normal(size=2000))
    names = ("prediction.attributions.x", "prediction.probabilities.late", "prediction.score", "features.x")

    def fields(n):
        return {name: build.count(generator.normal(size=n), bins) for name in names}

    reference, current = build.reference([fields(300) for _ in range(8)]), build.profile(fields(300))
    found = drift_measurements(
        reference,
        current,
        Binning("b", "m", "test", dict.fromkeys(names, bins), build.start),
        build.settings(),
        build.context(),
    )
    assert [(m.purpose, m.field) for m in found] == [
        ("data_drift", "features.x"),
        ("prediction_drift", "prediction.probabilities.late"),
        ("prediction_drift", "prediction.score"),
        ("attribution_drift", "prediction.attributions.x"),
    ]
    attribution = found[-1]
    assert attribution.p_adjusted == attribution.p_value


def test_segments_share_a_cache_and_nothing_else(build):
    """A segment's reference has the id of the whole one: its chunk statistics are its own all the same."""
    generator = np.random.default_rng(4)
    bins = build.bins(generator.normal(size=2000))
    binning, cache = build.binning(features__x=bins), ChunkCache()
    references = {
        segment: build.reference(
            [{"features.x": build.count(generator.normal(wander * week, 1, 400), bins)} for week in range(10)]
        )
        for segment, wander in (("", 0.0), ("features.a=1", 0.1), ("features.a=2", 0.3))
    }
    current = build.profile({"features.x": build.count(generator.normal(size=400), bins)})
    shared, apart = [], []
    for segment, reference in references.items():
        context = replace(build.context(), segment=segment)
        for found, held in ((shared, cache), (apart, ChunkCache())):
            found += drift_measurements(reference, current, binning, build.settings(), context, cache=held)
    assert shared == apart
    assert len({m.chunks for m in shared}) == 3
    assert len({m.id for m in shared}) == 3


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"drift_measures": ("nonsense",)}, r"drift_measures\[0\]"),
        ({"drift_measures": ("kolmogorov_smirnov", "two_proportions")}, "more than two categories"),
        ({"drift_measures": ("chi_square", "total_variation", "x")}, r"drift_measures\[2\]"),
        ({"report_measures": ("hellinger", "nonsense")}, r"report_measures\[1\]"),
        ({"joint_measures": ("nonsense",)}, r"joint_measures\[0\]"),
    ],
)
def test_unknown_names_are_refused_when_settings_are_loaded(build, values, said):
    """Before any data is there."""
    with pytest.raises(ConfigError, match=said):
        check_names(build.settings(**values))


def test_known_names_pass(build):
    """The defaults, and every registered name where it is defined."""
    check_names(build.settings())
    check_names(
        build.settings(
            drift_measures=("cramer_von_mises", "cramers_v"),
            report_measures=("two_proportions", "wasserstein"),
            joint_measures=("domain_classifier_auc", "pca_reconstruction"),
        )
    )


def test_two_proportions_are_reported_where_there_are_two_categories(build):
    """And left out elsewhere."""
    boolean = CategoricalBins(("false", "true"))
    counts = {"features.flag": build.cells([300, 100]), "features.colour": build.cells([200, 100, 100])}
    found = drift_measurements(
        build.reference([counts] * 8),
        build.profile(counts),
        build.binning(features__flag=boolean, features__colour=build.categories(3)),
        build.settings(report_measures=("two_proportions",)),
        build.context(),
    )
    assert [m.field for m in found if m.metric == "two_proportions"] == ["features.flag"]


def test_too_few_rows_are_no_value(build, case):
    """Below min_rows on a side: None with a note, for the field that lacks them only."""
    reference, current, binning = case
    fields = {**current.fields, "features.x": FieldCounts(np.zeros(binning.fields["features.x"].size, np.int64), 600)}
    x, colour, _ = drift_measurements(
        reference, build.profile(fields, n=600), binning, build.settings(), build.context()
    )
    assert (x.value, x.p_value, x.p_adjusted) == (None, None, None)
    assert x.details["p_missing"] < 1e-9  # all values are gone: that is drift in its own right
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
