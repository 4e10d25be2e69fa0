"""Fairness of a window against pandas on the same rows, and its intervals by simulation."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from driftlog.contract.binning import CategoricalBins
from driftlog.contract.measurement import MARK_IMMATURE
from driftlog.contract.profile import OutcomeProfile
from driftlog.contract.segment import Between, segment_name
from driftlog.evaluate.fairness.comparison import (
    Rate,
    largest_difference,
    pair_confidence,
    pair_difference,
    pair_ratio,
    smallest_ratio,
)
from driftlog.evaluate.fairness.window import fairness_measurements
from driftlog.evaluate.performance.intervals import wilson

LABELS = CategoricalBins(("0", "1"))


def people(n=4000, days=7, seed=1, shares=(0.5, 0.3, 0.2), spread=0.0):
    """Rows of three groups: A is selected most often, C is over-promised."""
    generator = np.random.default_rng(seed)
    day = np.arange(n) % days
    group = generator.choice(["A", "B", "C"], n, p=shares)
    truth = generator.random(n) < pd.Series(group).map({"A": 0.5, "B": 0.4, "C": 0.3})
    level = spread * generator.normal(size=days)[day] + pd.Series(group).map({"A": 0.2, "B": 0.0, "C": 0.1})
    score = 1 / (1 + np.exp(-(2.5 * truth - 1.2 + level + generator.normal(size=n))))
    return pd.DataFrame(
        {
            "day": day,
            "group": group,
            "actual": np.where(truth, "1", "0"),
            "predicted": np.where(score >= 0.5, "1", "0"),
            "score": score,
        }
    )


def segments(build, rows, bins=None, known=1.0):
    """(outcomes by segment, daily predictions by segment); of `known` of the rows the truth has arrived."""
    outcomes, predictions = {}, {}
    for value, part in rows.groupby("group"):
        name = segment_name({"features.group": value})
        outcomes[name] = build.outcomes(part.head(round(known * len(part))), bins)
        predictions[name] = [predicted(build, held, day) for day, held in part.groupby("day")]
    return outcomes, predictions


def predicted(build, rows, day=0, days=1):
    counts = build.cells([(rows.predicted == "0").sum(), (rows.predicted == "1").sum()])
    return build.profile({"prediction.label": counts}, build.window(day, timedelta(days=days)))


def measured(build, rows, *, known=1.0, **settings):
    bins = build.bins(rows.score)
    binning = build.binning(prediction__score=bins, prediction__label=LABELS)
    chosen = build.settings(**{"protected": ("group",)} | settings)
    return fairness_measurements(*segments(build, rows, bins, known), chosen, build.context(), binning=binning)


def rates(rows):
    """The textbook's rates of each group."""
    up, said = rows.actual == "1", rows.predicted == "1"
    by = rows.group
    return {
        "selection_rate": said.groupby(by).mean(),
        "true_positive_rate": said[up].groupby(by[up]).mean(),
        "false_positive_rate": said[~up].groupby(by[~up]).mean(),
        "positive_predictive_value": up[said].groupby(by[said]).mean(),
        "misclassification_rate": (up != said).groupby(by).mean(),
        "calibration_gap": (up - rows.score).groupby(by).mean(),
    }


def test_rates_of_groups_are_pandas(build):
    """Of each group, with the group as segment, an interval around it and the rows behind it."""
    rows = people()
    found = {(m.metric, m.segment): m for m in measured(build, rows) if m.segment}
    expected = rates(rows)
    assert len(found) == 18
    for (name, segment), m in found.items():
        group = segment.partition("=")[2]
        off = 0.0 if name != "calibration_gap" else m.details["bin_bound"]
        assert m.value == pytest.approx(expected[name][group], abs=off + 1e-9)
        assert m.lower < m.value < m.upper
        assert (m.field, m.purpose) == ("features.group", "fairness")
    assert (
        found["true_positive_rate", "features.group=C"].n_current == ((rows.group == "C") & (rows.actual == "1")).sum()
    )


