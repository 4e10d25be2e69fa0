"""Estimated measurements of a window: what they carry, and what happens where there is not enough to estimate from."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from driftlog.contract.profile import OutcomeProfile, ReferenceChunk
from driftlog.contract.settings import CellValue, ModelSettings
from driftlog.contract.window import Window
from driftlog.evaluate.estimation.arrays import profile_arrays
from driftlog.evaluate.estimation.difference import estimation_errors
from driftlog.evaluate.estimation.fitted import EstimationCache
from driftlog.evaluate.estimation.window import estimated_measurements
from driftlog.evaluate.performance.window import performance_measurements


def _binary(n=4000, m=1500, days=12, seed=1, shift=0.3, labels=("0", "1"), **options):
    generator = np.random.default_rng(seed)
    names = np.array(labels)

    def side(size, moved):
        score = 1 / (1 + np.exp(-1.5 * generator.normal(moved, 1, size) + 1))
        return score, names[(score >= 0.5).astype(int)], names[(generator.random(size) < score).astype(int)]

    (s, guess, y), (w, now, truth) = side(n, 0.0), side(m, shift)
    day = generator.integers(0, days, n) if days else None
    made = profile_arrays(s, guess, y, w, now, ref_day=day, positive_label=labels[1], **options)
    return made, (w, now, truth)


def _several(seed=2, n=4000, m=1500):
    generator = np.random.default_rng(seed)
    names = np.array(["a", "b", "ü"])

    def side(size):
        p = generator.dirichlet([1.0, 0.7, 0.5], size)
        actual = np.minimum((p.cumsum(axis=1) < generator.random((size, 1))).sum(axis=1), 2)
        return p, names[p.argmax(axis=1)], names[actual]

    (p, guess, y), (q, now, _) = side(n), side(m)
    shares = [{str(c): x[:, i] for i, c in enumerate(names)} for x in (p, q)]
    return profile_arrays(
        p.max(axis=1),
        guess,
        y,
        q.max(axis=1),
        now,
        multiclass=True,
        ref_probabilities=shares[0],
        probabilities=shares[1],
        ref_day=generator.integers(0, 10, n),
    )


def _estimate(made, **changes):
    cache = changes.pop("cache", None)
    part = {name: changes.get(name, getattr(made, name)) for name in ("reference", "current", "binning", "settings")}
    found = estimated_measurements(
        part["reference"],
        part["current"],
        None,
        part["binning"],
        part["settings"],
        changes.get("context", made.context),
        cache=cache,
    )
    return {(one.metric, one.field): one for one in found}


@pytest.mark.parametrize("make", [lambda: _binary()[0], _several])
def test_estimates_stand_beside_the_reference_as_the_realised_ones_do(make):
    """Same metric, field, unit, reference value and its interval as `performance_measurements` gives."""
    made = make()
    own = made.reference.outcomes
    realised = performance_measurements(
        made.reference, own, made.reference.n, made.binning, made.settings, made.context
    )
    held = {(one.metric, one.field): one for one in realised if one.purpose == "performance"}
    found = _estimate(made)
    assert len(found) >= 10
    for key, one in found.items():
        assert one.purpose == "estimated_performance"
        assert one.unit == held[key].unit
        assert one.reference_value == held[key].reference_value == held[key].value
        assert one.details.get("reference_lower") == held[key].lower
        assert one.details.get("reference_upper") == held[key].upper
        assert "assumes no concept drift" in one.method
    left = {metric for metric, _ in held} - {metric for metric, _ in found}
    assert left == {"brier", "log_loss", "expected_calibration_error"}


@pytest.mark.parametrize("make", [lambda: _binary(shift=0.0)[0], _several])
def test_a_reference_estimates_itself(make):
    """Its own predictions have the expected confusion matrix of its own outcomes, nearly."""
    made = make()
    for key, one in _estimate(made, current=made.reference.predictions).items():
        assert one.value == pytest.approx(one.reference_value, abs=0.02), key


def test_the_same_window_gives_the_same_numbers():
    """With a cache, without one, and again."""
    made, _ = _binary()
    cache = EstimationCache()
    first = _estimate(made, cache=cache)
    assert _estimate(made, cache=cache) == first == _estimate(made)
    assert len(cache.held) == 1


def test_a_cache_holds_the_latest():
    """The oldest goes first."""
    cache = EstimationCache(most=2)
    for key in "abc":
        cache.put(key, key.upper())
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (None, "B", "C")


def test_segments_do_not_share_their_calibration():
    """Each has its own entry, although the reference's id is the same."""
    made, _ = _binary()
    other, _ = _binary(seed=9, shift=0.0)
    cache = EstimationCache()
    _estimate(made, cache=cache)
    segment = replace(made.context, segment="origin=EWR")
    again = _estimate(made, reference=replace(other.reference, id=made.reference.id), context=segment, cache=cache)
    assert again["accuracy", ""].segment == "origin=EWR"
    assert len(cache.held) == 2


