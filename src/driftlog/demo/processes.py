"""The demo's child processes: started together, ended together, however the demo ends."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from driftlog.contract.errors import DriftlogError
from driftlog.demo.signals import undisturbed

STOP_TIMEOUT_S = 10.0
START_TIMEOUT_S = 60.0
TAIL_LINES = 15


class Children:
    """Child processes of a ``with`` block, ended in reverse order at its end.

    Each runs under `driftlog.demo.child` in a process group of its own: Ctrl-C reaches the demo alone, which ends them
    in order; and a child whose parent was killed ends by itself.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with undisturbed():
            self.stop()

    def start(self, name: str, module: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start ``python -m module arguments``; its output goes to ``NAME.log``."""
        command = [sys.executable, "-m", "driftlog.demo.child", module, *arguments]
        with self.log_of(name).open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        self._running.append((name, process))

    def log_of(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def wait_ready(self, name: str, url: str, *, timeout_s: float = START_TIMEOUT_S) -> None:
        """Wait until `url` answers 200.

        Raises
        ------
        DriftlogError
            The process ended, or the time is over; with the end of its log.
        """
        process = next(process for known, process in self._running if known == name)
        deadline = time.monotonic() + timeout_s
        while not _answers(url):
            if process.poll() is not None:
                raise self._failed(name, f"ended with {process.returncode}")
            if time.monotonic() > deadline:
                raise self._failed(name, f"does not answer at {url} after {timeout_s:.0f} s")
            time.sleep(0.05)

    def stop(self) -> None:
        """End the children, the last one first; what does not go by SIGTERM goes by SIGKILL with its whole group."""
        while self._running:
            _, process = self._running.pop()
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_TIMEOUT_S)
            _kill_group(process)
            if process.stdin:
                process.stdin.close()

    def _failed(self, name: str, what: str) -> DriftlogError:
        log = self.log_of(name)
        end = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:])
        return DriftlogError(f"the demo's {name} process {what}\n{end}", remedy=f"all it wrote is in {log}")


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the child's group, children of its own included."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - our own http:// address
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def free_ports(count: int, *, open_socket: Callable[[], socket.socket] = socket.socket) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on, all different."""
    sockets = [open_socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
