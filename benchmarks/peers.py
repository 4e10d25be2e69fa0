"""driftlog beside Evidently, NannyML and whylogs: drift of stored predictions, reading included.

    python -m benchmarks.peers                                  # 1,000,000 v 100,000 rows; 20, 50 and 200 features
    python -m benchmarks.peers --events 100000 --features 20

Each peer is installed in an environment of its own (below the user's cache folder; usage reporting switched off), and
everything is a process of its own: its time from start to verdicts, and its peak memory as the operating system saw it.
The peers read the predictions out of Elasticsearch first (`helpers.scan` of the features into Parquet, timed apart,
once for all of them); driftlog counts them there. One feature in five is categorical. One in ten has drifted by an
effect a team would want to hear of (a shift of 0.3 standard deviations, 15 % of the mass); the others have not:
"right" is the number of features with the right verdict.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks._stored import SETTINGS, START, empty_store, load
from driftlog.profile.reference import save
from driftlog.profile.reference_frame import reference_from_frame
from driftlog.store.client import Store

SCRIPTS = Path(__file__).parent / "peer_scripts"
PEERS = {
    "evidently": ["evidently>=0.7,<0.8", "pandas<3", "pyarrow"],
    "nannyml": ["nannyml>=0.13,<0.14", "pandas<3", "pyarrow", "statsmodels"],
    "whylogs": ["whylogs[viz]>=1.6,<2", "numpy<2", "pandas<3", "scipy<1.14", "pyarrow<20"],
}
GOALS = {"evidently": 100, "nannyml": 50}
DAYS = 1
REFERENCE_DAYS = 20


@dataclass(frozen=True)
class Measured:
    """One process: seconds, peak resident memory, verdicts by feature."""

    seconds: float
    peak_mb: float
    verdicts: dict[str, bool]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--reference", type=int, default=100_000)
    parser.add_argument("--features", type=int, nargs="+", default=[20, 50, 200])
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--home", type=Path, default=Path.home() / ".cache" / "driftlog-peers")
    parser.add_argument("--quick", action="store_true", help="20,000 predictions, 20 features, no peers")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.events, arguments.reference, arguments.features, arguments.peers = 20_000, 20_000, [20], []
    sizes = {name: install(name, arguments.home) for name in arguments.peers}
    for name, size_mb in sizes.items():
        print(f"{name}: {size_mb:,.0f} MB installed")
    for features in arguments.features:
        compare(arguments.events, arguments.reference, features, arguments.peers, arguments.home)


def install(name: str, home: Path) -> float:
    """Make the peer's environment where it is not there yet; its size in MB."""
    folder = home / name
    if not (folder / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", *PEERS[name]], check=True)
        (folder / "installed").touch()
    return sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink()) / 1e6


def rows(n: int, features: int, seed: int, *, drift: bool) -> tuple[pd.DataFrame, set[str]]:
    """(`n` rows, names of the drifted features)."""
    rng = np.random.default_rng(seed)
    columns: dict[str, object] = {}
    drifted = {f"f{i:03}" for i in range(features) if i % 10 == 7 or (i % 50 == 4)}
    for i in range(features):
        name = f"f{i:03}"
        moved = drift and name in drifted
        if i % 5 == 4:
            weights = np.array([0.25, *[0.75 / 9] * 9]) if moved else np.full(10, 0.1)
            columns[f"features.{name}"] = np.array([f"c{k}" for k in range(10)], dtype=object)[
                rng.choice(10, n, p=weights)
            ]
        elif i % 5 == 3:
            columns[f"features.{name}"] = np.round(rng.normal(50, 12, n)) + 4.0 * moved
        elif i % 5 == 2:
            columns[f"features.{name}"] = rng.lognormal(3, 1, n) * (np.exp(0.3) if moved else 1)
        else:
            columns[f"features.{name}"] = rng.normal(size=n) + 0.3 * moved
    score = rng.beta(2, 6, n)
    columns |= {"prediction.score": score, "prediction.label": np.where(score >= 0.5, "1", "0")}
    return pd.DataFrame(columns), drifted