def test_chunks_of_the_reference_tell_how_much_windows_differ():
    """k, mean and deviation of the realised metric."""
    made, _ = _binary()
    days = made.reference.outcomes
    chunks = tuple(
        ReferenceChunk(Window(days[i].key.bucket.start, days[i + 2].key.bucket.end), made.current, days[i : i + 3])
        for i in range(0, 12, 3)
    )
    found = _estimate(made, reference=replace(made.reference, chunks=chunks))["accuracy", ""]
    parts = [sum(day.confusion.get((x, x), 0) for day in chunk.outcomes for x in "01") for chunk in chunks]
    sizes = [sum(day.n for day in chunk.outcomes) for chunk in chunks]
    shares = np.array(parts) / np.array(sizes)
    assert found.chunks.k == 4
    assert found.chunks.mean == pytest.approx(shares.mean())
    assert found.chunks.sd == pytest.approx(shares.std(ddof=1))


def test_predicted_labels_that_were_not_counted_come_from_the_threshold():
    """The threshold is an edge of the bins, so nothing changes."""
    made, _ = _binary()
    bare = replace(made.current, score_by_label={})
    with_labels, without = _estimate(made), _estimate(made, current=bare)
    assert {key: one.value for key, one in without.items()} == {key: one.value for key, one in with_labels.items()}


def test_labels_may_be_any_text_and_the_negative_one_may_come_first():
    """Only the positive label has to be known."""
    plain, swapped = _binary()[0], _binary(labels=("zz ö", "ano"))[0]
    a, b = _estimate(plain), _estimate(swapped)
    for metric in ("precision", "recall", "specificity", "roc_auc"):
        assert a[metric, ""].value == b[metric, ""].value


def test_a_third_label_counts_as_negative():
    """Binary metrics ask for the positive label or not."""
    made, _ = _binary()
    days = tuple(
        replace(
            day,
            confusion={**day.confusion, ("unsure", "0"): day.confusion["0", "0"] // 4},
            score={**day.score, ("unsure", "0"): day.score["0", "0"] // 4},
        )
        for day in made.reference.outcomes
    )
    found = _estimate(made, reference=replace(made.reference, outcomes=days))
    assert {name for name in found["accuracy", ""].details if name.startswith("expected:")} == {
        "expected:0|0",
        "expected:0|1",
        "expected:1|0",
        "expected:1|1",
    }


def test_nothing_without_a_reference_outcomes_predictions_or_the_setting():
    """There is nothing to say."""
    made, _ = _binary()
    assert _estimate(made, reference=None) == {}
    assert _estimate(made, reference=replace(made.reference, outcomes=())) == {}
    assert _estimate(made, current=replace(made.current, n=0)) == {}
    assert _estimate(made, settings=msgspec.structs.replace(made.settings, estimate=False)) == {}


@pytest.mark.parametrize(
    ("make", "note"),
    [
        (lambda: _binary(n=20, days=0)[0], "fewer than 30 outcomes (20)"),
        (lambda: _binary(m=20)[0], "fewer than 30 predictions with a score (20)"),
    ],
)
def test_too_few_rows_are_a_note(make, note):
    """Not an exception, and not a number."""
    found = _estimate(make())
    assert found
    for one in found.values():
        assert one.value is one.lower is one.upper is None
        assert note in one.note


def test_a_reference_of_one_class_is_a_note():
    """No calibration comes of it."""
    made, _ = _binary()
    days = tuple(
        replace(
            day,
            confusion={pair: count for pair, count in day.confusion.items() if pair[0] == "0"},
            score={pair: counts for pair, counts in day.score.items() if pair[0] == "0"},
        )
        for day in made.reference.outcomes
    )
    found = _estimate(made, reference=replace(made.reference, outcomes=days))
    assert {one.note for one in found.values()} == {"the reference's scored outcomes are all of one class"}


def test_precision_is_undefined_where_nothing_is_predicted_positive():
    """The others are estimated all the same."""
    made, _ = _binary()
    only = replace(made.current, score_by_label={"0": made.current.score_by_label["0"]})
    found = _estimate(made, current=only)
    assert found["precision", ""].value is None
    assert found["precision", ""].note == "undefined: no prediction is positive"
    assert found["recall", ""].value == 0.0
    assert found["accuracy", ""].value is not None
    assert found["accuracy", ""].details["left_out_share"] > 0


def test_a_label_the_reference_never_had_is_left_out_and_counted():
    """Nobody knows how often it is right."""
    made = _several()
    more = made.current.score_by_label | {"new": made.current.score_by_label["a"]}
    current = replace(made.current, n=made.current.n + int(more["new"].sum()), score_by_label=more)
    found = _estimate(made, current=current)["accuracy", ""]
    assert found.value == _estimate(made)["accuracy", ""].value
    assert found.details["left_out_share"] == pytest.approx(more["new"].sum() / current.n)


def test_several_classes_without_scores_are_estimated_from_their_labels():
    """P(right | predicted label) is all there is; the AUC still comes from the probabilities."""
    made = _several()
    fields = {name: bins for name, bins in made.binning.fields.items() if name != "prediction.score"}
    days = tuple(replace(day, score={}) for day in made.reference.outcomes)
    found = _estimate(
        made,
        binning=msgspec.structs.replace(made.binning, fields=fields),
        reference=replace(made.reference, outcomes=days),
        current=replace(made.current, score_by_label={}),
    )
    whole = _estimate(made)
    assert found["accuracy", ""].value == pytest.approx(whole["accuracy", ""].value, abs=0.03)
    assert found["roc_auc_macro", ""].value == whole["roc_auc_macro", ""].value


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from("01"), st.sampled_from("01"), st.floats(0, 1)),
        min_size=1,
        max_size=80,
    ),
    window=st.lists(st.tuples(st.sampled_from("01"), st.floats(0, 1)), min_size=1, max_size=60),
    multiclass=st.booleans(),
)
def test_any_rows_give_numbers_or_notes(data, window, multiclass):
    """One class, one row, ties, one bin: never NaN, never a warning; intervals hold the value."""
    day, actual, guess, score = (np.array(column) for column in zip(*data, strict=True))
    now, w = (np.array(column) for column in zip(*window, strict=True))
    made = profile_arrays(score, guess, actual, w, now, ref_day=day, multiclass=multiclass)
    lax = msgspec.structs.replace(made.settings, min_rows=1, business_value=(CellValue("1", "*", 2.0),))
    for one in _estimate(made, settings=lax).values():
        if one.value is None:
            assert one.note
            continue
        assert np.isfinite(one.value)
        assert all(np.isfinite(value) for value in one.details.values())
        if one.lower is not None:
            assert one.lower <= one.value <= one.upper


