"""``driftlog compare`` and ``driftlog scenario`` on a real Elasticsearch."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.api.traffic import BEFORE, DAYS, ROWS, Traffic, traffic

from driftlog.cli import exits
from driftlog.cli.app import run

pytestmark = pytest.mark.elasticsearch

Cli = Callable[..., tuple[int, str, str]]
MODULE = """
import numpy as np

def score(features):
    amount = features["amount"].fillna(100.0).to_numpy(float)
    return 1 / (1 + np.exp(-(0.06 * (amount - 100) + (features["plan"] == "plus") * 0.8 - 0.3)))

def other(features):
    return score(features) / 2
"""


@pytest.fixture(scope="module")
def there(elasticsearch_url: str) -> Iterator[Traffic]:
    with traffic(elasticsearch_url) as made:
        yield made


@pytest.fixture
def cli(
    there: Traffic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Cli]:
    (tmp_path / "driftlog.yml").write_text(
        f"prefix: {there.store.names.prefix}\nelasticsearch: {{urls: ['{there.url}']}}\n"
        "models: {credit: {environment: test, positive_label: '1', bucket: 6h}}\n"
    )
    (tmp_path / "scoring_of_the_test.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTLOG_CONFIG", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    yield call
    sys.modules.pop("scoring_of_the_test", None)


def test_compare_prints_the_largest_differences_first(cli: Cli) -> None:
    """Both sides, one sentence, families, and the limits."""
    code, out, err = cli("compare", "credit", "--current", "2d", "--reference", "2026-03-02/10d")
    assert code == exits.OK, err
    assert "2026-03-14/2026-03-16: 400 predictions" in out and "2026-03-02/2026-03-12: 2,000 predictions" in out
    assert out.index("Performance") < out.index("Features") < out.index("Operation")
    features = out[out.index("Features") :]
    assert features.index("amount") < features.index("country") and "mean 99" in features


def test_compare_as_json_and_as_a_page(cli: Cli, tmp_path: Path) -> None:
    """One measurement a line; the page needs no network."""
    code, out, err = cli(
        "compare", "credit", "--current", "14d", "--reference", "14d", "--current-version", "2",
        "--reference-version", "1", "--method", "hellinger", "--json", "--html", "page.html",
    )  # fmt: skip
    assert code == exits.OK, err
    measurements = [json.loads(line) for line in out.splitlines()]
    drift = [m for m in measurements if m["purpose"] == "data_drift"]
    assert {m["metric"] for m in drift} == {"hellinger"} and {m["version"] for m in drift} == {"2"}
    assert drift[0]["field"] == "features.amount" and drift[0]["n_current"] == (DAYS - BEFORE) * ROWS
    assert next(m for m in measurements if m["metric"] == "accuracy")["details"]["difference"] is not None
    page = (tmp_path / "page.html").read_text()
    assert page.startswith("<!doctype html>") and "version 2" in page and "version 1" in page and "<script" not in page


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nobody", "--current", "7d"), exits.USAGE, "no such model"),
        (("credit", "--current", "2027-01-01/7d"), exits.USAGE, "2026-03-15/2026-03-16"),
        (("credit", "--current", "soon"), exits.USAGE, "no stretch of time"),
        (("credit", "--current", "7d", "--method", "ks"), exits.USAGE, "kolmogorov_smirnov"),
        (("credit", "--current", "7d", "--reference", "abcdef"), exits.FAILED, "driftlog reference list"),
        (("credit", "--current", "7d", "--reference-version", "1"), exits.USAGE, "stored reference"),
        (("credit", "--current", "7d", "-e", "elsewhere"), exits.FAILED, "driftlog reference set"),
        (("credit",), exits.USAGE, "--current"),
    ],
)
def test_compare_says_what_is_wrong(cli: Cli, arguments: tuple[str, ...], code: int, said: str) -> None:
    """And exits as the other commands do."""
    found, _, err = cli("compare", *arguments)
    assert (found, said in " ".join(err.split())) == (code, True), err


def test_scenario_shows_actual_scenario_and_change(cli: Cli, tmp_path: Path) -> None:
    """As a table, as JSON, as a page."""
    given = ("scenario", "credit", "--window", "2026-03-02/5d", "--predict", "scoring_of_the_test:score")
    code, out, err = cli(*given, "--shift", "amount=+20%", "--mix", "plan=plus:0.6")
    assert code == exits.OK, err
    assert "gives the stored score on all 1,000 unchanged rows" in out
    assert "Thresholds that would be crossed" in out and "→ 60 %" in out
    code, out, err = cli(*given, "--set", "amount=missing", "--json", "--html", "scenario.html")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, lines[0]["kind"], lines[0]["reproduction"]["differing"]) == (exits.OK, "scenario", 0), err
    missing = next(x for x in lines if x.get("metric") == "missing_share" and x["field"] == "features.amount")
    assert missing["scenario"]["verdict"] == "critical"
    assert "amount=missing" in (tmp_path / "scenario.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--predict", "scoring_of_the_test:other", "--shift", "amount=+1"), "is not the model that predicted here"),
        (("--predict", "scoring_of_the_test:absent", "--shift", "amount=+1"), "is no function"),
        (("--predict", "no_such_module_here:f", "--shift", "amount=+1"), "cannot be imported"),
        (("--predict", "scoring_of_the_test:score"), "needs a change"),
        (("--predict", "scoring_of_the_test:score", "--shift", "amount"), "is not NAME=VALUE"),
    ],
)
def test_scenario_says_what_is_wrong(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    """Before anything is shown."""
    code, out, err = cli("scenario", "credit", "--window", "2026-03-02/5d", *arguments)
    assert code in (exits.USAGE, exits.CONFIG) and not out and said in " ".join(err.split()), err
