"""Profiles of tables: what the queries of this room count in Elasticsearch, counted with NumPy.

Used for references from files; the tests hold both equal on the same documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from driftlog.contract.binning import Binning, CategoricalBins, FieldBins, NumericBins
from driftlog.contract.profile import LATENCY_EDGES_NS, FieldCounts, OutcomeProfile, PredictionProfile, ProfileKey
from driftlog.profile.binning import LABEL, SCORE, VALUE
from driftlog.profile.columns import category_name, numeric_rows, read_categorical, read_numeric
from driftlog.profile.layout import class_bins, split_labels, two_labels
from driftlog.profile.outcome_row import CLIP, UNIT_TOLERANCE

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

DURATION, EVENT_OUTCOME, ERROR_TYPE = "event.duration", "event.outcome", "error.type"
TOP_ERRORS = 50
OTHER_ERRORS = "(other)"
"""Key of `PredictionProfile.errors` for error types beyond the 50 most frequent."""


def count_frame(
    frame: pd.DataFrame, binning: Binning, key: ProfileKey, *, timestamp: str = "@timestamp"
) -> PredictionProfile:
    """Count prediction rows in the bins of `binning`.

    Columns are dotted field names; a column that is not there counts as missing in every row. ``event.duration`` (ns),
    ``event.outcome``, ``error.type`` and `timestamp` are counted where they are there.

    >>> from datetime import UTC, datetime
    >>> from driftlog.contract.window import Window
    >>> day = Window(datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))
    >>> bins = Binning("b", "m", "production", {"features.a": NumericBins(edges=(2.0,), coarse=(0, 1))}, day.start)
    >>> key = ProfileKey("m", "production", "1", "", "", "b", day)
    >>> import pandas as pd
    >>> count_frame(pd.DataFrame({"features.a": [1.0, 2.0, 3.0]}), bins, key).fields["features.a"].counts
    array([1, 2])
    """
    latency, latency_total = _count_latency(frame)
    failures, errors = _count_errors(frame)
    return PredictionProfile(
        key=key,
        n=len(frame),
        fields={name: _count_field(frame, name, bins) for name, bins in binning.fields.items()},
        latency=latency,
        latency_total_ns=latency_total,
        failures=failures,
        errors=errors,
        score_by_label=_scores_by(frame, binning, SCORE, LABEL),
        hours=_hours(frame, timestamp),
    )


def _count_field(frame: pd.DataFrame, name: str, bins: FieldBins) -> FieldCounts:
    if name not in frame:
        return FieldCounts(np.zeros(bins.size, dtype=np.int64), missing=len(frame))
    if isinstance(bins, NumericBins):
        return count_numeric(frame[name], bins)
    return count_categorical(frame[name], bins)


def count_numeric(series: pd.Series[Any], bins: NumericBins) -> FieldCounts:
    """Count a column in numeric bins, with moments shifted by the reference's mean."""
    column = read_numeric(series)
    counts = histogram(column.values, bins)
    if not len(column.values):
        return FieldCounts(counts, missing=column.missing, malformed=column.malformed, nonfinite=column.nonfinite)
    with np.errstate(over="ignore", invalid="ignore"):
        shifted = column.values - bins.shift
        total, squares = float(shifted.sum()), float((shifted * shifted).sum())
    return FieldCounts(
        counts,
        missing=column.missing,
        malformed=column.malformed,
        nonfinite=column.nonfinite,
        total=total,
        squares=squares,
        minimum=float(column.values.min()),
        maximum=float(column.values.max()),
    )


def histogram(values: NDArray[np.float64], bins: NumericBins) -> Counts:
    """int64 counts of finite values over the bins; a value at an edge belongs to the bin on its right."""
    indices = np.searchsorted(np.asarray(bins.edges, dtype=np.float64), values, side="right")
    return np.bincount(indices, minlength=bins.size).astype(np.int64)


def count_categorical(series: pd.Series[Any], bins: CategoricalBins) -> FieldCounts:
    """Count a column's categories; values of neither list are unseen."""
    column = read_categorical(series, numeric=bins.numeric)
    found = dict(zip(column.names, column.counts.tolist(), strict=True))
    counts = np.array([found.get(value, 0) for value in (*bins.values, "")], dtype=np.int64)
    counts[-1] = sum(found.get(value, 0) for value in bins.other_values)
    return FieldCounts(
        counts,
        missing=column.missing,
        malformed=column.malformed,
        nonfinite=column.nonfinite,
        unseen=sum(found.values()) - int(counts.sum()),
    )


def _count_latency(frame: pd.DataFrame) -> tuple[Counts, float]:
    if DURATION not in frame:
        return np.zeros(len(LATENCY_EDGES_NS) + 1, dtype=np.int64), 0.0
    values = read_numeric(frame[DURATION]).values
    indices = np.searchsorted(np.asarray(LATENCY_EDGES_NS, dtype=np.float64), values, side="right")
    return np.bincount(indices, minlength=len(LATENCY_EDGES_NS) + 1).astype(np.int64), float(values.sum())


