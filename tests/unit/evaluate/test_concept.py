"""Detectors of concept drift, held against river fed with the same array."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift

from driftlog.contract.errors import ConfigError
from driftlog.contract.profile import OutcomeProfile, Reference, RowSample
from driftlog.evaluate.concept.errors import detector_input, error_unit, unit_of
from driftlog.evaluate.concept.registry import DETECTORS, find_detectors
from driftlog.evaluate.concept.replay import Passage, Replay
from driftlog.evaluate.concept.window import concept_measurement

RIVER = {
    "adwin": drift.ADWIN,
    "ddm": drift.binary.DDM,
    "eddm": drift.binary.EDDM,
    "hddm_a": drift.binary.HDDMA,
    "hddm_w": drift.binary.HDDMW,
    "kswin": lambda: drift.KSWIN(seed=0),
    "page_hinkley": drift.PageHinkley,
}
WORSE = np.concatenate(
    [np.random.default_rng(1).random(1500) < 0.1, np.random.default_rng(2).random(1500) < 0.5]
).astype(float)


def river_says(make, values):
    """(positions of drift, positions at which a warning zone was entered)."""
    detector, drifts, warnings, warned = make(), [], [], False
    for position, value in enumerate(values):
        detector.update(value)
        now = getattr(detector, "warning_detected", False) and not detector.drift_detected
        if detector.drift_detected:
            drifts.append(position)
        if now and not warned:
            warnings.append(position)
        warned = now
    return drifts, warnings


def test_every_detector_has_an_oracle():
    """One that is added later needs one, too."""
    assert set(RIVER) == set(DETECTORS)
    assert all(name == detector.name for name, detector in DETECTORS.items())


@pytest.mark.parametrize("name", RIVER)
def test_points_are_those_of_river(name):
    """Whole or in pieces: drift and warning points are where river has them, and a change from 10 to 50 % is found."""
    drifts, warnings = river_says(RIVER[name], WORSE.tolist())
    replay, found, warned, start = Replay(DETECTORS[name]), [], [], 0
    for part in np.array_split(WORSE, 7):
        passage = replay.feed(part)
        found += [start + position for position in passage.drifts]
        warned += [start + position for position in passage.warnings]
        start += len(part)
    assert (found, warned) == (drifts, warnings)
    assert any(1500 <= position < 1900 for position in found)


@pytest.mark.parametrize("name", [name for name in RIVER if name != "kswin"])
@settings(max_examples=25, deadline=None)
@given(errors=st.lists(st.sampled_from([0.0, 1.0]), max_size=300), cut=st.integers(0, 300))
def test_cutting_a_stream_changes_nothing(name, errors, cut):
    """Where one window ends and the next begins is nothing to a detector; empty windows pass."""
    whole = Replay(DETECTORS[name]).feed(np.array(errors))
    replay = Replay(DETECTORS[name])
    first, second = replay.feed(np.array(errors[:cut])), replay.feed(np.array(errors[cut:]))
    offset = len(errors[:cut])
    assert whole.drifts == (*first.drifts, *(offset + position for position in second.drifts))
    assert whole.warnings == (*first.warnings, *(offset + position for position in second.warnings))
    assert replay.seen == len(errors)


def test_errors_before_and_after_the_last_point():
    """From the point before it, over window borders, and to the window's end."""
    replay = Replay(DETECTORS["adwin"])
    quiet = replay.feed(np.zeros(500))
    assert quiet == Passage(500, mean_error=0.0)
    loud = replay.feed(np.ones(200))
    point = loud.drifts[-1]
    assert loud.mean_before == pytest.approx((point + 1) / (500 + point + 1))
    assert (loud.mean_after, loud.mean_error) == (1.0, 1.0)
    again = replay.feed(np.zeros(300))
    ones_since = 200 - point - 1
    assert again.mean_before == pytest.approx(ones_since / (ones_since + again.drifts[0] + 1))


def test_a_point_at_the_very_end_has_no_after():
    """Nothing came after it."""
    first = Replay(DETECTORS["adwin"]).feed(np.append(np.zeros(1000), np.ones(24))).drifts
    assert first == (1023,)
    assert Replay(DETECTORS["adwin"]).feed(np.append(np.zeros(1000), np.ones(24))).mean_after is None


