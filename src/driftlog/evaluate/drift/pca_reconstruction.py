"""Do the window's rows lie in the plane of the reference's? Reconstruction error of its principal components."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftlog.contract.binning import Binning
from driftlog.contract.measurement import Measurement
from driftlog.contract.profile import RowSample
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.drift.row_table import indicators, rows_of

NAME: Final = "pca_reconstruction"
PERMUTATIONS: Final = 999
EXPLAINED: Final = 0.65
"""Share of the reference's variance that the kept components explain at least."""
_METHOD = "reconstruction error of the window / of held-out reference rows; p two-sided, permutation, i.i.d."

Floats = NDArray[np.float64]


def pca_reconstruction(
    reference: RowSample, current: RowSample, binning: Binning, settings: ModelSettings, context: SeriesContext
) -> Measurement:
    """Mean reconstruction error of the window's rows, divided by that of reference rows the components never saw.

    Components are fitted on one half of the reference: standardised numbers, indicators of categories and of missing
    values, as many components as explain 65 % of the variance. A row's error is its distance from their plane. 1: the
    fields hang together as before; above 1: their dependence broke, or values left the usual range; below 1: the rows
    have become more regular.

    p-value: given the components, held-out reference rows and window rows are exchangeable under no change, so
    permuting them is exact; two-sided in the logarithm of the ratio.

    ``details``: ``components``, ``columns``, ``error`` and ``reference_error``. Less than `min_rows` rows on a side
    (twice as many of the reference), no common feature, or a reference that the components explain without any error:
    value None with a note.
    """
    generator = np.random.default_rng(context.seed(NAME, ""))
    rows = rows_of(reference, current, binning, settings, generator)
    n, m = len(rows.reference), len(rows.current)
    fewest = max(settings.min_rows, 4)
    note = "" if rows.fields else "no feature in both samples"
    if rows.fields and (n < 2 * fewest or m < fewest):
        note = f"fewer than {2 * fewest} rows of the reference ({n}) or {fewest} of the window ({m})"
    if note:
        return context.measurement(NAME, "data_drift", None, n_reference=n, n_current=m, method=_METHOD, note=note)
    order = generator.permutation(n)
    fitted, held_out = order[: n // 2], order[n // 2 :]
    known, now = indicators(rows, rows.reference[fitted])
    components = principal_components(known[fitted])
    usual, errors = reconstruction_errors(known[held_out], components), reconstruction_errors(now, components)
    if usual.mean() <= 0:
        note = "the components explain the reference without any error"
        return context.measurement(NAME, "data_drift", None, n_reference=n, n_current=m, method=_METHOD, note=note)
    p_value = mean_ratio_p_value(usual, errors, generator)
    return context.measurement(
        NAME,
        "data_drift",
        float(errors.mean() / usual.mean()),
        p_value=p_value,
        p_adjusted=p_value,
        reference_value=1.0,
        n_reference=n,
        n_current=m,
        method=_METHOD,
        details={
            "columns": float(len(rows.fields)),
            "components": float(len(components)),
            "error": float(errors.mean()),
            "reference_error": float(usual.mean()),
        },
    )


def principal_components(centred: Floats) -> Floats:
    """Directions of shape (components, columns) that explain 65 % of the variance, but not all of the directions."""
    variances, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    variances, vectors = np.maximum(variances[::-1], 0.0), vectors[:, ::-1]
    total = float(variances.sum())
    share = np.cumsum(variances) / total if total > 0 else np.ones(variances.size)
    kept = int(np.searchsorted(share, EXPLAINED - 1e-12)) + 1
    occupied = int(np.count_nonzero(variances > 1e-9 * max(total, 1e-300)))
    result: Floats = vectors[:, : max(1, min(kept, occupied - 1))].T
    return result


def reconstruction_errors(rows: Floats, components: Floats) -> Floats:
    """Distance of each row from the plane of the components."""
    left = rows - (rows @ components.T) @ components
    result: Floats = np.sqrt((left**2).sum(axis=1))
    return result


def mean_ratio_p_value(usual: Floats, errors: Floats, generator: np.random.Generator) -> float:
    """Two-sided permutation p-value of ``|log(mean(errors) / mean(usual))|``, 999 draws."""
    pool = np.concatenate((usual, errors))
    total, m = float(pool.sum()), errors.size
    sums = np.empty(PERMUTATIONS + 1)
    sums[0] = errors.sum()
    for draw in range(1, PERMUTATIONS + 1):
        generator.shuffle(pool)
        sums[draw] = pool[:m].sum()
    with np.errstate(divide="ignore"):
        distance = np.abs(np.log(sums / m) - np.log((total - sums) / usual.size))
    return float(np.count_nonzero(distance >= distance[0] - 1e-12)) / (PERMUTATIONS + 1)
