"""The commands one after the other, as a person would call them, on a real Elasticsearch."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftlog.cli import exits
from driftlog.cli.app import run

pytestmark = pytest.mark.elasticsearch

START = datetime(2025, 3, 3, tzinfo=UTC)
DAYS = 14


@pytest.fixture
def cli(
    elasticsearch_url: str,
    prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str, str]]:
    """Call a command in a folder of its own; exit code, standard output, standard error."""
    (tmp_path / "driftlog.yml").write_text(
        f"prefix: {prefix}\nelasticsearch: {{urls: ['{elasticsearch_url}']}}\n"
        "models: {churn: {environment: test, positive_label: 'yes', look_back: 4000d}}\n"
    )
    monkeypatch.chdir(tmp_path)
    for name in ("DRIFTLOG_CONFIG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def write_history(path: Path, days: int = DAYS, *, bad: bool = True) -> int:
    """Eighty rows a day; the second week's ages are higher. Returns the number of good rows."""
    random.seed(1)
    rows = []
    for index in range(days * 80):
        when = START + timedelta(days=index // 80, minutes=17 * (index % 80))
        age = random.gauss(40 if index < days * 40 else 55, 8)
        score = min(1.0, max(0.0, age / 80))
        rows.append([when.isoformat(), f"r{index}", f"{age:.2f}", random.choice(["DE", "FR"]), f"{score:.3f}"])
        rows[-1] += ["yes" if score > 0.5 else "no", "yes" if random.random() < score else "no"]
    good = len(rows)
    if bad:
        rows.append(["soon", "r-bad", "1", "DE", "0.5", "no", "no"])
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["created", "request", "age", "country", "p", "answer", "churned"])
        writer.writerows(rows)
    return good


IMPORT = (
    "import", "churn", "history.csv", "--timestamp", "created", "--id", "request", "--features", "age,country",
    "--prediction", "answer", "--score", "p", "--label", "churned", "--version", "1.2",
)  # fmt: skip


