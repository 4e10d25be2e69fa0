"""``driftlog experiment`` as a person calls it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from driftlog.cli import exits
from driftlog.cli.app import run
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store.client import Store
from driftlog.store.templates import install, uninstall
from driftlog.store.values import BulkAction

START = datetime(2026, 3, 2, tzinfo=UTC)
Cli = Callable[..., tuple[int, str, str]]
EXPERIMENTS = """
models:
  shop:
    environment: test
    experiments:
      - {name: checkout, control: old, treatments: [new], target: features.bought, start: 2026-03-02,
         minimum_effect: 0.1}
      - {name: minutes, control: old, treatments: [new], target: features.minutes, kind: numeric, direction: below,
         start: 2026-03-02, minimum_effect: 2}
      - {name: absent, control: old, treatments: [<b>x</b>], target: features.bought}
  bare: {environment: test}
"""


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Call a command in a folder of its own, without a server."""
    (tmp_path / "driftlog.yml").write_text("elasticsearch: {urls: ['http://127.0.0.1:1']}" + EXPERIMENTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTLOG_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["experiment", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture(scope="module")
def filled(elasticsearch_url: str) -> Iterator[Store]:
    """Ten days of predictions of 3,000 subjects."""
    rng = np.random.default_rng(4)
    names = IndexNames(f"test-{secrets.token_hex(4)}")
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), names) as store:
        install(store)
        actions = []
        for index in range(3000):
            at = START + timedelta(days=10) * index / 3000
            new = bool(rng.random() < 0.5)
            document = {
                "@timestamp": at.isoformat(),
                "event": {"id": f"p{index}", "dataset": "driftlog.prediction", "ingested": at.isoformat()},
                "service": {"environment": "test"},
                "model": {"name": "shop", "variant": "new" if new else "old"},
                "subject": {"id": f"s{index}"},
                "features": {"bought": bool(rng.random() < (0.32 if new else 0.2)), "minutes": rng.normal(30, 8)},
            }
            actions.append(BulkAction("index", names.predictions("shop", at), f"p{index}", document))
        assert not store.bulk(actions, refresh=True).failures
        yield store
        for info in store.list_indices():
            store.drop_index(info.name)
        uninstall(store)


@pytest.fixture
def shop(filled: Store, cli: Cli, tmp_path: Path) -> Iterator[Cli]:
    """The same with predictions; decisions are forgotten afterwards."""
    head = f"prefix: {filled.names.prefix}\nelasticsearch: {{urls: ['{filled.urls[0]}']}}"
    (tmp_path / "driftlog.yml").write_text(head + EXPERIMENTS)
    yield cli
    filled.drop_index(filled.names.state)


def test_a_plan_needs_no_server_when_it_is_given_numbers(cli: Cli) -> None:
    """Table and JSON."""
    code, out, err = cli("plan", "shop", "--baseline", "0.2", "--effect", "0.01", "--traffic", "4000")
    assert code == exits.OK, err
    assert "25,583 + 25,583" in out and "12.8" in out
    plan = json.loads(cli("plan", "anything", "--sd", "1", "--effect", "0.5", "--shares", "0.5,0.5", "--json")[1])
    assert plan["designs"][0]["total"] == 128
    named = json.loads(cli("plan", "shop", "--name", "minutes", "--sd", "8", "--json")[1])
    assert (named["effect"], named["kind"]) == (-2.0, "numeric")


@pytest.mark.parametrize(
    ("arguments", "complaint", "remedy"),
    [
        (("plan", "shop", "--baseline", "0.2"), "--effect is missing", "0.01"),
        (("plan", "shop", "--baseline", "0.2", "--effect", "0.9"), "leave 0 to 1", "absolute"),
        (("plan", "shop", "--baseline", "0.2", "--effect", "0.1", "--shares", "0.5,0.6"), "do not sum to 1", "0.5,0.5"),
        (("plan", "shop", "--baseline", "0.2", "--effect", "0.1", "--shares", "a,b"), "no numbers", "0.5,0.5"),
        (("plan", "shop", "--name", "chekout", "--baseline", "0.2"), "no experiment chekout", "did you mean checkout"),
        (("plan", "none", "--name", "checkout"), "none is not in the settings", "below models"),
    ],
)
def test_a_plan_that_cannot_be_made_says_what_to_change(
    cli: Cli, arguments: tuple[str, ...], complaint: str, remedy: str
) -> None:
    """Exit code 2, one line and its remedy."""
    code, out, err = cli(*arguments)
    assert (code, out) == (exits.USAGE, "")
    assert complaint in err and remedy in err


