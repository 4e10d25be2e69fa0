"""What will fail is said before anything starts, with what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from driftlog.contract.errors import LocalServerError, PortBusy
from driftlog.store.local.preflight import (
    available_memory,
    check_disk,
    check_memory,
    check_platform,
    check_port,
    free_port,
)

GIB = 2**30


def test_windows_is_told_of_wsl() -> None:
    """The local server runs inside WSL2."""
    with pytest.raises(LocalServerError, match="WSL2"):
        check_platform("win32")


def test_a_system_without_bash_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Small container images have none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalServerError, match="apk add bash"):
        check_platform("linux")


def test_memory_must_hold_the_heap_and_half_a_gigabyte() -> None:
    """One byte less is refused with both figures."""
    check_memory(GIB, GIB + GIB // 2)
    with pytest.raises(LocalServerError, match=r"needs 1.5 GiB of free memory, 0.5 GiB are free"):
        check_memory(GIB, GIB // 2)
    with pytest.raises(LocalServerError):
        check_memory(GIB, GIB + GIB // 2 - 1)


def test_the_limit_of_a_container_counts(tmp_path: Path) -> None:
    """Page cache that can be given back is free; no limit leaves the machine's."""
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("700000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 50000\n")
    assert available_memory(tmp_path) == 350_000
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory(tmp_path) > 1_000_000


def test_a_nearly_full_disk_is_refused_also_for_a_folder_yet_to_be_made(tmp_path: Path) -> None:
    """The remedy names the variable that moves the data."""
    check_disk(tmp_path / "a" / "b", 2 * GIB)
    with pytest.raises(LocalServerError, match=r"2 GiB of free disk(?s:.)*DRIFTLOG_HOME"):
        check_disk(tmp_path / "a" / "b", 2 * GIB - 1)


def test_a_busy_port_names_its_owner_and_the_way_out() -> None:
    """Somebody else's port is left alone."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortBusy, match=rf"port {port} is in use by .*(?s:.)*--port") as caught:
            check_port(port)
    assert "0: any free one" in caught.value.remedy


def test_a_free_port_passes() -> None:
    """The port just found is one that the check accepts."""
    check_port(free_port())
