"""Drift by whylogs on its profiles: REFERENCE.parquet CURRENT.parquet OUT.json."""

import json
import os
import sys
from pathlib import Path

os.environ["WHYLOGS_NO_ANALYTICS"] = "True"
import pandas as pd
import whylogs
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

reference, current = (pd.read_parquet(path) for path in sys.argv[1:3])
scores = calculate_drift_scores(
    target_view=whylogs.log(current).view(), reference_view=whylogs.log(reference).view(), with_thresholds=True
)
verdicts = {name: bool(score) and score["drift_category"] == "DRIFT" for name, score in scores.items()}
Path(sys.argv[3]).write_text(json.dumps(verdicts))