def _realised(made, truth):
    """Outcomes of the window, on one day."""
    w, now, actual = truth
    again = profile_arrays(w, now, actual, w, now).reference
    outcome = replace(again.outcomes[0], key=made.reference.outcomes[0].key)
    return performance_measurements(
        made.reference, [outcome], made.current.n, made.binning, made.settings, made.context
    )


def test_the_error_of_an_estimate_is_its_difference_to_what_was_realised():
    """With both intervals, and as mature as the labels are."""
    made, truth = _binary()
    estimated, realised = list(_estimate(made).values()), _realised(made, [part[:1200] for part in truth])
    found = {(one.metric, one.field): one for one in estimation_errors(estimated, realised)}
    held = {(one.metric, one.field): one for one in realised if one.purpose == "performance"}
    assert set(found) == {(one.metric, one.field) for one in estimated}
    for one in estimated:
        error, other = found[one.metric, one.field], held[one.metric, one.field]
        assert error.purpose == "estimation_error"
        assert error.value == one.value - other.value
        assert error.maturity == other.maturity == 0.8
        assert error.upper - error.value == pytest.approx(np.hypot(one.upper - one.value, other.value - other.lower))
        assert error.value - error.lower == pytest.approx(np.hypot(one.value - one.lower, other.upper - other.value))
        assert (error.details["estimated"], error.details["realised"]) == (one.value, other.value)


def test_errors_are_there_only_where_something_was_realised():
    """No truth, no error; and another window's truth is no truth."""
    made, truth = _binary()
    estimated, realised = list(_estimate(made).values()), _realised(made, truth)
    later = Window(made.context.window.start + timedelta(days=1), made.context.window.end + timedelta(days=1))
    assert estimation_errors(estimated, []) == []
    assert estimation_errors(estimated, [msgspec.structs.replace(one, window=later) for one in realised]) == []
    assert estimation_errors(estimated, [msgspec.structs.replace(one, value=None) for one in realised]) == []


def test_totals_are_compared_for_as_many_rows():
    """Half of the labels make half of the value."""
    made, truth = _binary(business_value=(CellValue("1", "1", 1.0),))
    half = [part[:750] for part in truth]
    errors = estimation_errors(list(_estimate(made).values()), _realised(made, half))
    found = {one.metric: one for one in errors}["business_value"]
    estimate = _estimate(made)["business_value", ""].value
    assert found.details["estimated"] == pytest.approx(estimate / 2)
    assert abs(found.value) < 0.2 * estimate


def test_outcomes_without_a_predicted_label_do_not_disturb():
    """A failed prediction has truth and no label."""
    made, _ = _binary()
    first = made.reference.outcomes[0]
    odd = OutcomeProfile(first.key, n=3, confusion={("1", ""): 3})
    found = _estimate(made, reference=replace(made.reference, outcomes=(*made.reference.outcomes, odd)))
    assert found["accuracy", ""].value == _estimate(made)["accuracy", ""].value


def test_the_default_settings_estimate():
    """Nobody has to switch it on."""
    assert ModelSettings(name="m").estimate
