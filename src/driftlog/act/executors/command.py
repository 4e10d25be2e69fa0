"""Training by a command: an argument list, started once for a run, followed across restarts of the worker."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from driftlog.act.executors.status import LOCK, LOG, ORDER, Order, RunStatus, birth_of, read_status, run_folder
from driftlog.act.files import PRIVATE_FILE, private_folder, try_lock, write_atomically
from driftlog.act.filling import bare_environment, fill_all
from driftlog.act.processes import signal_group
from driftlog.contract.errors import ActionFailed
from driftlog.contract.maintaining import ExecutorSettings
from driftlog.contract.maintenance import TrainingRun
from driftlog.contract.names import check_model_name

_START_S: Final = 60.0
"""How long a wrapper may take to say that it runs."""


class CommandExecutor:
    """Runs `settings.command` on this machine.

    Parameters
    ----------
    folder
        Below it each run has a folder with its order, status and log.
    environ
        The worker's environment; the command sees PATH, HOME, LANG and what `settings.environment` names.
    champion
        Gives the folder of the served version's files for ``{champion}``; asked only by commands that use it.
    """

    def __init__(
        self,
        settings: ExecutorSettings,
        folder: Path,
        *,
        environ: Mapping[str, str],
        champion: Callable[[str], str] | None = None,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._environ = environ
        self._champion = champion

    def start(self, run: TrainingRun, data: str, output: str) -> TrainingRun:
        """Begin `run` in the background; a run that was begun before is only looked at.

        Raises
        ------
        ActionFailed
            The folder of the run cannot be used.
        """
        folder = private_folder(run_folder(self._folder / check_model_name(run.model), run.id))
        lock = _lock_for_start(folder)
        if lock is None:
            return self._told(run, folder)
        try:
            if read_status(folder) is None:
                self._write_order(folder, run, data, output)
                self._launch(folder, lock)
        finally:
            os.close(lock)  # the wrapper has its own descriptor of the same lock
        return self._told(run, folder)

    def poll(self, run: TrainingRun) -> TrainingRun:
        """How `run` goes: running, succeeded, failed, timed_out, or lost when nobody can tell any more."""
        return self._told(run, run_folder(self._folder / check_model_name(run.model), run.id))

    def arguments(self, run: TrainingRun, data: str, output: str) -> list[str]:
        """The argument list of `run`."""
        return fill_all(self._settings.command, self._values(run, data, output, self._settings.command))

    def environment(self) -> dict[str, str]:
        return bare_environment(self._settings.environment, self._environ)

    def _values(self, run: TrainingRun, data: str, output: str, command: Sequence[str]) -> dict[str, str]:
        values = placeholder_values(run, data, output)
        if any("{champion}" in argument for argument in command):
            values["champion"] = self._champion(run.model) if self._champion else ""
        return values

    def _write_order(self, folder: Path, run: TrainingRun, data: str, output: str) -> None:
        environment = self.environment()
        order = Order(
            command=tuple(self.arguments(run, data, output)),
            environment=tuple(environment),
            folder=self._settings.working_folder,
            time_limit_s=self._settings.time_limit.total_seconds(),
        )
        write_atomically(folder / ORDER, msgspec.json.encode(order))

    def _launch(self, folder: Path, lock: int) -> None:
        """Start the wrapper and wait until it has written a status."""
        log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE_FILE)
        arguments = [sys.executable, "-P", "-m", "driftlog.act.executors.wrapper", str(folder.absolute())]
        try:
            wrapper = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment(),
                start_new_session=True,
                pass_fds=(lock,),
            )
        finally:
            os.close(log)
        end = time.monotonic() + _START_S
        while read_status(folder) is None and wrapper.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        if read_status(folder) is None and wrapper.poll() is not None:
            raise ActionFailed(
                f"the wrapper of a training command ended with exit code {wrapper.returncode}",
                remedy=f"see {folder / LOG}; driftlog has to be importable by {sys.executable}",
            )
        threading.Thread(target=wrapper.wait, daemon=True).start()  # so that it does not stay a zombie

    def _told(self, run: TrainingRun, folder: Path) -> TrainingRun:
        found = look(folder)
        return msgspec.structs.replace(run, log=str(folder / LOG), **found)


def placeholder_values(run: TrainingRun, data: str, output: str) -> dict[str, str]:
    """What every executor fills in; `version` is the run's, or else its id.

    >>> from datetime import UTC, datetime
    >>> run = TrainingRun(id="r-1", model="churn", environment="production", decision_id="", executor="command",
    ...                   status="starting", started=datetime(2026, 3, 3, tzinfo=UTC))
    >>> placeholder_values(run, "d.csv", "out")["version"], placeholder_values(run, "d.csv", "out")["from"]
    ('r-1', '')
    """
    return {
        "data": data,
        "output": output,
        "version": run.version or run.id,
        "model": run.model,
        "environment": run.environment,
        "run": run.id,
        "from": run.data.start.isoformat() if run.data else "",
        "to": run.data.end.isoformat() if run.data else "",
    }


def look(folder: Path) -> dict[str, object]:
    """Fields of a `TrainingRun` as the folder of its run tells them now."""
    try:
        status = read_status(folder)
        alive = _held(folder / LOCK)
        if not alive:
            status = read_status(folder)  # it may have ended between the two looks
    except (ActionFailed, FileNotFoundError) as error:
        return _lost(str(error) if isinstance(error, ActionFailed) else "nothing was ever started for it")
    if status is None:
        return {"status": "starting"} if alive else _lost("nothing was ever started for it")
    if status.state != "running":
        over = {"finished": status.finished, "exit_code": status.exit_code, "error": status.error}
        return {"status": status.state, "started": status.started, **over}
    if alive:
        return {"status": "running", "started": status.started}
    return _lost(_end_orphan(status))


def _lock_for_start(folder: Path) -> int | None:
    """The run's lock; None where its wrapper holds it. Somebody who only looks holds it for a moment."""
    for _ in range(20):
        lock = try_lock(folder / LOCK)
        if lock is not None or read_status(folder) is not None:
            return lock
        time.sleep(0.05)
    return None


def _held(lock: Path) -> bool:
    descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def _lost(error: str) -> dict[str, object]:
    return {"status": "lost", "error": error}


def _end_orphan(status: RunStatus) -> str:
    """End what a dead wrapper left behind, unless the process number is another's by now."""
    said = "the process that supervised it was killed, or the machine was restarted; how it ended is not known"
    if status.pid and status.began and birth_of(status.pid) == status.began:
        signal_group(status.pid, signal.SIGKILL)
        return f"{said}; what was left of it was ended"
    return said
