"""Feedback, surveys and labels by the command line, as a person would call it, on a real Elasticsearch."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftlog.cli import exits
from driftlog.cli.app import run

pytestmark = pytest.mark.elasticsearch

START = datetime(2025, 3, 3, tzinfo=UTC)
N = 120
Call = Callable[..., tuple[int, str, str]]
SETTINGS = """
prefix: {prefix}
elasticsearch: {{urls: ['{url}']}}
models:
  churn:
    environment: test
    positive_label: 'yes'
    look_back: 4000d
    survey:
      questions:
        - {{name: helpful, text: 'How helpful was it?'}}
  mute: {{}}
"""


@pytest.fixture
def cli(
    elasticsearch_url: str,
    prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Call:
    """Call a command in a folder of its own, with a day of predictions; exit code, standard output, standard error."""
    (tmp_path / "driftlog.yml").write_text(SETTINGS.format(prefix=prefix, url=elasticsearch_url))
    monkeypatch.chdir(tmp_path)
    for name in ("DRIFTLOG_CONFIG", "NO_COLOR", "DRIFTLOG_FEEDBACK__KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("DRIFTLOG_ACTOR", "ann")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def import_predictions(cli: Call, folder: Path) -> None:
    rows = [
        [
            (START + timedelta(minutes=10 * i)).isoformat(),
            f"r{i}",
            f"{(i % 100) / 100:.2f}",
            "yes" if i % 100 >= 50 else "no",
        ]
        for i in range(N)
    ]
    with (folder / "history.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["when", "request", "p", "answer"], *rows])
    assert cli("setup")[0] == exits.OK
    columns = ["--timestamp", "when", "--id", "request", "--prediction", "answer", "--score", "p"]
    code, out, err = cli("import", "churn", "history.csv", *columns)
    assert code == exits.OK, out + err


def test_feedback_from_a_file_to_orphans(cli: Call, tmp_path: Path) -> None:
    """Bad lines with number and reason, the rest once; what finds no prediction is listed after a cycle."""
    import_predictions(cli, tmp_path)
    (tmp_path / "truth.csv").write_text(
        "prediction_id,actual,rating,at,notes\nr1,yes,5,2025-03-04,x\nr2,no,many,2025-03-04,x\nlost,no,1,2025-03-04,x\n"
    )
    code, out, err = cli("feedback", "import", "churn", "truth.csv", "--source", "crm")
    assert (code, out) == (exits.FAILED, "3 lines: 2 stored, 0 were stored before, 1 rejected\n"), err
    assert "line 3: rating: 'many' is no number" in err
    assert "Columns not imported: notes" in err
    rejected = json.loads((tmp_path / "truth.csv.rejected.jsonl").read_text())
    assert (rejected["line"], rejected["data"]) == (3, "r2")
    _, out, _ = cli("feedback", "import", "churn", "truth.csv", "--source", "crm", "--json")
    assert json.loads(out) == {
        "lines": 3,
        "stored": 0,
        "duplicates": 2,
        "rejected": 1,
        "bad_lines": [{"line": 3, "reason": "rating: 'many' is no number"}],
    }
    assert "every feedback has its prediction" in cli("feedback", "orphans", "churn")[1]
    code, out, err = cli("run", "--once", "--as-of", "2025-03-05", "--model", "churn")
    assert code == exits.OK, out + err
    [found] = [json.loads(line) for line in cli("feedback", "orphans", "churn", "--json")[1].splitlines()]
    assert (found["count"], found["feedback"], found["oldest"]) == (1, 2, "2025-03-04T00:00:00Z")
    assert [(each["prediction_id"], each["source"]) for each in found["examples"]] == [("lost", "crm")]
    assert "1 feedback document without prediction (50 % of 2)" in cli("feedback", "orphans", "churn")[1]
    assert cli("feedback", "orphans", "chrun")[0] == exits.USAGE


def test_links_need_a_key_and_questions(cli: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each error says what to do next."""
    code, _, err = cli("survey", "link", "churn", "r1")
    assert (code, "driftlog survey key" in err) == (exits.CONFIG, True)
    _, key, _ = cli("survey", "key")
    assert len(key.strip()) >= 32
    monkeypatch.setenv("DRIFTLOG_FEEDBACK__KEY", key.strip())
    code, out, err = cli("survey", "link", "churn", "r1", "--expires", "7d")
    assert (code, out.startswith("http://127.0.0.1:9280/survey/")) == (exits.OK, True), err
    assert "works on this machine only" in err
    monkeypatch.setenv("DRIFTLOG_FEEDBACK__URL", "https://feedback.example.com/driftlog")
    [link] = [json.loads(line) for line in cli("survey", "link", "churn", "r1", "--json")[1].splitlines()]
    assert link["url"].startswith("https://feedback.example.com/driftlog/survey/")
    assert key.strip() not in link["url"]
    code, _, err = cli("survey", "link", "mute", "r1")
    assert (code, "models.mute.survey.questions" in err) == (exits.USAGE, True)
    assert cli("survey", "link", "nobody", "r1")[0] == exits.USAGE
    assert cli("survey", "link", "churn", "r1", "--expires", "soon")[0] == exits.USAGE
    assert cli("survey", "link", "churn", "x" * 600)[0] == exits.USAGE
    assert cli("survey", "preview", "churn", "-o", "form.html")[0] == exits.OK
    assert "How helpful was it?" in (tmp_path / "form.html").read_text()
    assert key.strip() not in cli("config", "show")[1]


