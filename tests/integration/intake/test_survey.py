"""The survey as people meet it: a real intake, a real browser, a real Elasticsearch."""

from __future__ import annotations

import asyncio
import http.client
import os
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.integration.intake.browser import find_browser, new_tab, running_browser
from tests.integration.intake.conftest import free_port

from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings, Secret
from driftlog.contract.survey_link import SurveyLink, sign
from driftlog.shipping.survey import survey_link
from driftlog.store import templates
from driftlog.store.client import Store

pytestmark = pytest.mark.elasticsearch

KEY, OLD_KEY = "k" * 40, "o" * 40
SETTINGS = """
prefix: {prefix}
elasticsearch: {{urls: ['{url}']}}
intake: {{http_port: {port}, tcp_port: none}}
feedback: {{key: {key}, old_keys: [{old}]}}
models:
  churn:
    positive_label: 'yes'
    survey:
      title: How good was our forecast?
      thanks: Thank you, we read everything.
      questions:
        - {{name: helpful, text: 'How helpful was it?', required: true, low: not at all, high: very}}
        - {{name: tone, text: 'And its tone?', scale: 10}}
        - {{name: why, text: 'What was wrong?', kind: choice, choices: ['<b>nothing</b>', 'the "price" & more']}}
        - {{name: truth, text: 'Did you leave?', kind: label, choices: ['yes', 'no']}}
        - {{name: comment, text: 'Anything else?', kind: text}}
"""


