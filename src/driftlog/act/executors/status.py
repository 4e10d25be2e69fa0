"""What is kept on disk about one run of a command: its order, its status, its log; and who its processes are.

A run has a folder of its own::

    order.json    what to run, written before anything is started
    status.json   how it goes, replaced whole by the wrapper
    log.txt       output of the command (and log.1.txt, what came before, once it is long)
    wrapper.lock  held by the wrapper as long as it lives; the kernel lets go of it however the wrapper dies
"""

from __future__ import annotations

import hashlib
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from driftlog.act.files import write_atomically
from driftlog.contract.errors import ActionFailed, NameRefused
from driftlog.contract.names import check_version_name

ORDER: Final = "order.json"
STATUS: Final = "status.json"
LOG: Final = "log.txt"
OLDER_LOG: Final = "log.1.txt"
LOCK: Final = "wrapper.lock"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the wrapper runs; `environment` are names: the values come as its own environment, and never on the disk."""

    command: tuple[str, ...]
    environment: tuple[str, ...] = ()
    folder: str = ""
    time_limit_s: float
    grace_s: float = 10.0
    log_bytes: int = 10_485_760


class RunStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a run goes; `pid` and `began` (see `birth_of`) name the command's first process and its group."""

    state: Literal["running", "succeeded", "failed", "timed_out"]
    started: datetime
    pid: int = 0
    began: str = ""
    finished: datetime | None = None
    exit_code: int | None = None
    error: str = ""


def run_folder(base: Path, run_id: str) -> Path:
    """Folder of the run `run_id` below `base`; an id that is no safe name is taken by its digest.

    >>> run_folder(Path("runs"), "churn-7").as_posix()
    'runs/churn-7'
    >>> len(run_folder(Path("runs"), "../../etc").name)
    32
    """
    try:
        return base / check_version_name(run_id)
    except NameRefused:
        return base / hashlib.blake2b(run_id.encode(), digest_size=16).hexdigest()


def write_status(folder: Path, status: RunStatus) -> None:
    write_atomically(folder / STATUS, msgspec.json.encode(status))


def read_status(folder: Path) -> RunStatus | None:
    """None when nothing was started.

    Raises
    ------
    ActionFailed
        The file is damaged.
    """
    path = folder / STATUS
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunStatus)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ActionFailed(f"{path} is damaged: {error}", remedy="the run is lost; remove its folder") from error


def birth_of(pid: int) -> str:
    """When a process began, as text that no other process with the same number ever has; empty: there is none.

    On Linux the boot's id and the clock ticks from it; elsewhere what ``ps`` says, to the second.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return _birth_by_ps(pid) if not Path("/proc/self/stat").exists() else ""
    return f"{boot}:{fields[19]}"  # starttime is field 22; the first two are before the last bracket


def _birth_by_ps(pid: int) -> str:
    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip()