def test_a_model_from_setup_to_report(cli: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """setup, import, reference, run, and every view of it."""
    assert cli("setup", "--dry-run")[0] == exits.OK
    assert "create" in cli("setup", "--dry-run")[1]
    code, out, err = cli("setup")
    assert (code, "model churn: registered" in out) == (exits.OK, True), err
    assert "unchanged" in cli("setup")[1]

    good = write_history(tmp_path / "history.csv")
    code, out, err = cli(*IMPORT, "--json")
    assert (code, json.loads(out)) == (
        exits.FAILED,
        {"rows": good + 1, "stored": 2 * good, "duplicates": 0, "rejected": 1},
    ), err
    rejected = [json.loads(line) for line in (tmp_path / "history.csv.rejected.jsonl").read_text().splitlines()]
    assert [(line["row"], line["reason"], line["data"]["request"]) for line in rejected] == [
        (good + 1, "illegal_timestamp", "r-bad")
    ]
    _, out, _ = cli(*IMPORT, "--json")
    assert json.loads(out) == {"rows": good + 1, "stored": 0, "duplicates": 2 * good, "rejected": 1}

    code, out, err = cli("reference", "set", "churn", "--from", "2025-03-03", "--to", "2025-03-10")
    assert (code, "active now" in out) == (exits.OK, True), out + err
    assert len(cli("reference", "list", "--json")[1].splitlines()) == 1
    assert "features.age" in cli("reference", "show", "churn")[1]

    code, out, err = cli("run", "--once", "--as-of", "2025-03-17T01:00:00Z", "--json")
    assert code == exits.OK, out + err
    (record,) = [json.loads(line) for line in out.splitlines()]
    assert (record["model"], record["status"], record["measurements"] > 0) == ("churn", "ok", True)

    code, out, err = cli("results", "--json")
    results = [json.loads(line) for line in out.splitlines()]
    assert (code, {m["window"]["start"] for m in results}) == (exits.OK, {"2025-03-16T00:00:00Z"}), err
    assert {"roc_auc", "kolmogorov_smirnov", "predictions"} <= {m["metric"] for m in results}
    lines = [json.loads(line) for line in cli("results", "churn", "--by-window", "--json")[1].splitlines()]
    assert len(lines) >= 7
    assert all("roc_auc" in line["metrics"] for line in lines)
    assert "ROC AUC" in cli("results", "churn", "--by-window", "--since", "3d")[1]

    code, out, err = cli("alerts", "--status", "all")
    assert code == exits.OK, err
    alerts = [json.loads(line) for line in cli("alerts", "churn", "--json")[1].splitlines()]
    assert cli("alerts", "--exit-code")[0] == (exits.FAILED if alerts else exits.OK)

    found = [json.loads(line) for line in cli("predictions", "churn", "--since", "1d", "--json")[1].splitlines()]
    assert (len(found), found[0]["event"]["id"]) == (50, f"r{good - 1}")
    assert "r7" in cli("predictions", "churn", "--id", "r7")[1]
    assert (
        len(cli("predictions", "churn", "--feature", "country=DE", "--score-min", "0.99", "--json", "--limit", "3")[1])
        > 0
    )

    code, out, err = cli("report", "-o", "churn.html")
    page = (tmp_path / "churn.html").read_text()
    assert code == exits.OK, err
    assert page.count("<svg") > 5
    assert "Distributions" in page

    assert "churn" in cli("models", "list")[1]
    assert json.loads(cli("models", "list", "--json")[1])["name"] == "churn"
    assert cli("doctor", "--json")[0] in (exits.OK, exits.FAILED)


def test_an_interrupted_import_is_finished_by_running_it_again(
    cli: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """Rows without an id of their own are found again by their content, equal rows included."""
    cli("setup")
    rows = ["created,age,p"] + ["2025-03-03T10:00:00Z,40,0.5"] * 3 + ["2025-03-03T10:00:01Z,41,0.5"]
    (tmp_path / "h.csv").write_text("\n".join(rows))
    call = ("import", "churn", "h.csv", "--timestamp", "created", "--features", "age", "--score", "p", "--json")

    assert json.loads(cli(*call)[1])["stored"] == 4
    (tmp_path / "h.csv").write_text("\n".join([*rows, "2025-03-03T10:00:02Z,42,0.5"]))
    again = json.loads(cli(*call)[1])
    assert (again["stored"], again["duplicates"]) == (1, 4)


def test_feedback_is_imported_on_its_own(cli: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """From JSON lines, with the id of the prediction."""
    cli("setup")
    lines = [{"known": "2025-03-04T00:00:00Z", "request": f"r{i}", "churned": "yes"} for i in range(5)]
    (tmp_path / "truth.jsonl").write_text("\n".join(json.dumps(line) for line in lines))

    code, out, err = cli(
        "import", "churn", "truth.jsonl", "--kind", "feedback", "--timestamp", "known", "--prediction-id", "request",
        "--label", "churned",
    )  # fmt: skip

    assert (code, "5 events stored" in out) == (exits.OK, True), err


REFUSALS = [
    (["results", "chrun"], exits.USAGE, "did you mean churn?"),
    (["results", "--since", "1d", "--until", "2d"], exits.OK, "no results yet"),
    (["alerts", "--since", "yesterday"], exits.USAGE, "neither a time nor a duration"),
    (["reference", "show", "churn"], exits.FAILED, "driftlog reference set churn"),
    (["reference", "set", "churn"], exits.USAGE, "--file, or from --from and --to"),
    (["run", "--from", "2025-01-01"], exits.USAGE, "--from and --to come together"),
    (["run", "--model", "nobody"], exits.USAGE, "no such model"),
    (["predictions", "churn", "--feature", "x"], exits.USAGE, "not NAME=VALUE"),
    (["models", "register", "Bad Name"], exits.USAGE, "is not a model name"),
    (["predictions", "churn", "--feature", "a*=1"], exits.USAGE, "is not a feature name"),
    (["predictions", "churn", "--score-min", "nan"], exits.USAGE, "--score-min: nan is no score"),
    (["reference", "set", "churn", "--from", "2026-03-01", "--to", "2026-03-01"], exits.USAGE, "--from is not before"),
    (["run", "--as-of", "9999-12-31T23:59:59"], exits.USAGE, "not between 1900 and 2200"),
]


def test_nothing_is_written_before_the_templates_are_there(cli: Callable[..., tuple[int, str, str]]) -> None:
    """Indices made without them would have guessed mappings for ever."""
    for arguments in (["run"], ["reference", "set", "churn", "--from", "2026-03-01", "--to", "2026-03-02"]):
        code, _, err = cli(*arguments)
        assert (code, "driftlog setup" in err) == (exits.FAILED, True), err
    _, out, _ = cli("models", "list")
    assert "churn" not in out


def test_what_cannot_be_done_is_said_with_the_remedy(cli: Callable[..., tuple[int, str, str]]) -> None:
    """One line, one remedy, no traceback, for each of the refusals."""
    cli("setup")
    for arguments, code, message in REFUSALS:
        got, out, err = cli(*arguments)
        assert (got, message in out + err, "Traceback" in err) == (code, True, False), (arguments, err)
