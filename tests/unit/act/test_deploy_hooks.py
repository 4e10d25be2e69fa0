"""Deploy hooks: a real command and a real HTTP receiver that is slow, away, refusing, or asked twice."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.act.receiver import Receiver, receiver
from tests.unit.act.runs import environ

from driftlog.act.deploy.deployer import build_deployer
from driftlog.act.deploy.hooks import HttpDeployer
from driftlog.contract.errors import ActionFailed, ActionUnavailable
from driftlog.contract.maintaining import MaintainSettings, PromotionSettings
from driftlog.contract.maintenance import ModelVersion

VERSION = ModelVersion(
    model="churn",
    version="v2",
    status="candidate",
    created=datetime(2026, 7, 1, tzinfo=UTC),
    uri="/srv/versions/churn/v2",
    digest="d1",
    previous="v1",
)


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def deployer(there: Receiver | None = None, *, env=None, **settings):
    chosen = PromotionSettings(url=f"{there.url}/model" if there else "", **settings)
    if there:
        return HttpDeployer(chosen, environ=env or {}, sleep=lambda s: None)
    return build_deployer(MaintainSettings(promotion=chosen), environ=env or environ())


def test_the_http_hook_says_what_to_serve(there):
    """As strict JSON, with a key that names the deployment and a token of the environment."""
    hook = deployer(there, headers=("Authorization: Bearer ${TOKEN}",), env={"TOKEN": "t0ken-123"})
    answer = hook.deploy(VERSION, step="share", share=0.1, key="k1")
    (request,) = there.requests
    assert (request.method, request.path) == ("POST", "/model")
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Authorization"] == "Bearer t0ken-123"
    assert request.headers["Idempotency-Key"] == "k1"
    assert request.json == {
        "model": "churn",
        "version": "v2",
        "uri": "/srv/versions/churn/v2",
        "step": "share",
        "share": 0.1,
        "previous": "v1",
        "digest": "d1",
        "key": "k1",
    }
    assert answer == {"kind": "http", "key": "k1", "status": 200, "attempts": 1}


@pytest.mark.parametrize("trouble", [(503, {"Retry-After": "0"}, {}), (500, {}, {}), (429, {}, {}), (0, {}, {})])
def test_the_http_hook_is_repeated_with_the_same_key(there, trouble):
    """Overloaded, failing inside, or a broken connection."""
    there.answer(trouble, (200, {}, {}))
    answer = deployer(there).deploy(VERSION, step="full", share=1.0)
    assert answer["attempts"] == 2
    keys = [request.headers["Idempotency-Key"] for request in there.requests]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_a_refusal_is_final(there):
    """400 and 401 are not repeated; neither token nor answer is shown."""
    there.answer((401, {}, {"you sent": "t0ken-123"}))
    hook = deployer(there, headers=("Authorization: Bearer ${TOKEN}",), env={"TOKEN": "t0ken-123"})
    with pytest.raises(ActionFailed, match="answered 401 Unauthorized") as error:
        hook.deploy(VERSION, step="full", share=1.0)
    assert not isinstance(error.value, ActionUnavailable)
    assert "t0ken" not in str(error.value)
    assert len(there.requests) == 1


def test_redirects_are_not_followed(there):
    """They would take the credentials elsewhere."""
    there.answer((307, {"Location": f"{there.url}/elsewhere"}, {}))
    with pytest.raises(ActionFailed, match="307"):
        deployer(there).deploy(VERSION, step="full", share=1.0)
    assert len(there.requests) == 1


def test_a_slow_receiver_is_not_waited_for_longer_than_the_limit(there):
    """It may have done it: the same key is sent next time."""
    there.answer((200, {"X-Sleep": "30"}, {}))
    with pytest.raises(ActionUnavailable, match="gave no answer"):
        deployer(there, time_limit=timedelta(seconds=1)).deploy(VERSION, step="full", share=1.0)


def test_a_receiver_that_is_away_is_told():
    """After four attempts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    waits: list[float] = []
    settings = PromotionSettings(url=f"http://127.0.0.1:{port}/")
    with pytest.raises(ActionUnavailable, match="no connection to http://127"):
        HttpDeployer(settings, environ={}, sleep=waits.append).deploy(VERSION, step="full", share=1.0)
    assert waits == [1.0, 4.0, 15.0]


def test_a_missing_variable_is_named():
    """Not sent half-filled."""
    hook = HttpDeployer(PromotionSettings(url="http://x/", headers=("A: ${NO_SUCH}",)), environ={})
    with pytest.raises(ActionFailed, match="NO_SUCH is not set"):
        hook.deploy(VERSION, step="full", share=1.0)


def test_the_command_hook_gets_arguments_and_few_variables(tmp_path):
    """The key is among them, and the rest of the environment is not."""
    script = f"import os, sys; open({str(tmp_path / 'seen')!r}, 'w').write(repr((sys.argv[1:], sorted(os.environ))))"
    command = (sys.executable, "-c", script, "{model}", "{version}", "{uri}", "{step}", "{share}", "{previous}")
    hook = deployer(command=command, environment=("TOKEN",), env=environ(TOKEN="t", OTHER="x"))
    answer = hook.deploy(VERSION, step="share", share=0.1, key="k9")
    arguments, names = eval((tmp_path / "seen").read_text())
    assert arguments == ["churn", "v2", "/srv/versions/churn/v2", "share", "0.1", "v1"]
    assert set(names) - {"LC_CTYPE"} == {"DRIFTLOG_KEY", "HOME", "PATH", "TOKEN"}
    assert (answer["kind"], answer["key"], answer["exit_code"]) == ("command", "k9", 0)


def test_a_command_that_fails_or_hangs_fails_the_deployment():
    """What it said last is shown, without the secrets it was given."""
    script = "import os; print('denied for', os.environ['TOKEN']); raise SystemExit(4)"
    hook = deployer(command=(sys.executable, "-c", script), environment=("TOKEN",), env=environ(TOKEN="s3cret-x"))
    with pytest.raises(ActionFailed, match=r"exit code 4; it last said: denied for \*\*\*"):
        hook.deploy(VERSION, step="full", share=1.0)
    slow = deployer(command=(sys.executable, "-c", "import time; time.sleep(600)"), time_limit=timedelta(seconds=1))
    with pytest.raises(ActionFailed, match="not done after 1 s"):
        slow.deploy(VERSION, step="full", share=1.0)


def test_without_a_hook_the_alias_is_the_deployment():
    """The serving app watches it."""
    answer = deployer().deploy(VERSION, step="full", share=1.0)
    assert answer["kind"] == "alias"
    assert answer == deployer().deploy(VERSION, step="full", share=1.0)


def test_both_hooks_are_called_command_first(there, tmp_path):
    """A command that fails keeps the request from being sent."""
    chosen = PromotionSettings(command=(sys.executable, "-c", "raise SystemExit(1)"), url=there.url)
    with pytest.raises(ActionFailed):
        build_deployer(MaintainSettings(promotion=chosen), environ=environ()).deploy(VERSION, step="full", share=1.0)
    assert there.requests == []
