"""Direct loss estimation: MAE and RMSE of a window without truths."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from driftlog.contract.measurement import MARK_UNCALIBRATED
from driftlog.contract.profile import OutcomeProfile, RowSample
from driftlog.contract.window import Window
from driftlog.evaluate.estimation.fitted import EstimationCache
from driftlog.evaluate.estimation.regression import estimate_losses
from driftlog.evaluate.estimation.row_model import design, fit_losses
from driftlog.evaluate.estimation.window import estimated_measurements


def _rows(generator, n, shift=0.0):
    """The noise grows with the first feature; the second has no say and is sometimes missing."""
    x = generator.normal(0, 1, (n, 2))
    x[:, 0] += shift
    error = (0.5 + np.exp(0.5 * x[:, 0])) * generator.normal(0, 1, n)
    other = np.where(generator.random(n) < 0.1, np.nan, x[:, 1])
    return {"features.a": x[:, 0], "features.b": other, "prediction.value": x.sum(axis=1)}, error


@pytest.fixture(scope="module")
def fitted():
    generator = np.random.default_rng(1)
    columns, error = _rows(generator, 4000)
    return fit_losses(RowSample(columns | {"outcome.error": error}, 4000), seed=1)


@pytest.mark.parametrize("shift", [0.0, 0.8])
def test_losses_are_estimated_within_their_interval(fitted, shift):
    """Unchanged, and where the noisy part has become more frequent."""
    columns, error = _rows(np.random.default_rng(2), 20_000, shift)
    sample = RowSample({name: values[:3000] for name, values in columns.items()}, 20_000)
    found = estimate_losses(fitted, sample, 20_000)
    truth = {"mae": np.abs(error).mean(), "rmse": np.sqrt((error**2).mean())}
    for metric, value in truth.items():
        low, high = found[metric].interval
        assert low <= value <= high
        assert high - low < 0.35 * value
        assert found[metric].value == pytest.approx(value, rel=0.1)


def test_the_uncertainty_has_its_three_parts(fitted):
    """Fewer sampled rows and fewer predictions widen it; the reference's part stays."""
    columns, _ = _rows(np.random.default_rng(3), 3000)
    sample = RowSample(columns, 100_000)
    few = RowSample({name: values[:100] for name, values in columns.items()}, 100_000)
    many, less, small = (
        estimate_losses(fitted, rows, n)["mae"].spread
        for rows, n in ((sample, 100_000), (few, 100_000), (sample, 3000))
    )
    assert less.of_labels > 3 * many.of_labels
    assert small.of_labels > many.of_labels
    assert many.of_reference == small.of_reference > 0


def test_rows_that_tell_nothing_leave_the_estimate_where_the_reference_was():
    """No feature explains the error; it is not marked, and says so in `explained`."""
    generator = np.random.default_rng(4)
    columns = {"features.a": generator.normal(size=3000)}
    error = generator.normal(0, 2, 3000)
    model = fit_losses(RowSample(columns | {"outcome.error": error}, 3000), seed=1)
    assert model.explained < 0.05
    assert not model.uncalibrated
    far = estimate_losses(model, RowSample({"features.a": np.full(500, 1.0)}, 500), 500)
    assert far["mae"].value == pytest.approx(np.abs(error).mean(), rel=0.1)


def test_a_column_the_window_lacks_is_missing_in_every_row():
    """Missing takes the branch that fits best; infinities are missing too."""
    matrix = design({"features.a": np.array([1.0, np.inf])}, ["features.a", "features.gone"])
    assert np.isnan(matrix).tolist() == [[False, True], [True, True]]


@pytest.mark.parametrize(
    ("columns", "note"),
    [
        ({"features.a": np.zeros(500)}, "fewer than 200 sampled rows (0)"),
        ({"features.a": np.zeros(50), "outcome.error": np.zeros(50)}, "fewer than 200 sampled rows (50)"),
        ({"outcome.error": np.zeros(500)}, "no features"),
        ({"features.a": np.zeros(300), "outcome.error": np.full(300, 1e200)}, "too large"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_what_cannot_be_fitted_is_a_sentence(columns, note):
    """Not an exception."""
    assert note in fit_losses(RowSample(columns, 500), seed=1)


def test_perfect_predictions_have_no_loss():
    """All errors are zero: estimated zero, with an interval of nothing."""
    columns = {"features.a": np.arange(400.0)}
    model = fit_losses(RowSample(columns | {"outcome.error": np.zeros(400)}, 400), seed=1)
    found = estimate_losses(model, RowSample(columns, 400), 400)
    assert (found["mae"].value, found["mae"].interval, found["rmse"].value) == (0.0, (0.0, 0.0), 0.0)


@pytest.fixture(scope="module")
def reference(build):
    """Ten days of outcomes beside 2,000 sampled rows."""
    generator = np.random.default_rng(5)
    columns, error = _rows(generator, 2000)
    outcomes = []
    for day, part in enumerate(np.array_split(error, 10)):
        start = build.start + timedelta(days=day)
        outcomes.append(
            OutcomeProfile(
                build.key(Window(start, start + timedelta(days=1))),
                n=len(part),
                valued=len(part),
                error=float(part.sum()),
                absolute_error=float(np.abs(part).sum()),
                squared_error=float((part**2).sum()),
            )
        )
    made = build.reference([{}], outcomes)
    return replace(made, rows=RowSample(columns | {"outcome.error": error}, 2000)), error


def test_estimates_of_a_regressor_stand_beside_its_reference(build, reference):
    """MAE and RMSE; bias and R2 are not estimated, and the method says so."""
    held, error = reference
    columns, _ = _rows(np.random.default_rng(6), 1000)
    settings, cache = build.settings(task="regression"), EstimationCache()
    current = build.profile({}, n=5000)
    given = (held, current, RowSample(columns, 5000), build.binning(), settings, build.context())
    found = {one.metric: one for one in estimated_measurements(*given, cache=cache)}
    assert set(found) == {"mae", "rmse"}
    assert found["mae"].reference_value == pytest.approx(np.abs(error).mean())
    assert found["rmse"].reference_value == pytest.approx(np.sqrt((error**2).mean()))
    assert found["mae"].details["reference_lower"] < found["mae"].reference_value
    assert found["mae"].lower < found["mae"].value < found["mae"].upper
    assert "bias" in found["mae"].method
    assert MARK_UNCALIBRATED not in found["mae"].marks
    assert estimated_measurements(*given, cache=cache) == list(found.values())


@pytest.mark.parametrize(
    ("rows", "with_rows", "note"),
    [(None, True, "fewer than 30 sampled rows (0)"), (None, False, "the reference has no sampled rows")],
)
def test_without_rows_there_is_a_note(build, reference, rows, with_rows, note):
    """Rows are read only where somebody samples them."""
    held = reference[0] if with_rows else replace(reference[0], rows=None)
    settings = build.settings(task="regression")
    found = estimated_measurements(held, build.profile({}, n=500), rows, build.binning(), settings, build.context())
    assert [one.value for one in found] == [None, None]
    assert all(note in one.note for one in found)


def test_segments_of_a_regressor_are_not_estimated(build, reference):
    """Their rows are not sampled apart."""
    context = replace(build.context(), segment="origin=EWR")
    settings = build.settings(task="regression")
    given = (reference[0], build.profile({}, n=500), None, build.binning(), settings, context)
    assert estimated_measurements(*given) == []
