"""Metrics of an app with several processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.integration.export.real_prometheus import free_port

ROOT = Path(__file__).parents[3]
HOOK = """
def child_exit(server, worker):
    from prometheus_client import multiprocess
    multiprocess.mark_process_dead(worker.pid)
"""


def get(url: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=60) as response:
        return str(response.read().decode())


def value(page: str, name: str) -> float:
    """Sum of the samples of a name."""
    return sum(float(found[1]) for found in re.finditer(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", page, re.MULTILINE))


def test_any_worker_of_gunicorn_answers_for_all_of_them(tmp_path: Path) -> None:
    """Counters add up over processes, the spools as well; a page never falls from one scrape to the next."""
    shared = tmp_path / "multiproc"
    shared.mkdir()
    (tmp_path / "conf.py").write_text(HOOK)
    port = free_port()
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(shared), "SPOOL": str(tmp_path / "spool")}
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "3", "--config", str(tmp_path / "conf.py")]
    command += ["--bind", f"127.0.0.1:{port}", "tests.integration.shipping.metrics_app:create_app()"]
    app = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        workers: set[str] = set()
        asked = 0
        while len(workers) < 2 or asked < 30:
            assert time.monotonic() < deadline, f"only {workers} answered"
            assert app.poll() is None
            try:
                workers.add(get(f"http://127.0.0.1:{port}/predict"))
            except OSError:
                time.sleep(0.1)
            else:
                asked += 1
        pages = [get(f"http://127.0.0.1:{port}/metrics") for _ in range(6)]
        assert {value(page, "driftlog_app_predictions_total") for page in pages} == {asked}
        assert {value(page, "driftlog_app_latency_seconds_count") for page in pages} == {asked}

        def all_counted() -> bool:
            page = get(f"http://127.0.0.1:{port}/metrics")
            return value(page, "driftlog_app_spool_events") == asked

        while not all_counted():  # each process looks at its own spool every few seconds
            assert time.monotonic() < deadline, "the spools of the other processes are not told"
            time.sleep(0.2)
    finally:
        app.terminate()
        app.wait(60)
