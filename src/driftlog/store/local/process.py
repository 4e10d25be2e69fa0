"""The process: start it, find it again, end it; never touch one that is not ours.

A server is recognised by an argument of its command line that names its home (`configuration.marker`), never by a pid
alone: a pid file outlives its process, and pids are used again.
Elasticsearch's launcher (``bin/elasticsearch -d``) ends with 0 once the node has started, and leaves the server behind
as a process of its own session.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections import deque
from pathlib import Path

import psutil

from driftlog.contract.errors import LocalServerError, PortBusy
from driftlog.store.local.account import Account
from driftlog.store.local.archive import Distribution
from driftlog.store.local.configuration import marker
from driftlog.store.local.java import Java
from driftlog.store.local.layout import Layout

START_TIMEOUT_S = 180.0
TERM_TIMEOUT_S = 30.0
KILL_TIMEOUT_S = 10.0
LOG_LINES = 15


def find(layout: Layout) -> psutil.Process | None:
    """Return the running server of this home: by its pid file, else among all processes."""
    try:
        recorded = psutil.Process(int(layout.pid_file.read_text()))
    except (OSError, ValueError, psutil.Error):
        recorded = None
    if recorded is not None and is_server(recorded, layout):
        return recorded
    return next((process for process in psutil.process_iter() if is_server(process, layout)), None)


def is_server(process: psutil.Process, layout: Layout) -> bool:
    """Say whether a process is the living server of this home."""
    try:
        return marker(layout) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False


def environment(layout: Layout, java: Java) -> dict[str, str]:
    """Return the variables the server gets: nothing of the caller's but what loading programs needs."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {
        "HOME": str(layout.run),
        "LC_ALL": "C.UTF-8",
        "ES_JAVA_HOME": str(java.home),
        "ES_PATH_CONF": str(layout.config),
        "ES_TMPDIR": str(layout.temporary),
        "CLI_JAVA_OPTS": "-XX:TieredStopAtLevel=1",  # launcher and tools live for seconds: do not optimise them
    }


def launch(layout: Layout, distribution: Distribution, java: Java, account: Account, *, lock: int) -> psutil.Process:
    """Start Elasticsearch and return its process once the node has started.

    Parameters
    ----------
    lock
        Descriptor of the held lock; the launcher keeps it, so that nobody starts a second server though we be killed.

    Raises
    ------
    PortBusy
        Another program took the port between the check and the start.
    LocalServerError
        It ended or did not start in time; the message carries the end of its log.
    """
    command = [shutil.which("bash") or "bash", str(distribution.home / "bin" / "elasticsearch")]
    layout.pid_file.unlink(missing_ok=True)
    with layout.console.open("wb") as console:
        launcher = subprocess.Popen(
            [*command, "-d", "-p", str(layout.pid_file)],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            env=environment(layout, java),
            cwd="/",
            start_new_session=True,
            pass_fds=(lock,),
            **account.popen_arguments(),
        )
    try:
        code = launcher.wait(START_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        _end_group(launcher)
        raise LocalServerError(
            f"Elasticsearch did not start within {START_TIMEOUT_S:.0f} s\n{tail(layout.console)}",
            remedy="look at the log above; a loaded machine may need a second try",
        ) from error
    except BaseException:  # Ctrl-C: leave nothing behind
        _end_group(launcher)
        raise
    process = find(layout) if code == 0 else None
    if process is None:
        kind = PortBusy if advice(layout) == TAKEN else LocalServerError
        raise kind(
            f"Elasticsearch ended at its start with exit code {code}\n{tail(layout.console)}", remedy=advice(layout)
        )
    return process


def end(process: psutil.Process, *, term_timeout_s: float = TERM_TIMEOUT_S) -> None:
    """End a process: ask, wait, then force.

    Raises
    ------
    LocalServerError
        It may not be ended by this user, or lives on.
    """
    for signal_number, timeout_s in ((signal.SIGTERM, term_timeout_s), (signal.SIGKILL, KILL_TIMEOUT_S)):
        try:
            process.send_signal(signal_number)
        except psutil.NoSuchProcess:
            return
        except psutil.AccessDenied as error:
            raise LocalServerError(
                f"the server (pid {process.pid}) belongs to another user", remedy="stop it as the user who started it"
            ) from error
        if _wait_gone(process, timeout_s):
            return
    raise LocalServerError(f"pid {process.pid} does not end", remedy=f"look at it: ps -fp {process.pid}")


def tail(path: Path, lines: int = LOG_LINES) -> str:
    """Return the last lines of a log, indented; a line of more than 400 characters is cut."""
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            last = deque(stream, maxlen=lines)
    except OSError:
        return f"  (no log at {path})"
    return "\n".join(f"  | {line.rstrip()[:400]}" for line in last) or f"  (the log {path} is empty)"


TAKEN = "another program took the port meanwhile: driftlog local start --port 0 takes a free one"
ADVICE = (
    ("Address already in use", TAKEN),
    ("BindHttpException", TAKEN),
    ("Could not reserve enough space", "there is too little memory: set local.heap to 512m"),
    ("insufficient memory", "there is too little memory: set local.heap to 512m"),
    ("No space left on device", "the disk is full: free some space"),
    ("failed to obtain node lock", "another Elasticsearch uses the same data: stop it, or set DRIFTLOG_HOME"),
    (
        "cannot downgrade a node",
        "the data was written by a newer Elasticsearch: use that version, or 'driftlog local reset'",
    ),
    ("AccessDeniedException", "a file belongs to another user: was the server started as root or by somebody else?"),
    ("CorruptIndexException", "the data is damaged: 'driftlog local reset' deletes it"),
)
"""What a log says -> what to do about it."""


def advice(layout: Layout) -> str:
    """Return the remedy for what the log says."""
    said = tail(layout.console, 400)
    return next((remedy for symptom, remedy in ADVICE if symptom in said), f"the whole log is {layout.console}")


def _end_group(launcher: subprocess.Popen[bytes]) -> None:
    """Kill a launcher and the server it was about to start: one session, whose leader it is."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(launcher.pid, signal.SIGKILL)
    launcher.wait(KILL_TIMEOUT_S)


def _wait_gone(process: psutil.Process, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False
