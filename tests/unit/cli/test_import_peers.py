"""Mappings and profiles written by Evidently, NannyML and whylogs are read as driftlog's columns and rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from driftlog.cli.importing.peers import Peer, peer_columns, read_mapping, reference_rows
from driftlog.cli.importing.whylogs import read_profile
from driftlog.contract.errors import UsageError
from driftlog.contract.settings import ModelSettings

SAMPLES = Path(__file__).parent / "peer_samples"
CHURN = pd.read_csv(SAMPLES / "churn.csv")
CREDIT = pd.read_csv(SAMPLES / "nannyml_multiclass.csv")


def test_a_data_definition_of_evidently() -> None:
    """Id, time, label, score, truth and features; what it does not name stays out."""
    found = peer_columns("evidently", read_mapping(SAMPLES / "evidently_data_definition.json"), CHURN)
    assert found.fields == {
        "pred": "prediction.label",
        "proba": "prediction.score",
        "age": "features.age",
        "plan": "features.plan",
    }
    assert (found.timestamp, found.event_id, found.truth) == ("ts", "id", "left")
    assert (found.task, found.positive_label) == ("binary", "1")
    assert found.advice(ModelSettings(name="churn")) == ""


def test_a_column_mapping_of_evidently() -> None:
    """A prediction between 0 and 1 is a score, one of 0 and 1 a label."""
    content = read_mapping(SAMPLES / "evidently_column_mapping.json")
    found = peer_columns("evidently", content, CHURN)
    assert found.fields == {"proba": "prediction.score", "age": "features.age", "plan": "features.plan"}
    assert (found.timestamp, found.event_id, found.truth, found.task) == ("ts", "id", "left", "binary")
    label = peer_columns("evidently", content | {"prediction": "pred"}, CHURN)
    assert label.fields["pred"] == "prediction.label"


def test_arguments_of_nannyml() -> None:
    """Probabilities by class, the period apart, every other column a feature."""
    found = peer_columns("nannyml", read_mapping(SAMPLES / "nannyml_multiclass.json"), CREDIT)
    assert found.fields["y_pred_proba_upmarket_card"] == "prediction.probabilities.upmarket_card"
    assert found.fields["y_pred"] == "prediction.label"
    assert {"features.acq_channel", "features.is_customer"} <= set(found.fields.values())
    assert not {"features.id", "features.period", "features.timestamp", "features.y_true"} & set(found.fields.values())
    assert (found.timestamp, found.event_id, found.truth, found.partition) == ("timestamp", "id", "y_true", "period")
    assert found.advice(ModelSettings(name="credit")) == "task: multiclass"
    rows = reference_rows(found, CREDIT, regression=False)
    assert len(rows) == 120
    assert set(rows["outcome.actual"]) == {"prepaid_card", "highstreet_card", "upmarket_card"}


def test_regressions_and_several_classes() -> None:
    """Both peers' names for a value, and Evidently's list of probabilities."""
    frame = pd.DataFrame({"y": [1.0], "yh": [2.0], "a": [0.1], "b": [0.2], "c": [0.7], "age": [3], "zone": [1]})
    value = {"regression": [{"target": "y", "prediction": "yh"}], "numerical_columns": ["age"]}
    found = peer_columns("evidently", value | {"categorical_columns": ["zone"]}, frame)
    assert found.fields == {"yh": "prediction.value", "age": "features.age", "zone": "features.zone"}
    assert found.advice(ModelSettings(name="m")) == "task: regression, categorical: [zone]"
    one = {"target": "y", "prediction_probas": ["a", "b", "c"]}
    found = peer_columns("evidently", {"classification": [one], "numerical_columns": ["age"]}, frame)
    assert found.task == "multiclass"
    assert found.fields["b"] == "prediction.probabilities.b"
    dle = {"y_true": "y", "y_pred": "yh", "feature_column_names": ["age"]}
    found = peer_columns("nannyml", dle, frame)
    assert (found.task, found.fields) == ("regression", {"yh": "prediction.value", "age": "features.age"})


@pytest.mark.parametrize(
    ("peer", "content", "words"),
    [
        ("evidently", {"id_column": "id", "numerical_columns": ["height"]}, "does not have: height"),
        ("evidently", {"id_column": "id", "ranking": {"x": 1}}, "classifications and regressions"),
        ("nannyml", {"y_pred": "pred", "y_pred_proba": "p", "feature_column_names": ["age"]}, "does not have: p"),
    ],
)
def test_a_mapping_of_another_file_is_refused(peer: Peer, content: dict[str, object], words: str) -> None:
    """With the columns that are not there."""
    with pytest.raises(UsageError, match=words):
        peer_columns(peer, content, CHURN)


def test_what_is_no_mapping_is_refused(tmp_path: Path) -> None:
    """A list, and a file that is neither JSON nor YAML."""
    for text in ("[1, 2]", "{a: ["):
        (tmp_path / "m.json").write_text(text)
        with pytest.raises(UsageError):
            read_mapping(tmp_path / "m.json")


def test_a_whylogs_profile_gives_the_distributions_of_its_rows() -> None:
    """Shares of words and of missing values as counted, numbers to within what lies between two quantiles."""
    frame, counted = read_profile(SAMPLES / "whylogs_profile.csv")
    assert (counted, len(frame)) == (400, 400)
    assert frame["plan"].value_counts().to_dict() == CHURN["plan"].value_counts().to_dict()
    assert frame["age"].isna().sum() == CHURN["age"].isna().sum()
    for name in ("age", "proba"):
        apart = ks_2samp(frame[name].dropna(), CHURN[name].dropna()).statistic
        assert apart < 0.06
    assert np.nanmin(frame["age"]) >= CHURN["age"].min()


def test_what_is_no_profile_is_refused(tmp_path: Path) -> None:
    """A binary profile with what to do, and a table of something else."""
    (tmp_path / "profile.bin").write_bytes(b"WHY1")
    with pytest.raises(UsageError) as error:
        read_profile(tmp_path / "profile.bin")
    assert "to_pandas().to_csv" in error.value.remedy
    with pytest.raises(UsageError, match="is no whylogs profile"):
        read_profile(SAMPLES / "churn.csv")
