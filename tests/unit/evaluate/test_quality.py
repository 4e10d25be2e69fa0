"""Quality of the inputs of a window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlog.contract.binning import CategoricalBins
from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.quality.cardinality import distinct_bounds, expected_distinct
from driftlog.evaluate.quality.dominance import dominance
from driftlog.evaluate.quality.window import quality_measurements


@pytest.fixture(scope="module")
def case(build):
    """Twelve weeks of a number and a category, both healthy but for 1 % missing numbers."""
    generator = np.random.default_rng(1)
    rows = generator.normal(size=(12, 500))
    bins, colours = build.bins(rows), build.categories(3)
    chunks = [
        {
            "features.x": replace(build.count(week, bins), missing=5),
            "features.colour": build.cells(generator.multinomial(500, [0.5, 0.3, 0.2])),
        }
        for week in rows
    ]
    return build.reference(chunks), bins, build.binning(features__x=bins, features__colour=colours)


def _measured(build, case, x=None, colour=None, distinct=None, types=None, **settings):
    reference, bins, binning = case
    fields = {
        "features.x": x if x is not None else build.count(np.random.default_rng(2).normal(0, 0.5, 400), bins),
        "features.colour": colour if colour is not None else build.cells([200, 120, 80]),
    }
    found = quality_measurements(
        reference,
        build.profile(fields, n=400),
        binning,
        build.settings(**settings),
        build.context(),
        types=types,
        distinct=None if distinct is None else {"features.colour": distinct},
    )
    return {(m.metric, m.field.removeprefix("features.")): m for m in found}


def test_a_healthy_window_has_little_to_say(build, case):
    """Only what is not 0 on one of the sides, and the number of rows."""
    found = _measured(build, case)
    assert set(found) == {("missing_share", "x"), ("row_count_ratio", "")}
    assert found["missing_share", "x"].value == 0
    assert found["missing_share", "x"].reference_value == pytest.approx(5 / 505)
    assert found["row_count_ratio", ""].value == pytest.approx(400 / 505)


def test_shares_are_of_events(build, case):
    """Missing, malformed and non-finite of all events; unseen of the present ones."""
    _, bins, _ = case
    x = replace(build.count(np.zeros(60), bins), missing=30, malformed=10, nonfinite=7)
    found = _measured(build, case, x=x, colour=build.cells([30, 20, 10], unseen=20, missing=20))
    assert found["missing_share", "x"].value == pytest.approx(0.3)
    assert found["malformed_share", "x"].value == pytest.approx(0.1)
    assert found["nonfinite_share", "x"].value == pytest.approx(0.07)
    assert found["unseen_share", "colour"].value == pytest.approx(0.25)
    assert found["missing_share", "colour"].value == pytest.approx(0.2)
    assert found["missing_share", "x"].p_value < 1e-6
    assert found["missing_share", "x"].p_adjusted >= found["missing_share", "x"].p_value
    assert found["missing_share", "x"].lower < 0.3 < found["missing_share", "x"].upper


def test_a_stuck_sensor_is_dominated_by_one_value(build, case):
    """With the value in the note; a feature that always was like that is not mentioned."""
    _, bins, _ = case
    found = _measured(build, case, x=build.count([0.25] * 400, bins))
    assert found["dominant_share", "x"].value == 1.0
    assert found["dominant_share", "x"].reference_value < 0.05
    assert found["dominant_share", "x"].note == "nearly all values are 0.25"
    red = _measured(build, case, colour=build.cells([399, 1, 0]))
    assert (red["dominant_share", "colour"].note, red["dominant_share", "colour"].value) == (
        "nearly all values are 'c0'",
        399 / 400,
    )


def test_new_values_dominate_only_where_they_are_one(build, case):
    """A day of new identifiers is not stuck; one new value is, where it is known to be one."""
    unseen = build.cells([0, 0, 1], unseen=399)
    assert ("dominant_share", "colour") not in _measured(build, case, colour=unseen)
    assert ("dominant_share", "colour") not in _measured(build, case, colour=unseen, distinct=200)
    one = _measured(build, case, colour=unseen, distinct=2)["dominant_share", "colour"]
    assert (one.note, one.reference_value) == ("nearly all values are a new value", 0)


def test_rare_values_dominate_only_where_they_are_one(build):
    """ "other" stands for one value, or for many."""
    now, before = FieldCounts(np.array([1, 399])), FieldCounts(np.array([990, 10]))
    many = dominance(before, now, CategoricalBins(("a",), ("b", "c")), "features.x", build.context())
    (one,) = dominance(before, now, CategoricalBins(("a",), ("b",)), "features.x", build.context())
    assert many == []
    assert (one.note, one.reference_value) == ("nearly all values are 'b'", 0.01)


def test_a_window_beyond_the_last_edge_is_not_stuck(build, case):
    """A summer after a winter reference lies in one open bin, with all its variety; one value there is stuck."""
    _, bins, _ = case
    assert ("dominant_share", "x") not in _measured(build, case, x=build.count(np.linspace(5, 7, 400), bins))
    assert ("dominant_share", "x") not in _measured(build, case, x=build.count(np.linspace(-9, -8, 400), bins))
    assert ("dominant_share", "x") in _measured(build, case, x=build.count([9.0] * 400, bins))
    assert ("dominant_share", "x") in _measured(build, case, x=build.count([9.0] * 399 + [9.001], bins))


def test_values_outside_the_reference_are_measured_in_its_spread(build, case):
    """Kilometres instead of miles: how far beyond."""
    reference, bins, _ = case
    found = _measured(build, case, x=build.count(np.linspace(0, 10, 400), bins))
    expected = (10 - reference.predictions.fields["features.x"].maximum) / bins.scale
    assert found["range_excess_sd", "x"].value == pytest.approx(expected)


def test_few_events_are_no_share(build, case):
    """Below min_rows: None with a note, and no word about shape."""
    _, bins, _ = case
    found = _measured(build, case, x=replace(build.count([1.0] * 10, bins), missing=10), min_rows=30)
    assert found["missing_share", "x"].value is None
    assert ("dominant_share", "x") not in found


def test_an_empty_window_has_no_nan(build, case):
    """Nothing arrived: shares without value."""
    reference, bins, binning = case
    empty = build.profile({"features.x": FieldCounts(np.zeros(bins.size, np.int64))}, n=0)
    found = quality_measurements(reference, empty, binning, build.settings(), build.context())
    assert {m.metric: m.value for m in found} == {"missing_share": None, "row_count_ratio": 0.0}


def test_without_a_reference_shares_still_count(build, case):
    """Marked no_reference, without a p-value."""
    _, bins, binning = case
    x = replace(build.count(np.zeros(60), bins), missing=40)
    found = quality_measurements(None, build.profile({"features.x": x}), binning, build.settings(), build.context())
    assert [(m.metric, m.value, m.p_value, m.marks) for m in found] == [("missing_share", 0.4, None, ("no_reference",))]


@settings(max_examples=60, deadline=None)
@given(
    before=st.lists(st.floats(-100, 100), min_size=2, max_size=400),
    now=st.lists(st.floats(-200, 200), min_size=1, max_size=200),
)
def test_the_share_out_of_range_lies_within_its_bounds(build, before, now):
    """Against pandas on the rows, whatever the rows: ties, constants, everything outside."""
    bins = build.bins(before, size=10)
    reference = build.reference([{"features.x": build.count(before, bins)}])
    current = build.profile({"features.x": build.count(now, bins)})
    found = quality_measurements(
        reference, current, build.binning(features__x=bins), build.settings(min_rows=1), build.context()
    )
    shares = [m for m in found if m.metric == "out_of_range_share"]
    rows = pd.Series(now)
    truth = float((~rows.between(min(before), max(before))).mean())
    assert bool(shares) == (truth > 0)
    for share in shares:
        assert share.lower - 1e-12 <= truth <= share.upper + 1e-12
        assert share.lower <= share.value <= share.upper
        assert ("approximate" in share.marks) == (share.lower < share.upper)


def test_the_share_out_of_range_is_close_where_the_rest_is_unchanged(build, case):
    """A tenth of the rows in kilometres: the share is known to the width of the reference's outer bin."""
    _, bins, _ = case
    rows = np.random.default_rng(5).normal(size=4000)
    rows[:400] += 20
    share = _measured(build, case, x=build.count(rows, bins))["out_of_range_share", "x"]
    assert share.value == pytest.approx(0.1, abs=0.005)
    assert share.upper == pytest.approx(0.1, abs=0.02)


