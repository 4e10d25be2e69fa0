"""CBPE by NannyML: REFERENCE.parquet CURRENT.parquet OUT.json; the whole current file is one chunk.

Columns: score, predicted, actual (reference only).
"""

import json
import os
import sys
from pathlib import Path

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
import nannyml
import pandas as pd

reference, current = (pd.read_parquet(path) for path in sys.argv[1:3])
names = ["accuracy", "precision", "recall", "specificity", "f1", "roc_auc", "average_precision"]
estimator = nannyml.CBPE(
    y_pred_proba="score",
    y_pred="predicted",
    y_true="actual",
    metrics=names,
    problem_type="classification_binary",
    chunk_size=len(current),
)
estimator.fit(reference)
found = estimator.estimate(current).filter(period="analysis").to_df()
columns = {
    name: {
        "value": float(found[(name, "value")].iloc[0]),
        "half": 1.96 * float(found[(name, "sampling_error")].iloc[0]),
    }
    for name in names
}
Path(sys.argv[3]).write_text(json.dumps(columns))
