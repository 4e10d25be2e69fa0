"""CBPE beside NannyML's own, on the same rows: agreement of the estimates, and both beside the truth.

    python -m benchmarks.estimation_peer

driftlog estimates from counts, NannyML from rows. "interval" is half the width of the 95 % interval each gives;
NannyML's is of the window's sampling alone. "holds" says whether the interval holds what the true labels show.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.estimation import BINARY, binary, flights_draws, flights_scored, realised_binary
from benchmarks.peers import SCRIPTS, install
from driftlog.evaluate.estimation.arrays import estimate_from_arrays


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, default=Path.home() / ".cache" / "driftlog-peers")
    parser.add_argument("--quick", action="store_true", help="one small data set, without the peer")
    arguments = parser.parse_args()
    cases: dict[str, Any] = {
        "synthetic, 100,000 v 20,000, shifted": binary(100_000, 20_000, shift=0.5),
        "synthetic, 20,000 v 5,000, 4 % positive": binary(20_000, 5_000, shift=0.5, off=-4.0, threshold=0.2),
    }
    if arguments.quick:
        cases = {"synthetic, 2,000 v 1,000": binary(2_000, 1_000)}
    else:
        install("nannyml", arguments.home)
        cases |= {f"flights, {name}": draw for name, draw in flights_draws(flights_scored()).items()}
    for name, draw in cases.items():
        compare(name, draw(np.random.default_rng(20_261)), None if arguments.quick else arguments.home)


def compare(name: str, drawn: dict[str, Any], home: Path | None) -> None:
    """One table: estimates, half intervals and the truth of each metric."""
    actual = drawn.pop("actual")
    truth = realised_binary(actual, drawn["predicted"], drawn)
    ours = estimate_from_arrays(**drawn)
    theirs = by_nannyml(drawn, home) if home is not None else {}
    print(f"\n{name}: {len(drawn['ref_score']):,} v {len(actual):,} rows")
    print(f"{'':<20}{'truth':>9}{'driftlog':>10}{'interval':>9}{'holds':>7}{'NannyML':>10}{'interval':>9}{'holds':>7}"
          f"{'difference':>12}")  # fmt: skip
    worst = 0.0
    for metric in BINARY:
        one, other = ours[metric], theirs.get(metric)
        row = f"{metric:<20}{truth[metric]:>9.4f}"
        half = (one.upper - one.lower) / 2 if one.upper is not None and one.lower is not None else float("nan")
        value = one.value if one.value is not None else float("nan")
        holds = one.lower is not None and one.upper is not None and one.lower <= truth[metric] <= one.upper
        row += f"{value:>10.4f}{half:>9.4f}{'yes' if holds else 'no':>7}"
        if other is not None:
            inside = abs(other["value"] - truth[metric]) <= other["half"]
            row += f"{other['value']:>10.4f}{other['half']:>9.4f}{'yes' if inside else 'no':>7}"
            row += f"{abs(value - other['value']):>12.4f}"
            worst = max(worst, abs(value - other["value"]))
        print(row)
    if theirs:
        print(f"largest difference {worst:.4f}", flush=True)


def by_nannyml(drawn: dict[str, Any], home: Path) -> dict[str, dict[str, float]]:
    """NannyML's estimates, from a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder)
        reference = {"score": drawn["ref_score"], "predicted": drawn["ref_predicted"], "actual": drawn["ref_actual"]}
        pd.DataFrame(reference).to_parquet(files / "reference.parquet")
        pd.DataFrame({"score": drawn["score"], "predicted": drawn["predicted"]}).to_parquet(files / "current.parquet")
        command = [home / "nannyml" / "bin" / "python", SCRIPTS / "nannyml_cbpe.py", files / "reference.parquet"]
        command += [files / "current.parquet", files / "out.json"]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"NannyML failed:\n{done.stderr[-2000:]}")
        found: dict[str, dict[str, float]] = json.loads((files / "out.json").read_text())
        return found


if __name__ == "__main__":
    main()
