"""Scoring rows by the user's own command: a real process, and every way its answer can be wrong."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftlog.act.versions.embedded import EmbeddedRegistry
from driftlog.contract.errors import ActionFailed
from driftlog.contract.maintaining import ExecutorSettings, MaintainSettings
from driftlog.contract.maintenance import ModelVersion
from driftlog.worker.score_rows import build_scorer, score_rows

VERSION = ModelVersion(
    model="churn", version="v2", status="candidate", created=datetime(2026, 7, 1, tzinfo=UTC), uri="/srv/v2"
)
ENVIRON = {"PATH": os.environ["PATH"]}
COPY = "import sys; open(sys.argv[2], 'w').write(open(sys.argv[1]).read().replace('age', 'score'))"


def settings(script: str, *more: str, limit_s: float = 60) -> ExecutorSettings:
    command = (sys.executable, "-c", script, "{input}", "{output}", *more)
    return ExecutorSettings(kind="command", score=command, time_limit=timedelta(seconds=limit_s))


@pytest.fixture
def rows(tmp_path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("id,age\na,1\nb,2\nc,3\n")
    return path


def answering(text: str) -> ExecutorSettings:
    return settings(f"import sys; open(sys.argv[2], 'w').write({text!r})")


def test_rows_are_scored_by_the_users_command(rows, tmp_path):
    """The answer is checked and kept; placeholders are single arguments."""
    answers = tmp_path / "answers.csv"
    assert score_rows(settings(COPY), VERSION, rows, answers, environ=ENVIRON) == 3
    assert answers.read_text() == "id,score\na,1\nb,2\nc,3\n"
    script = """import sys
open(sys.argv[2], "w").write("id,label\\n" + "".join(f"{id},{len(sys.argv)}\\n" for id in "abc"))
"""
    spaced = rows.rename(tmp_path / "my rows.csv")
    score_rows(settings(script, "{files} x"), VERSION, spaced, answers, environ=ENVIRON)
    assert answers.read_text() == "id,label\na,4\nb,4\nc,4\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.csv", "my rows.csv"]


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        ("id,score\na,1\nb,2\n", "left out 1 of 3 rows: c"),
        ("id,score\na,1\nb,2\nc,3\nd,4\n", r"answered 'd' and was not asked for it \(line 5\)"),
        ("id,score\na,1\nb,2\nc,3\nb,4\n", r"answered 'b' twice \(line 5\)"),
        ("id,score\na,1\nb,nan\nc,3\n", r"answered 'nan' as score of 'b' \(line 3\)"),
        ("id,score\na,1\nb,inf\nc,3\n", "'inf' as score"),
        ("id,score\na,1\nb,\nc,3\n", "'' as score of 'b'"),
        ("id,score\na,1\nb,high\nc,3\n", "'high' as score"),
        ("id,label\na,x\nb,\nc,y\n", "'' as label of 'b'"),
        ("id,probability:x\na,0.5\nb,NaN\nc,1\n", "'NaN' as probability:x"),
        ("id,age\na,1\nb,2\nc,3\n", "none of the columns score, label, value"),
        ("score\n1\n", "has no column id"),
        ("id,id,score\na,a,1\n", "or one twice"),
        ("id,score\na,1,2\n", "does not have 2 cells"),
        ("id,score\na\n", "does not have 2 cells"),
        ("", "has no column id"),
    ],
)
def test_wrong_answers_are_refused_and_named(rows, tmp_path, answer, match):
    """Nothing is kept of them."""
    with pytest.raises(ActionFailed, match=match):
        score_rows(answering(answer), VERSION, rows, tmp_path / "answers.csv", environ=ENVIRON)
    assert not (tmp_path / "answers.csv").exists()


def test_no_answer_and_no_utf8_are_refused(rows, tmp_path):
    """A command that says nothing, writes a link, or bytes."""
    for script in ("pass", "import os, sys; os.symlink(sys.argv[1], sys.argv[2])"):
        with pytest.raises(ActionFailed, match="wrote no answer"):
            score_rows(settings(script), VERSION, rows, tmp_path / "a.csv", environ=ENVIRON)
    binary = settings(r"import sys; open(sys.argv[2], 'wb').write(b'id,score\n\xff,1\n')")
    with pytest.raises(ActionFailed, match="no CSV file in UTF-8"):
        score_rows(binary, VERSION, rows, tmp_path / "a.csv", environ=ENVIRON)


def test_a_command_that_fails_or_hangs_is_told(rows, tmp_path):
    """With the end of what it said."""
    with pytest.raises(ActionFailed, match=r"exit code 1; it last said: (.|\n)*no such column"):
        score_rows(settings("raise KeyError('no such column')"), VERSION, rows, tmp_path / "a.csv", environ=ENVIRON)
    slow = settings("import time; time.sleep(600)", limit_s=1)
    with pytest.raises(ActionFailed, match="not done after 1 s"):
        score_rows(slow, VERSION, rows, tmp_path / "a.csv", environ=ENVIRON)
    with pytest.raises(ActionFailed, match="nothing is set that could score"):
        score_rows(ExecutorSettings(), VERSION, rows, tmp_path / "a.csv", environ=ENVIRON)


def test_the_truth_and_double_ids_do_not_reach_the_command(tmp_path):
    """A candidate must not see what it is judged by."""
    path = tmp_path / "rows.csv"
    path.write_text("id,age,actual\na,1,0\n")
    with pytest.raises(ActionFailed, match="has a column actual"):
        score_rows(settings(COPY), VERSION, path, tmp_path / "a.csv", environ=ENVIRON)
    path.write_text("id,age\na,1\na,2\n")
    with pytest.raises(ActionFailed, match="has the id 'a' twice"):
        score_rows(settings(COPY), VERSION, path, tmp_path / "a.csv", environ=ENVIRON)


def test_a_scorer_gets_the_files_of_the_version(rows, tmp_path):
    """Of any version of the registry, unchanged since it was registered."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "weight").write_text("7")
    registry = EmbeddedRegistry(tmp_path / "versions")
    kept = registry.register(VERSION, str(tmp_path / "out"))
    script = """import sys
weight = open(sys.argv[3] + "/weight").read()
open(sys.argv[2], "w").write("id,score\\n" + "".join(f"{id},{weight}\\n" for id in "abc"))
"""
    scorer = build_scorer(MaintainSettings(executor=settings(script, "{files}")), tmp_path, environ=ENVIRON)
    scorer(kept, str(rows), str(tmp_path / "answers.csv"))
    assert (tmp_path / "answers.csv").read_text() == "id,score\na,7\nb,7\nc,7\n"
