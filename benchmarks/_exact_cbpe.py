"""CBPE on rows, with scikit-learn: what the estimates from counts are compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import average_precision_score, roc_auc_score


def exact_cbpe(ref_score: Any, ref_actual: Any, score: Any, predicted: Any) -> dict[str, float]:
    """Expected metrics of a window from isotonic probabilities of each row; `ref_actual` and `predicted` are 0 or 1."""
    isotonic = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(ref_score, ref_actual)
    p, positive = isotonic.predict(score), np.asarray(predicted).astype(bool)
    hits, false_alarms = p[positive].sum(), (1 - p[positive]).sum()
    misses, rejected = p[~positive].sum(), (1 - p[~positive]).sum()
    recall, specificity = hits / (hits + misses), rejected / (rejected + false_alarms)
    both = np.repeat([1, 0], len(p)), np.concatenate([score, score])
    weights = np.concatenate([p, 1 - p])
    return {
        "accuracy": (hits + rejected) / len(p),
        "balanced_accuracy": (recall + specificity) / 2,
        "precision": hits / (hits + false_alarms),
        "recall": recall,
        "specificity": specificity,
        "f1": 2 * hits / (2 * hits + false_alarms + misses),
        "roc_auc": roc_auc_score(*both, sample_weight=weights),
        "average_precision": average_precision_score(*both, sample_weight=weights),
    }
