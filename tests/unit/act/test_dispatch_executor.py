"""Training in a CI system: what GitHub and GitLab ask for reaches a real receiver, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.unit.act.receiver import Receiver, receiver
from tests.unit.act.runs import make_run

from driftlog.act.executors.dispatch import DispatchExecutor
from driftlog.contract.errors import ActionFailed, ActionUnavailable
from driftlog.contract.maintaining import ExecutorSettings

NOW = datetime(2026, 7, 2, 1, tzinfo=UTC)
GITHUB = {"ref": "main", "inputs": {"run": "{run}", "version": "{version}", "from": "{from}", "to": "{to}"}}
GITLAB = {"token": "${TRIGGER_TOKEN}", "ref": "main", "variables": {"DRIFTLOG_VERSION": "{version}"}}
ENVIRON = {"GITHUB_TOKEN": "ghp-5ecret", "TRIGGER_TOKEN": 'glptt-"5ecret'}


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def executor(there, folder, body=GITHUB, *, path="/dispatches", registered=(), now=NOW, status="", **settings):
    chosen = ExecutorSettings(
        kind="http",
        url=f"{there.url}{path}",
        headers=("Authorization: Bearer ${GITHUB_TOKEN}", "Accept: application/vnd.github+json"),
        body=json.dumps(body) if not isinstance(body, str) else body,
        status_url=f"{there.url}{status}" if status else "",
        **settings,
    )
    return DispatchExecutor(
        chosen,
        folder,
        environ=ENVIRON,
        registered=lambda run: run.version in registered,
        now=lambda: now,
        sleep=lambda seconds: None,
    )


def test_a_github_workflow_is_dispatched(there, tmp_path):
    """With its inputs, its token and its media type; 204 says nothing more."""
    there.answer((204, {}, b""))
    path = "/repos/acme/churn/actions/workflows/train.yml/dispatches"
    run = executor(there, tmp_path, path=path).start(make_run(), "data.csv", "out")
    (request,) = there.requests
    assert (request.method, request.path) == ("POST", path)
    assert request.headers["Authorization"] == "Bearer ghp-5ecret"
    assert request.headers["Accept"] == "application/vnd.github+json"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"].startswith("driftlog/")
    times = {"from": "2026-04-01T00:00:00+00:00", "to": "2026-07-01T00:00:00+00:00"}
    assert request.json == {"ref": "main", "inputs": {"run": "churn-run-1", "version": "v2", **times}}
    assert (run.status, run.remote, run.error) == ("running", "", "")


def test_a_gitlab_pipeline_is_triggered_and_followed(there, tmp_path):
    """Its id and page are kept, its state is read back with the same headers; a quote in a token stays in its place."""
    there.answer(
        (201, {}, {"id": 31, "status": "created", "web_url": "https://gitlab.example.org/p/31"}),
        (200, {}, {"id": 31, "status": "running"}),
        (200, {}, {"id": 31, "status": "success"}),
    )
    made = executor(there, tmp_path, GITLAB, status="/projects/7/pipelines/{remote}")
    run = made.start(make_run(), "d", "o")
    assert there.requests[0].json["token"] == 'glptt-"5ecret'
    assert there.requests[0].json["variables"] == {"DRIFTLOG_VERSION": "v2"}
    assert (run.remote, run.url) == ("31", "https://gitlab.example.org/p/31")
    run = made.poll(run)
    assert run.status == "running"
    run = made.poll(run)
    assert (run.status, run.finished) == ("succeeded", NOW)
    assert [request.path for request in there.requests[1:]] == ["/projects/7/pipelines/31"] * 2
    assert there.requests[1].headers["Authorization"] == "Bearer ghp-5ecret"


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ({"status": "queued", "conclusion": None}, "running"),
        ({"status": "completed", "conclusion": "success"}, "succeeded"),
        ({"status": "completed", "conclusion": "failure"}, "failed"),
        ({"status": "completed", "conclusion": "timed_out"}, "timed_out"),
        ({"status": "canceled"}, "failed"),
    ],
)
def test_states_of_github_and_gitlab_are_understood(there, tmp_path, state, status):
    """A conclusion says more than ``completed``."""
    there.answer((200, {}, {"workflow_run_id": 5, "html_url": "https://github.example.org/5"}), (200, {}, state))
    made = executor(there, tmp_path, status="/runs/{remote}")
    assert made.poll(made.start(make_run(), "d", "o")).status == status


def test_an_unknown_state_is_an_error(there, tmp_path):
    """It is not taken for success."""
    there.answer((200, {}, {"id": 5}), (200, {}, {"status": "paused"}))
    made = executor(there, tmp_path, status="/runs/{remote}")
    with pytest.raises(ActionFailed, match="'paused', which is not known"):
        made.poll(made.start(make_run(), "d", "o"))


def test_without_a_status_url_the_registered_version_tells(there, tmp_path):
    """And the time limit, where none comes."""
    there.answer((204, {}, b""))
    run = executor(there, tmp_path).start(make_run(), "d", "o")
    assert executor(there, tmp_path).poll(run).status == "running"
    assert executor(there, tmp_path, registered=("v2",)).poll(run).status == "succeeded"
    late = executor(there, tmp_path, now=run.started + timedelta(hours=6)).poll(run)
    assert (late.status, late.error) == ("timed_out", "no version was registered, and no end was told, after 21600 s")


@pytest.mark.parametrize("trouble", [(500, {}, {}), (0, {}, {}), (504, {}, {})])
def test_a_lost_answer_is_not_asked_for_again(there, tmp_path, trouble):
    """Nobody knows whether it trains: it counts as running, also after a restart."""
    there.answer(trouble)
    made = executor(there, tmp_path)
    run = made.start(make_run(), "d", "o")
    assert run.status == "running"
    assert "whether" in run.error or "answered 50" in run.error
    again = executor(there, tmp_path).start(make_run(), "d", "o")
    assert again.status == "running"
    assert len(there.requests) == 1


def test_what_was_certainly_not_done_is_sent_again(there, tmp_path):
    """429 and 503, four times; and at the next look."""
    there.answer((429, {"Retry-After": "1"}, {}))
    made = executor(there, tmp_path)
    with pytest.raises(ActionUnavailable, match="429"):
        made.start(make_run(), "d", "o")
    assert len(there.requests) == 4
    there.answer((204, {}, b""))
    assert made.start(make_run(), "d", "o").status == "running"
    assert len(there.requests) == 5


def test_a_refusal_fails_the_run_and_shows_no_secret(there, tmp_path):
    """Neither the token nor what the receiver repeats of it."""
    there.answer((422, {}, {"message": "bad token ghp-5ecret"}))
    run = executor(there, tmp_path).start(make_run(), "d", "o")
    assert run.status == "failed"
    assert "422" in run.error
    assert "5ecret" not in msgspec.json.encode(run).decode()


def test_what_is_filled_in_cannot_change_the_body(there, tmp_path):
    """Quotes and braces stay inside their string; a body that is no JSON is refused before anything is sent."""
    there.answer((204, {}, b""))
    nasty = 'x", "ref": "evil'
    executor(there, tmp_path, {"ref": "main", "inputs": {"data": "{data}"}}).start(make_run(), nasty, "o")
    assert there.requests[0].json == {"ref": "main", "inputs": {"data": nasty}}
    failed = executor(there, tmp_path, '{"ref": main}').start(make_run(id="other"), "d", "o")
    assert failed.status == "failed"
    assert "the executor's body is not JSON" in failed.error
    assert len(there.requests) == 1


def test_no_secret_reaches_the_disk(there, tmp_path):
    """The marker file is empty."""
    executor(there, tmp_path).start(make_run(), "d", "o")
    assert [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()] == [b""]
