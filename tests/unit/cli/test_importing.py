"""Rows become events whose ids a second import repeats."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.cli.importing.columns import choose_columns, parse_mappings, reference_columns
from driftlog.cli.importing.load import RejectedFile
from driftlog.cli.importing.rows import Event, Row, RowReader, plain, time_text
from driftlog.cli.times import parse_time, resolve
from driftlog.contract.errors import UsageError
from driftlog.profile.files import BadLine

PRESENT = ["when", "age", "p", "answer", "truth", "service.name"]


def read(rows: list[Row], **more: str) -> list[Event]:
    columns = choose_columns(
        PRESENT,
        "predictions",
        regression=False,
        timestamp="when",
        features="age",
        score="p",
        prediction="answer",
        truth="truth",
    )
    reader = RowReader(columns, "predictions", model="churn", environment="test", regression=False, **more)  # type: ignore[arg-type]
    return [event for row in rows for event in reader.events(row)]


def test_a_row_becomes_a_prediction_and_its_feedback() -> None:
    """Named columns, columns that are fields already, and the truth as an event of its own."""
    row = {"when": "2026-03-01T10:00", "age": 40, "p": 0.7, "answer": "yes", "truth": 1.0, "service.name": "app"}
    prediction, feedback = read([row], timezone="Europe/Berlin", version="3")

    assert prediction["@timestamp"] == feedback["@timestamp"] == "2026-03-01T09:00:00+00:00"
    wanted = {
        "features.age": 40,
        "prediction.score": 0.7,
        "prediction.label": "yes",
        "service.name": "app",
        "model.version": "3",
    }
    assert {name: prediction[name] for name in wanted} == wanted
    assert (feedback["feedback.prediction_id"], feedback["feedback.actual"]) == (prediction["event.id"], 1)


def test_empty_cells_are_left_out() -> None:
    """NaN, None and NaT are no values; a row without a truth has no feedback."""
    (event,) = read([{"when": 0, "age": float("nan"), "p": None, "answer": "no", "truth": None}])

    assert "features.age" not in event
    assert event["@timestamp"] == "1970-01-01T00:00:00+00:00"


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["yes", "no"])), max_size=12))
def test_ids_are_unique_and_repeat_in_a_second_import(values: list[tuple[int, str]]) -> None:
    """Equal rows get ids of their own; the same file gets the same ids."""
    rows: list[Row] = [{"when": 5, "age": age, "answer": answer, "truth": None} for age, answer in values]
    ids = [event["event.id"] for event in read(rows)]

    assert len(set(ids)) == len(ids)
    assert ids == [event["event.id"] for event in read(rows)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": "age,weight"}, "no column 'weight'"),
        ({}, "no column is a feature or a prediction"),
        ({"score": "P"}, "no column 'P'"),
    ],
)
def test_columns_that_are_missing_are_named(options: dict[str, str], message: str) -> None:
    """With the columns there are, or the option to use."""
    with pytest.raises(UsageError, match=message):
        choose_columns(["when", "age", "p"], "predictions", regression=False, timestamp="when", **options)  # type: ignore[arg-type]


def test_feedback_needs_the_id_of_its_prediction() -> None:
    """The remedy names the option."""
    with pytest.raises(UsageError) as caught:
        choose_columns(["when", "y"], "feedback", regression=False, timestamp="when", truth="y")
    assert "--prediction-id" in caught.value.remedy


def test_a_mapping_may_hold_an_equals_sign_in_its_column() -> None:
    """The last one divides."""
    assert parse_mappings(["a=b=features.x"]) == {"a=b": "features.x"}


@pytest.mark.parametrize(
    ("mapping", "remedy"),
    [("a=@timestamp", "--timestamp a"), ("a=event.id", "--id a"), ("a=x*.y", "features.NAME"), ("a=features.", "NAME")],
)
def test_a_mapping_to_what_is_no_field_is_refused(mapping: str, remedy: str) -> None:
    """It would be stored where nothing looks for it."""
    with pytest.raises(UsageError) as caught:
        choose_columns(["a", "w"], "predictions", regression=False, timestamp="w", mappings=parse_mappings([mapping]))
    assert remedy in caught.value.remedy


def test_whole_numbers_with_gaps_are_whole_numbers_again() -> None:
    """pandas reads a column of ids with an empty cell as 7.0; predictions are called 7."""
    columns = choose_columns(
        ["w", "id", "y"], "feedback", regression=False, timestamp="w", prediction_id="id", truth="y"
    )
    reader = RowReader(columns, "feedback", model="churn", environment="test", regression=False)
    (event,) = reader.events({"w": 5, "id": 7.0, "y": 1.0})

    assert (event["feedback.prediction_id"], event["feedback.actual"]) == (7, 1)


def test_cells_of_parquet_files_are_plain() -> None:
    """Arrays, bytes, structs and NumPy scalars become JSON; what is not finite is null."""
    cells = [np.array([1.0, np.nan]), b"a\xff", {"a": np.float32(0.5)}, np.int64(3), np.float64("inf"), pd.NaT, pd.NA]

    assert [plain(cell) for cell in cells] == [[1.0, None], "a\\xff", {"a": 0.5}, 3, None, None, None]
    assert time_text(np.array([1, 2]), ZoneInfo("UTC")) == "[1, 2]"
    assert (time_text(pd.NaT, ZoneInfo("UTC")), time_text(pd.NA, ZoneInfo("UTC"))) == (None, None)


def test_rejected_rows_are_json_whatever_they_hold(tmp_path: Path) -> None:
    """NaN and infinity are no JSON."""
    file = RejectedFile(tmp_path / "rejected.jsonl")
    file.write(1, "illegal_field", "why", {"a": math.nan, "b": math.inf, 3: np.array([1]), "c": "\ud800"})
    file.close()

    (line,) = (tmp_path / "rejected.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line, parse_constant=pytest.fail)["data"] == {"a": None, "b": None, "3": [1], "c": "\ud800"}


def test_a_file_for_rejected_rows_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Not as a mistake of this program."""
    file = RejectedFile(tmp_path / "none" / "rejected.jsonl")
    with pytest.raises(UsageError, match=r"--rejected: .*rejected.jsonl cannot be written"):
        file.write(1, "illegal_field", "why", {})


