"""The local server on the real thing: one is started by two at once, killed, started again, secured, stopped, reset."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from driftlog.contract.errors import PortBusy, UsageError
from driftlog.store.local.layout import Layout
from driftlog.store.local.server import LocalServer, LocalServerInfo, LocalSettings

pytestmark = [pytest.mark.elasticsearch, pytest.mark.slow]

START = (
    "import sys; from pathlib import Path; from driftlog.store.local.server import LocalServer, LocalSettings\n"
    "info = LocalServer().start(LocalSettings(port=0, heap='512m', home=Path(sys.argv[1])))\n"
    "print(info.pid, info.url)"
)


@pytest.fixture(scope="module")
def settings(scratch: Path) -> Iterator[LocalSettings]:
    """A home of this module's own, with a blank and an umlaut in its path; nothing survives it."""
    if os.environ.get("DRIFTLOG_SKIP_ELASTICSEARCH") == "1" and os.environ.get("CI") != "true":
        pytest.skip("DRIFTLOG_SKIP_ELASTICSEARCH=1")
    settings = LocalSettings(port=0, heap="512m", home=scratch / "Ödipus home")
    yield settings
    LocalServer().reset(settings, stop=True)


def call(info: LocalServerInfo, path: str, body: object = None, *, method: str = "GET", user: str = "") -> Any:
    """Send one request and return its status and JSON answer."""
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    request = urllib.request.Request(f"{info.url}{path}", method=method)
    if info.ca_cert is not None:
        handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=info.ca_cert)))
    if user:
        request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=30) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"null")


def test_a_busy_port_starts_nothing(settings: LocalSettings) -> None:
    """The other program is named; no process of ours appears."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortBusy, match=f"port {port} is in use"):
            LocalServer().start(LocalSettings(port=port, heap="512m", home=settings.home))
    assert LocalServer().status(settings) is None
    assert LocalServer().stop(settings) is False


def test_two_starts_at_once_make_one_server(settings: LocalSettings) -> None:
    """Both are told of the same one; it is in nobody's process group, and not root's."""
    both = [
        subprocess.Popen([sys.executable, "-c", START, str(settings.home)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = {process.communicate(timeout=150)[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    info = LocalServer().status(settings)
    assert info is not None
    assert answers == {f"{info.pid} {info.url}\n"}
    assert info.healthy
    server = psutil.Process(info.pid)
    assert server.uids().effective == (os.geteuid() or Layout(settings.home).data.stat().st_uid) != 0
    assert os.getsid(info.pid) != os.getsid(0)
    assert [c.laddr.ip for c in server.net_connections("tcp") if c.status == psutil.CONN_LISTEN] in (
        ["127.0.0.1"] * 2,
        ["::ffff:127.0.0.1"] * 2,
    )


def test_a_running_server_is_returned_and_not_deleted(settings: LocalSettings) -> None:
    """A second start is at once there; a reset is refused; so is another idea of security."""
    info = LocalServer().status(settings)
    began = time.monotonic()
    assert LocalServer().start(settings) == info
    assert time.monotonic() - began < 2
    with pytest.raises(UsageError, match="cannot be deleted under it"):
        LocalServer().reset(settings)
    with pytest.raises(UsageError, match="without security"):
        LocalServer().start(LocalSettings(port=0, home=settings.home, secure=True))


def test_what_was_stored_survives_kill_9_and_a_stale_pid_file(settings: LocalSettings) -> None:
    """The pid file names another living program: it is neither believed nor ended. This start is a secure one."""
    info = LocalServer().status(settings)
    assert info is not None
    documents = [call(info, f"/kept/_create/{n}", {"n": n}, method="PUT")[0] for n in range(20)]
    assert documents == [201] * 20
    os.kill(info.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(info.pid)] if psutil.pid_exists(info.pid) else [], timeout=2)
    Layout(settings.home).pid_file.write_text(f"{os.getpid()}\n")
    assert LocalServer().status(settings) is None
    assert LocalServer().stop(settings) is False

    again = LocalServer().start(LocalSettings(port=0, heap="512m", home=settings.home, secure=True))
    assert again.pid != info.pid
    assert again.password_file is not None
    administrator = f"{again.username}:{again.password_file.read_text().strip()}"
    found = call(again, "/kept/_count", user=administrator)
    assert found == (200, {"count": 20, "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0}})


def test_a_secure_server_lets_each_role_do_its_part(settings: LocalSettings) -> None:
    """HTTPS by our own authority; the shipper adds, and neither overwrites, reads nor deletes."""
    info = LocalServer().status(settings)
    assert info is not None
    assert info.url.startswith("https://")
    assert info.healthy
    assert call(info, "/_cluster/health")[0] == 401
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(info.url, timeout=10)

    shipper = "app:" + LocalServer().add_user(settings, "app", ["driftlog_shipper"])
    event = "/driftlog-predictions.churn.2026-11/_create/1"
    deadline = time.monotonic() + 20
    while (status := call(info, event, {"a": 1}, method="PUT", user=shipper)[0]) == 401:  # the file is read every 5 s
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert status == 201
    index = "/driftlog-predictions.churn.2026-11"
    assert call(info, event, {"a": 2}, method="PUT", user=shipper)[0] == 409
    assert call(info, f"{index}/_doc/1", {"a": 2}, method="PUT", user=shipper)[0] == 403
    assert call(info, f"{index}/_search", user=shipper)[0] == 403
    assert call(info, index, method="DELETE", user=shipper)[0] == 403
    assert call(info, "/driftlog-audit/_create/1", {"a": 1}, method="PUT", user=shipper)[0] == 403


def test_the_password_is_the_callers_alone(settings: LocalSettings) -> None:
    """In no log, in no command line, in no file that others can read."""
    info = LocalServer().status(settings)
    assert info is not None
    assert info.password_file is not None
    password = info.password_file.read_text().strip()
    assert info.password_file.stat().st_mode & 0o777 == 0o600
    assert password not in " ".join(psutil.Process(info.pid).cmdline())
    layout = Layout(settings.home)
    for log in (layout.console, layout.record, *layout.logs.iterdir()):
        assert password not in log.read_text(errors="replace")
    assert layout.config.stat().st_mode & 0o077 == 0
    assert layout.data.stat().st_mode & 0o077 == 0


def test_stop_ends_it_and_reset_leaves_nothing(settings: LocalSettings) -> None:
    """The process is gone when stop returns; what is not ours is not deleted."""
    info = LocalServer().status(settings)
    assert info is not None
    assert LocalServer().stop(settings) is True
    assert not psutil.pid_exists(info.pid) or psutil.Process(info.pid).status() == psutil.STATUS_ZOMBIE
    assert LocalServer().status(settings) is None
    strange = Layout(settings.home).root / "thesis.txt"
    strange.write_text("mine")
    with pytest.raises(Exception, match=r"did not put there: thesis.txt"):
        LocalServer().reset(settings)
    strange.unlink()
    assert LocalServer().reset(settings) is True
    assert LocalServer().reset(settings) is False
    assert [path.name for path in settings.home.iterdir()] == ["local-server.lock"]
