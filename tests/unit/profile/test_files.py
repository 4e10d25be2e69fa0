"""Tables from files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from driftlog.contract.errors import UsageError
from driftlog.profile.files import map_columns, read_table


def test_three_formats_hold_the_same_table(tmp_path: Path) -> None:
    """CSV, Parquet, JSON lines; text that pandas would take for missing stays text."""
    frame = pd.DataFrame({"features.a": [1.5, 2.0], "features.b": ["NA", "ü"]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    for name in ("t.csv", "t.parquet", "t.jsonl"):
        assert read_table(tmp_path / name).to_dict("list") == frame.to_dict("list")


def test_one_word_does_not_make_numbers_text(tmp_path: Path) -> None:
    """CSV cells have no type: where most are numbers they are numbers; categories stay text."""
    (tmp_path / "t.csv").write_text("a,b\n1.5,x\nN/A,7\n2,y\n,z\n", encoding="utf-8")
    frame = read_table(tmp_path / "t.csv")
    assert frame["a"].dropna().tolist() == [1.5, "N/A", 2.0]
    assert frame["b"].tolist() == ["x", "7", "y", "z"]


def test_nested_lines_become_dotted_columns(tmp_path: Path) -> None:
    """As stored events are written."""
    (tmp_path / "t.jsonl").write_text('{"features": {"a": 1}, "prediction": {"score": 0.5}}\n\n', encoding="utf-8")
    assert list(read_table(tmp_path / "t.jsonl")) == ["features.a", "prediction.score"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xlsx", b"x", "neither CSV"),
        ("absent.csv", None, "not a file"),
        ("t.csv", b"", "cannot be read"),
        ("t.csv", b"a,b\n", "no rows"),
        ("t.parquet", b"nonsense", "cannot be read as parquet"),
        ("t.jsonl", b'{"a": 1}\n{"a": \n', "line 2"),
        ("t.jsonl", b"[1]\n", "line 1: not an object"),
        ("t.csv", b"a\n\xff\n", "cannot be read"),
    ],
)
def test_unreadable_files_are_named(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    """With the line where it is known."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_table(tmp_path / name)


def test_columns_become_features_unless_mapped() -> None:
    """Names of fields are kept."""
    frame = pd.DataFrame({"age": [1], "p": [2], "features.x": [3], "@timestamp": [4]})
    names = list(map_columns(frame, {"p": "prediction.score"}))
    assert names == ["features.age", "prediction.score", "features.x", "@timestamp"]
    with pytest.raises(UsageError, match="'q'"):
        map_columns(frame, {"q": "prediction.score"})
    with pytest.raises(UsageError, match="two columns"):
        map_columns(frame, {"age": "features.x"})
