"""Can a classifier tell the window's rows from the reference's? Its ROC AUC, held out, with a permutation p-value."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftlog.contract.binning import Binning
from driftlog.contract.measurement import Measurement
from driftlog.contract.profile import RowSample
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.drift.row_table import Rows, rows_of

NAME: Final = "domain_classifier_auc"
PERMUTATIONS: Final = 999
TREES: Final = 60
MOST_CODES: Final = 250
"""Category codes beyond it are taken as one: scikit-learn's trees bin at most 255 categories."""
_METHOD = "gradient boosting, ROC AUC over two held-out halves; p one-sided, permutation of held-out rows, i.i.d."

Labels = NDArray[np.bool_]
Floats = NDArray[np.float64]


def domain_classifier_auc(
    reference: RowSample, current: RowSample, binning: Binning, settings: ModelSettings, context: SeriesContext
) -> Measurement:
    """Mean ROC AUC of two classifiers, each trained on half of the rows and applied to the other half.

    0.5: nobody can tell the rows apart; 1: everybody can. Values below 0.5 are noise. The classifiers are gradient
    boosted trees over all watched features that both samples have, missing values and categories included.

    p-value: given a classifier, held-out rows are exchangeable under no change, so dealing out their sides anew gives
    the exact distribution of each half's AUC without training again. The two halves are dependent in an unknown way;
    their distributions are added quantile by quantile, as if they moved together, which is the least favourable case.

    ``details``: ``columns``; ``auc_first`` and ``auc_second``, the halves. Less than `min_rows` rows on a side, or no
    common feature, or no scikit-learn: value None with a note.

    Source: Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", 2017.
    """
    seed = context.seed(NAME, "")
    generator = np.random.default_rng(seed)
    rows = rows_of(reference, current, binning, settings, generator)
    n, m = len(rows.reference), len(rows.current)
    fewest = max(settings.min_rows, 4)
    if min(n, m) < fewest or not rows.fields:
        note = f"fewer than {fewest} rows (reference {n}, window {m})" if rows.fields else "no feature in both samples"
        return context.measurement(NAME, "data_drift", None, n_reference=n, n_current=m, method=_METHOD, note=note)
    try:
        aucs, splits = _halves(rows, generator, seed)
    except ImportError:
        note = "scikit-learn is not installed: pip install scikit-learn"
        return context.measurement(NAME, "data_drift", None, n_reference=n, n_current=m, method=_METHOD, note=note)
    value = float(np.mean(aucs))
    by_chance = np.mean([np.sort(split) for split in splits], axis=0)
    extreme = int(np.count_nonzero(by_chance >= value - 1e-12))
    p_value = (1 + extreme) / (1 + PERMUTATIONS)
    return context.measurement(
        NAME,
        "data_drift",
        value,
        p_value=p_value,
        p_adjusted=p_value,
        n_reference=n,
        n_current=m,
        method=_METHOD,
        details={"columns": float(len(rows.fields)), "auc_first": aucs[0], "auc_second": aucs[1]},
    )


def _halves(rows: Rows, generator: np.random.Generator, seed: int) -> tuple[list[float], list[Floats]]:
    """AUC of each held-out half, and what permutations of that half give."""
    from scipy.stats import rankdata

    table = np.concatenate((rows.reference, rows.current))
    for index, is_categorical in enumerate(rows.categorical):
        if is_categorical:
            table[:, index] = np.minimum(table[:, index], MOST_CODES)
    is_current = np.repeat([False, True], [len(rows.reference), len(rows.current)])
    first = _half(is_current, generator)
    aucs, splits = [], []
    for train in (first, ~first):
        model = _fitted(table[train], is_current[train], rows.categorical, seed)
        ranks = rankdata(model.predict_proba(table[~train])[:, 1])
        held_out = is_current[~train]
        aucs.append(auc_of_ranks(ranks, held_out))
        splits.append(permuted_aucs(ranks, int(held_out.sum()), generator))
    return aucs, splits


def _half(is_current: Labels, generator: np.random.Generator) -> Labels:
    """A random half of each side."""
    chosen = np.zeros(is_current.size, dtype=np.bool_)
    for side in (False, True):
        places = np.flatnonzero(is_current == side)
        chosen[generator.permutation(places)[: places.size // 2]] = True
    return chosen


def _fitted(table: Floats, labels: Labels, categorical: tuple[bool, ...], seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    # A column without any value in this half cannot be binned; a constant changes nothing.
    table = np.where(np.isnan(table).all(axis=0), 0.0, table)
    model = HistGradientBoostingClassifier(
        max_iter=TREES,
        max_leaf_nodes=15,
        learning_rate=0.1,
        min_samples_leaf=min(20, max(1, len(table) // 10)),
        categorical_features=list(categorical),
        early_stopping=False,
        random_state=seed % 2**32,
    )
    # One thread: the trees are small, and threads that wait for each other on a busy machine take ten times as long.
    # No class weights: the AUC does not need them, and they make the fit ten times slower.
    with threadpool_limits(1):
        return model.fit(table, labels)


def auc_of_ranks(ranks: Floats, positive: Labels) -> float:
    """``(sum of the positives' ranks - n1 (n1 + 1) / 2) / (n0 n1)``.

    >>> auc_of_ranks(np.array([1.0, 2.0, 3.0]), np.array([False, True, True]))
    1.0
    """
    n = int(positive.sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (ranks.size - n)))


def permuted_aucs(ranks: Floats, positives: int, generator: np.random.Generator) -> Floats:
    """AUC of `positives` rows picked at random, 999 times."""
    sums = np.empty(PERMUTATIONS)
    pool = ranks.copy()
    for draw in range(PERMUTATIONS):
        generator.shuffle(pool)
        sums[draw] = pool[:positives].sum()
    result: Floats = (sums - positives * (positives + 1) / 2) / (positives * (ranks.size - positives))
    return result
