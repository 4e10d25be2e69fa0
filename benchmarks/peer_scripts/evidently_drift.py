"""Drift by Evidently, its own choice of tests: REFERENCE.parquet CURRENT.parquet OUT.json."""

import json
import os
import sys
from pathlib import Path

os.environ["DO_NOT_TRACK"] = "1"
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset

reference, current = (pd.read_parquet(path) for path in sys.argv[1:3])
answer = Report([DataDriftPreset()]).run(current, reference).dict()
verdicts = {}
for metric in answer["metrics"]:
    config = metric["config"]
    if "column" in config:
        value = float(metric["value"])
        distance = "distance" in config["method"].lower() or "psi" in config["method"].lower()
        verdicts[config["column"]] = value >= config["threshold"] if distance else value < config["threshold"]
Path(sys.argv[3]).write_text(json.dumps({name: bool(drifted) for name, drifted in verdicts.items()}))