def _count_errors(frame: pd.DataFrame) -> tuple[int, dict[str, int]]:
    if EVENT_OUTCOME not in frame:
        return 0, {}
    failed = (frame[EVENT_OUTCOME] == "failure").to_numpy(dtype=bool, na_value=False)
    if ERROR_TYPE not in frame:
        return int(failed.sum()), {}
    column = read_categorical(frame.loc[failed, ERROR_TYPE])
    ranked = sorted(zip(column.names, column.counts.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))
    errors = dict(ranked[:TOP_ERRORS])
    if rest := sum(count for _, count in ranked[TOP_ERRORS:]):
        errors[OTHER_ERRORS] = rest
    return int(failed.sum()), errors


def _scores_by(frame: pd.DataFrame, binning: Binning, score: str, label: str) -> dict[str, Counts]:
    """Score histograms by predicted label, for the labels that `split_labels` names."""
    bins = binning.fields.get(SCORE)
    labels = split_labels(binning)
    if not isinstance(bins, NumericBins) or score not in frame or label not in frame:
        return {}
    names = frame[label].map(category_name, na_action="ignore")
    found = {name: histogram(read_numeric(frame.loc[names == name, score]).values, bins) for name in labels}
    return {name: counts for name, counts in found.items() if counts.any()}


def _hours(frame: pd.DataFrame, timestamp: str) -> int:
    import pandas as pd

    if timestamp not in frame:
        return 0
    return int(pd.to_datetime(frame[timestamp], utc=True).dropna().dt.floor("h").nunique())


def count_outcomes(
    frame: pd.DataFrame, binning: Binning, key: ProfileKey, *, positive_label: str | None = None
) -> OutcomeProfile:
    """Count outcome rows.

    Parameters
    ----------
    frame
        ``outcome.actual``, ``outcome.predicted``, ``outcome.score``, ``outcome.probabilities.<class>`` (classification)
        or ``outcome.actual_value``, ``outcome.predicted_value`` (regression), ``outcome.delay_s``. Rows without truth
        are not outcomes. The per-row ``outcome.log_loss`` and ``outcome.squared_error`` are used where they are there.
    positive_label
        The label whose probability the score is (binary tasks). Without it log loss and Brier score come from the
        per-row columns, or from the probabilities of all classes.
    """
    frame = frame[_has_truth(frame)]
    confusion, scores = _confusion(frame, binning)
    scored, log_loss, brier = _score_losses(frame, positive_label)
    delay = read_numeric(frame["outcome.delay_s"]).values if "outcome.delay_s" in frame else np.zeros(0)
    positive, negative = _by_class(frame, binning)
    return OutcomeProfile(
        key=key,
        n=len(frame),
        confusion=confusion,
        score=scores,
        scored=scored,
        log_loss=log_loss,
        brier=brier,
        delay_s=float(delay.sum()),
        class_positive=positive,
        class_negative=negative,
        **_value_errors(frame, binning),
    )


def _has_truth(frame: pd.DataFrame) -> pd.Series[bool]:
    import pandas as pd

    known = pd.Series(False, index=frame.index)
    for name in ("outcome.actual", "outcome.actual_value"):
        if name in frame:
            known |= frame[name].notna()
    return known


def _names(frame: pd.DataFrame, column: str) -> pd.Series[Any]:
    """Labels as strings, the empty string where there is none."""
    import pandas as pd

    if column not in frame:
        return pd.Series("", index=frame.index, dtype=object)
    return frame[column].astype(object).map(category_name, na_action="ignore").fillna("")


def _confusion(
    frame: pd.DataFrame, binning: Binning
) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], Counts]]:
    if "outcome.actual" not in frame:
        return {}, {}
    known = frame[frame["outcome.actual"].notna()]
    actual, predicted = _names(known, "outcome.actual"), _names(known, "outcome.predicted")
    bins = binning.fields.get(SCORE)
    confusion: dict[tuple[str, str], int] = {}
    scores: dict[tuple[str, str], Counts] = {}
    scored = isinstance(bins, NumericBins) and "outcome.score" in known
    for cell, rows in known.groupby([actual.rename("a"), predicted.rename("p")], sort=True).indices.items():
        pair = (str(cell[0]), str(cell[1]))  # type: ignore[index]
        confusion[pair] = len(rows)
        if scored and isinstance(bins, NumericBins) and two_labels(binning):
            scores[pair] = histogram(read_numeric(known["outcome.score"].iloc[rows]).values, bins)
    if scored and isinstance(bins, NumericBins) and not two_labels(binning):
        values = numeric_rows(known["outcome.score"])
        scores = _right_and_wrong(actual.to_numpy(), predicted.to_numpy(), values, bins, split_labels(binning))
    return confusion, scores


