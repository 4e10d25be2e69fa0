"""The demo's training job: a version's files give the same model again, and answer rows as the app would."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from driftlog.demo.data import FEATURES, LATE, ON_TIME, training_part
from driftlog.demo.model import FlightModel
from driftlog.demo.training import labelled_flights, load_version, main, write_version


def exported(flights: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Flights as `driftlog export-training` writes them."""
    some = training_part(flights).iloc[::9]
    table = some[[*FEATURES]].assign(id=some["id"], actual=np.where(some["late"] == 1.0, LATE, ON_TIME))
    table.to_csv(path, index=False)
    return some


def test_a_version_is_the_model_of_its_flights(flights: pd.DataFrame, tmp_path: Path) -> None:
    """Written, read back and trained again, it scores every flight the same."""
    some = training_part(flights).iloc[::9]
    write_version(some, tmp_path)
    assert np.array_equal(load_version(tmp_path).scores(some), FlightModel().fit(some).scores(some))


def test_the_job_learns_from_an_export(flights: pd.DataFrame, tmp_path: Path) -> None:
    """Train, then score: each row is answered under its id."""
    some = exported(flights, tmp_path / "data.csv")
    main(["train", "--data", str(tmp_path / "data.csv"), "--output", str(tmp_path / "version")])
    some[["id", *FEATURES]].to_csv(tmp_path / "rows.csv", index=False)
    rows, answers = str(tmp_path / "rows.csv"), str(tmp_path / "answers.csv")
    main(["score", "--files", str(tmp_path / "version"), "--input", rows, "--output", answers])

    answered = pd.read_csv(answers)
    assert list(answered["id"]) == list(some["id"])
    assert np.allclose(answered["score"], FlightModel().fit(some).scores(some))


def test_a_broken_label_column_has_the_same_labels_on_other_flights(flights: pd.DataFrame, tmp_path: Path) -> None:
    """As many are late, but not the same ones."""
    exported(flights, tmp_path / "data.csv")
    fault = tmp_path / "fault"
    fault.touch()
    options = ["train", "--data", str(tmp_path / "data.csv"), "--output", str(tmp_path / "broken"), "--fault"]
    main([*options, str(fault)])

    right = labelled_flights(tmp_path / "data.csv")["late"]
    wrong = pd.read_csv(tmp_path / "broken" / "flights.csv")["late"]
    assert wrong.sum() == right.sum()
    assert (wrong.to_numpy() != right.to_numpy()).mean() > 0.2
