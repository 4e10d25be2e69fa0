"""Drift by NannyML in chunks of 10,000 rows: REFERENCE.parquet CURRENT.parquet OUT.json.

A feature has drifted where at least half of the chunks alarm.
"""

import json
import os
import sys
from pathlib import Path

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
import nannyml
import pandas as pd

reference, current = (pd.read_parquet(path) for path in sys.argv[1:3])
calculator = nannyml.UnivariateDriftCalculator(
    column_names=list(reference.columns),
    continuous_methods=["kolmogorov_smirnov"],
    categorical_methods=["l_infinity"],
    chunk_size=10_000,
)
calculator.fit(reference)
found = calculator.calculate(current).filter(period="analysis").to_df()
verdicts = {}
for name in reference.columns:
    method = next(method for column, method, *_ in found.columns if column == name)
    verdicts[name] = bool(found[(name, method, "alert")].astype(bool).mean() >= 0.5)
Path(sys.argv[3]).write_text(json.dumps(verdicts))
