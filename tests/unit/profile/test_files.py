"""Tables from files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from driftlog.contract.errors import UsageError
from driftlog.profile.files import BadLine, map_columns, read_table


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
        ("t.csv", b"a\n\xff\n", "line 2 has the byte 0xff\n  -> try --encoding latin-1"),
        ("t.csv", b"a\nx\n\x93quoted\x94\n", "line 3 has the byte 0x93\n  -> try --encoding cp1252"),
        ("t.jsonl", b'{"a": "\xfc"}\n', "line 1 has the byte 0xfc"),
        ("t.csv", b"a;b;c\n1;2,5;3\n", "separated by ';'\n  -> give --delimiter ';'"),
        ("t.csv", b"a\tb\n1\t2\n", "--delimiter tab"),
        ("t.csv", b"x,y,x\n1,2,3\n", r"column 'x' more than once \(columns 1, 3\)"),
        ("t.csv", b"a,b\n1,2,3\n4,5,6\n", "more cells than the header"),
        ("t.csv", b"a,b\n1,2\n1,2,3,4\n", "line 3"),
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


def test_other_encodings_and_delimiters_are_read_when_named(tmp_path: Path) -> None:
    """UTF-16 tells itself by its byte order mark, and so does UTF-8 with one."""
    text = "größe;n\nklein;1\n"
    for name, encoding, given in (
        ("latin.csv", "latin-1", "latin-1"),
        ("bom.csv", "utf-8-sig", None),
        ("wide.csv", "utf-16", None),
    ):
        (tmp_path / name).write_text(text, encoding=encoding)
        frame = read_table(tmp_path / name, encoding=given, delimiter=";")
        assert frame.to_dict("list") == {"größe": ["klein"], "n": [1]}
    (tmp_path / "t.csv").write_text("a\tb\n1\t2\n")
    assert list(read_table(tmp_path / "t.csv", delimiter="tab")) == ["a", "b"]
    with pytest.raises(UsageError, match="not one character"):
        read_table(tmp_path / "t.csv", delimiter="::")
    with pytest.raises(UsageError, match="no encoding 'klingon'"):
        read_table(tmp_path / "t.csv", encoding="klingon")


def test_bad_lines_are_told_apart_from_rows_where_the_caller_takes_them(tmp_path: Path) -> None:
    """By their number in the file; the other rows are read."""
    (tmp_path / "t.jsonl").write_text('{"a": 1}\n\n{"a": \n[2]\n{"a": 3}\n')
    bad: list[BadLine] = []
    assert read_table(tmp_path / "t.jsonl", bad_lines=bad)["a"].tolist() == [1, 3]
    assert [(line.number, line.text) for line in bad] == [(3, '{"a": '), (4, "[2]")]
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4,5\n6,7\n")
    bad = []
    assert read_table(tmp_path / "t.csv", bad_lines=bad)["b"].tolist() == [2, 7]
    assert bad == [BadLine(3, "expected 2 fields, saw 3", "3,4,5")]
