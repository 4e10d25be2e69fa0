"""One at a time, across processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from driftlog.contract.errors import LocalServerError
from driftlog.store.local.lock import locked

HOLD = (
    "import sys; from pathlib import Path; from driftlog.store.local.lock import locked\n"
    "with locked(Path(sys.argv[1])):\n"
    "    print('held', flush=True); sys.stdin.read()\n"
)


def test_a_second_process_waits_and_says_so(tmp_path: Path) -> None:
    """It is told once, and gives up after its time."""
    told: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(LocalServerError, match="has held"),
            locked(tmp_path / "lock", waiting=lambda: told.append("waiting"), timeout_s=0.3),
        ):
            pass
        holder.kill()
    assert told == ["waiting"]
    with locked(tmp_path / "lock", timeout_s=0.0):
        pass  # a killed holder holds nothing


def test_a_child_given_the_descriptor_keeps_the_lock(tmp_path: Path) -> None:
    """A launcher outlives the program that started it; nobody else starts one meanwhile."""
    with locked(tmp_path / "lock") as descriptor:
        child = subprocess.Popen(["sleep", "60"], pass_fds=(descriptor,))
    try:
        with pytest.raises(LocalServerError), locked(tmp_path / "lock", timeout_s=0.2):
            pass
    finally:
        child.kill()
        child.wait()
    with locked(tmp_path / "lock", timeout_s=0.0):
        pass
