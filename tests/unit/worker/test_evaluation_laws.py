"""Whatever a window holds: no exception, no number that is none, no two measurements with one id."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from driftlog.contract.binning import Binning
from driftlog.contract.measurement import Measurement
from driftlog.contract.profile import FieldCounts, PredictionProfile, ProfileKey, Reference, RowSample
from driftlog.contract.settings import CellValue, ModelSettings, ThresholdSettings
from driftlog.contract.window import Window
from driftlog.decide.alerts import advance
from driftlog.decide.judge import judge
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.drift.joint import joint_measurements
from driftlog.evaluate.drift.window import drift_measurements
from driftlog.evaluate.estimation.difference import estimation_errors
from driftlog.evaluate.estimation.window import estimated_measurements
from driftlog.evaluate.fairness.window import fairness_measurements
from driftlog.evaluate.operational.window import operational_measurements
from driftlog.evaluate.performance.window import performance_measurements
from driftlog.evaluate.quality.window import quality_measurements
from driftlog.evaluate.segments.explain import WHOLE, explain
from driftlog.evaluate.segments.weakest import rank_segments
from driftlog.profile.count import count_frame, count_outcomes
from driftlog.profile.reference_frame import positive_label, reference_from_frame, with_outcomes
from driftlog.profile.sample import encode_rows
from driftlog.profile.segments import segment_masks
from driftlog.store.documents import measurement_document, measurement_of

START = datetime(2026, 3, 2, tzinfo=UTC)
NOW = START + timedelta(days=60)
DAYS = 10
MODELS: Mapping[str, ModelSettings] = {
    task: ModelSettings(
        name="m",
        task=task,
        min_rows=5,
        min_segment_rows=5,
        segments=(("city",), ("a",), ("city", "a")),
        protected=("city", "features.a"),
        max_segments=3,
        report_measures=("chi_square", "wasserstein", "population_stability_index"),
        joint_measures=("pca_reconstruction",),
        joint_rows=200,
        business_value=(CellValue("1", "0", -5.0), CellValue("*", "*", 1.0)),
        thresholds=(
            ThresholdSettings(metric="accuracy", segment="*", kind="relative", direction="below", warning=0.05),
            ThresholdSettings(metric="*", segment="*", kind="constant", warning=0.2, critical=0.5),
        ),
    )
    for task in ("binary", "multiclass", "regression")
}
CITIES = ("EWR", "a&b=c%25", "[1,2)", "Zürich ☃", "'\"<script>", "x|y|*", " ", "*")
CLASSES = ("cat", "dog", "1", "a&b=c|%")


@dataclass(frozen=True)
class Shape:
    """What a table of predictions is like."""

    n: int = 60
    a: str = "normal"
    city: str = "few"
    score: str = "good"
    truth: str = "all"
    times: bool = True
    seed: int = 0


NUMBERS = ("normal", "constant", "missing", "hostile", "huge", "integers", "text")
WORDS = ("few", "one", "many", "new", "missing", "mixed")
SCORES = ("good", "constant", "missing", "beyond", "one class")
TRUTHS = ("all", "none", "half", "one class", "other labels", "without predictions")


def shapes(n: st.SearchStrategy[int]) -> st.SearchStrategy[Shape]:
    return st.builds(
        Shape,
        n=n,
        a=st.sampled_from(NUMBERS),
        city=st.sampled_from(WORDS),
        score=st.sampled_from(SCORES),
        truth=st.sampled_from(TRUTHS),
        times=st.booleans(),
        seed=st.integers(0, 50),
    )


def numbers(kind: str, n: int, rng: np.random.Generator) -> Any:
    if kind == "hostile":
        return rng.choice([np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, 0.0, -0.0, 1.0], n)
    found = {
        "normal": rng.normal(size=n),
        "constant": np.full(n, 3.25),
        "missing": np.full(n, np.nan),
        "huge": rng.normal(1.7e9, 1e-3, n),
        "integers": rng.integers(0, 3, n).astype(float),
        "text": rng.normal(size=n).astype(str).astype(object),
    }
    return found[kind]


def words(kind: str, n: int, rng: np.random.Generator) -> Any:
    choices: list[str | None] = {
        "few": list(CITIES),
        "one": ["EWR"],
        "many": [f"c{i}" for i in range(200)],
        "new": ["never seen", "&=%"],
        "missing": [None],
        "mixed": ["EWR", None, "true", "1", ""],
    }[kind]  # type: ignore[assignment]
    return np.array([choices[i] for i in rng.integers(0, len(choices), n)], dtype=object)


def table(shape: Shape, task: str, start: datetime) -> pd.DataFrame:
    """Predictions, their truth beside them, over ten days."""
    n, rng = shape.n, np.random.default_rng(shape.seed)
    columns: dict[str, Any] = {
        "features.a": numbers(shape.a, n, rng),
        "features.city": words(shape.city, n, rng),
        "prediction.attributions.a": rng.normal(size=n),
        "event.duration": rng.choice([1.0, 1e6, 1e15, np.nan], n),
        "event.outcome": rng.choice(np.array(["success", "failure"], dtype=object), n),
    }
    if shape.times:
        columns["@timestamp"] = [start + timedelta(days=DAYS) * float(x) for x in np.sort(rng.random(n))]
    columns |= _values(shape, rng) if task == "regression" else _labels(shape, task, rng)
    frame = pd.DataFrame(columns)
    if "outcome.delay_s" not in frame:
        frame["outcome.delay_s"] = 3600.0
    return frame


def _values(shape: Shape, rng: np.random.Generator) -> dict[str, Any]:
    value = numbers({"good": "normal", "one class": "integers", "beyond": "hostile"}.get(shape.score, shape.score),
                    shape.n, rng)  # fmt: skip
    actual = np.nan_to_num(value, posinf=9.0, neginf=-9.0) * 0.5 + rng.normal(size=shape.n)
    return {"prediction.value": value} | _truth(shape, actual, np.zeros(shape.n), "outcome.actual_value", rng)


def _labels(shape: Shape, task: str, rng: np.random.Generator) -> dict[str, Any]:
    n = shape.n
    score = {
        "good": rng.random(n),
        "one class": rng.random(n),
        "constant": np.full(n, 0.5),
        "missing": np.full(n, np.nan),
        "beyond": rng.normal(0, 100, n),
    }[shape.score]
    if task == "binary":
        label = np.where(score >= 0.5, "1", "0").astype(object)
        actual = np.where(rng.random(n) < np.nan_to_num(np.clip(score, 0, 1)), "1", "0").astype(object)
        columns: dict[str, Any] = {"prediction.score": score, "prediction.label": label}
        other = np.full(n, "unheard of", dtype=object)
    else:
        shares = rng.dirichlet(np.ones(len(CLASSES)), n)
        label = np.array(CLASSES, dtype=object)[shares.argmax(axis=1)]
        actual = np.where(rng.random(n) < 0.5, label, rng.choice(np.array(CLASSES, dtype=object), n))
        columns = {f"prediction.probabilities.{name}": shares[:, i] for i, name in enumerate(CLASSES)}
        columns |= {"prediction.score": score if shape.score != "good" else shares.max(axis=1)}
        columns |= {"prediction.label": label}
        other = np.full(n, "new class", dtype=object)
    if shape.score == "one class":
        columns["prediction.label"] = np.full(n, "1", dtype=object)
    return columns | _truth(shape, actual, other, "outcome.actual", rng)


def _truth(shape: Shape, actual: Any, other: Any, name: str, rng: np.random.Generator) -> dict[str, Any]:
    if shape.truth == "none":
        return {}
    found = np.array(other if shape.truth == "other labels" else actual, dtype=object)
    if shape.truth == "one class":
        found[:] = found[0] if len(found) else None
    if shape.truth == "half":
        found[rng.random(shape.n) < 0.5] = None
    columns: dict[str, Any] = {name: found if name == "outcome.actual" else found.astype(float)}
    if shape.truth == "without predictions":
        columns |= {"outcome.score": np.full(shape.n, np.nan), "outcome.predicted": np.full(shape.n, None)}
    return columns


@dataclass(frozen=True)
class Part:
    """One slice of a window, as the worker's evaluator passes it on."""

    context: SeriesContext
    current: PredictionProfile
    outcomes: tuple[Any, ...]
    reference: Reference | None


