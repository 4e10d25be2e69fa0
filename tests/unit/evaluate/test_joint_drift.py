"""Drift of whole rows, seen by a classifier and by principal components."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from driftlog.contract.errors import ConfigError
from driftlog.contract.profile import RowSample
from driftlog.evaluate.drift.domain_classifier import auc_of_ranks
from driftlog.evaluate.drift.joint import JOINT_MEASURES, joint_measurements
from driftlog.evaluate.drift.pca_reconstruction import principal_components, reconstruction_errors

BOTH = tuple(JOINT_MEASURES)


def _rows(generator, n, correlation=0.8, shift=0.0, unseen=0.0):
    common = generator.normal(size=n)
    x, y = (np.sqrt(correlation) * common + np.sqrt(1 - correlation) * generator.normal(size=n) for _ in range(2))
    x[generator.random(n) < 0.05] = np.nan
    colour = generator.choice([-1.0, 0.0, 1.0, 2.0, 3.0], size=n)
    colour[generator.random(n) < unseen] = -2.0
    return RowSample({"features.x": x + shift, "features.y": y, "features.colour": colour, "prediction.score": x}, n)


@pytest.fixture(scope="module")
def case(build):
    """A reference that holds rows, and its binning."""
    generator = np.random.default_rng(1)
    bins = build.bins(generator.normal(size=500))
    binning = build.binning(features__x=bins, features__y=bins, features__colour=build.categories(3))
    plain = build.reference([{"features.x": build.count(generator.normal(size=100), bins)} for _ in range(2)])

    def reference(rows):
        from dataclasses import replace

        return replace(plain, rows=rows)

    return reference, binning, _rows(generator, 600)


def _measure(build, case, rows, names=BOTH, reference=None, **settings):
    make, binning, held = case
    given = build.settings(joint_measures=names, **settings)
    return joint_measurements(make(held if reference is None else reference), rows, binning, given, build.context())


def test_unchanged_rows_cannot_be_told_apart(build, case):
    """About 0.5 and about 1, with p-values that say nothing."""
    auc, error = _measure(build, case, _rows(np.random.default_rng(2), 500))
    assert (auc.metric, error.metric) == BOTH
    assert auc.value == pytest.approx(0.5, abs=0.06)
    assert error.value == pytest.approx(1, abs=0.15)
    assert min(auc.p_value, error.p_value) > 0.01
    assert (auc.purpose, auc.field, auc.n_reference, auc.n_current) == ("data_drift", "", 600, 500)
    assert auc.p_adjusted == auc.p_value


def test_a_change_of_dependence_alone_is_seen(build, case):
    """Each field as before, their correlation gone: only joint measures can see it."""
    auc, error = _measure(build, case, _rows(np.random.default_rng(3), 500, correlation=0.0))
    assert auc.value > 0.65
    assert error.value > 1.1
    assert max(auc.p_value, error.p_value) == 0.001


@pytest.mark.parametrize("change", [{"shift": 1.0}, {"unseen": 0.3}])
def test_shifts_and_new_categories_are_seen(build, case, change):
    """The classifier takes codes of unseen values as a category."""
    auc = _measure(build, case, _rows(np.random.default_rng(4), 500, **change), ("domain_classifier_auc",))[0]
    assert auc.value > 0.6
    assert auc.p_value < 0.01


def test_evaluating_again_gives_the_same(build, case):
    """Random numbers are seeded by the series and the window."""
    rows = _rows(np.random.default_rng(5), 200)
    assert _measure(build, case, rows) == _measure(build, case, rows)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (None, "window 0|window \\(?0|no feature"),
        (RowSample({}, 0), "no feature"),
        (RowSample({"features.x": np.zeros(5), "features.y": np.zeros(5)}, 5), "fewer than"),
    ],
)
def test_too_few_rows_are_no_value(build, case, rows, said):
    """None with a note, for both."""
    import re

    for found in _measure(build, case, rows):
        assert (found.value, found.p_value) == (None, None)
        assert re.search(said, found.note)


def test_a_reference_without_rows_has_no_value(build, case):
    """References made before rows were kept."""
    make, binning, _ = case
    given = build.settings(joint_measures=BOTH)
    rows = _rows(np.random.default_rng(6), 100)
    assert [m.value for m in joint_measurements(make(None), rows, binning, given, build.context())] == [None, None]


def test_extreme_columns_give_numbers(build, case):
    """Constants, all missing on one side, infinities, numbers at the end of their range."""
    generator = np.random.default_rng(7)
    odd = np.where(generator.random(200) < 0.5, np.inf, 1e300)
    rows = RowSample(
        {"features.x": odd, "features.y": np.full(200, np.nan), "features.colour": np.full(200, -2.0)}, 200
    )
    constant = RowSample(
        {"features.x": np.full(300, 3.0), "features.y": np.full(300, 1.0), "features.colour": np.zeros(300)}, 300
    )
    for reference in (None, constant):
        for found in _measure(build, case, rows, reference=reference):
            assert found.value is None or (np.isfinite(found.value) and 0 < found.p_value <= 1)


def test_at_most_joint_rows_are_used(build, case):
    """The sample is thinned at random."""
    found = _measure(build, case, _rows(np.random.default_rng(8), 500), joint_rows=120)
    assert {(m.n_reference, m.n_current) for m in found} == {(120, 120)}


def test_unknown_names_are_refused(build, case):
    """With the setting, the value and the names that exist."""
    with pytest.raises(ConfigError, match=r"joint_measures\[0\]"):
        _measure(build, case, None, ("mmd",))


def test_measurements_travel(build, case):
    """Plain numbers: they are stored as JSON."""
    for found in _measure(build, case, _rows(np.random.default_rng(9), 100)):
        assert msgspec.json.encode(found)


def test_auc_of_ranks_is_scikit_learns():
    """With ties."""
    from scipy.stats import rankdata

    generator = np.random.default_rng(10)
    scores, truth = generator.integers(0, 20, 300), generator.random(300) < 0.3
    assert auc_of_ranks(rankdata(scores), truth) == pytest.approx(roc_auc_score(truth, scores))


def test_reconstruction_is_scikit_learns():
    """The same number of components, the same distances from their plane."""
    generator = np.random.default_rng(11)
    table = generator.normal(size=(400, 6)) @ generator.normal(size=(6, 6))
    table -= table.mean(axis=0)
    components = principal_components(table)
    model = PCA(n_components=0.65, svd_solver="full").fit(table)
    assert len(components) == model.n_components_
    expected = np.linalg.norm(table - model.inverse_transform(model.transform(table)), axis=1)
    assert reconstruction_errors(table, components) == pytest.approx(expected, abs=1e-8)
