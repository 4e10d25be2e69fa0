"""What can be known to fail before anything is started, each with its remedy."""

from __future__ import annotations

import shutil
import socket
import sys
from pathlib import Path
from typing import Any

import psutil

from driftlog.contract.errors import LocalServerError, PortBusy

SPARE_MEMORY_BYTES = 2**29
NEEDED_DISK_BYTES = 2 * 2**30
_GIB = 2**30


def check_platform(platform: str = sys.platform) -> None:
    """Refuse Windows itself and a system without bash, which Elasticsearch's start script needs."""
    if platform in {"win32", "cygwin"}:
        raise LocalServerError(
            "the local Elasticsearch runs on Linux and macOS",
            remedy="on Windows use WSL2 ('wsl --install', then run driftlog inside it), or point driftlog at a cluster",
        )
    if shutil.which("bash") is None:
        raise LocalServerError(
            "Elasticsearch's start script needs bash, which is not on the PATH",
            remedy="install it: 'apt install bash', 'dnf install bash' or 'apk add bash'",
        )


def check_memory(heap_bytes: int, available_bytes: int | None = None) -> None:
    """Refuse to start where the heap and half a gigabyte beside it do not fit."""
    available = available_memory() if available_bytes is None else available_bytes
    needed = heap_bytes + SPARE_MEMORY_BYTES
    if available < needed:
        raise LocalServerError(
            f"the local Elasticsearch needs {needed / _GIB:.1f} GiB of free memory, "
            f"{available / _GIB:.1f} GiB are free",
            remedy="close other programs, give the machine or container more memory, or set a smaller heap "
            "(local.heap: 512m)",
        )


def available_memory(control_group: Path = Path("/sys/fs/cgroup")) -> int:
    """Return free memory in bytes: the machine's, or what its container still may use, whichever is less."""
    machine = int(psutil.virtual_memory().available)
    try:
        limit = int((control_group / "memory.max").read_text())
        used = int((control_group / "memory.current").read_text())
        lines = (control_group / "memory.stat").read_text().splitlines()
        cached = dict(line.split() for line in lines).get("inactive_file", "0")
    except (OSError, ValueError):  # no container, or no limit ("max")
        return machine
    return min(machine, max(0, limit - used + int(cached)))


def check_disk(folder: Path, free_bytes: int | None = None) -> None:
    """Refuse to start on a nearly full disk."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free if free_bytes is None else free_bytes
    if free < NEEDED_DISK_BYTES:
        raise LocalServerError(
            f"the local Elasticsearch needs {NEEDED_DISK_BYTES / _GIB:.0f} GiB of free disk for {folder}, "
            f"{free / _GIB:.1f} GiB are free",
            remedy="free some space, or set DRIFTLOG_HOME to a folder on a larger disk",
        )


def check_port(port: int) -> None:
    """Refuse a port that somebody else listens on.

    Raises
    ------
    PortBusy
        Names the program where the system tells it.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the server before us may linger in TIME_WAIT
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError as error:
            raise PortBusy(f"port {port} may be used by root only", remedy="use a port above 1023") from error
        except OSError as error:
            raise PortBusy(
                f"port {port} is in use by {listener(port) or 'another program'}",
                remedy="stop that program, or choose another port: driftlog local start --port 9288 (0: any free one)",
            ) from error


def free_port() -> int:
    """Return a port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listener(port: int) -> str | None:
    """Return the name and pid of the program that listens on a port, where the system tells them."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and _port(connection.laddr) == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except (psutil.Error, OSError):
        pass
    return None


def _port(address: Any) -> int | None:
    return getattr(address, "port", None)  # an empty tuple where there is no address
