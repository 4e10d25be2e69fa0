"""What a team's own training job would be: labelled flights in, a version's files out; and the version as a scorer.

``python -m driftlog.demo.training train --data data.csv --output FOLDER [--fault FILE]``
``python -m driftlog.demo.training score --files FOLDER --input rows.csv --output answers.csv``

A version's files are the flights it was trained on: the same flights give the same model, so nothing is unpickled.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from driftlog.demo.data import CATEGORICAL, FEATURES, LATE, NUMERIC
from driftlog.demo.model import FlightModel

FLIGHTS_FILE: Final = "flights.csv"
ACTUAL: Final = "actual"


def labelled_flights(data: Path) -> pd.DataFrame:
    """Flights of a file written by ``driftlog export-training``, as `FlightModel.fit` wants them."""
    table = pd.read_csv(data, dtype=dict.fromkeys((*CATEGORICAL, ACTUAL), str), keep_default_na=False, na_values=[""])
    return _typed(table).assign(late=(table[ACTUAL] == LATE).astype(float))


def write_version(flights: pd.DataFrame, output: Path) -> None:
    """Keep a version: its training flights."""
    output.mkdir(parents=True, exist_ok=True)
    flights[[*FEATURES, "late"]].to_csv(output / FLIGHTS_FILE, index=False)


def load_version(files: Path) -> FlightModel:
    """The model of a version's folder, trained again from its flights (a second or less)."""
    path = files / FLIGHTS_FILE
    flights = pd.read_csv(path, dtype=dict.fromkeys(CATEGORICAL, str), keep_default_na=False, na_values=[""])
    return FlightModel().fit(_typed(flights).assign(late=flights["late"]))


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """The features with their types; a feature that a file lacks is missing everywhere."""
    found = table.reindex(columns=list(FEATURES))
    return found.astype(dict.fromkeys(NUMERIC, float))


def train(data: Path, output: Path, fault: Path | None) -> None:
    """Train on `data`; while the file `fault` is there, the labels are those of flights weeks away."""
    flights = labelled_flights(data)
    if fault is not None and fault.exists():
        flights = flights.assign(late=np.roll(flights["late"].to_numpy(), len(flights) // 2))
    write_version(flights, output)
    print(f"{len(flights)} flights, {flights['late'].mean():.1%} of them late")  # noqa: T201 - the run's log


def score(files: Path, rows: Path, answers: Path) -> None:
    """Answer each row of `rows` with the probability of arriving late."""
    table = pd.read_csv(rows, dtype=dict.fromkeys((*CATEGORICAL, "id"), str), keep_default_na=False, na_values=[""])
    scores = load_version(files).scores(_typed(table))
    pd.DataFrame({"id": table["id"], "score": scores}).to_csv(answers, index=False)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m driftlog.demo.training", description="The demo's training job.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    training = verbs.add_parser("train")
    training.add_argument("--data", type=Path, required=True)
    training.add_argument("--output", type=Path, required=True)
    training.add_argument("--fault", type=Path)
    scoring = verbs.add_parser("score")
    scoring.add_argument("--files", type=Path, required=True)
    scoring.add_argument("--input", type=Path, required=True)
    scoring.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    if options.verb == "train":
        train(options.data, options.output, options.fault)
    else:
        score(options.files, options.input, options.output)


if __name__ == "__main__":
    main()