def test_differences_between_groups_are_the_textbooks(build):
    """Largest less smallest rate; for odds the larger of two; the ratio is smallest over largest."""
    rows = people()
    found = {m.metric: m for m in measured(build, rows) if not m.segment}
    r = rates(rows)
    apart = {name: values.max() - values.min() for name, values in r.items()}
    expected = {
        "demographic_parity_difference": apart["selection_rate"],
        "demographic_parity_ratio": r["selection_rate"].min() / r["selection_rate"].max(),
        "equal_opportunity_difference": apart["true_positive_rate"],
        "equalised_odds_difference": max(apart["true_positive_rate"], apart["false_positive_rate"]),
        "predictive_parity_difference": apart["positive_predictive_value"],
        "calibration_difference": apart["calibration_gap"],
        "misclassification_difference": apart["misclassification_rate"],
    }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=0.01 if "calibration" in name else 1e-9)
        assert found[name].lower <= found[name].value <= found[name].upper
        assert (found[name].n_current, found[name].details["groups"]) == (len(rows), 3.0)
    parity = found["demographic_parity_difference"]
    assert parity.details["value B"] == pytest.approx(r["selection_rate"]["B"])
    assert parity.details["n B"] == (rows.group == "B").sum()


def test_selection_is_measured_on_all_predictions(build):
    """Truth that has not arrived does not matter to it; the rest is marked immature."""
    rows = people()
    found = {(m.metric, m.segment): m for m in measured(build, rows, known=0.5)}
    parity = found["demographic_parity_difference", ""]
    assert parity.value == pytest.approx(np.ptp(rates(rows)["selection_rate"]))
    assert (parity.maturity, parity.marks) == (None, ())
    odds = found["equalised_odds_difference", ""]
    assert (odds.maturity, odds.marks) == (pytest.approx(0.5, abs=0.01), (MARK_IMMATURE,))
    assert found["misclassification_rate", "features.group=A"].marks == (MARK_IMMATURE,)


def test_small_groups_are_left_out_and_named(build):
    """A handful of people says nothing; one remaining group is nothing to compare."""
    rows = people(1000, shares=(0.6, 0.37, 0.03))
    found = {m.metric: m for m in measured(build, rows) if not m.segment}
    parity = found["demographic_parity_difference"]
    assert parity.details["groups"] == 2.0
    assert parity.note == "left out, below 100 rows: C"
    alone = measured(build, rows, min_segment_rows=500)
    between = [m for m in alone if not m.segment]
    assert all(m.value is None and m.note.startswith("fewer than two groups to compare") for m in between)
    assert {m.segment for m in alone} == {"", "features.group=A"}


def test_a_rate_of_few_rows_leaves_its_group_out(build):
    """B has 100 people and no positives: it counts for parity and not for opportunity."""
    rows = people(3000)
    rows.loc[rows.group == "B", "actual"] = "0"
    found = {(m.metric, m.segment): m for m in measured(build, rows)}
    chance = found["equal_opportunity_difference", ""]
    expected = rates(rows)["true_positive_rate"]
    assert chance.value == pytest.approx(np.ptp(expected[["A", "C"]]))
    assert chance.note == "left out, too few rows for this rate: B"
    assert found["demographic_parity_difference", ""].note == ""
    assert found["true_positive_rate", "features.group=B"].note == "fewer than 30 rows (0) to compute it from"


def test_only_the_fields_own_segments_are_groups(build):
    """Crossings and other fields are passed over; ranges are groups; a field without any says so."""
    rows = people(2000)
    bins = build.bins(rows.score)
    outcomes, predictions = segments(build, rows, bins)
    part = outcomes.pop("features.group=C")
    outcomes[segment_name({"features.age": Between(None, 40)})] = part
    outcomes[segment_name({"features.age": Between(40, None)})] = part
    outcomes[segment_name({"features.group": "C", "features.age": "x"})] = part
    del predictions["features.group=C"]
    binning = build.binning(prediction__score=bins, prediction__label=LABELS)
    settings = build.settings(protected=("group", "age", "features.none"))
    found = fairness_measurements(outcomes, predictions, settings, build.context(), binning=binning)
    parity = {m.field: m for m in found if m.metric == "demographic_parity_difference"}
    assert parity["features.group"].value == pytest.approx(np.ptp(rates(rows)["selection_rate"][["A", "B"]]))
    assert parity["features.age"].value == 0.0
    assert "value [40,)" in parity["features.age"].details
    assert (parity["features.none"].value, parity["features.none"].note) == (None, "fewer than two groups to compare")


def test_nothing_protected_is_nothing_measured(build):
    """Fairness is asked for."""
    assert measured(build, people(500), protected=()) == []


