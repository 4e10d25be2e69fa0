"""Delay from an event to the alert it causes, with a real worker and a near-real-time model.

    python -m benchmarks.worker_delay

A model with windows of 10 seconds and a cycle a second; every prediction from some moment on fails. Measured on real
processes: from the end of the window that holds the first failures to the alert document, and from the first failed
event itself. The first depends on the refresh interval of the predictions (5 s by default) and on the cycle; the second
adds what was left of the window.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks._stored import empty_store
from driftlog.contract.records import ModelRecord
from driftlog.store.alerts import find_alerts
from driftlog.store.client import Store
from driftlog.store.models import register
from driftlog.store.values import BulkAction

CONFIG = """
prefix: {prefix}
elasticsearch:
  urls: [{urls}]
worker:
  lease: 6s
models:
  live:
    bucket: 10s
    window: 10s
    cycle: 1s
    min_rows: 10
    thresholds:
      - {{metric: error_rate, warning: 0.05, critical: 0.5}}
"""


def event(number: int, *, failed: bool) -> dict[str, object]:
    now = datetime.now(UTC).isoformat()
    outcome = "failure" if failed else "success"
    found: dict[str, object] = {
        "@timestamp": now,
        "event": {"id": f"e{number}", "dataset": "driftlog.prediction", "ingested": now, "outcome": outcome},
        "service": {"environment": "production"},
        "model": {"name": "live", "version": "1"},
        "features": {"x": float(number % 7)},
    }
    return found | ({"error": {"type": "ValueError"}} if failed else {"prediction": {"task": "binary", "score": 0.4}})


def send(store: Store, number: int, *, failed: bool) -> int:
    """Twenty events now; the next number."""
    index = store.names.predictions("live", datetime.now(UTC))
    actions = [BulkAction("create", index, f"e{n}", event(n, failed=failed), None) for n in range(number, number + 20)]
    store.bulk(actions)
    return number + 20


def episode(store: Store, healthy_s: float) -> tuple[float, float]:
    """Seconds from the window's end, and from the first failure, to the alert."""
    number, stop = 0, time.monotonic() + healthy_s
    while time.monotonic() < stop:
        number = send(store, number, failed=False)
        time.sleep(0.25)
    first = datetime.now(UTC)
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        number = send(store, number, failed=True)
        store.refresh(store.names.alerts)
        opened = find_alerts(store, "live", status="open")
        if opened:
            seen = datetime.now(UTC)
            return (seen - opened[0].first_window.end).total_seconds(), (seen - first).total_seconds()
        time.sleep(0.1)
    raise SystemExit("no alert within 90 s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one episode")
    arguments = parser.parse_args()
    print(f"{'episode':>8} {'window end to alert, s':>24} {'first failure to alert, s':>26}")
    for number in range(1 if arguments.quick else arguments.episodes):
        with empty_store() as store, tempfile.TemporaryDirectory() as folder:
            register(store, ModelRecord(name="live", task="binary", registered=datetime.now(UTC)))
            config = Path(folder) / "driftlog.yml"
            urls = ", ".join(f"'{url}'" for url in store.urls)
            config.write_text(CONFIG.format(prefix=store.names.prefix, urls=urls))
            command = [sys.executable, "-m", "driftlog", "--config", str(config), "worker", "--id", "bench"]
            with (Path(folder) / "log").open("wb") as log:
                worker = subprocess.Popen(command, stdout=log, stderr=log)
            try:
                from_end, from_first = episode(store, healthy_s=22.0)
            finally:
                worker.terminate()
                worker.wait()
            print(f"{number + 1:>8} {from_end:>24.1f} {from_first:>26.1f}", flush=True)


if __name__ == "__main__":
    main()