def parts_of(frame: pd.DataFrame, binning: Binning, reference: Reference, model: ModelSettings) -> Iterator[Part]:
    """The whole window, its segments, and a version that is half of it."""
    window = Window(START + timedelta(days=30), START + timedelta(days=31))
    key = ProfileKey("m", model.environment, "*", "*", "", binning.id, window)
    context = SeriesContext("m", model.environment, window, reference_id=reference.id, computed=NOW, run_id="r")
    frame = with_outcomes(frame, model)

    def part(rows: pd.DataFrame, held: Reference | None, **names: str) -> Part:
        own = replace(key, **names)  # type: ignore[arg-type]
        outcomes = count_outcomes(rows, binning, own, positive_label=positive_label(model))
        current = count_frame(rows, binning, own)
        return Part(replace(context, **names), current, (outcomes,) if outcomes.n else (), held)  # type: ignore[arg-type]

    yield part(frame, reference)
    for name, mask in segment_masks(frame, binning):
        if mask.any():
            yield part(frame[mask], reference.segments.get(name), segment=name)
    yield part(frame.iloc[: len(frame) // 2], reference, version="2.0")


def measured(
    frame: pd.DataFrame, binning: Binning, reference: Reference | None, parts: list[Part], model: ModelSettings
) -> list[Measurement]:
    """What `driftlog.worker.evaluation.Evaluator.window` measures, from a table."""
    whole, segments = parts[0], [part for part in parts if part.context.segment]
    rows: RowSample | None = encode_rows(frame, binning, n=len(frame)) if len(frame) else None
    found: list[Measurement] = []
    for part in parts:
        n, context, plain = part.current.n, part.context, msgspec.structs.replace(model, report_measures=())
        own = model if part is whole else plain
        found += operational_measurements(part.current, own, context, reference=part.reference)
        if not n:
            continue
        if part is whole:
            found += quality_measurements(reference, part.current, binning, model, context)
            if reference is not None:
                found += joint_measurements(reference, rows, binning, model, context)
        if part.reference is not None:
            drift = drift_measurements(part.reference, part.current, binning, own, context)
            found += [one for one in drift if context.version == "*" or one.purpose == "prediction_drift"]
        realised = performance_measurements(part.reference, part.outcomes, n, binning, own, context)
        given_rows = rows if part is whole else None
        estimated = estimated_measurements(part.reference, part.current, given_rows, binning, own, context)
        found += [*realised, *estimated, *estimation_errors(estimated, realised)]
    outcomes = {part.context.segment: part.outcomes for part in segments}
    predictions = {part.context.segment: part.current for part in segments}
    return [*found, *fairness_measurements(outcomes, predictions, model, whole.context, binning=binning)]


def check(found: list[Measurement]) -> None:
    """The laws."""
    twice = [id for id, count in Counter(one.id for one in found).items() if count > 1]
    assert [one.series for one in found if one.id in twice] == []
    for one in found:
        document = measurement_document(one, term=1)
        json.dumps(document, allow_nan=False, default=str)
        assert measurement_of(json.loads(msgspec.json.encode(document))).id == one.id
        for name in ("value", "lower", "upper", "p_value", "p_adjusted", "reference_value", "maturity"):
            number = getattr(one, name)
            assert number is None or math.isfinite(number), (one.series, name, number)
        assert all(math.isfinite(x) for x in one.details.values()), (one.series, one.details)
        for name in ("p_value", "p_adjusted", "maturity"):
            number = getattr(one, name)
            assert number is None or 0.0 <= number <= 1.0, (one.series, name, number)
        if one.value is not None and one.lower is not None and one.upper is not None:
            slack = 1e-9 * max(1.0, abs(one.value))
            assert one.lower - slack <= one.value <= one.upper + slack, (one.series, one.lower, one.value, one.upper)


def evaluated(before: pd.DataFrame, now: pd.DataFrame, model: ModelSettings) -> list[Measurement]:
    """All measurements, judged, checked, and passed on to everything that reads them."""
    binning, reference = reference_from_frame(before, model, origin="a test", created=START)
    parts = list(parts_of(now, binning, reference, model))
    judged = [judge(one, model, None) for one in measured(now, binning, reference, parts, model)]
    check(judged)
    held = {part.context.segment: part for part in parts if part.context.version == "*"}
    explained = explain(
        judged,
        reference,
        {name: part.current for name, part in held.items()} | {WHOLE: parts[0].current},
        {name: part.outcomes for name, part in held.items()} | {WHOLE: parts[0].outcomes},
        binning,
    )
    for rank in rank_segments(judged, model):
        assert all(math.isfinite(x) for x in (rank.value, rank.gap, rank.lower, rank.p_value, rank.p_adjusted))
    alerts = advance([], {}, judged, {}, NOW, explain=explained)
    json.loads(msgspec.json.encode(alerts))
    return judged


SLOW = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("task", MODELS)
@SLOW
@given(before=shapes(st.sampled_from((1, 2, 7, 90))), now=shapes(st.sampled_from((0, 1, 2, 7, 60))))
def test_no_table_breaks_an_evaluation(task: str, before: Shape, now: Shape) -> None:
    """Every pair of a reference and a window is measured, judged, explained and alerted on."""
    frames = table(before, task, START), table(now, task, START + timedelta(days=30))
    if frames[0].empty or frames[0].isna().all(axis=None):
        return
    evaluated(*frames, MODELS[task])


def test_features_protected_twice_are_measured_once() -> None:
    """``city`` and ``features.city`` are one field: a second measurement would overwrite the first."""
    model = msgspec.structs.replace(MODELS["binary"], protected=("city", "features.city"))
    judged = evaluated(table(Shape(90), "binary", START), table(Shape(60), "binary", START), model)
    assert {one.field for one in judged if one.purpose == "fairness"} == {"features.city"}


def test_counts_of_a_billion_are_measured() -> None:
    """Nothing overflows, and intervals stay intervals."""
    model = MODELS["binary"]
    binning, reference = reference_from_frame(table(Shape(90), "binary", START), model, origin="a test", created=START)
    now = table(Shape(60, seed=1), "binary", START + timedelta(days=30))
    parts = [enlarged(part, 50_000_000) for part in parts_of(now, binning, reference, model)]
    judged = [judge(one, model, None) for one in measured(now, binning, reference, parts, model)]
    check(judged)
    assert max(one.n_current for one in judged) == 3_000_000_000


def enlarged(part: Part, times: int) -> Part:
    """The part with every event that often."""

    def much(counts: FieldCounts) -> FieldCounts:
        names = ("counts", "missing", "unseen", "malformed", "nonfinite", "total", "squares")
        return replace(counts, **{name: getattr(counts, name) * times for name in names})

    profile = part.current
    current = replace(
        profile,
        n=profile.n * times,
        fields={name: much(counts) for name, counts in profile.fields.items()},
        latency=profile.latency * times,
        latency_total_ns=profile.latency_total_ns * times,
        failures=profile.failures * times,
        errors={name: count * times for name, count in profile.errors.items()},
        score_by_label={name: counts * times for name, counts in profile.score_by_label.items()},
    )
    sums = ("n", "scored", "log_loss", "brier", "delay_s")
    outcomes = tuple(
        replace(
            one,
            confusion={pair: count * times for pair, count in one.confusion.items()},
            score={pair: counts * times for pair, counts in one.score.items()},
            **{name: getattr(one, name) * times for name in sums},
        )
        for one in part.outcomes
    )
    return replace(part, current=current, outcomes=outcomes)