def compare(events: int, reference_rows: int, features: int, peers: list[str], home: Path) -> None:
    """One table: everything on the same stored predictions, one after the other."""
    reference, drifted = rows(reference_rows, features, 1, drift=False)
    names = [name.removeprefix("features.") for name in reference if name.startswith("features.")]
    with empty_store() as store, tempfile.TemporaryDirectory() as folder:
        files = Path(folder)
        for first in range(0, events, 200_000):
            part = rows(min(200_000, events - first), features, 100 + first, drift=True)[0]
            share = len(part) / events
            at = START + first / events * timedelta(days=DAYS)
            load(store, part, start=at, span=share * timedelta(days=DAYS), base=first)
        (files / "fields.json").write_text(json.dumps(names))
        plain = reference[[f"features.{name}" for name in names]]
        plain.set_axis(names, axis=1).to_parquet(files / "reference.parquet")
        step = timedelta(days=REFERENCE_DAYS) / reference_rows
        times = [START - timedelta(days=REFERENCE_DAYS) + i * step for i in range(reference_rows)]
        plain.assign(**{"@timestamp": times}).to_parquet(files / "timed.parquet")
        del reference, plain
        index = store.names.all_predictions("bench")
        url = store.urls[0]
        print(f"\n{events:,} v {reference_rows:,} rows x {features} features, load {os.getloadavg()[0]:.1f}")
        print(f"{'':<34}{'s':>9}{'peak MB':>9}{'right':>9}{'times slower':>14}{'goal':>6}")
        anew = ours_from(store, files / "timed.parquet", files)
        line("driftlog, reference from its file", anew, drifted, names)
        timed = pd.read_parquet(files / "timed.parquet")
        save(store, *reference_from_frame(timed, SETTINGS, origin="benchmark", created=START))
        del timed
        ours = ours_from(store, "stored", files)
        line("driftlog, reference stored", ours, drifted, names)
        if not peers:
            return
        pulled = run(sys.executable, "pull", [url, index, files / "fields.json", files / "current.parquet"])
        line("reading out", pulled, set(), [])
        for name in peers:
            python = home / name / "bin" / "python"
            found = run(
                python, f"{name}_drift", [files / "reference.parquet", files / "current.parquet", files / "out.json"]
            )
            both = Measured(pulled.seconds + found.seconds, max(pulled.peak_mb, found.peak_mb), found.verdicts)
            line(f"reading out + {name} ({found.seconds:.1f} s)", both, drifted, names, ours, GOALS.get(name))


def ours_from(store: Store, reference: Path | str, files: Path) -> Measured:
    """driftlog from the events, not from Elasticsearch's request cache."""
    store.request("POST", f"/{store.names.all_predictions('bench')}/_cache/clear", params={"request": "true"})
    arguments = [store.urls[0], store.names.prefix, reference, files / "out.json", str(DAYS)]
    return run(sys.executable, "driftlog_drift", arguments)


def run(python: Path | str, script: str, arguments: list[object]) -> Measured:
    """Run a script to its end; its time and peak memory."""
    out = next((Path(str(a)) for a in arguments if str(a).endswith(".json") and "out" in str(a)), None)
    command = [str(python), str(SCRIPTS / f"{script}.py"), *map(str, arguments)]
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, peak_rss_mb(process.pid))
            time.sleep(0.02)
        seconds = time.perf_counter() - began
        if process.returncode:
            errors.seek(0)
            raise SystemExit(f"{script} failed:\n{errors.read()[-2000:]}")
    return Measured(seconds, peak, json.loads(out.read_text()) if out is not None and out.exists() else {})


def peak_rss_mb(pid: int) -> float:
    """High-water mark of a process's resident memory."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def line(
    what: str,
    found: Measured,
    drifted: set[str],
    names: list[str],
    ours: Measured | None = None,
    goal: int | None = None,
) -> None:
    right = sum(found.verdicts.get(name, False) == (name in drifted) for name in names)
    verdicts = f"{right}/{len(names)}" if names else ""
    ratio = f"{found.seconds / ours.seconds:.0f}" if ours is not None else ""
    target = "" if goal is None else str(goal)
    print(f"{what:<34}{found.seconds:>9.1f}{found.peak_mb:>9.0f}{verdicts:>9}{ratio:>14}{target:>6}", flush=True)


if __name__ == "__main__":
    main()
