"""``python -m driftlog.act.executors.wrapper FOLDER``: runs one command for the worker, and outlives it.

It holds ``wrapper.lock`` (inherited, so without a gap from the moment it is started), runs the command of
``order.json`` in a session of its own, copies its output to a log of bounded size, ends all of its processes when the
time is up, and says in ``status.json`` what came of it. A worker that is killed meanwhile reads that later.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import IO, Final

import msgspec

from driftlog.act.executors.status import LOG, OLDER_LOG, ORDER, Order, RunStatus, birth_of, write_status
from driftlog.act.files import PRIVATE_FILE
from driftlog.act.processes import end_group, start
from driftlog.contract.errors import ActionFailed

_CHUNK: Final = 65_536
_NOT_STARTED: Final = 127
"""Exit code of a command that is not there, as shells have it."""


class _Stopped(Exception):
    """The wrapper itself was told to stop."""


def main(folder: Path) -> int:
    """Run the order in `folder`; the exit code is the wrapper's own, 0 when a status was written."""
    order = msgspec.json.decode((folder / ORDER).read_bytes(), type=Order)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)
    begin = RunStatus(state="running", started=datetime.now(UTC))
    write_status(folder, begin)  # before the command: a run that may have begun is never begun again
    environ = {name: os.environ[name] for name in order.environment if name in os.environ}
    try:
        process = start(order.command, environ=environ, folder=order.folder or None)
    except ActionFailed as error:
        over = {"finished": datetime.now(UTC), "exit_code": _NOT_STARTED, "error": error.message}
        write_status(folder, msgspec.structs.replace(begin, state="failed", **over))
        return 0
    begin = msgspec.structs.replace(begin, pid=process.pid, began=birth_of(process.pid))
    log = BoundedLog(folder, order.log_bytes)
    reader = threading.Thread(target=_copy, args=(process.stdout, log), daemon=True)
    reader.start()
    try:
        write_status(folder, begin)
        status = _watch(process, order, begin)
    except _Stopped as stopped:
        end_group(process, grace_s=order.grace_s)
        status = msgspec.structs.replace(begin, state="failed", exit_code=process.returncode, error=str(stopped))
    except BaseException:
        end_group(process, grace_s=0)
        raise
    reader.join(5.0)  # a process that left the session may hold the pipe; the log stays open for this thread
    write_status(folder, msgspec.structs.replace(status, finished=datetime.now(UTC)))
    return 0


def _watch(process: subprocess.Popen[bytes], order: Order, begin: RunStatus) -> RunStatus:
    deadline = time.monotonic() + order.time_limit_s
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        end_group(process, grace_s=order.grace_s)
        error = f"not done after {order.time_limit_s:g} s: all of its processes were ended"
        return msgspec.structs.replace(begin, state="timed_out", exit_code=process.returncode, error=error)
    end_group(process, grace_s=0)  # what it left running in the background
    if process.returncode == 0:
        return msgspec.structs.replace(begin, state="succeeded", exit_code=0)
    return msgspec.structs.replace(begin, state="failed", exit_code=process.returncode, error=_why(process.returncode))


def _why(code: int) -> str:
    """
    >>> _why(-9), _why(2)
    ('ended by signal 9 (SIGKILL)', 'exit code 2')
    """
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"ended by signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"ended by signal {-code}"


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise _Stopped(f"the run was stopped by signal {number} ({signal.Signals(number).name})")


class BoundedLog:
    """A log file of at most half of `limit` bytes, and the half before it under another name."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._path, self._older = folder / LOG, folder / OLDER_LOG
        self._half = max(1, limit // 2)
        self._open()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self._path, flags, PRIVATE_FILE)
        self._size = os.fstat(self._descriptor).st_size

    def write(self, data: bytes) -> None:
        while data:
            if self._size >= self._half:
                os.close(self._descriptor)
                self._path.replace(self._older)
                self._open()
            written = os.write(self._descriptor, data[: self._half - self._size])
            self._size += written
            data = data[written:]


def _copy(pipe: IO[bytes] | None, log: BoundedLog) -> None:
    if pipe is None:
        return
    with pipe:
        while chunk := os.read(pipe.fileno(), _CHUNK):
            try:
                log.write(chunk)
            except OSError:
                continue  # the disk is full: the training goes on, and its pipe has to be emptied


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
