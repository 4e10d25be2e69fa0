"""Only our own process is ever found or ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from driftlog.contract.errors import LocalServerError, PortBusy
from driftlog.store.local.account import Account
from driftlog.store.local.archive import Distribution
from driftlog.store.local.configuration import marker
from driftlog.store.local.java import Java
from driftlog.store.local.layout import Layout
from driftlog.store.local.process import advice, end, environment, find, is_server, launch, tail

STUBBORN = (
    "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); sys.stdin.read()"
)


@contextmanager
def running(script: str, *arguments: str) -> Iterator[psutil.Process]:
    """Run a Python program until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            yield psutil.Process(child.pid)
        finally:
            child.kill()


PATIENT = "import sys; print('up', flush=True); sys.stdin.read()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {PATIENT}"


def layout_in(folder: Path) -> Layout:
    """Make the folders a pid file needs."""
    layout = Layout(folder)
    layout.run.mkdir(parents=True)
    return layout


def test_a_stale_pid_file_finds_nothing(tmp_path: Path) -> None:
    """A pid used again by another program is not our server."""
    layout = layout_in(tmp_path)
    layout.pid_file.write_text(f"{os.getpid()}\n")
    assert find(layout) is None


def test_a_damaged_pid_file_finds_nothing(tmp_path: Path) -> None:
    """Empty after a power loss, or a pid that cannot be."""
    layout = layout_in(tmp_path)
    for text in ("", "x", "999999999", "-1", "99999999999999999999"):
        layout.pid_file.write_text(text)
        assert find(layout) is None


def test_a_server_is_found_without_its_pid_file(tmp_path: Path) -> None:
    """Its command line names its home."""
    layout = layout_in(tmp_path)
    with running(PATIENT, marker(layout)) as server:
        found = find(layout)
        assert found is not None
        assert found.pid == server.pid


def test_a_server_of_another_home_is_not_ours(tmp_path: Path) -> None:
    """Also when one home's path starts with the other's."""
    with running(PATIENT, marker(Layout(tmp_path / "a2"))) as server:
        assert not is_server(server, Layout(tmp_path / "a"))


def test_a_dead_child_that_nobody_waited_for_is_gone(tmp_path: Path) -> None:
    """In containers without init zombies stay."""
    layout = layout_in(tmp_path)
    with running(PATIENT, marker(layout)) as server:
        server.kill()
        while server.status() != psutil.STATUS_ZOMBIE:
            pass
        assert find(layout) is None
        end(server)


def test_who_ignores_the_request_is_forced() -> None:
    """SIGTERM, then SIGKILL."""
    with running(STUBBORN) as server:
        end(server, term_timeout_s=0.3)
        assert server.status() == psutil.STATUS_ZOMBIE


def test_who_obeys_is_not_forced() -> None:
    """SIGTERM is enough."""
    child = subprocess.Popen([sys.executable, "-c", PATIENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        end(psutil.Process(child.pid))
        assert child.wait() == -signal.SIGTERM


def test_the_end_of_a_log_is_shown_with_long_lines_cut(tmp_path: Path) -> None:
    """A stack trace of one line of a megabyte does not fill the screen."""
    log = tmp_path / "log"
    log.write_text("first\n" + "x" * 1_000_000 + "\nlast\n", encoding="utf-8")
    shown = tail(log, 2)
    assert shown.splitlines()[-1] == "  | last"
    assert len(shown) < 500
    assert "no log" in tail(tmp_path / "none")


def test_what_the_log_says_leads_to_a_remedy(tmp_path: Path) -> None:
    """A taken port, a full disk; else the log's path."""
    layout = layout_in(tmp_path)
    layout.console.write_text("java.net.BindException: Address already in use\n")
    assert "--port 0" in advice(layout)
    layout.console.write_text("java.io.IOException: No space left on device\n")
    assert "disk is full" in advice(layout)
    layout.console.write_text("something else\n")
    assert str(layout.console) in advice(layout)


def failing(layout: Layout, said: str) -> None:
    """Launch a start script that prints a line and ends with 78."""
    script = layout.home / "es" / "bin" / "elasticsearch"
    script.parent.mkdir(parents=True)
    script.write_text(f"echo '{said}' >&2; exit 78\n")
    account = Account(os.geteuid(), os.getegid(), "self", drop=False)
    with layout.lock.open("w") as lock:
        launch(
            layout, Distribution(layout.home / "es", "9.5.3"), Java(Path("/java"), "25"), account, lock=lock.fileno()
        )


def test_a_failed_start_shows_its_log_and_the_remedy(tmp_path: Path) -> None:
    """The reader need not look for the log."""
    with pytest.raises(LocalServerError, match=r"exit code 78\n  \| cannot downgrade a node(?s:.)*local reset"):
        failing(layout_in(tmp_path), "cannot downgrade a node from version [10.0.0]")


def test_a_port_taken_meanwhile_is_a_busy_port(tmp_path: Path) -> None:
    """Between the check and the start somebody else came."""
    with pytest.raises(PortBusy, match="--port 0"):
        failing(layout_in(tmp_path), "BindHttpException: Failed to bind to 127.0.0.1:9287")


def test_secrets_of_the_caller_do_not_reach_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor do the Java options of another program."""
    monkeypatch.setenv("DRIFTLOG_PASSWORD", "s3cret")
    monkeypatch.setenv("ES_JAVA_OPTS", "-Xmx31g")
    variables = environment(Layout(tmp_path), Java(Path("/java"), "25"))
    assert not {"DRIFTLOG_PASSWORD", "ES_JAVA_OPTS"} & variables.keys()
    assert variables["ES_JAVA_HOME"] == "/java"
