"""Peak memory and time of a worker cycle over 30 days of stored predictions, at growing numbers of them.

    python -m benchmarks.worker_memory                          # 100,000, 1,000,000 and 5,000,000 predictions
    python -m benchmarks.worker_memory --events 100000 200000

For each number: a fresh installation, hourly buckets, 30 daily windows, 20 numeric and 3 categorical features, a
reference of 100,000 rows; then `driftlog run --once` as a process of its own, its peak resident memory as the operating
system saw it. The target is 250 MB at each number.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import msgspec

from benchmarks._stored import MONTH, SETTINGS, START, empty_store, load, make_rows
from driftlog.profile.reference import save
from driftlog.profile.reference_frame import reference_from_frame
from driftlog.store.runs import find_runs

TARGET_MB = 250
SLICE = 500_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[100_000, 1_000_000, 5_000_000])
    parser.add_argument("--quick", action="store_true", help="20,000 predictions")
    arguments = parser.parse_args()
    print(f"{'predictions':>12} {'peak RSS MB':>12} {'target':>8} {'met':>4} {'cycle s':>8} {'measurements':>13}")
    for events in [20_000] if arguments.quick else arguments.events:
        measure(events)


def peak_rss_mb(pid: int) -> float:
    """High-water mark of the program itself; ``ru_maxrss`` would begin with that of the process that forked it."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def measure(events: int) -> None:
    with empty_store() as store:
        frame = make_rows(100_000, seed=1)
        binning, reference = reference_from_frame(frame, SETTINGS, origin="benchmark", created=START)
        save(store, binning, reference)
        del frame
        slices = max(1, -(-events // SLICE))
        for number in range(slices):  # each slice its own stretch of the month
            span = MONTH / slices
            rows = make_rows(events // slices, seed=10 + number)
            load(store, rows, start=START + number * span, span=span, base=number * SLICE)
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder) / "driftlog.yml"
            urls = ", ".join(f"'{url}'" for url in store.urls)
            config.write_text(
                f"prefix: {store.names.prefix}\nelasticsearch:\n  urls: [{urls}]\n  timeout_s: 300\n"
                "models:\n  bench:\n    task: binary\n"
            )
            as_of = (START + MONTH + timedelta(hours=1)).isoformat()
            command = [sys.executable, "-m", "driftlog", "--config", str(config), "run", "--once", "--as-of", as_of]
            began = time.perf_counter()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            peak = 0.0
            while process.poll() is None:
                peak = max(peak, peak_rss_mb(process.pid))
                time.sleep(0.02)
            seconds = time.perf_counter() - began
        assert process.returncode == 0
        store.refresh(store.names.every("runs"))
        run = find_runs(store)[0]
        assert run.windows == 30, msgspec.to_builtins(run)
        met = "yes" if peak <= TARGET_MB else "no"
        print(f"{events:>12,} {peak:>12.0f} {TARGET_MB:>8} {met:>4} {seconds:>8.1f} {run.measurements:>13}", flush=True)


if __name__ == "__main__":
    main()
