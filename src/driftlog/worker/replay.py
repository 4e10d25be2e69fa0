"""The user's model, called on rows: what it gives, and whether that is what was stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from driftlog.contract.errors import DriftlogError, UsageError
from driftlog.contract.scenario import Reproduction
from driftlog.contract.settings import ModelSettings
from driftlog.profile.columns import category_name
from driftlog.profile.outcome_row import same_label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Model = Callable[[pd.DataFrame], Any]
"""Takes a frame of features (named without ``features.``), one row a prediction; gives an array of scores, labels or
values, probabilities a class (rows x classes, as scikit-learn's ``predict_proba``), or a frame with columns ``score``,
``label``, ``value``."""

TOLERANCE: Final = 1e-6
COLUMNS: Final = ("score", "label", "value")
PREFIX: Final = "features."
_RETURN: Final = "return one score, label or value a row, or a frame with columns score, label, value"


@dataclass(frozen=True, slots=True)
class Predicted:
    """What the model gives: columns among ``prediction.score``, ``prediction.label``, ``prediction.value``."""

    frame: pd.DataFrame


def features_of(frame: pd.DataFrame) -> pd.DataFrame:
    """The features of rows, as a model expects them: without ``features.``, in the order of their names."""
    names = sorted(str(name) for name in frame if str(name).startswith(PREFIX))
    features = frame[names].rename(columns={name: name.removeprefix(PREFIX) for name in names})
    return features.reset_index(drop=True)


def call_model(model: Model, frame: pd.DataFrame, settings: ModelSettings) -> Predicted:
    """The model's predictions for rows; a binary score without a label gets one by the decision threshold.

    Raises
    ------
    UsageError
        The model fails, or what it gives is not one prediction a row.
    """
    features = features_of(frame)
    try:
        given = model(features)
    except DriftlogError:
        raise
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"the model failed on {len(features)} rows: {type(error).__name__}: {error}",
            remedy=f"it is called with a frame of the columns {', '.join(features.columns[:12])}",
        ) from error
    columns = _columns(given, len(features), settings)
    if settings.task == "binary" and "label" not in columns and "score" in columns:
        columns["label"] = _labels(columns["score"], frame, settings)
    series = {f"prediction.{name}": pd.Series(values, dtype=values.dtype) for name, values in columns.items()}
    return Predicted(pd.DataFrame(series))


def _columns(given: Any, n: int, settings: ModelSettings) -> dict[str, Any]:
    if isinstance(given, pd.DataFrame):
        found = {name: given[name].to_numpy() for name in COLUMNS if name in given}
        if not found:
            raise UsageError(f"the model gave columns {', '.join(map(str, given.columns))[:120]}", remedy=_RETURN)
    else:
        found = _from_array(np.asarray(given), settings)
    for name, values in found.items():
        if len(values) != n:
            raise UsageError(f"the model gave {len(values)} predictions for {n} rows", remedy=_RETURN)
        found[name] = _text(values) if name == "label" else _numbers(values, name)
    return found


def _from_array(given: Any, settings: ModelSettings) -> dict[str, Any]:
    if given.ndim == 2 and given.shape[1] == 2 and settings.task == "binary":
        return {"score": given[:, 1]}  # probabilities of both classes
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.ndim != 1:
        raise UsageError(f"the model gave an array of shape {given.shape}", remedy=_RETURN)
    if given.dtype.kind in "OUSb" or settings.task == "multiclass":
        return {"label": given}
    return {"value" if settings.task == "regression" else "score": given}


def _numbers(values: Any, name: str) -> Floats:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"the model gave a {name} that is no number: {error}", remedy=_RETURN) from error


def _text(values: Any) -> NDArray[np.object_]:
    return np.array([None if pd.isna(value) else category_name(value) for value in values], dtype=object)


def _labels(scores: Floats, frame: pd.DataFrame, settings: ModelSettings) -> NDArray[np.object_]:
    negative = _negative(frame, settings)
    labels = np.where(scores >= settings.decision_threshold, settings.positive_label, negative).astype(object)
    labels[~np.isfinite(scores)] = None
    return labels


def _negative(frame: pd.DataFrame, settings: ModelSettings) -> str:
    """The other label, as the stored predictions or their truth call it."""
    for name in ("prediction.label", "outcome.actual"):
        if name in frame:
            others = [
                str(value)
                for value in frame[name].dropna().map(category_name).value_counts().index
                if not same_label(str(value), settings.positive_label)
            ]
            if others:
                return others[0]
    return f"not {settings.positive_label}"


def reproduction(frame: pd.DataFrame, predicted: Predicted) -> Reproduction:
    """The model's predictions on unchanged rows against those stored: scores or values, else labels."""
    given = predicted.frame
    for name in ("prediction.score", "prediction.value"):
        if name in given and name in frame:
            stored = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64)
            found = given[name].to_numpy(dtype=np.float64)
            known = np.isfinite(stored)
            if known.any():
                off = np.abs(found - stored)[known]
                differing = ~(off <= TOLERANCE * np.maximum(1.0, np.abs(stored[known])))  # NaN differs
                largest = float(np.nanmax(np.append(off, 0.0)))
                return Reproduction(name.removeprefix("prediction."), int(known.sum()), int(differing.sum()), largest)
    if "prediction.label" in given and "prediction.label" in frame:
        pairs = [
            (category_name(stored), found)
            for stored, found in zip(frame["prediction.label"], given["prediction.label"], strict=True)
            if not pd.isna(stored)
        ]
        differing_labels = sum(bool(pd.isna(found)) or not same_label(stored, str(found)) for stored, found in pairs)
        return Reproduction("label", len(pairs), differing_labels)
    return Reproduction("nothing", 0, 0)