class Survey:
    """A running intake, and what it stored."""

    def __init__(self, port: int, store: Store) -> None:
        self.port, self.store = port, store

    def link(self, prediction_id: str, *, key: str = KEY, expires: timedelta = timedelta(days=1)) -> str:
        url = f"http://127.0.0.1:{self.port}"
        return survey_link(prediction_id, model="churn", key=key, url=url, expires=expires)

    def ask(self, path: str, body: str | bytes | None = None, **headers: str) -> tuple[int, str, dict[str, str]]:
        """Status, page, headers; without following anything."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        form = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request("GET" if body is None else "POST", path, body, form | names)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), {k.lower(): v for k, v in answer.getheaders()}
        finally:
            connection.close()

    def send(self, link: str, **answers: str) -> tuple[int, str, dict[str, str]]:
        return self.ask(urllib.parse.urlsplit(link).path, urllib.parse.urlencode(answers))

    def stored(self, prediction_id: str) -> list[dict[str, Any]]:
        pattern = self.store.names.every("feedback")
        self.store.refresh(pattern)
        query = {"term": {"feedback.prediction_id": prediction_id}}
        hits = self.store.scan(pattern, query, sort=["@timestamp"])
        return [hit["_source"] for hit in hits]


@pytest.fixture(scope="module")
def survey(elasticsearch_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survey]:
    """`driftlog intake` as a process."""
    import secrets

    folder, port, prefix = tmp_path_factory.mktemp("survey"), free_port(), f"test-{secrets.token_hex(4)}"
    (folder / "driftlog.yml").write_text(
        SETTINGS.format(prefix=prefix, url=elasticsearch_url, port=port, key=KEY, old=OLD_KEY)
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTLOG_")}
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        templates.install(store)
        process = subprocess.Popen(
            [sys.executable, "-m", "driftlog", "intake"], cwd=folder, env=environ | {"XDG_STATE_HOME": str(folder)}
        )
        found = Survey(port, store)
        try:
            wait_until_up(found, process)
            yield found
        finally:
            process.terminate()
            process.wait(timeout=60)
            templates.uninstall(store)
            for info in store.list_indices():
                store.drop_index(info.name)


def wait_until_up(survey: Survey, process: subprocess.Popen[bytes], *, status: int = 200) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None, "the intake ended"
        try:
            if survey.ask("/health")[0] == status:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError("the intake did not come up")


def test_a_person_fills_in_the_form_in_a_browser(survey: Survey, tmp_path: Path) -> None:
    """By mouse and keyboard, on a phone: the answers are feedback in Elasticsearch; the browser has nothing to
    complain of, runs no script and loads nothing else."""
    path = find_browser()
    if path is None:
        reason = "no browser: install chromium (apt-get install chromium), or name one in DRIFTLOG_TEST_BROWSER"
        pytest.skip(reason)  # .ci/run installs one where it can
    with running_browser(path) as port:
        asyncio.run(fill_in(port, survey.link("p-browser"), tmp_path))
    [document] = survey.stored("p-browser")
    assert document["feedback"] == {
        "prediction_id": "p-browser",
        "rating": 4,
        "actual": "no",
        "comment": "Grüße & <script>alert(1)</script>\nsecond line",
        "answers": {"why": 'the "price" & more', "tone": "10"},
        "source": "survey",
    }
    assert document["model"]["name"] == "churn"
    assert document["driftlog"]["source"] == "survey"


async def fill_in(port: int, link: str, folder: Path) -> None:
    async with new_tab(port) as tab:
        await tab.open(link)
        assert await tab.run("document.title") == "How good was our forecast?"
        assert await tab.run("document.documentElement.scrollWidth <= window.innerWidth"), "wider than the phone"
        unnamed = "[...document.querySelectorAll('input,textarea')].filter(e => e.labels.length == 0).length"
        assert await tab.run(unnamed) == 0
        targets = "[...document.querySelectorAll('.pick,.choice,button')]"
        assert await tab.run(f"{targets}.filter(e => e.offsetHeight < 44 || e.offsetWidth < 24).length") == 0
        await tab.picture(folder / "empty.png")
        await tab.click("button")  # the browser itself asks for the required answer
        assert await tab.run("document.querySelectorAll('fieldset:invalid').length") == 1
        await tab.click("input[name=helpful][value='4']")
        await tab.click("input[name=tone][value='10']")
        await tab.click(".choice:nth-of-type(2) input[name=why]")
        await tab.click("input[name=truth][value=no]")
        await tab.write("textarea", "Grüße & <script>alert(1)</script>\nsecond line")
        await tab.picture(folder / "filled.png")
        await tab.click("button")
        await tab.wait_for("document.querySelector('.done')")
        assert "Thank you, we read everything." in await tab.run("document.body.innerText")
        await tab.picture(folder / "done.png")
        own = {url for url in tab.requests if not url.startswith(link)}
        assert {urllib.parse.urlsplit(url).path for url in own if url.startswith("http")} <= {"/favicon.ico"}
        assert [text for text in tab.problems if "favicon" not in text and "404" not in text] == []


def test_a_second_sending_is_a_newer_statement(survey: Survey) -> None:
    """Both are kept as they came; the newest wins wherever feedback is read."""
    link = survey.link("p-twice")
    for rating in ("1", "5"):
        status, _, headers = survey.send(link, helpful=rating)
        assert (status, headers["location"]) == (303, "?done=1")
    assert [document["feedback"]["rating"] for document in survey.stored("p-twice")] == [1, 5]
    status, page, _ = survey.ask(urllib.parse.urlsplit(link).path + "?done=1")
    assert (status, "Change your answers" in page) == (200, True)


def test_answers_are_checked_against_the_questions(survey: Survey) -> None:
    """What is no answer is told beside its question, what was filled in stays, nothing is stored."""
    link = survey.link("p-wrong")
    wrong: list[dict[str, str]] = [
        {},
        {"helpful": "6"},
        {"helpful": "0"},
        {"helpful": "٤"},
        {"helpful": "4", "why": "something else"},
        {"helpful": "4", "truth": "perhaps"},
        {"helpful": "4", "comment": "x" * 4001},
    ]
    for answers in wrong:
        status, page, _ = survey.send(link, **answers)
        assert (status, 'role="alert"' in page, 'aria-invalid="true"' in page) == (422, True, True), answers
    status, page, _ = survey.send(link, helpful="9", comment='"><script>x</script>')
    assert (status, "<script>" in page) == (422, False)
    assert "&#34;&gt;&lt;script&gt;x&lt;/script&gt;</textarea>" in page
    assert survey.stored("p-wrong") == []


def test_links_that_do_not_count(survey: Survey) -> None:
    """Forged, cut off, of a stranger's key: 403, which tells nothing more; expired: 410; of no survey: 404. A friendly
    page each, with nothing in it that came from the address."""
    link = survey.link("p-1")
    token = link.rpartition("/")[2]
    payload, _, signature = token.partition(".")
    other = survey.link("p-2").rpartition("/")[2].partition(".")[0]
    stranger = survey.link("p-1", key="s" * 40).rpartition("/")[2]
    forged = [token[:-4], f"{other}.{signature}", stranger, f"{payload}.", "x", "a.b", "%3Cscript%3E.x"]
    pages = {survey.ask(f"/survey/{bad}")[:2] for bad in forged}
    assert {status for status, _ in pages} == {403}
    assert len(pages) == 1
    assert survey.send(f"http://x/survey/{stranger}", helpful="3")[0] == 403
    past = sign(SurveyLink("churn", "p-1", datetime.now(UTC) - timedelta(seconds=1)), Secret(KEY))
    assert survey.ask(f"/survey/{past}")[0] == 410
    assert survey.send(f"http://x/survey/{past}", helpful="3")[0] == 410
    elsewhere = sign(SurveyLink("fraud", "p-1", datetime.now(UTC) + timedelta(days=1)), Secret(KEY))
    assert survey.ask(f"/survey/{elsewhere}")[0] == 404
    assert survey.stored("p-1") == []


def test_links_of_an_old_key_still_work(survey: Survey) -> None:
    """After the key was changed, until they expire."""
    link = survey.link("p-old", key=OLD_KEY)
    assert survey.send(link, helpful="3")[0] == 303
    assert len(survey.stored("p-old")) == 1


def test_too_much_too_often_and_in_another_form(survey: Survey) -> None:
    """A body has its limit, packed or not; so has the number of sendings of one link; JSON is no form."""
    path = urllib.parse.urlsplit(survey.link("p-much")).path
    assert survey.ask(path, "comment=" + "x" * 200_000)[0] == 413
    import gzip

    bomb = gzip.compress(b"comment=" + b"x" * 20_000_000)
    assert survey.ask(path, bomb, Content_Encoding="gzip")[0] == 413
    assert survey.ask(path, "&".join(f"a{n}=1" for n in range(500)))[0] == 400
    assert survey.ask(path, b"{}", Content_Type="application/json")[0] == 415
    answers = [survey.send(survey.link("p-often"), helpful="3") for _ in range(12)]
    assert [status for status, _, _ in answers].count(303) == 10
    assert {(status, headers.get("retry-after", "0").isdigit()) for status, _, headers in answers[10:]} == {(429, True)}


def test_pages_are_closed_to_the_outside(survey: Survey) -> None:
    """No scripts, no frames, no caches, no referrer; the token reaches nobody else."""
    path = urllib.parse.urlsplit(survey.link("p-headers")).path
    for status, page, headers in (
        survey.ask(path),
        survey.ask("/survey/x"),
        survey.send(f"http://x{path}", helpful="1"),
    ):
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in headers
        assert "<script" not in page, status


def test_without_elasticsearch_the_form_is_shown_and_a_sending_is_refused(tmp_path: Path) -> None:
    """Nothing is said to be stored that is not: 503, and when to try again."""
    port = free_port()
    (tmp_path / "driftlog.yml").write_text(
        SETTINGS.format(prefix="nowhere", url=f"http://127.0.0.1:{free_port()}", port=port, key=KEY, old=OLD_KEY)
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTLOG_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "driftlog", "intake"], cwd=tmp_path, env=environ | {"XDG_STATE_HOME": str(tmp_path)}
    )
    with Store.connect(ElasticsearchSettings(), IndexNames("nowhere")) as store:
        found = Survey(port, store)
        try:
            wait_until_up(found, process, status=503)
            link = found.link("p-1")
            assert found.ask(urllib.parse.urlsplit(link).path)[0] == 200
            status, page, headers = found.send(link, helpful="3")
            assert (status, "could not be stored" in page, headers["retry-after"]) == (503, True, "60")
        finally:
            process.terminate()
            process.wait(timeout=60)