def test_sizes_of_errors_become_shares_of_large_ones_or_multiples():
    """Binary detectors see whether an error was large, the others how large; any unit of the target gives the same."""
    errors = np.random.default_rng(3).exponential(20.0, 4000)
    errors[2000:] *= 3
    unit = unit_of(errors[:2000])
    assert detector_input(errors[:2000], unit, DETECTORS["ddm"]).mean() == pytest.approx(0.1)
    for name in ("adwin", "ddm", "page_hinkley"):
        small = Replay(DETECTORS[name]).feed(errors, unit)
        large = Replay(DETECTORS[name]).feed(errors * 1024, unit * 1024)
        assert small.drifts == large.drifts
        assert any(position >= 2000 for position in small.drifts)
    drifts, _ = river_says(drift.ADWIN, (errors / unit).tolist())
    assert list(Replay(DETECTORS["adwin"]).feed(errors, unit).drifts) == drifts


def test_a_unit_of_nothing_divides_by_nothing():
    """A reference without errors."""
    assert detector_input(np.array([0.0, 2.0]), 0.0, DETECTORS["adwin"]).tolist() == [0.0, 2.0]
    assert detector_input(np.array([0.0, 2.0]), 0.0, DETECTORS["ddm"]).tolist() == [0.0, 1.0]


def test_the_large_error_comes_from_rows_else_from_sums(build):
    """Exact where rows are kept; for normal errors the sums agree to a few percent; None without enough of either."""
    errors = np.random.default_rng(4).normal(0, 7, 20_000)
    sums = OutcomeProfile(build.key(), n=20_000, valued=20_000, squared_error=float((errors**2).sum()))
    reference = Reference("r", "m", "test", "b", 20_000, build.profile({}), outcomes=(sums,))
    exact = float(np.quantile(np.abs(errors), 0.9))
    assert error_unit(reference) == pytest.approx(exact, rel=0.03)
    rows = RowSample({"outcome.error": np.append(errors, np.nan)}, n=20_001)
    held = Reference("r", "m", "test", "b", 20_000, build.profile({}), outcomes=(sums,), rows=rows)
    assert error_unit(held) == pytest.approx(exact)
    assert error_unit(None) is None
    assert error_unit(Reference("r", "m", "test", "b", 5, build.profile({}))) is None
    assert unit_of(np.full(200, np.nan)) is None


def test_an_unknown_detector_is_named_with_the_choices():
    """As the settings have it."""
    with pytest.raises(ConfigError, match=r"concept_detectors: no such detector \(got 'adwim'\)[\s\S]*page_hinkley"):
        find_detectors(["adwin", "adwim"])


def test_a_measurement_counts_points_and_says_when(build):
    """The last one in seconds since 1970, and what the detector could see."""
    context = build.context()
    passage = Passage(50, drifts=(3, 40), warnings=(1,), mean_error=0.2, mean_before=0.1, mean_after=0.5)
    times = np.arange(50) + context.window.start.timestamp()
    found = concept_measurement(
        DETECTORS["ddm"],
        passage,
        times,
        context,
        replayed_from=build.start,
        replayed=80,
        kept_share=0.25,
        predictions=400,
    )
    assert (found.purpose, found.metric, found.value, found.n_current) == ("concept_drift", "ddm", 2.0, 50)
    assert found.details["last_drift"] == context.window.start.timestamp() + 40
    assert found.details["last_warning"] == context.window.start.timestamp() + 1
    assert found.details["replayed_from"] == build.start.timestamp()
    assert (found.details["mean_before"], found.details["mean_after"], found.details["replayed"]) == (0.1, 0.5, 80)
    assert found.maturity == 0.5
    assert found.marks == ("approximate",)
    assert found.note == "one in 4 outcomes, drawn at random, was replayed"
    assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found


def test_no_outcomes_are_no_value(build):
    """And say so."""
    found = concept_measurement(
        DETECTORS["adwin"], Passage(0), np.empty(0), build.context(), replayed_from=build.start, replayed=9
    )
    assert (found.value, found.note) == (None, "no outcomes in this window yet")
    assert "warnings" not in found.details
