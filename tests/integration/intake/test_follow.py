"""Followed log files, on a real file system with real processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.elasticsearch


def append(path: Path, *lines: bytes, end: bytes = b"\n") -> None:
    with path.open("ab") as file:
        file.write(b"\n".join(lines) + end)


def test_a_file_is_read_from_its_beginning_and_on(make_intake: Any, helpers: Any, tmp_path: Path) -> None:
    """What was there before the start, what is added later, and a last line without newline once it is quiet."""
    log = tmp_path / "app.log"
    append(log, helpers.line("a"), b"{bad")
    intake = make_intake(files=(log,)).start()
    helpers.wait_for(lambda: intake.stats()["stored"] == 1)
    append(log, helpers.line("b"), helpers.line("c"), end=b"")
    helpers.wait_for(lambda: intake.stats()["stored"] == 3)

    assert helpers.ids() == ["a", "b", "c"]
    assert [each["reason"] for each in helpers.quarantined()] == ["not_json"]
    assert intake.terminate() == 0


def test_a_restart_goes_on_where_it_stopped(make_intake: Any, helpers: Any, tmp_path: Path) -> None:
    """After kill -9 too; what was rotated away in the meantime is finished first."""
    log = tmp_path / "app.log"
    append(log, helpers.line("a"), b"{bad")
    intake = make_intake(files=(log,)).start()
    helpers.wait_for(lambda: intake.stats()["quarantined"] == 1)
    helpers.wait_for((tmp_path / "positions.json").exists)
    intake.kill()
    append(log, helpers.line("b"))
    log.rename(tmp_path / "app.log.1")
    append(log, helpers.line("c"))
    intake.start()
    helpers.wait_for(lambda: len(helpers.ids()) == 3)

    assert intake.stats()["stored"] == 2
    assert len(helpers.quarantined()) == 1


def test_rotation_and_truncation_under_way(make_intake: Any, helpers: Any, tmp_path: Path) -> None:
    """The rest of the old file is read, then the new one; a truncated file is read from its beginning."""
    log = tmp_path / "app.log"
    append(log, helpers.line("a"))
    intake = make_intake(files=(log,)).start()
    helpers.wait_for(lambda: intake.stats()["stored"] == 1)
    append(log, helpers.line("b"))
    log.rename(tmp_path / "app.log.1")
    append(log, helpers.line("c"))
    helpers.wait_for(lambda: intake.stats()["stored"] == 3)
    log.write_bytes(b"")
    append(log, helpers.line("d"))
    helpers.wait_for(lambda: intake.stats()["stored"] == 4)

    assert helpers.ids() == ["a", "b", "c", "d"]
