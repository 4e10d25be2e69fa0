"""deploy/systemd: units that systemd reads, with commands that exist."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.deploy.command_lines import parse
from tests.unit.deploy.compose import ROOT

UNITS = sorted((ROOT / "deploy" / "systemd").iterdir())
SERVICES = [path for path in UNITS if path.suffix == ".service"]


def values(path: Path, name: str) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.partition("=")[0] == name]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_reads_them(tmp_path: Path) -> None:
    """With the real one; only the program's path is another."""
    for path in UNITS:
        text = path.read_text(encoding="utf-8").replace("/opt/driftlog/bin/driftlog", sys.executable)
        (tmp_path / path.name).write_text(text)
    for path in UNITS:
        name = path.name.replace("@.", "@1.")
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(tmp_path / name)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        own = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "driftlog" in line]
        assert own == [], path.name


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_each_runs_a_command_that_exists_without_root(path: Path) -> None:
    """Secrets come from a file of its own, the settings from /etc/driftlog."""
    command = values(path, "ExecStart")
    assert len(command) == 1
    program, *arguments = command[0].split()
    assert program == "/opt/driftlog/bin/driftlog"
    parse(arguments)
    assert values(path, "User") == ["driftlog"]
    assert any("DRIFTLOG_CONFIG=/etc/driftlog/driftlog.yml" in each for each in values(path, "Environment"))
    kind = path.name.removeprefix("driftlog-").split(".")[0].rstrip("@")
    assert values(path, "EnvironmentFile") == [f"/etc/driftlog/{kind}.env"]
    assert values(path, "NoNewPrivileges") == ["yes"]
    assert values(path, "ProtectSystem") == ["strict"]
    assert values(path, "MemoryMax")


def test_the_timer_has_its_service() -> None:
    """And the service is none that is started otherwise."""
    names = {path.name for path in UNITS}
    assert {"driftlog-janitor.timer", "driftlog-janitor.service"} <= names
    assert values(ROOT / "deploy/systemd/driftlog-janitor.service", "WantedBy") == []
    assert values(ROOT / "deploy/systemd/driftlog-janitor.service", "Type") == ["oneshot"]


def test_a_training_survives_its_worker() -> None:
    """Only the worker itself is ended; and no unit names a page that is not installed."""
    assert values(ROOT / "deploy/systemd/driftlog-worker@.service", "KillMode") == ["process"]
    assert [path.name for path in UNITS if values(path, "Documentation")] == []