def _right_and_wrong(
    actual: NDArray[Any], predicted: NDArray[Any], values: NDArray[np.float64], bins: NumericBins, labels: Iterable[str]
) -> dict[tuple[str, str], Counts]:
    """Scores of each predicted label where it was right, (label, label), and where it was wrong, ("", label)."""
    scores: dict[tuple[str, str], Counts] = {}
    usable = ~np.isnan(values)
    for label in labels:
        of_label = (predicted == label) & usable
        right = of_label & (actual == label)
        for name, chosen in ((label, right), ("", of_label & ~right)):
            if chosen.any():
                scores[name, label] = histogram(values[chosen], bins)
    return scores


def _by_class(frame: pd.DataFrame, binning: Binning) -> tuple[dict[str, Counts], dict[str, Counts]]:
    """Probabilities of each class over its bins: of outcomes of the class, and of the others."""
    positive: dict[str, Counts] = {}
    negative: dict[str, Counts] = {}
    known = frame[frame["outcome.actual"].notna()] if "outcome.actual" in frame else frame.iloc[:0]
    actual = _names(known, "outcome.actual")
    for name, bins in class_bins(binning).items():
        column = f"outcome.probabilities.{name}"
        if column not in known:
            continue
        values = numeric_rows(known[column])
        own, there = (actual == name).to_numpy(dtype=bool), ~np.isnan(values)
        for found, chosen in ((positive, there & own), (negative, there & ~own)):
            if chosen.any():
                found[name] = histogram(values[chosen], bins)
    return positive, negative


def _score_losses(frame: pd.DataFrame, positive_label: str | None) -> tuple[int, float, float]:
    import pandas as pd

    if "outcome.log_loss" in frame and "outcome.squared_error" in frame:
        rows = frame[frame["outcome.log_loss"].notna()]
        return len(rows), float(rows["outcome.log_loss"].sum()), float(rows["outcome.squared_error"].sum())
    if "outcome.actual" not in frame:
        return 0, 0.0, 0.0
    if positive_label is None:
        return _class_losses(frame)
    if "outcome.score" not in frame:
        return 0, 0.0, 0.0
    score = pd.to_numeric(frame["outcome.score"], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    usable = (score >= 0.0) & (score <= 1.0) & frame["outcome.actual"].notna().to_numpy()
    positive = (_names(frame, "outcome.actual") == positive_label).to_numpy()[usable]
    score = score[usable]
    clipped = np.clip(score, CLIP, 1.0 - CLIP)
    losses = -np.where(positive, np.log(clipped), np.log1p(-clipped))
    return int(usable.sum()), float(losses.sum()), float(((score - positive) ** 2).sum())


def _class_losses(frame: pd.DataFrame) -> tuple[int, float, float]:
    """``-ln p(actual)`` and ``sum_k (p_k - y_k)^2``, of rows whose probabilities add up to 1."""
    prefix = "outcome.probabilities."
    classes = [str(name).removeprefix(prefix) for name in frame.columns if str(name).startswith(prefix)]
    if not classes or frame.empty:
        return 0, 0.0, 0.0
    shares = np.stack([numeric_rows(frame[prefix + name]) for name in classes], axis=1)
    place = {name: at for at, name in enumerate(classes)}
    own = np.array([place.get(label, -1) for label in _names(frame, "outcome.actual")])
    actual = shares[np.arange(len(shares)), own]
    there = np.where(np.isnan(shares), 0.0, shares)
    usable = (own >= 0) & ~np.isnan(actual) & (np.abs(there.sum(axis=1) - 1.0) <= UNIT_TOLERANCE)
    usable &= ((there >= 0.0) & (there <= 1.0)).all(axis=1)
    actual, there = actual[usable], there[usable]
    squares = (there**2).sum(axis=1) - actual**2 + (actual - 1.0) ** 2
    return int(usable.sum()), float(-np.log(np.clip(actual, CLIP, 1.0)).sum()), float(squares.sum())


def _value_errors(frame: pd.DataFrame, binning: Binning) -> Mapping[str, Any]:
    import pandas as pd

    shift = value_shift(binning)
    if "outcome.actual_value" not in frame or "outcome.predicted_value" not in frame:
        return {"actual_shift": shift}
    values = frame[["outcome.actual_value", "outcome.predicted_value"]].apply(pd.to_numeric, errors="coerce").dropna()
    actual, predicted = (values[name].to_numpy(dtype=np.float64) for name in values)
    with np.errstate(over="ignore", invalid="ignore"):  # sums beyond the largest number are no numbers
        error = predicted - actual
        relative = np.abs(error[actual != 0.0] / actual[actual != 0.0])
        relative = relative[np.isfinite(relative)]
        return {
            "valued": len(values),
            "error": float(error.sum()),
            "absolute_error": float(np.abs(error).sum()),
            "squared_error": float((error**2).sum()),
            "actual_shift": shift,
            "actual_total": float((actual - shift).sum()),
            "actual_squares": float(((actual - shift) ** 2).sum()),
            "covered": int((error >= 0.0).sum()),
            "relative": len(relative),
            "relative_error": float(relative.sum()),
        }


def value_shift(binning: Binning) -> float:
    """What true values are shifted by: the mean of the reference's predicted values."""
    bins = binning.fields.get(VALUE)
    return bins.shift if isinstance(bins, NumericBins) else 0.0
