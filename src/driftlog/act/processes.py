"""Running a command to its end: an argument list, no shell, a time limit for all of its processes, bounded output."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from driftlog.contract.errors import ActionFailed

GRACE_S: Final = 10.0
"""Between TERM and KILL."""
_CHUNK: Final = 65_536


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that is over; `output` is the end of what it wrote to standard output and error."""

    exit_code: int
    timed_out: bool
    output: str
    duration_s: float


def run_bounded(
    arguments: Sequence[str],
    *,
    environ: Mapping[str, str],
    time_limit_s: float,
    folder: Path | str | None = None,
    output_bytes: int = 16_384,
    grace_s: float = GRACE_S,
) -> Finished:
    """Run `arguments` in a session of its own and wait; nothing of it is left running afterwards.

    Raises
    ------
    ActionFailed
        It cannot be started.
    """
    begin = time.monotonic()
    process = start(arguments, environ=environ, folder=folder)
    tail: deque[bytes] = deque()
    reader = threading.Thread(target=_keep_tail, args=(process.stdout, tail, output_bytes), daemon=True)
    reader.start()
    timed_out = False
    try:
        process.wait(time_limit_s)
    except subprocess.TimeoutExpired:
        timed_out = True
    finally:
        end_group(process, grace_s=grace_s if timed_out else 0.0)
        reader.join(5.0)
    text = b"".join(tail)[-output_bytes:].decode("utf-8", "replace")
    return Finished(process.returncode, timed_out, text, time.monotonic() - begin)


def start(
    arguments: Sequence[str], *, environ: Mapping[str, str], folder: Path | str | None = None
) -> subprocess.Popen[bytes]:
    """A process that leads a session of its own, with standard output and error in one pipe."""
    if not arguments:
        raise ActionFailed("the command is empty", remedy="give an argument list, such as [python, train.py]")
    try:
        return subprocess.Popen(
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder or None,
            env=dict(environ),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:  # ValueError: a zero byte in an argument
        raise ActionFailed(
            f"{arguments[0]} cannot be started: {reason_of(error)}",
            remedy="check the command and its working folder; commands are looked up in PATH and run without a shell",
        ) from error


def reason_of(error: Exception) -> str:
    """Why a start failed, without the arguments."""
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)


def end_group(process: subprocess.Popen[bytes], *, grace_s: float = GRACE_S) -> None:
    """End every process of the group that `process` leads: TERM, after `grace_s` KILL.

    The leader's exit does not end the others. The kernel gives a group's number to nobody else while it has members.
    """
    if grace_s > 0 and process.returncode is None:
        signal_group(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace_s)
    signal_group(process.pid, signal.SIGKILL)
    process.wait()


def signal_group(group: int, number: signal.Signals) -> bool:
    """Whether there was a group to signal."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        return False
    return True


def _keep_tail(pipe: IO[bytes] | None, tail: deque[bytes], limit: int) -> None:
    if pipe is None:
        return
    kept = 0
    with pipe:
        while chunk := os.read(pipe.fileno(), _CHUNK):
            tail.append(chunk)
            kept += len(chunk)
            while tail and kept - len(tail[0]) >= limit:
                kept -= len(tail.popleft())