def test_the_share_out_of_range_is_exact_below_a_frequent_least_value(build):
    """Minutes of delay with many zeros: negative ones are all below."""
    before = np.concatenate([np.zeros(500), np.arange(1, 501)])
    bins = build.bins(before)
    now = np.concatenate([np.full(30, -5.0), np.zeros(70)])
    found = quality_measurements(
        build.reference([{"features.x": build.count(before, bins)}]),
        build.profile({"features.x": build.count(now, bins)}),
        build.binning(features__x=bins),
        build.settings(),
        build.context(),
    )
    (share,) = [m for m in found if m.metric == "out_of_range_share"]
    assert (share.value, share.lower, share.upper, share.marks) == (0.3, 0.3, 0.3, ())


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.integers(0, 12), min_size=1, max_size=100))
def test_bounds_of_the_number_of_values_hold(rows):
    """Against pandas: five listed values, four in "other", the rest unseen."""
    bins = CategoricalBins(tuple("01234"), tuple("5678"))
    names = pd.Series(rows).astype(str)
    listed = [int((names == value).sum()) for value in bins.values]
    others = int(names.isin(bins.other_values).sum())
    counts = FieldCounts(np.array([*listed, others]), unseen=len(rows) - sum(listed) - others)
    least, most = distinct_bounds(counts, bins)
    assert least <= names.nunique() <= most


