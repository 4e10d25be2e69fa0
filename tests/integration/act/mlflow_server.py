"""A real MLflow server, in a virtual environment of its own: its packages need other versions than driftlog's.

The environment is made once (two minutes, 850 MB) in driftlog's folder for tests and used again. Where it cannot be had
the tests that need it fail; ``DRIFTLOG_SKIP_MLFLOW=1`` skips them on a laptop, and is ignored where ``CI=true``.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

REQUIREMENT = "mlflow>=3.1,<4"
START_S = 400


def python_of_server() -> Path:
    """The interpreter of the environment, made where it is missing or was not finished."""
    from driftlog.store.local.settings import base_folder

    folder = base_folder() / "tests" / "mlflow-3"
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "done"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes
        if not done.exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder / "venv")], check=True)
            pip = [str(folder / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet", REQUIREMENT]
            subprocess.run(pip, check=True, stdout=subprocess.DEVNULL)
            done.write_text(REQUIREMENT)
    return folder / "venv" / "bin" / "python"


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Its address; runs, registry and files are kept below `folder`."""
    if os.environ.get("DRIFTLOG_SKIP_MLFLOW") == "1" and os.environ.get("CI") != "true":
        pytest.skip("DRIFTLOG_SKIP_MLFLOW=1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    arguments += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    arguments += ["--artifacts-destination", str(folder / "artefacts")]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [str(python_of_server()), *arguments],
            stdout=log,
            stderr=log,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "MLFLOW_DISABLE_TELEMETRY": "true"},
            start_new_session=True,
        )
    try:
        _wait(f"http://127.0.0.1:{port}", server, folder / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + START_S
    while True:
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            with opener.open(f"{url}/health", timeout=5) as answer:
                assert answer.status == 200
                return
        except OSError:
            assert time.monotonic() < end, log.read_text()[-2000:]
            time.sleep(0.2)