@pytest.mark.parametrize("text", ["0001-01-01", "1899-12-31", "2200-01-01", "9999-12-31T23:59:59"])
def test_times_far_away_are_refused(text: str) -> None:
    """Windows around them leave the calendar."""
    with pytest.raises(UsageError, match="not between 1900 and 2200"):
        parse_time(text, option="--as-of")


def test_an_empty_span_is_refused() -> None:
    """Since must be before until."""
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    with pytest.raises(UsageError, match="is not before"):
        resolve(moment, moment, None)


def test_columns_of_a_reference_are_named_as_those_of_an_import() -> None:
    """The same options; with --features everything that is not named is left out, without it becomes a feature."""
    present = ["when", "id", "age", "answer", "y", "prediction.probabilities.a"]
    named = partial(reference_columns, present, timestamp="when", prediction="answer", truth="y")
    some = named(regression=False, features="age")
    assert some == {
        "prediction.probabilities.a": "prediction.probabilities.a",
        "age": "features.age",
        "answer": "prediction.label",
        "y": "outcome.actual",
        "when": "@timestamp",
    }
    assert named(regression=True)["id"] == "features.id"
    with pytest.raises(UsageError, match="no column 'when'"):
        reference_columns(["age"], regression=False, timestamp="when")


def test_subject_and_variant_are_named_and_no_two_columns_become_one_field() -> None:
    """The second of two columns would silently win."""
    choose = partial(choose_columns, kind="predictions", regression=False, timestamp="when", features="age")
    present = ["when", "age", "customer", "arm", "features.age"]
    found = choose(present[:4], subject="customer", variant="arm")
    assert (found.fields["customer"], found.fields["arm"]) == ("subject.id", "model.variant")
    with pytest.raises(UsageError, match=r"both become features\.age"):
        choose(present)


def test_lines_that_are_no_rows_are_kept_with_their_number(tmp_path: Path) -> None:
    """As text: there are no cells."""
    file = RejectedFile(tmp_path / "rejected.jsonl")
    file.write_line(BadLine(7, "not JSON: it ends too early", '{"a": '))
    file.close()
    assert json.loads((tmp_path / "rejected.jsonl").read_text()) == {
        "line": 7,
        "reason": "unreadable",
        "message": "not JSON: it ends too early",
        "data": '{"a": ',
    }