def test_expected_values_are_those_of_draws():
    """Against the mean of pandas' nunique over draws from the same shares; other values share theirs."""
    rng = np.random.default_rng(6)
    values = np.array(list("aaaaabbbbcccdde") + [f"o{i}" for i in range(15)])
    bins = CategoricalBins(tuple("abcde"), tuple(f"o{i}" for i in range(15)))
    counts = FieldCounts(np.array([5, 4, 3, 2, 1, 15]))
    drawn = [pd.Series(rng.choice(values, 20)).nunique() for _ in range(4000)]
    assert expected_distinct(counts, bins, 20) == pytest.approx(float(np.mean(drawn)), rel=0.01)
    assert expected_distinct(FieldCounts(np.array([0, 0])), CategoricalBins(("a",)), 20) == 0
    assert expected_distinct(FieldCounts(np.array([9, 0])), CategoricalBins(("a",)), 20) == 1


def test_collapsing_and_exploding_categories_are_jumps(build, case):
    """From the counts only what is certain; with the number of distinct values all of it."""
    collapsed = _measured(build, case, colour=build.cells([390, 0, 10]))["cardinality_ratio", "colour"]
    assert collapsed.value == pytest.approx(2 / 3)
    unclear = _measured(build, case, colour=build.cells([100, 100, 100], unseen=100))
    assert unclear["cardinality_ratio", "colour"].value == pytest.approx(4 / 3)
    assert unclear["cardinality_ratio", "colour"].upper == pytest.approx(103 / 3)
    known = _measured(build, case, colour=build.cells([100, 100, 100], unseen=100), distinct=90)
    assert known["cardinality_ratio", "colour"].value == pytest.approx(30)
    assert known["cardinality_ratio", "colour"].marks == ("approximate",)
    assert ("cardinality_ratio", "colour") not in _measured(build, case, distinct=3)


def test_a_small_window_has_fewer_values_by_right(build):
    """Of 1,000 equally frequent values 40 rows show about 39: no jump."""
    bins = CategoricalBins(tuple(f"v{i}" for i in range(1000)))
    reference = build.reference([{"features.x": FieldCounts(np.append(np.full(1000, 10), 0))}])
    drawn = np.bincount(np.random.default_rng(7).integers(0, 1000, 40), minlength=1001)
    found = quality_measurements(
        reference,
        build.profile({"features.x": FieldCounts(drawn)}),
        build.binning(features__x=bins),
        build.settings(),
        build.context(),
    )
    assert found == []


def test_numbers_arriving_as_text_are_a_change_of_type(build, case):
    """Though Elasticsearch reads them; categories as numbers likewise; as they should be they are not mentioned."""
    types = {
        "features.x": {"number": 30, "text": 90},
        "features.colour": {"text": 100, "boolean": 20},
    }
    found = _measured(build, case, types=types)
    assert found["type_change", "x"].value == 0.75
    assert found["type_change", "x"].details == {"number": 30.0, "text": 90.0}
    assert ("type_change", "colour") not in found
    numbers = _measured(build, case, types={"features.colour": {"number": 120}})
    assert numbers["type_change", "colour"].value == 1.0
    assert ("type_change", "x") not in _measured(build, case, types={"features.x": {"text": 19}})


def test_values_that_cannot_be_read_are_a_change_of_type_where_they_are_most(build, case):
    """Without a sample the counts say so; a few percent are malformed, and no more."""
    _, bins, _ = case
    broken = _measured(build, case, x=replace(build.count(np.zeros(20), bins), malformed=180))
    assert broken["type_change", "x"].value == 0.9
    few = _measured(build, case, x=replace(build.count(np.zeros(180), bins), malformed=20))
    assert ("type_change", "x") not in few


def test_p_values_are_adjusted_by_the_correction_of_the_settings(build, case):
    """Of two features with missing values: none leaves p-values as they are, Bonferroni doubles them."""
    bins = case[1]
    x = replace(build.count(np.random.default_rng(2).normal(0, 0.5, 380), bins), missing=9)
    colour = build.cells([200, 110, 75], missing=2)
    single = _measured(build, case, x=x, colour=colour, correction="none")
    doubled = _measured(build, case, x=x, colour=colour, correction="bonferroni")
    for field in ("x", "colour"):
        one, other = single["missing_share", field], doubled["missing_share", field]
        assert one.p_adjusted == one.p_value
        assert other.p_adjusted == pytest.approx(min(1.0, 2 * one.p_value))
