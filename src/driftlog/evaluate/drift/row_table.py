"""Row samples as tables: the watched features that both sides have, as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftlog.contract.binning import Binning, CategoricalBins, NumericBins
from driftlog.contract.profile import RowSample
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.drift.watched import FEATURES, watched_fields

Floats = NDArray[np.float64]
MISSING, UNSEEN = -1, -2
INDICATORS: Final = 10
"""Categories of a feature that get a column of their own; the rest share one."""
_LARGE: Final = 1e100


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of both sides in the same columns, shapes (rows, columns); NaN is missing.

    `categorical` marks columns of category codes, from 0; unseen values have the code after the last.
    """

    reference: Floats
    current: Floats
    fields: tuple[str, ...]
    categorical: tuple[bool, ...]


def rows_of(
    reference: RowSample, current: RowSample, binning: Binning, settings: ModelSettings, generator: np.random.Generator
) -> Rows:
    """Both sides with at most `joint_rows` rows each, drawn at random; columns without any value are left out."""
    picked = [_picked(sample.rows, settings.joint_rows, generator) for sample in (reference, current)]
    fields, categorical, columns = [], [], []
    for field, bins in watched_fields(binning, settings):
        if not field.startswith(FEATURES) or not (field in reference.columns and field in current.columns):
            continue
        sides = [_numbers(s.columns[field][rows], bins) for s, rows in zip((reference, current), picked, strict=True)]
        if all(np.isnan(side).all() for side in sides):
            continue
        fields.append(field)
        categorical.append(isinstance(bins, CategoricalBins))
        columns.append(sides)
    tables = [
        np.column_stack([sides[i] for sides in columns]) if columns else np.zeros((len(picked[i]), 0)) for i in (0, 1)
    ]
    return Rows(tables[0], tables[1], tuple(fields), tuple(categorical))


def _picked(rows: int, most: int, generator: np.random.Generator) -> NDArray[np.int64]:
    if rows <= most:
        return np.arange(rows)
    return np.sort(generator.choice(rows, size=most, replace=False))


def _numbers(column: Floats, bins: NumericBins | CategoricalBins) -> Floats:
    values = np.asarray(column, dtype=np.float64)
    if isinstance(bins, NumericBins):
        return np.where(np.isfinite(values), values, np.nan)
    coded = np.where(values == UNSEEN, len(bins.values) + 1, values)
    result: Floats = np.where(coded >= 0, coded, np.nan)
    return result


def indicators(rows: Rows, fitted: Floats) -> tuple[Floats, Floats]:
    """Both sides as standardised columns without gaps, for linear methods; scaled by `fitted`, rows of the reference.

    Numbers: winsorised at the 0.1 and 99.9 % quantiles of `fitted`, centred, divided by the standard deviation; missing
    is 0, with a column of its own. Categories: a column for each of the 10 most frequent, one for the others, one for
    missing, centred, their variances adding up to 1. Columns that are constant in `fitted` stay, so that a new value or
    a first gap shows.
    """
    sides: tuple[list[Floats], list[Floats]] = ([], [])
    for index, is_categorical in enumerate(rows.categorical):
        known = fitted[:, index]
        make = _category_columns if is_categorical else _number_columns
        for side, table in zip(sides, (rows.reference, rows.current), strict=True):
            side.append(make(table[:, index], known))
    return np.concatenate(sides[0], axis=1), np.concatenate(sides[1], axis=1)


def _number_columns(values: Floats, known: Floats) -> Floats:
    present = known[~np.isnan(known)]
    gap, usual_gap = np.isnan(values).astype(float), float(np.isnan(known).mean())
    if not present.size:
        return np.column_stack((np.zeros(values.size), gap - usual_gap))
    largest = float(np.abs(present).max())
    if largest > _LARGE:  # sums and squares would be infinite; the unit cancels out below
        values, present = values / largest, present / largest
    low, high = np.quantile(present, (0.001, 0.999))
    clipped = np.clip(present, low, high)
    middle, unit = float(clipped.mean()), float(clipped.std())
    scaled = (np.clip(values, low, high) - middle) / (unit if unit > 0 else 1.0)
    return np.column_stack((np.nan_to_num(scaled, nan=0.0), gap - usual_gap))


def _category_columns(codes: Floats, known: Floats) -> Floats:
    values, counts = np.unique(known[~np.isnan(known)], return_counts=True)
    frequent = values[np.argsort(-counts, kind="stable")][:INDICATORS]
    columns = [(codes == value) - float((known == value).mean()) for value in frequent]
    rare = ~np.isnan(codes) & ~np.isin(codes, frequent)
    usual = float((~np.isnan(known) & ~np.isin(known, frequent)).mean())
    columns += [rare - usual, np.isnan(codes) - float(np.isnan(known).mean())]
    shares = np.array([*((known == value).mean() for value in frequent), usual, np.isnan(known).mean()])
    variance = float((shares * (1 - shares)).sum())
    return np.column_stack(columns) / (np.sqrt(variance) if variance > 0 else 1.0)
