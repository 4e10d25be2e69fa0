"""Estimates from plain arrays, for notebooks and for comparisons with other implementations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from driftlog.contract.binning import Binning, CategoricalBins, NumericBins
from driftlog.contract.measurement import Measurement
from driftlog.contract.profile import FieldCounts, OutcomeProfile, PredictionProfile, ProfileKey, Reference
from driftlog.contract.settings import CellValue, ModelSettings
from driftlog.contract.window import Window
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.estimation.window import estimated_measurements
from driftlog.evaluate.performance.sums import PROBABILITIES, SCORE

Floats = NDArray[np.float64]
_START = datetime(2000, 1, 3, tzinfo=UTC)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ProfiledArrays:
    """Arrays, counted: what `estimated_measurements` takes."""

    reference: Reference
    current: PredictionProfile
    binning: Binning
    settings: ModelSettings
    context: SeriesContext


def estimate_from_arrays(
    ref_score: ArrayLike,
    ref_predicted: ArrayLike,
    ref_actual: ArrayLike,
    score: ArrayLike,
    predicted: ArrayLike,
    **options: Any,
) -> dict[str, Measurement]:
    """CBPE of a window's scores and predicted labels, calibrated on the reference's.

    Parameters
    ----------
    **options
        These and the arrays are as in `profile_arrays`.

    Returns
    -------
    dict
        Metric name (``precision``; of one class of several ``precision/class:b``) -> measurement.

    >>> generator = np.random.default_rng(1)
    >>> score = generator.random(20_000)
    >>> actual = (generator.random(20_000) < score).astype(int)
    >>> found = estimate_from_arrays(score, score >= 0.5, actual == 1, score, score >= 0.5, positive_label="True")
    >>> round(found["accuracy"].value, 2), round(found["roc_auc"].value, 2)
    (0.75, 0.84)
    """
    made = profile_arrays(ref_score, ref_predicted, ref_actual, score, predicted, **options)
    found = estimated_measurements(made.reference, made.current, None, made.binning, made.settings, made.context)
    return {f"{one.metric}/{one.field}" if one.field else one.metric: one for one in found}


def profile_arrays(
    ref_score: ArrayLike,
    ref_predicted: ArrayLike,
    ref_actual: ArrayLike,
    score: ArrayLike,
    predicted: ArrayLike,
    *,
    positive_label: str = "1",
    multiclass: bool = False,
    ref_probabilities: Mapping[str, ArrayLike] | None = None,
    probabilities: Mapping[str, ArrayLike] | None = None,
    ref_day: ArrayLike | None = None,
    threshold: float = 0.5,
    bins: int = 100,
    business_value: Sequence[CellValue] = (),
    name: str = "arrays",
) -> ProfiledArrays:
    """Count arrays in score bins of their own.

    Parameters
    ----------
    ref_score, ref_predicted, ref_actual
        The reference, shape (n,): score (binary: of `positive_label`; multiclass: of the predicted label), predicted
        label, actual label; labels are compared as text.
    score, predicted
        The window, shape (m,).
    ref_probabilities, probabilities
        Multiclass: label -> its probability, shape (n,) and (m,), for the AUC.
    ref_day
        Whole numbers: the day of each row of the reference. Without it rows are taken as independent.
    bins
        Equal-width bins and quantile bins, so many each, as the product's own binning.
    name
        Seed of the half-samples and of the drawn labels.
    """
    ref_labels, labels, actual = _text(ref_predicted), _text(predicted), _text(ref_actual)
    before, now = np.asarray(ref_score, dtype=np.float64), np.asarray(score, dtype=np.float64)
    fields: dict[str, Any] = {
        SCORE: array_bins(before, bins, [threshold]),
        "prediction.label": CategoricalBins(tuple(sorted({*ref_labels.tolist(), *labels.tolist()}))),
    }
    ref_classes = {label: np.asarray(values, dtype=np.float64) for label, values in (ref_probabilities or {}).items()}
    classes = {label: np.asarray(values, dtype=np.float64) for label, values in (probabilities or {}).items()}
    for label, values in ref_classes.items():
        fields[PROBABILITIES + label] = array_bins(values, bins, [])
    binning = Binning("arrays", name, "arrays", fields, _START)
    settings = ModelSettings(
        name="arrays",
        task="multiclass" if multiclass else "binary",
        positive_label=positive_label,
        decision_threshold=threshold,
        business_value=tuple(business_value),
    )
    days = np.zeros(len(before), dtype=np.int64) if ref_day is None else np.asarray(ref_day).astype(np.int64)
    outcomes = tuple(
        _outcomes(int(day), days == day, before, ref_labels, actual, ref_classes, fields, multiclass)
        for day in np.unique(days)
    )
    key = outcomes[0].key if outcomes else _key(0)
    reference = Reference(
        id=name,
        model="arrays",
        environment="arrays",
        binning_id="arrays",
        n=len(before),
        predictions=_predictions(key, before, ref_labels, ref_classes, fields),
        outcomes=outcomes,
    )
    current = _predictions(key, now, labels, classes, fields)
    context = SeriesContext("arrays", "arrays", key.bucket, reference_id=name)
    return ProfiledArrays(reference, current, binning, settings, context)


def array_bins(values: Floats, bins: int, thresholds: Sequence[float]) -> NumericBins:
    """Equal-width edges on [0, 1] (or over the values), quantiles, repeated values and thresholds together."""
    known = values[np.isfinite(values)]
    low, high = (
        (0.0, 1.0) if known.min(initial=0.0) >= 0 and known.max(initial=1.0) <= 1 else (known.min(), known.max())
    )
    quantiles = np.quantile(known, np.arange(1, bins) / bins, method="inverted_cdf") if known.size else np.zeros(0)
    distinct, counts = np.unique(known, return_counts=True)
    heavy = distinct[counts >= max(2.0, known.size / bins)]
    equal = low + (high - low) * np.arange(1, bins) / bins
    edges = np.unique(np.concatenate((equal, quantiles, heavy, np.nextafter(heavy, np.inf), thresholds)))
    mass = np.bincount(np.searchsorted(edges, known, side="right"), minlength=edges.size + 1)
    middle = (np.cumsum(mass) - mass / 2) / max(1, known.size)
    coarse = np.unique(np.minimum(9, (middle * 10).astype(int)), return_inverse=True)[1]
    return NumericBins(
        edges=tuple(edges.tolist()),
        coarse=tuple(coarse.tolist()),
        single=tuple((np.searchsorted(edges, heavy) + 1).tolist()),
        minimum=float(known.min()) if known.size else None,
        maximum=float(known.max()) if known.size else None,
    )


def _text(values: ArrayLike) -> NDArray[np.str_]:
    names, codes = np.unique(np.asarray(values), return_inverse=True)
    text: NDArray[np.str_] = names.astype(str)[codes]
    return text


def _labels(values: NDArray[np.str_]) -> list[str]:
    return sorted(set(values.tolist()))


def _key(day: int) -> ProfileKey:
    start = _START + day * _DAY
    return ProfileKey("arrays", "arrays", "*", "*", "", "arrays", Window(start, start + _DAY))


def _histogram(values: Floats, bins: NumericBins) -> NDArray[np.int64]:
    known = values[np.isfinite(values)]
    counted = np.bincount(np.searchsorted(np.asarray(bins.edges), known, side="right"), minlength=bins.size)
    return counted.astype(np.int64)


def _outcomes(
    day: int,
    rows: NDArray[np.bool_],
    score: Floats,
    predicted: NDArray[np.str_],
    actual: NDArray[np.str_],
    classes: Mapping[str, Floats],
    fields: Mapping[str, Any],
    multiclass: bool,
) -> OutcomeProfile:
    confusion: dict[tuple[str, str], int] = {}
    histograms: dict[tuple[str, str], NDArray[np.int64]] = {}
    for guess in _labels(predicted[rows]):
        for truth in _labels(actual[rows]):
            cell = rows & (predicted == guess) & (actual == truth)
            if not cell.any():
                continue
            confusion[truth, guess] = int(cell.sum())
            name = "" if multiclass and truth != guess else truth
            found = _histogram(score[cell], fields[SCORE])
            histograms[name, guess] = histograms.get((name, guess), 0) + found
    return OutcomeProfile(
        _key(day),
        n=int(rows.sum()),
        confusion=confusion,
        score=histograms,
        class_positive={c: _histogram(v[rows & (actual == c)], fields[PROBABILITIES + c]) for c, v in classes.items()},
        class_negative={c: _histogram(v[rows & (actual != c)], fields[PROBABILITIES + c]) for c, v in classes.items()},
    )


def _predictions(
    key: ProfileKey,
    score: Floats,
    predicted: NDArray[np.str_],
    classes: Mapping[str, Floats],
    fields: Mapping[str, Any],
) -> PredictionProfile:
    names = fields["prediction.label"].values
    labels = np.array([*((predicted == label).sum() for label in names), 0], dtype=np.int64)
    held = {SCORE: FieldCounts(_histogram(score, fields[SCORE])), "prediction.label": FieldCounts(labels)}
    for label, values in classes.items():
        if PROBABILITIES + label in fields:
            held[PROBABILITIES + label] = FieldCounts(_histogram(values, fields[PROBABILITIES + label]))
    return PredictionProfile(
        key,
        n=len(score),
        fields=held,
        latency=np.zeros(1, dtype=np.int64),
        score_by_label={
            str(name): _histogram(score[predicted == name], fields[SCORE]) for name in np.unique(predicted)
        },
    )