def test_several_classes_have_errors_to_compare(build):
    """Without a positive label among them there is no selection; with one there is."""
    rows = people(3000).replace({"actual": {"1": "yes", "0": "no"}, "predicted": {"1": "yes", "0": "no"}})
    plain = {m.metric for m in measured(build, rows, task="multiclass")}
    assert plain == {"misclassification_rate", "misclassification_difference"}
    named = {m.metric for m in measured(build, rows, task="multiclass", positive_label="yes")}
    assert {"equalised_odds_difference", "true_positive_rate"} < named
    assert "calibration_gap" not in named


def test_regression_compares_errors(build):
    """Mean error and mean absolute error of each group, and how far groups are apart."""
    generator = np.random.default_rng(3)
    errors = {"A": generator.normal(0.0, 1.0, (7, 100)), "B": generator.normal(0.5, 2.0, (7, 80))}
    outcomes = {
        f"features.group={group}": [
            OutcomeProfile(
                build.key(build.window(day, timedelta(days=1))),
                e.size,
                valued=e.size,
                error=e.sum(),
                absolute_error=abs(e).sum(),
                squared_error=(e**2).sum(),
            )
            for day, e in enumerate(of_day)
        ]
        for group, of_day in errors.items()
    }
    settings = build.settings(task="regression", protected=("group",))
    found = fairness_measurements(outcomes, {}, settings, build.context(), binning=build.binning())
    by = {(m.metric, m.segment): m for m in found}
    bias = by["mean_error_difference", ""]
    assert bias.value == pytest.approx(errors["B"].mean() - errors["A"].mean())
    assert bias.lower > 0
    size = {group: abs(e).mean() for group, e in errors.items()}
    assert by["absolute_error_difference", ""].value == pytest.approx(size["B"] - size["A"])
    assert by["mean_absolute_error", "features.group=B"].value == pytest.approx(size["B"])
    assert len(found) == 6


def test_one_class_and_no_selection_are_no_numbers_or_say_so(build):
    """Nobody selected, nobody positive: parity is exact, its ratio and the true positive rate undefined."""
    rows = people(1000).assign(actual="0", predicted="0")
    for m in measured(build, rows):
        numbers = [m.value, m.lower, m.upper, *m.details.values()]
        assert all(x is None or np.isfinite(x) for x in numbers)
        assert m.value is not None or m.note
    between = {m.metric: m for m in measured(build, rows) if not m.segment}
    assert between["demographic_parity_difference"].value == 0.0
    assert between["demographic_parity_difference"].upper > 0.0
    assert between["demographic_parity_ratio"].note == "undefined: the rate is 0 in every group"


def share(successes, n, confidence=0.95):
    found = wilson(successes, n, confidence)
    return Rate(successes / n, found.lower, found.upper, {})


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((10, 10), (0, 20), (0.6791, 1.0)),
    ],
)
def test_differences_of_shares_have_newcombes_intervals(a, b, expected):
    """The examples of Newcombe's table for method 10."""
    assert pair_difference(share(*a), share(*b)) == pytest.approx(expected, abs=5e-5)


def test_ratios_hold_the_truth():
    """0.3 / 0.4 from 200 and 300 rows: 93 to 97 in a hundred intervals; from nothing selected the lower end is 0."""
    generator = np.random.default_rng(4)
    a, b = generator.binomial(200, 0.3, 3000), generator.binomial(300, 0.4, 3000)
    held = [pair_ratio(share(x, 200), share(y, 300)) for x, y in zip(a, b, strict=True)]
    assert 0.93 <= np.mean([low <= 0.75 <= high for low, high in held]) <= 0.97
    low, high = pair_ratio(share(0, 50), share(20, 50))
    assert (low, high) == (0.0, pytest.approx(wilson(0, 50).upper / wilson(20, 50).lower))


@pytest.mark.parametrize("groups", [2, 5])
def test_equal_groups_are_seldom_called_different(groups):
    """The largest of many differences is never 0; its simultaneous interval reaches 0 in at least 93 of 100 windows."""
    generator = np.random.default_rng(groups)
    confidence = pair_confidence(groups)
    drawn = generator.binomial(200, 0.35, (1000, groups))
    held = [[share(x, 200, confidence) for x in row] for row in drawn]
    assert np.mean([largest_difference(rates).lower > 0 for rates in held]) <= 0.07
    assert np.mean([smallest_ratio(rates).upper < 1 for rates in held]) <= 0.07
    plain = [[share(x, 200) for x in row] for row in drawn]
    naive = np.mean([largest_difference(rates).lower > 0 for rates in plain])
    assert naive > (0.2 if groups == 5 else 0.03)


