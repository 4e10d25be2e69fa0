"""Children live as long as the demo, never longer, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from driftlog.contract.errors import DriftlogError
from driftlog.demo.processes import Children, free_ports

PARENT = """
import sys, time
from pathlib import Path
from driftlog.demo.processes import Children
from driftlog.demo.signals import end_like_ctrl_c
with end_like_ctrl_c(), Children(Path(sys.argv[1])) as children:
    for name in ("one", "two"):
        children.start(name, "http.server", ["--bind", "127.0.0.1", sys.argv[2 if name == "one" else 3]], {})
    for number, name in enumerate(("one", "two")):
        children.wait_ready(name, f"http://127.0.0.1:{sys.argv[2 + number]}/")
    print("ready", flush=True)
    time.sleep(60)
"""

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("ready", flush=True)
time.sleep(60)
"""


def eventually(condition: Callable[[], bool], *, within_s: float = 15.0) -> bool:
    """Whether `condition` becomes true in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_child_outlives_the_demo(number: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C, a polite end, a closed terminal, and an end without any chance to clean up."""
    ports = [str(port) for port in free_ports(2)]
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), *ports], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert parent.stdout is not None
    try:
        assert parent.stdout.readline() == b"ready\n"
        family = psutil.Process(parent.pid).children(recursive=True)
        assert len(family) == 2
        parent.send_signal(number)
        parent.wait(20)
        assert eventually(lambda: not any(child.is_running() for child in family))
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()


def test_a_stubborn_child_is_killed_with_its_own_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM is asked first; who ignores it goes with its whole group."""
    monkeypatch.setattr("driftlog.demo.processes.STOP_TIMEOUT_S", 0.5)
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    others = set(psutil.Process(os.getpid()).children(recursive=True))  # servers of other tests
    with Children(tmp_path) as children:
        children.start("stubborn", "stubborn", [], {"PYTHONPATH": str(tmp_path)})
        assert eventually(lambda: "ready" in (tmp_path / "stubborn.log").read_text())
        family = set(psutil.Process(os.getpid()).children(recursive=True)) - others
        assert len(family) == 2
    assert eventually(lambda: not any(process.is_running() for process in family))


def test_a_child_that_ends_is_reported_with_its_last_words(tmp_path: Path) -> None:
    """Not a time-out after a minute, but the reason at once."""
    (tmp_path / "broken.py").write_text("raise SystemExit('no such thing as a free port')")
    (port,) = free_ports(1)
    with Children(tmp_path) as children:
        children.start("broken", "broken", [], {"PYTHONPATH": str(tmp_path)})
        with pytest.raises(DriftlogError, match="no such thing as a free port"):
            children.wait_ready("broken", f"http://127.0.0.1:{port}/")


def test_a_child_that_never_answers_is_reported(tmp_path: Path) -> None:
    """With the address and the time it had."""
    (tmp_path / "silent.py").write_text("import time; time.sleep(60)")
    (port,) = free_ports(1)
    with Children(tmp_path) as children:
        children.start("silent", "silent", [], {"PYTHONPATH": str(tmp_path)})
        with pytest.raises(DriftlogError, match="does not answer"):
            children.wait_ready("silent", f"http://127.0.0.1:{port}/", timeout_s=0.5)


def test_children_get_arguments_and_environment(tmp_path: Path) -> None:
    """As under ``python -m``."""
    (tmp_path / "echo.py").write_text("import os, sys; print(__name__, sys.argv[1:], os.environ['COLOUR'])")
    with Children(tmp_path) as children:
        children.start("echo", "echo", ["a", "b c"], {"PYTHONPATH": str(tmp_path), "COLOUR": "blue"})
        assert eventually(lambda: (tmp_path / "echo.log").read_text() == "__main__ ['a', 'b c'] blue\n")


def test_free_ports_differ() -> None:
    """Asked for together, given apart."""
    assert len(set(free_ports(5))) == 5
