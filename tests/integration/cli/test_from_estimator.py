"""A reference from a fitted estimator and its training data, on a real Elasticsearch."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from driftlog.cli import exits
from driftlog.cli.app import run
from driftlog.cli.importing.estimator import estimator_columns, load_estimator
from driftlog.contract.errors import UsageError
from driftlog.contract.settings import ModelSettings
from driftlog.shipping.sklearn import MonitoredEstimator

SETTINGS = ModelSettings(name="churn", positive_label="yes")


def table(n: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    age = rng.integers(18, 80, n)
    return pd.DataFrame(
        {
            "created": pd.date_range("2026-01-01", periods=n, freq="h"),
            "plan": rng.choice(["basic", "plus"], n),
            "note": "x",
            "age": age,
            "churned": np.where(rng.uniform(size=n) < age / 100, "yes", "no"),
        }
    )


def pipeline(frame: pd.DataFrame) -> Pipeline:
    encode = make_column_transformer((OneHotEncoder(), ["plan"]), remainder="passthrough")
    fitted: Pipeline = make_pipeline(encode, LogisticRegression()).fit(frame[["age", "plan"]], frame["churned"])
    return fitted


def refused(estimator: object, frame: pd.DataFrame, settings: ModelSettings = SETTINGS, truth: str = "churned") -> str:
    with pytest.raises(UsageError) as error:
        estimator_columns(estimator, frame, settings, timestamp="created", truth=truth)
    return str(error.value)


def test_its_features_in_its_order_and_what_it_predicts() -> None:
    """Columns it was not fitted on are left out; the score is the positive label's."""
    frame = table()
    fitted = pipeline(frame)
    columns = estimator_columns(fitted, frame, SETTINGS, timestamp="created", truth="churned")
    assert list(columns) == [
        "features.age", "features.plan", "prediction.label", "prediction.score", "outcome.actual", "@timestamp",
    ]  # fmt: skip
    shares = fitted.predict_proba(frame[["age", "plan"]])
    np.testing.assert_array_equal(columns["prediction.score"], shares[:, list(fitted.classes_).index("yes")])
    wrapped = MonitoredEstimator(fitted, options={"transport": "pigeon"})
    again = estimator_columns(wrapped, frame, SETTINGS, timestamp="created", truth="churned")
    pd.testing.assert_frame_equal(again, columns)


def test_an_estimator_that_does_not_fit_is_refused() -> None:
    """By its task, its classes, the file's columns and its rows."""
    frame = table()
    fitted = pipeline(frame)
    line = LinearRegression().fit(frame[["age"]], frame["age"])
    assert "is regression, and churn is binary" in refused(line, frame)
    assert "classes are no and yes" in refused(fitted, frame, ModelSettings(name="churn", positive_label="1"))
    assert "no column plan" in refused(fitted, frame.drop(columns="plan"))
    assert "no column left" in refused(fitted, frame, truth="left")
    assert "cannot predict" in refused(fitted, frame.assign(plan="gold"))


def test_files_and_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A skops file is read without running code, a joblib file and a module run theirs."""
    monkeypatch.chdir(tmp_path)
    fitted = pipeline(table())
    skops.io.dump(fitted, tmp_path / "model.skops")
    joblib.dump(fitted, tmp_path / "model.joblib")
    (tmp_path / "training_of_churn.py").write_text(
        "import joblib\ndef load():\n    return joblib.load('model.joblib')\n"
    )
    for name in ("model.skops", "model.joblib", "training_of_churn:load"):
        assert list(load_estimator(name).classes_) == ["no", "yes"]
    sys.modules.pop("training_of_churn")
    skops.io.dump(make_pipeline(FunctionTransformer(np.log1p), fitted), tmp_path / "own.skops")
    skops.io.dump(Pipeline([("own", Own()), ("model", fitted)]), tmp_path / "own.skops")
    with pytest.raises(UsageError, match="does not know") as error:
        load_estimator("own.skops")
    trusted = error.value.remedy.removeprefix("add ").replace("--trust ", "").split()
    assert load_estimator("own.skops", trusted).steps[0][0] == "own"
    for name in ("absent.joblib", "absent.skops", "no_such_module:it", "plain", "json:decoder"):
        with pytest.raises(UsageError):
            load_estimator(name)


class Own(FunctionTransformer):  # type: ignore[misc]
    """A type that skops cannot know."""


@pytest.mark.elasticsearch
def test_a_reference_from_an_estimator(
    elasticsearch_url: str,
    prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is the reference that a file with the same predictions gives."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "driftlog.yml").write_text(
        f"prefix: {prefix}\nelasticsearch: {{urls: ['{elasticsearch_url}']}}\n"
        "models: {churn: {positive_label: 'yes'}}\n"
    )
    monkeypatch.delenv("DRIFTLOG_CONFIG", raising=False)
    frame = table()
    frame.to_csv("training.csv", index=False)
    skops.io.dump(pipeline(frame), "model.skops")
    columns = estimator_columns(pipeline(frame), frame, SETTINGS, timestamp="created", truth="churned")
    columns.to_parquet("predicted.parquet")

    def cli(*arguments: str) -> tuple[int, str]:
        code = run(list(arguments))
        return code, capsys.readouterr().out

    assert cli("setup")[0] == exits.OK
    data: Callable[[str], list[str]] = lambda name: ["reference", "set", "churn", "--data", name, "--no-activate"]  # noqa: E731
    code, ours = cli(
        *data("training.csv"), "--from-estimator", "model.skops", "--timestamp", "created", "--label", "churned"
    )
    assert code == exits.OK
    code, theirs = cli(*data("predicted.parquet"))
    assert code == exits.OK
    assert "600 rows" in ours
    assert ours.split(":")[1] == theirs.split(":")[1]
    assert run(["reference", "set", "churn", "--from-estimator", "model.skops"]) == exits.USAGE