def test_different_groups_are_found_and_their_difference_held():
    """0.3 v 0.5 v 0.4: the interval holds 0.2 in at least 95 of 100, and excludes 0 nearly always."""
    generator = np.random.default_rng(6)
    drawn = generator.binomial(300, [0.3, 0.5, 0.4], (1000, 3))
    found = [largest_difference([share(x, 300, pair_confidence(3)) for x in row]) for row in drawn]
    assert np.mean([one.lower <= 0.2 <= one.upper for one in found]) >= 0.95
    assert np.mean([one.lower > 0 for one in found]) > 0.95


def day_shares(build, generator, spread, difference=0.1, days=14, n=150):
    """Two groups whose selection moves together from day to day."""
    level = 0.4 + spread * generator.normal(size=days)
    chosen = [generator.binomial(n, np.clip(level + shift, 0.01, 0.99)) for shift in (0.0, difference)]
    return {
        f"features.group={name}": [
            build.profile({"prediction.label": build.cells([n - k, k])}, build.window(day, timedelta(days=1)))
            for day, k in enumerate(counts)
        ]
        for name, counts in zip("AB", chosen, strict=True)
    }


@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_differences_are_covered_where_groups_share_their_days(build, spread):
    """Days that move both groups cancel in the difference: it is held in 91 to 98 of 100, and as narrow as can be."""
    generator = np.random.default_rng(7)
    settings = build.settings(protected=("group",))
    binning = build.binning(prediction__label=LABELS)
    found = [
        fairness_measurements({}, day_shares(build, generator, spread), settings, build.context(), binning=binning)
        for _ in range(200)
    ]
    parity = [next(m for m in run if m.metric == "demographic_parity_difference") for run in found]
    alone = [next(m for m in run if m.metric == "selection_rate") for run in found]
    assert 0.91 <= np.mean([m.lower <= 0.1 <= m.upper for m in parity]) <= 0.98
    width, own = (np.mean([m.upper - m.lower for m in held]) for held in (parity, alone))
    assert width < 1.6 * 3.92 * np.sqrt(2 * 0.25 / (14 * 150))
    assert own > (2 * 3.92 * np.sqrt(0.25 / (14 * 150)) if spread else 0)


def test_one_profile_of_many_days_is_widened_by_the_days_of_its_outcomes(build):
    """Its days cannot be told apart: the design effect of the outcomes stands in."""
    rows = people(6000, days=14, spread=1.0)
    bins = build.bins(rows.score)
    outcomes, daily = segments(build, rows, bins)
    whole = {
        segment_name({"features.group": value}): predicted(build, part, days=14)
        for value, part in rows.groupby("group")
    }
    binning = build.binning(prediction__score=bins, prediction__label=LABELS)
    settings = build.settings(protected=("group",))

    def selection(predictions):
        found = fairness_measurements(outcomes, predictions, settings, build.context(), binning=binning)
        return next(m for m in found if m.metric == "selection_rate")

    by_day, at_once = selection(daily), selection(whole)
    assert at_once.value == by_day.value
    assert "design effect" in at_once.method
    assert (at_once.upper - at_once.lower) == pytest.approx(by_day.upper - by_day.lower, rel=0.25)


def test_labels_can_come_from_score_histograms(build):
    """Where the binning has no labels, scores counted by predicted label tell them."""
    rows = people(2000)
    outcomes, _ = segments(build, rows)
    predictions = {
        segment_name({"features.group": value}): build.profile(
            {}, score_by_label={name: np.array([len(held)]) for name, held in part.groupby("predicted")}, n=len(part)
        )
        for value, part in rows.groupby("group")
    }
    settings = build.settings(protected=("group",))
    found = fairness_measurements(outcomes, predictions, settings, build.context(), binning=build.binning())
    parity = next(m for m in found if m.metric == "demographic_parity_difference")
    assert parity.value == pytest.approx(np.ptp(rates(rows)["selection_rate"]))


def test_bonferroni_pairs_match_their_quantile():
    """Five groups are ten pairs."""
    assert pair_confidence(5) == pytest.approx(0.995)
    assert pair_confidence(5, 2) == pytest.approx(0.9975)
    assert pair_confidence(1) == 0.95
    assert stats.norm.ppf((1 + pair_confidence(5)) / 2) == pytest.approx(2.807, abs=1e-3)