@pytest.mark.elasticsearch
def test_an_experiment_from_plan_to_stop(shop: Cli, tmp_path: Path) -> None:
    """What the numbers say, the page, the decision, and the frozen result."""
    plan = json.loads(shop("plan", "shop", "--name", "checkout", "--json")[1])
    assert plan["baseline"] == pytest.approx(0.26, abs=0.03)
    assert plan["traffic"] == pytest.approx(300, rel=0.01)

    code, out, err = shop("status", "shop", "checkout", "--as-of", "2026-03-12")
    assert code == exits.OK, err
    assert "new is better than old" in out and "sample ratio p = " in out
    line = json.loads(shop("status", "shop", "checkout", "--as-of", "2026-03-12", "--json")[1])
    (comparison,) = line["result"]["comparisons"]
    assert (line["result"]["verdict"], line["stopped"]) == ("treatment_better", None)
    assert 0 < comparison["lower"] < comparison["difference"] < comparison["upper"]
    assert len(comparison["looks"]) == 10
    by_prediction = json.loads(shop("status", "shop", "minutes", "--by", "prediction", "--json")[1])["result"]
    assert by_prediction["unit"] == "prediction" and "too narrow" in " ".join(by_prediction["notes"])

    code, _, err = shop("status", "shop", "checkout", "--html", "page.html")
    page = (tmp_path / "page.html").read_text()
    assert (code, "Wrote page.html" in err, page.count("<svg")) == (exits.OK, True, 3)
    assert "<script" not in page and "treatment better" in page

    stop = ("stop", "shop", "checkout", "--decision", "treatment", "--reason", "sells more <b>", "--user", "ada")
    code, out, err = shop(*stop, "--as-of", "2026-03-12")
    assert (code, "by ada, for the treatment: sells more" in out) == (exits.OK, True), err
    code, _, err = shop(*stop)
    assert (code, "stopped already" in err, "new name" in err) == (exits.USAGE, True, True)
    frozen = json.loads(shop("status", "shop", "checkout", "--json")[1])
    assert frozen["result"] == line["result"]
    assert (frozen["stopped"]["decision"], frozen["stopped"]["by"]) == ("treatment", "ada")
    settings = tmp_path / "driftlog.yml"
    settings.write_text(settings.read_text().partition("    experiments:")[0])
    shop("status", "shop", "checkout", "--html", "page.html")  # no longer in the settings
    assert "sells more &lt;b&gt;" in (tmp_path / "page.html").read_text()


@pytest.mark.elasticsearch
@pytest.mark.parametrize(
    ("arguments", "complaint", "remedy"),
    [
        (("status", "shop", "absent"), "variant <b>x</b> was never seen", "models.shop.experiments.absent.treatments"),
        (("status", "shop", "checkuot"), "no experiment checkuot", "did you mean checkout"),
        (("status", "bare"), "bare has no experiments", "models.bare.experiments"),
        (("status", "shop", "checkout", "--as-of", "2026-03-01"), "starts on 2026-03-02", "checkout.start"),
        (("status", "shop", "checkout", "--html", "/none/x.html"), "cannot be written", "another path"),
        (("stop", "shop", "checkout", "--decision", "none", "--reason", " "), "--reason is empty", "why"),
        (("plan", "bare", "--effect", "0.1"), "no subjects with a value", "--baseline"),
    ],
)
def test_what_cannot_be_shown_names_the_setting_and_the_remedy(
    shop: Cli, arguments: tuple[str, ...], complaint: str, remedy: str
) -> None:
    """Exit code 2, one line and its remedy."""
    code, out, err = shop(*arguments)
    assert (code, out) == (exits.USAGE, "")
    assert complaint in err and remedy in err


@pytest.mark.elasticsearch
def test_the_list_goes_on_past_one_that_cannot_be_read(shop: Cli) -> None:
    """The others are shown; what is wrong is told."""
    code, out, err = shop("status", "shop")
    assert code == exits.OK
    assert "checkout" in out and "minutes" in out
    assert "absent: variant <b>x</b> was never seen" in err
