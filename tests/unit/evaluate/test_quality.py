"""Quality of the inputs of a window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from driftlog.contract.profile import FieldCounts
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


def _measured(build, case, x=None, colour=None, **settings):
    reference, bins, binning = case
    fields = {
        "features.x": x if x is not None else build.count(np.random.default_rng(2).normal(0, 0.5, 400), bins),
        "features.colour": colour if colour is not None else build.cells([200, 120, 80]),
    }
    found = quality_measurements(
        reference, build.profile(fields, n=400), binning, build.settings(**settings), build.context()
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
    unseen = _measured(build, case, colour=build.cells([0, 0, 1], unseen=399))
    assert unseen["dominant_share", "colour"].note == "nearly all values are a new value"
    assert unseen["dominant_share", "colour"].reference_value == 0


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
