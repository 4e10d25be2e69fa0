"""Text columns of files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from driftlog.cli.app import run
from driftlog.cli.importing.columns import choose_columns
from driftlog.cli.importing.rows import RowReader
from driftlog.cli.importing.text import parse_vocabularies, with_text_columns
from driftlog.contract.errors import UsageError
from driftlog.contract.text import load_vocabulary

COMMENTS = ["late again", "on time", None, "late, so late"]


def test_a_reference_has_numbers_as_later_texts_will_have_them() -> None:
    """Without a vocabulary each text is held against all the others."""
    found = with_text_columns(pd.DataFrame({"features.comment": COMMENTS}), {"comment": None}, leave_one_out=True)

    assert found["features.comment.length"].tolist()[:2] == [10.0, 7.0]
    assert found["features.comment.words"].isna().tolist() == [False, False, True, False]
    assert found["features.comment.unseen_tokens"].tolist()[0] == 0.5


def test_columns_that_are_there_already_stay_as_they_are() -> None:
    frame = pd.DataFrame({"features.comment": ["a b"], "features.comment.words": [7.0]})

    assert with_text_columns(frame, {"comment": None})["features.comment.words"].tolist() == [7.0]


def test_an_imported_row_has_the_numbers_beside_its_text() -> None:
    columns = choose_columns(
        ["@timestamp", "features.comment"], "predictions", regression=False, timestamp="@timestamp"
    )
    reader = RowReader(
        columns,
        "predictions",
        model="tickets",
        environment="production",
        regression=False,
        texts={"comment": frozenset({"late"})},
    )
    (event,) = reader.events({"@timestamp": "2026-03-03T00:00:00Z", "features.comment": "late again"})

    assert (event["features.comment.words"], event["features.comment.unseen_tokens"]) == (2.0, 0.5)


@pytest.mark.parametrize("pair", ["comment", "=file", "other=file"])
def test_a_vocabulary_of_no_text_feature_is_refused_with_the_setting_to_write(pair: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_vocabularies([pair], ["comment"])
    assert refused.value.remedy


def test_the_command_writes_the_tokens_of_a_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pd.DataFrame({"comment": COMMENTS, "n": [1, 2, 3, 4]}).to_csv(tmp_path / "tickets.csv", index=False)
    out = tmp_path / "comment.tokens"

    assert run(["vocabulary", str(tmp_path / "tickets.csv"), "--feature", "comment", "--out", str(out)]) == 0
    assert load_vocabulary(out, where="") == {"late", "again", "on", "time", "so"}
    assert run(["vocabulary", str(tmp_path / "tickets.csv"), "--feature", "absent", "--out", str(out)]) != 0
    assert "comment, n" in capsys.readouterr().err