def test_a_sample_out_and_its_labels_back(cli: Call, tmp_path: Path) -> None:
    """Written, labelled in a spreadsheet, loaded, joined; who took it is in the audit trail; a file with labels in it
    is not overwritten."""
    import_predictions(cli, tmp_path)
    span = ["--from", "2025-03-03", "--to", "2025-03-04"]
    code, out, err = cli("label", "export", "churn", "--n", "30", *span, "sample.csv", "--json")
    assert code == exits.OK, err
    drawn = json.loads(out)
    assert (drawn["population"], drawn["drawn"]["uncertain"]) == (N, 12)
    assert any(note.startswith("drifted: there is no reference") for note in drawn["notes"])
    with (tmp_path / "sample.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == drawn["rows"]
    assert all(row["why"] and 0 < float(row["inclusion_probability"]) <= 1 for row in rows)
    assert {row["sample"] for row in rows} == {drawn["sample"]}
    code, _, err = cli("label", "export", "churn", *span, "sample.csv")
    assert (code, "there may be labels in it" in err) == (exits.USAGE, True)
    for number, row in enumerate(rows):
        row["actual"] = "" if number == 0 else "maybe" if number == 1 else "yes"
    with (tmp_path / "labelled.csv").open("w", newline="", encoding="cp1252") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    assert "--delimiter" in cli("label", "import", "churn", "labelled.csv")[2]
    code, out, err = cli("label", "import", "churn", "labelled.csv", "--delimiter", ";", "--json")
    report = json.loads(out)
    assert code == exits.FAILED, err
    assert (report["stored"], report["unlabelled"], len(rows)) == (len(rows) - 2, 1, report["lines"])
    [skipped] = report["skipped"]
    assert (skipped["line"], "'maybe' is no label" in skipped["reason"]) == (3, True)
    again = json.loads(cli("label", "import", "churn", "labelled.csv", "--delimiter", ";", "--json")[1])
    assert (again["stored"], again["duplicates"]) == (0, len(rows) - 2)
    code, out, err = cli("run", "--once", "--as-of", "2025-03-05", "--model", "churn", "--json")
    assert json.loads(out)["outcomes"] == len(rows) - 2, err
    cli("label", "export", "churn", "--n", "500", *span, "rest.csv", "--blind")
    with (tmp_path / "rest.csv").open(newline="") as file:
        rest = list(csv.DictReader(file))
    labelled = {row["prediction_id"] for row in rows[2:]}
    assert len(rest) == N - len(labelled)
    assert not labelled & {row["prediction_id"] for row in rest}
    assert "prediction.score" not in rest[0]
    code, _, err = cli("label", "export", "churn", "--from", "2024-03-03", "--to", "2024-03-04", "none.csv")
    assert (code, "there are no predictions" in err) == (exits.USAGE, True)


def test_who_exports_predictions_is_recorded(cli: Call, tmp_path: Path, elasticsearch_url: str, prefix: str) -> None:
    """In the audit trail, with the number of rows."""
    from driftlog.audit.find import find_records
    from driftlog.contract.names import IndexNames
    from driftlog.contract.settings import ElasticsearchSettings
    from driftlog.store.client import Store

    import_predictions(cli, tmp_path)
    code, _, err = cli("label", "export", "churn", "--n", "5", "--from", "2025-03-03", "--to", "2025-03-04", "s.csv")
    assert code == exits.OK, err
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        store.refresh(store.names.audit)
        [record] = find_records(store, actions=["predictions.read"], model="churn", limit=10)
    assert record.entry.actor == "ann"
    assert "driftlog label export" in record.entry.summary
