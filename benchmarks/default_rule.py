"""The default drift rule: how often it alarms where nothing drifts, and what it catches.

    python -m benchmarks.default_rule            # 60 streams of each kind: some minutes
    python -m benchmarks.default_rule --quick    # 3 streams

Flights of 2013 (14 features), 12 weeks of reference and 39 weeks judged, weeks or rows shuffled so that nothing drifts;
`benchmarks._default_rule` says how. Every stream has a fresh order, reference and binning. Where the mean is shifted,
heavily repeated values (precipitation of 0) leave their bin at once: such a shift is seen whole or not at all.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks._default_rule import (
    FIELDS,
    SCHEDULE,
    Judged,
    Rule,
    load_year,
    make_stream,
    moved,
    shifted,
)
from driftlog.demo.data import NUMERIC

MONTH_DAYS = 30.4
STREAMS, QUICK = 60, 3
POWER_STREAMS = 12
MASS = 0.15
DEVIATIONS = (0.1, 0.25, 0.5, 1.0)
LENGTHS = {"week": 7, "day": 1}
GOALS = {"rows": 0.01, "weeks": 0.05}


@dataclass(frozen=True, slots=True)
class Quiet:
    """False alarms over several streams, as shares; alerts by model and month."""

    shuffle: str
    window: str
    rows: float
    streams: int
    feature_windows: float
    any_feature: float
    alarms: float
    alarms_error: float
    alerts_month: float

    @property
    def goal(self) -> float:
        return GOALS[self.shuffle]


def quiet(shuffle: str, window: str, streams: int, *, share: float = 1.0) -> Quiet:
    """False alarms where nothing drifts; the standard error is that of streams, each with a reference of its own."""
    year = load_year(share)
    generator = np.random.default_rng([streams, LENGTHS[window], shuffle == "rows"])
    found: list[Judged] = []
    rows = 0.0
    for _ in range(streams):
        rule = Rule(make_stream(year, generator, shuffle=shuffle), LENGTHS[window])
        found.append(rule.run())
        rows = float(rule.current["features.hour"].sum(axis=1).mean())
    alarms = np.array([one.confirmed.mean() for one in found])
    windows = len(found[0].breach)
    return Quiet(
        shuffle=shuffle,
        window=window,
        rows=rows,
        streams=streams,
        feature_windows=float(np.mean([one.breach.mean() for one in found])),
        any_feature=float(np.mean([one.breach.any(axis=1).mean() for one in found])),
        alarms=float(alarms.mean()),
        alarms_error=float(alarms.std(ddof=1) / np.sqrt(streams)) if streams > 1 else float("nan"),
        alerts_month=float(np.mean([one.alerts for one in found])) / (windows * LENGTHS[window]) * MONTH_DAYS,
    )


@dataclass(frozen=True, slots=True)
class Power:
    """Share of shifted windows in breach, and of runs of 3 shifted windows that open an alert, by field."""

    field: str
    window: str
    shift: str
    caught: float
    opened: float
    detectable: float
    """Median of the smallest detectable effect."""


def power(window: str, streams: int) -> list[Power]:
    """Planted shifts on streams of shuffled weeks."""
    year = load_year()
    generator = np.random.default_rng([streams, LENGTHS[window], 7])
    found: dict[tuple[str, str], list[NDArray[np.bool_]]] = {}
    limits: dict[str, list[float]] = {}
    for _ in range(streams):
        rule = Rule(make_stream(year, generator, shuffle="weeks"), LENGTHS[window])
        for name in FIELDS:
            bins = rule.stream.binning.fields[name]
            planted = {f"{MASS:.0%} of the mass": moved(rule.current[name], rule.whole[name], bins, MASS, generator)}
            if name.removeprefix("features.") in NUMERIC:
                planted |= {f"mean + {d:g} sd": shifted(rule, name, d) for d in DEVIATIONS}
            for shift, counts in planted.items():
                found.setdefault((name, shift), []).append(rule.breaches(name, counts))
            judged = rule.measure(name, rule.current[name])
            limits.setdefault(name, []).extend(m.limit.smallest_detectable or 1.0 for m in judged if m.limit)
    result = []
    for (name, shift), breaches in found.items():
        breach = np.concatenate(breaches)
        threes = np.concatenate([b[: len(b) // 3 * 3].reshape(-1, 3) for b in breaches])
        opened = float((threes.sum(axis=1) >= 2).mean())
        result.append(Power(name, window, shift, float(breach.mean()), opened, float(np.median(limits[name]))))
    return result


def rows(*, quick: bool = False) -> list[tuple[str, ...]]:
    """Rows of the tables in docs/calibration.md: what, where, figure, goal."""
    streams, planted = (QUICK, 1) if quick else (STREAMS, POWER_STREAMS)
    found: list[tuple[str, ...]] = []
    for one in all_quiet(streams):
        data = "i.i.d. (rows shuffled)" if one.shuffle == "rows" else "weeks shuffled"
        where = f"flights, {data}, windows of a {one.window} ({one.rows:,.0f} rows), {one.streams} streams"
        error = f" ± {one.alarms_error:.2%}" if one.streams > 1 else ""
        met = "met" if one.alarms <= one.goal else "MISSED"
        found += [
            ("features in breach", where, f"{one.feature_windows:.3%} of feature-windows", ""),
            ("any of 14 features in breach", where, f"{one.any_feature:.2%} of windows", ""),
            ("alarms (2 of 3 windows)", where, f"{one.alarms:.2%}{error} of windows", f"<= {one.goal:.0%}: {met}"),
            ("false alerts a model and month", where, f"{one.alerts_month:.2f}", ""),
        ]
    for window in LENGTHS:
        by_power = power(window, planted)
        for group, names in (("schedule", SCHEDULE), ("weather", tuple(n for n in FIELDS if n not in SCHEDULE))):
            for shift in dict.fromkeys(one.shift for one in by_power):
                several = [one for one in by_power if one.shift == shift and one.field in names]
                if several:
                    where = f"flights, weeks shuffled, windows of a {window}, {len(several)} {group} features"
                    caught = [one.opened for one in several]
                    text = f"{np.mean(caught):.0%} (worst feature {min(caught):.0%})"
                    found.append((f"power, {shift}: an alert within 3 windows", where, text, ""))
            limits = [one.detectable for one in by_power if one.field in names and one.shift.endswith("mass")]
            where = f"flights, weeks shuffled, windows of a {window}, {len(limits)} {group} features"
            text = f"median {np.median(limits):.2f}, from {min(limits):.2f} to {max(limits):.2f}"
            found.append(("smallest detectable effect", where, text, ""))
    return found


def all_quiet(streams: int) -> list[Quiet]:
    """Both kinds of streams, both lengths; i.i.d. also with a tenth of the rows."""
    return [
        *(quiet(shuffle, window, streams) for shuffle in GOALS for window in LENGTHS),
        quiet("rows", "day", streams, share=0.1),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="3 streams, to see that it works")
    parser.add_argument("--features", action="store_true", help="power by feature as well")
    arguments = parser.parse_args()
    for row in rows(quick=arguments.quick):
        print(f"{row[0]:<55} | {row[1]} | {row[2]} {row[3]}".rstrip(), flush=True)
    if arguments.features:
        for window in LENGTHS:
            for one in power(window, 1 if arguments.quick else POWER_STREAMS):
                print(
                    f"{one.field:<22} {window:<5} {one.shift:<17} window {one.caught:6.1%}, alert {one.opened:6.1%}, "
                    f"smallest detectable {one.detectable:.3f}"
                )


if __name__ == "__main__":
    main()
