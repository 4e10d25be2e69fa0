# ruff: noqa: E501 - a story is easier to read in long lines
"""A made-up year of a flights model, for seeing the report and for testing it."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np

from driftlog.contract.alert import Alert, AlertMember
from driftlog.contract.binning import Binning, CategoricalBins, NumericBins
from driftlog.contract.measurement import Limit, Measurement, Verdict
from driftlog.contract.profile import FieldCounts, PredictionProfile, ProfileKey, Reference
from driftlog.contract.window import WEEK, Window
from driftlog.present.report_data import ProfileSource, ReportData, assemble

START = datetime(2013, 4, 1, tzinfo=UTC)
REFERENCE_WINDOW = Window(datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 4, 1, tzinfo=UTC))
NUMERIC = (
    "distance",
    "departure_hour",
    "temperature",
    "wind_speed",
    "humidity",
    "visibility",
    "pressure",
    "precipitation",
)
CATEGORICAL = ("carrier", "origin", "destination", "weekday")
GENERATED = datetime(2014, 1, 3, 9, 30, tzinfo=UTC)
AUC_LIMIT = Limit("relative", "below", warning=0.67, critical=0.64, of_windows=(2, 3))


def week(index: int) -> Window:
    return Window(START + index * WEEK, START + (index + 1) * WEEK)


def measurement(metric: str, purpose: str, window: Window, value: float | None, **more: object) -> Measurement:
    return msgspec.convert(
        {
            "model": "flights",
            "environment": "demo",
            "metric": metric,
            "purpose": purpose,
            "window": window,
            "value": value,
            "n_current": 512,
            "reference_id": "0f3a9c7de1",
            "run_id": "run-2014-01-03",
            **more,
        },
        Measurement,
    )


def flights(weeks: int = 39, seed: int = 7) -> ReportData:
    """Thirty-nine weeks: a bad June and October, a warm summer, a stuck sensor in August."""
    random.seed(seed)
    found: list[Measurement] = []
    for index in range(weeks):
        window = week(index)
        found += _performance(window, index, weeks) + _operations(window, index) + _drift(window, index)
    segments = [
        measurement(
            "error_rate",
            "operational",
            week(index),
            0.01 * random.random() * (3 if origin == "EWR" else 1),
            segment=origin,
            unit="share",
        )
        for index in range(weeks)
        for origin in ("origin=JFK", "origin=EWR", "origin=LGA")
    ]
    return assemble(
        "flights",
        "demo",
        measurements=found,
        segments=segments,
        alerts=alerts(found, weeks),
        profiles=profiles(),
        generated=GENERATED,
    )


def _performance(window: Window, index: int, weeks: int) -> list[Measurement]:
    fresh = index >= weeks - 2
    maturity = 0.974 if not fresh else (0.81 if index == weeks - 2 else 0.42)
    marks = ["immature"] if maturity < 0.8 else []
    auc = (
        0.70
        - 0.05 * math.exp(-((index - 10) ** 2) / 6)
        - 0.07 * math.exp(-((index - 28) ** 2) / 10)
        + random.gauss(0, 0.008)
    )
    verdict: Verdict = "critical" if auc < 0.64 else "warning" if auc < 0.67 else "ok"
    found = []
    for metric, value, reference, limit in (
        ("roc_auc", auc, 0.70, AUC_LIMIT),
        ("accuracy", auc + 0.08, 0.78, None),
        ("f1", auc - 0.2, 0.49, None),
        ("precision", auc - 0.1, 0.61, None),
        ("brier", 0.9 - auc, 0.19, None),
    ):
        found.append(
            measurement(
                metric,
                "performance",
                window,
                value,
                lower=value - 0.025,
                upper=value + 0.025,
                reference_value=reference,
                maturity=maturity,
                marks=marks,
                unit="share",
                limit=limit,
                verdict=("not_judged" if marks else verdict) if limit else "not_judged",
            )
        )
    return found


def _operations(window: Window, index: int) -> list[Measurement]:
    n = 512 + round(40 * math.sin(index / 3)) + random.randint(-25, 25)
    slow = 4.0 if 20 <= index <= 22 else 1.0
    errors = {
        "ValueError": 0.004 * random.random(),
        "TimeoutError": 0.02 * random.random() * (slow > 1),
        "KeyError": 0.001,
    }
    return [
        measurement("predictions", "operational", window, n, unit="events"),
        measurement("throughput_per_s", "operational", window, n / 604800, unit="1/s"),
        *(
            measurement(f"latency_{p}_ms", "operational", window, base * (slow if p == "p99" else 1) + random.random(), unit="ms", marks=["approximate"],
                        verdict="critical" if slow > 1 and p == "p99" else "ok", limit=Limit("constant", "above", warning=25.0) if p == "p99" else None)
            for p, base in (("p50", 3.0), ("p95", 7.0), ("p99", 11.0))
        ),
        measurement("error_rate", "operational", window, sum(errors.values()), unit="share", verdict="ok", limit=Limit("constant", "above", warning=0.05)),
        *(measurement("error_rate_by_type", "operational", window, v, field=k, unit="share") for k, v in errors.items()),
        measurement("cpu_percent_mean", "resource", window, 12 + 3 * random.random(), unit="percent"),
        measurement("memory_bytes_max", "resource", window, (210 + index) * 2**20, unit="bytes"),
    ]  # fmt: skip


def _drift(window: Window, index: int) -> list[Measurement]:
    found = []
    for position, name in enumerate((*NUMERIC, *CATEGORICAL, "score")):
        field = "prediction.score" if name == "score" else f"features.{name}"
        season = math.sin(math.pi * min(1.0, index / 30)) if name in ("temperature", "humidity", "pressure") else 0.2
        value = 0.02 + 0.25 * season * (1.4 if name == "temperature" else 0.5) + 0.02 * random.random()
        value += 0.5 if name == "humidity" and 18 <= index <= 21 else 0.0
        limit = Limit(
            "default_drift",
            "above",
            warning=0.12 + 0.01 * position,
            critical=0.4,
            smallest_detectable=0.13,
            of_windows=(2, 3),
        )
        verdict: Verdict = "critical" if value > 0.4 else "warning" if value > (limit.warning or 0) else "ok"
        if name == "precipitation":
            verdict, limit = "cannot_alarm", msgspec.structs.replace(limit, warning=1.3, smallest_detectable=None)
        empty = name == "visibility" and index % 9 == 4
        found.append(
            measurement(
                "total_variation" if name in CATEGORICAL else "kolmogorov_smirnov",
                "prediction_drift" if name == "score" else "data_drift",
                window,
                None if empty else value,
                field=field,
                limit=limit,
                verdict="insufficient_data" if empty else verdict,
                lower=None if empty else value - 0.01,
                upper=None if empty else value + 0.02,
                marks=["season_unseen"],
                n_reference=13_000,
            )
        )
    return found


def alerts(found: list[Measurement], weeks: int) -> list[Alert]:
    def pick(metric: str, field: str, index: int) -> Measurement:
        return next(m for m in found if m.metric == metric and m.field == field and m.window == week(index))

    if weeks < 39:
        return []
    auc, later = pick("roc_auc", "", 28), pick("roc_auc", "", 30)
    heat = pick("kolmogorov_smirnov", "features.temperature", 12)
    wet = pick("kolmogorov_smirnov", "features.humidity", 18)
    common = {"model": "flights", "environment": "demo"}
    return [
        Alert(
            **common, key="flights|demo|performance|roc_auc", episode=2, purpose="performance", metric="roc_auc", status="open",
            severity="critical", title="ROC AUC fell to 0.63, reference 0.70",
            message="In two of the last three weeks the model ranked flights worse than in the reference. Retrain, or look at October.",
            opened=auc.window.end, updated=later.window.end, evidence=auc, latest=later, windows=4,
            first_window=week(27), last_window=week(38),
        ),
        Alert(
            **common, key="flights|demo|performance|roc_auc", episode=1, purpose="performance", metric="roc_auc", status="resolved",
            severity="warning", title="ROC AUC fell to 0.65, reference 0.70", message="Resolved after two windows inside the limits.",
            opened=week(10).end, updated=week(13).end, evidence=pick("roc_auc", "", 10), latest=pick("roc_auc", "", 13), windows=2,
            first_window=week(10), last_window=week(12), resolved=week(13).end, resolution="two windows inside the limits",
        ),
        Alert(
            **common, key="flights|demo|data_drift", episode=1, purpose="data_drift", metric="data_drift", status="open", severity="warning",
            title="3 features have drifted together: temperature, humidity, pressure",
            message="They move with the season, which the reference of twelve winter weeks has not seen.",
            opened=heat.window.end, updated=week(38).end, evidence=heat, latest=heat, windows=20, marks=("season_unseen",),
            first_window=week(6), last_window=week(38),
            members=tuple(AlertMember("kolmogorov_smirnov", f"features.{n}", v, 0.14, "warning") for n, v in (("temperature", 0.36), ("humidity", 0.2), ("pressure", 0.16))),
        ),
        Alert(
            **common, key="flights|demo|data_drift|humidity", episode=1, purpose="data_drift", metric="kolmogorov_smirnov", field="features.humidity",
            status="resolved", severity="critical", title="humidity is stuck at 43", message="99.8 % of its values are one value.",
            opened=wet.window.end, updated=week(22).end, evidence=wet, latest=pick("kolmogorov_smirnov", "features.humidity", 22), windows=4,
            first_window=week(18), last_window=week(21), resolved=week(22).end,
        ),
    ]  # fmt: skip


def profiles() -> ProfileSource:
    """Normal distributions that move with the week, and categories whose mix changes."""
    edges = tuple(np.linspace(-3, 3, 61).tolist())
    fields: dict[str, NumericBins | CategoricalBins] = {
        f"features.{name}": NumericBins(edges=edges, coarse=tuple([0] * 62), low=-3.0, high=3.0) for name in NUMERIC
    }
    fields["prediction.score"] = NumericBins(
        edges=tuple(np.linspace(0, 1, 41)[1:-1].tolist()), coarse=tuple([0] * 40), low=0.0, high=1.0
    )
    fields |= {
        f"features.{name}": CategoricalBins(values=tuple(f"{name[:3].upper()}{i}" for i in range(14)))
        for name in CATEGORICAL
    }
    binning = Binning("b1", "flights", "demo", fields, GENERATED)
    key = ProfileKey("flights", "demo", "*", "*", "", "b1", REFERENCE_WINDOW)

    def profile(shift: float, n: int) -> PredictionProfile:
        rng = np.random.default_rng(3)
        counted = {}
        for name, bins in fields.items():
            if isinstance(bins, NumericBins):
                values = rng.beta(2, 6, n) if name == "prediction.score" else rng.normal(shift, 1 + shift / 3, n)
                counts = np.histogram(values, [-np.inf, *bins.edges, np.inf])[0]
                counted[name] = FieldCounts(counts, minimum=float(values.min()), maximum=float(values.max()))
            else:
                weights = np.roll(np.linspace(3, 1, bins.size), int(shift * 3))
                counted[name] = FieldCounts(rng.multinomial(n, weights / weights.sum()), unseen=int(shift * 40))
        return PredictionProfile(key, n, counted, latency=np.zeros(170, dtype=np.int64))

    reference = Reference(
        "0f3a9c7de1",
        "flights",
        "demo",
        "b1",
        13_042,
        profile(0.0, 13_042),
        window=REFERENCE_WINDOW,
        origin="file flights-2013-q1.parquet",
    )
    return ProfileSource(binning, reference, lambda window: profile((window.start - START) / timedelta(days=200), 512))
