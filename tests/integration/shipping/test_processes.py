"""Real processes: killed, forked, pre-forked, and with a disk that refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from driftlog.shipping.inspection import inspect_spool

APPS = Path(__file__).with_name("apps.py")


def start(name: str, url: str, spool: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(APPS), name, url, str(spool)], stdout=subprocess.PIPE)


def stream_and_kill(app: subprocess.Popen[bytes], after: int) -> list[str]:
    """Ids of the events whose log call returned before kill -9."""
    with app:
        assert app.stdout is not None
        returned = [app.stdout.readline().decode().strip() for _ in range(after)]
        app.send_signal(signal.SIGKILL)
        return returned + app.stdout.read().decode().split("\n")[:-1]  # the last line may be cut short


def test_kill_9_loses_no_event_whose_log_call_returned(receiver, tmp_path, ship):
    """Killed in mid-stream: what the receiver has not got yet, the next process delivers from the spool."""
    spool = tmp_path / "spool"
    returned = stream_and_kill(start("stream", receiver.url, spool), 2000)
    left = inspect_spool(spool)
    assert [file.alive for file in left.files] == [False]
    adopter = ship(receiver.url, service="churn", spool=spool)
    adopter.start()
    deadline = time.monotonic() + 10
    while set(returned) - set(receiver.ids) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert set(returned) <= set(receiver.ids)
    adopter.close()
    assert inspect_spool(spool).files == []


def test_kill_9_while_nobody_listens_loses_nothing_either(start_receiver, tmp_path, ship):
    """All events still in the spool when the process dies."""
    spool = tmp_path / "spool"
    returned = stream_and_kill(start("stream", "http://127.0.0.1:1", spool), 500)
    receiver = start_receiver()
    adopter = ship(receiver.url, service="churn", spool=spool)
    adopter.start()
    deadline = time.monotonic() + 10
    while set(returned) - set(receiver.ids) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert set(returned) <= set(receiver.ids)
    assert set(receiver.ids.values()) == {1}


def test_parent_and_forked_child_each_deliver_what_they_logged(receiver, tmp_path):
    """A fork in the middle of a running logger neither loses nor doubles an event."""
    with start("forks", receiver.url, tmp_path / "spool") as app:
        assert app.wait(30) == 0
    where = [event["features"]["where"] for event in receiver.events]
    assert {name: where.count(name) for name in set(where)} == {"before": 50, "parent": 50, "child": 200}
    assert set(receiver.ids.values()) == {1}
    assert len({event["process"]["pid"] for event in receiver.events}) == 2
    assert inspect_spool(tmp_path / "spool").files == []


def test_a_disk_that_refuses_costs_nothing_that_fits_into_memory(receiver, tmp_path):
    """The kernel refuses larger files: events go through memory, and back to disk when there is room again."""
    with start("disk", receiver.url, tmp_path / "spool") as app:
        assert app.stdout is not None
        during, later, flushed, dropped, failures = app.stdout.read().decode().split()
    assert int(during) > 0
    assert int(later) == int(during)
    assert (flushed, dropped, failures) == ("True", "0", "0")
    assert len(receiver.ids) == 220
    assert set(receiver.ids.values()) == {1}


def test_pre_forked_gunicorn_workers_log_every_request(receiver, tmp_path, wait_until):
    """gunicorn --preload with two workers: each prediction and each error arrives once, with its trace."""
    port = _free_port()
    server = subprocess.Popen(
        f"{sys.executable} -m gunicorn --preload -w 2 --threads 2 -b 127.0.0.1:{port}".split()
        + f"--pythonpath {APPS.parent} apps:make_flask_app()".split(),
        env={**os.environ, "RECEIVER": receiver.url, "SPOOL": str(tmp_path / "spool")},
        stderr=subprocess.PIPE,
    )
    try:
        assert wait_until(lambda: _answers(port), 20)
        answers: list[dict] = []
        with ThreadPoolExecutor(8) as clients:
            while len(answers) < 60 or (len({answer["pid"] for answer in answers}) < 2 and len(answers) < 2000):
                answers += clients.map(lambda n: _predict(port, 1.0 + n), range(20))
        failed = _predict(port, 0.0)
        assert wait_until(lambda: len(receiver.ids) >= len(answers) + 2, 10)
        assert set(receiver.ids.values()) == {1}
        killed = answers[0]["pid"]
        os.kill(killed, signal.SIGKILL)
        more = [_predict(port, 2.0) for _ in range(20)]
        assert wait_until(lambda: len(receiver.ids) >= len(answers) + 22, 10)
    finally:
        server.terminate()
        server.communicate(timeout=20)
    assert failed is None
    assert len({answer["pid"] for answer in answers}) == 2
    assert {answer["id"] for answer in answers + more} <= set(receiver.ids)
    # Some may have come twice: the worker was killed before it noted an answer, and another sent them again.
    by_id = {event["event"]["id"]: event for event in receiver.events}
    errors = [event for event in by_id.values() if event["event"].get("outcome") == "failure"]
    assert [(event["error"]["type"], event["features"]) for event in errors] == [("ZeroDivisionError", {"x": 0.0})]
    assert errors[0]["trace"]["id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert errors[0]["labels"] == {"http_method": "POST", "http_route": "/predict"}


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/nothing", timeout=1)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _predict(port: int, x: float):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/predict",
        json.dumps({"x": x}).encode(),
        {
            "Content-Type": "application/json",
            "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        },
    )
    for attempt in range(2):  # a worker that was killed may take one connection with it
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return json.load(response)
        except urllib.error.HTTPError:
            return None
        except OSError:
            if attempt:
                raise
    return None
