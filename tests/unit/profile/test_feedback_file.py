"""Feedback from files of every kind: each line says something, or what is wrong with it."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from driftlog.contract.errors import UsageError
from driftlog.profile.feedback_file import FeedbackLine, open_feedback
from driftlog.profile.files import BadLine

ZONE = ZoneInfo("Europe/Berlin")
AT = datetime(2026, 3, 2, 23, tzinfo=UTC)


def lines(path: Path, **options: str) -> list[FeedbackLine | BadLine]:
    return list(open_feedback(path, zone=ZONE, **options).lines())


def test_csv_json_and_parquet_say_the_same(tmp_path: Path) -> None:
    """Types aside: in CSV everything is text."""
    rows = [
        {"prediction_id": "a", "actual": "yes", "rating": 5, "comment": "fine, thanks", "at": "2026-03-03"},
        {"prediction_id": "7", "actual": "no", "rating": None, "comment": None, "at": "2026-03-03T00:00:00+01:00"},
    ]
    frame = pd.DataFrame(rows)
    frame.to_csv(tmp_path / "f.csv", index=False)
    frame.to_parquet(tmp_path / "f.parquet")
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "f.jsonl").write_text(text)
    with gzip.open(tmp_path / "f.jsonl.gz", "wt") as file:
        file.write(text)
    expected = [
        FeedbackLine(1, "a", "yes", 5, "fine, thanks", AT),
        FeedbackLine(2, "7", "no", None, None, AT),
    ]
    for name in ("f.parquet", "f.jsonl", "f.jsonl.gz"):
        assert lines(tmp_path / name) == expected, name
    assert lines(tmp_path / "f.csv") == [
        FeedbackLine(2, "a", "yes", "5.0", "fine, thanks", AT),
        FeedbackLine(3, "7", "no", None, None, AT),
    ]
    assert open_feedback(tmp_path / "f.parquet", zone=ZONE).size() == 2


def test_numbers_of_a_column_with_gaps_are_whole_ids_and_labels(tmp_path: Path) -> None:
    """1.0 is the id 1, and the label 1."""
    pd.DataFrame({"prediction_id": [1.0, None], "actual": [0.0, 1.0]}).to_parquet(tmp_path / "f.parquet")
    assert lines(tmp_path / "f.parquet") == [
        FeedbackLine(1, "1", 0),
        BadLine(2, "prediction_id is empty", "{'prediction_id': None, 'actual': 1.0}"),
    ]


def test_bad_json_lines_do_not_stop_the_others(tmp_path: Path) -> None:
    """Their numbers are those of an editor, empty lines counted."""
    (tmp_path / "f.jsonl").write_text(
        '{"prediction_id": "a", "rating": 1}\n\n{bad\n[1]\n{"prediction_id": "b", "at": "x"}\n'
    )
    found = lines(tmp_path / "f.jsonl")
    assert [(line.number, isinstance(line, BadLine)) for line in found] == [(1, False), (3, True), (4, True), (5, True)]


def test_times_of_every_kind(tmp_path: Path) -> None:
    """Seconds and milliseconds since 1970, ISO 8601 with and without zone."""
    times = ["1772492400", "1772492400000", "2026-03-03", "2026-03-02T23:00:00Z"]
    (tmp_path / "f.csv").write_text("prediction_id,rating,at\n" + "".join(f"a,1,{time}\n" for time in times))
    assert {line.at for line in lines(tmp_path / "f.csv") if isinstance(line, FeedbackLine)} == {AT}


def test_files_that_cannot_be_feedback_are_refused_whole(tmp_path: Path) -> None:
    """With what to do."""
    for name, content, words in (
        ("a.csv", "id,label\n1,2\n", "no column prediction_id"),
        ("b.csv", "prediction_id,at\n1,2\n", "none of actual"),
        ("c.csv", "prediction_id;actual\n1;2\n", "--delimiter"),
        ("d.csv", "prediction_id,actual,actual\n1,2,3\n", "more than once"),
        ("e.txt", "x", "neither CSV"),
        ("f.parquet", "x", "cannot be read as Parquet"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(UsageError) as caught:
            lines(tmp_path / name)
        assert words in str(caught.value)
    (tmp_path / "latin.csv").write_bytes("prediction_id,comment\n1,Grüße\n".encode("latin-1"))
    with pytest.raises(UsageError, match="latin-1"):
        lines(tmp_path / "latin.csv")
    assert isinstance(lines(tmp_path / "latin.csv", encoding="latin-1")[0], FeedbackLine)


def test_other_columns_are_named(tmp_path: Path) -> None:
    """So that a misspelt one is noticed."""
    (tmp_path / "f.csv").write_text("prediction_id,actual,coment\n1,2,3\n")
    assert open_feedback(tmp_path / "f.csv", zone=ZONE).ignored == ("coment",)
