"""Results, alerts and distributions of one model as runs of TensorBoard.

::

    LOGDIR/<model>/<environment>/
    ├── all                 values; histograms of numeric fields and of latency, shares of categories, alerts
    ├── all lower           the lower end of each value's interval, so that TensorBoard draws both in one chart
    ├── all upper, all warning, all critical
    ├── version v3          the same of one version; also ``version v3, variant blue``
    ├── segment origin=EWR  the same of one segment, where segments are asked for
    └── reference           values and distributions of the reference

Tags are `driftlog.contract.points.path_of`, steps `step_of`, wall times the ends of the windows. What is in the folder
of model and environment afterwards is what this export wrote; files of others are left alone.
"""

from __future__ import annotations

import fcntl
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from driftlog.contract.alert import Alert
from driftlog.contract.binning import Binning, CategoricalBins
from driftlog.contract.errors import UsageError
from driftlog.contract.measurement import Measurement
from driftlog.contract.points import newest, path_of, step_of
from driftlog.contract.profile import FieldCounts, PredictionProfile, Reference
from driftlog.contract.window import Window
from driftlog.present.export.bins import category_shares, latency_bins, number_bins
from driftlog.present.export.event_file import (
    PARTIAL,
    EventFile,
    folder_name,
    histogram,
    own_files,
    remove,
    scalar,
    text,
)
from driftlog.present.report_data import finite

if TYPE_CHECKING:
    from tensorboardX.proto.summary_pb2 import Summary


REFERENCE: Final = "reference"
MAX_CATEGORIES: Final = 10
MAX_TEXT: Final = 4000
_LOCK: Final = ".driftlog-lock"
Key = tuple[str, str, str]
"""Version, variant, segment."""


@dataclass(frozen=True)
class Distributions:
    """Where distributions come from.

    Attributes
    ----------
    counts
        The profile of a window, version and variant (``*``: all); None where there is none.
    """

    binning: Binning
    reference: Reference
    counts: Callable[[Window, str, str], PredictionProfile | None]


@dataclass(frozen=True)
class ExportedRun:
    """One run: its name in TensorBoard, how many values it has, and whether its file was replaced."""

    run: str
    values: int
    changed: bool


@dataclass
class _Runs:
    """Event files of the runs written so far."""

    folder: Path
    files: dict[str, EventFile] = field(default_factory=dict)

    def add(self, run: str, values: Sequence[Summary.Value], *, step: int, at: datetime) -> None:
        if values:
            file = self.files.setdefault(run, EventFile(self.folder / folder_name(run)))
            file.append(values, step=step, wall_time=at.timestamp())


def export(
    measurements: Iterable[Measurement],
    alerts: Sequence[Alert],
    logdir: Path,
    model: str,
    environment: str,
    *,
    distributions: Distributions | None = None,
) -> list[ExportedRun]:
    """Write the runs of one model in one environment; what did not change is left as it is.

    Parameters
    ----------
    measurements
        In order of the window's end and the series; read once, window by window.

    Raises
    ------
    UsageError
        The folder cannot be written, or another export is writing it.
    """
    folder = logdir / folder_name(model) / folder_name(environment or "(none)")
    with _written_alone(folder):
        runs = _Runs(folder)
        _write_reference(runs, distributions)
        texts = _Texts(alerts)
        for end, group in groupby(newest(measurements), key=lambda m: m.window.end):
            texts.flush(runs, until=end)
            _write_window(runs, [finite(m) for m in group], alerts, distributions)
        texts.flush(runs, until=None)
        done = [
            ExportedRun(f"{folder.parent.name}/{folder.name}/{run}", file.values, file.replace())
            for run, file in sorted(runs.files.items())
        ]
        _remove_others(folder, {folder_name(run) for run in runs.files})
    return done


def _write_window(
    runs: _Runs, measurements: Sequence[Measurement], alerts: Sequence[Alert], distributions: Distributions | None
) -> None:
    values: dict[str, list[Any]] = defaultdict(list)
    windows: dict[Key, Window] = {}
    for m in measurements:
        key = (m.version, m.variant, m.segment)
        run = run_name(key)
        windows[key] = max(m.window, windows.get(key, m.window))
        for suffix, number in _lines(m).items():
            if number is not None:
                name = REFERENCE if suffix == REFERENCE and run == "all" else f"{run} {suffix}".strip()
                values[name].append(scalar(path_of(m), number))
    for key, window in windows.items():
        if distributions is not None and not key[2]:
            found = distributions.counts(window, key[0], key[1])
            values[run_name(key)] += _profile_values(distributions.binning, found)
    last = measurements[-1].window
    values["all"].append(scalar("alerts/open", _open_at(alerts, last.end)))
    for run, found_values in values.items():
        runs.add(run, found_values, step=step_of(last), at=last.end)


def run_name(key: Key) -> str:
    """Name of the run of a version, variant and segment.

    >>> run_name(("*", "*", "")), run_name(("v3", "blue", "")), run_name(("*", "*", "origin=EWR"))
    ('all', 'version v3, variant blue', 'segment origin=EWR')
    """
    named = zip(("version", "variant", "segment"), key, strict=True)
    return ", ".join(f"{kind} {name}" for kind, name in named if name not in ("", "*")) or "all"


def _lines(m: Measurement) -> dict[str, float | None]:
    """What is drawn of one measurement, by the end of the run's name."""
    limit = m.limit
    return {
        "": m.value,
        "lower": m.lower,
        "upper": m.upper,
        "warning": limit.warning if limit is not None else None,
        "critical": limit.critical if limit is not None else None,
        REFERENCE: m.reference_value,
    }


def _write_reference(runs: _Runs, distributions: Distributions | None) -> None:
    if distributions is None:
        return
    reference = distributions.reference
    step, at = 0, distributions.binning.created
    if reference.window is not None:
        step, at = step_of(reference.window), reference.window.end
    runs.add(REFERENCE, _profile_values(distributions.binning, reference.predictions), step=step, at=at)


def _profile_values(binning: Binning, profile: PredictionProfile | None) -> list[Any]:
    """Histograms of numbers and latency, shares of categories."""
    if profile is None:
        return []
    values = []
    for name, counts in sorted(profile.fields.items()):
        values += _field_values(binning, name, counts)
    if latency := latency_bins(profile.latency):
        values.append(histogram("operational/latency_ms", latency))
    return values


def _field_values(binning: Binning, name: str, counts: FieldCounts) -> list[Any]:
    bins = binning.fields.get(name)
    if bins is None:
        return []
    if isinstance(bins, CategoricalBins):
        shares = category_shares(bins, counts, most=MAX_CATEGORIES)
        return [scalar(f"categories/{name}/{value}", share) for value, share in shares.items()]
    held = number_bins(bins, counts)
    return [histogram(f"distribution/{name}", held)] if held else []


def _open_at(alerts: Sequence[Alert], when: datetime) -> float:
    return float(sum(a.opened <= when and (a.resolved is None or a.resolved > when) for a in alerts))


class _Texts:
    """What became of alerts, one text a moment, in order of time."""

    def __init__(self, alerts: Sequence[Alert]) -> None:
        lines: dict[datetime, list[str]] = defaultdict(list)
        for alert in alerts:
            lines[alert.opened].append(f"**{alert.severity}** opened: {alert.title}\n\n{alert.message}")
            if alert.resolved is not None:
                lines[alert.resolved].append(f"resolved: {alert.title}\n\n{alert.resolution}".strip())
        self._lines = sorted(lines.items())

    def flush(self, runs: _Runs, *, until: datetime | None) -> None:
        while self._lines and (until is None or self._lines[0][0] <= until):
            at, lines = self._lines.pop(0)
            markdown = "\n\n---\n\n".join(lines)[:MAX_TEXT]
            runs.add("all", [text("alerts", markdown)], step=int(at.timestamp() // 60), at=at)


def _remove_others(folder: Path, kept: set[str]) -> None:
    """Take away our own files of runs that this export does not have."""
    for run in folder.iterdir():
        if run.is_dir() and run.name not in kept:
            remove(own_files(run))
            remove([run / PARTIAL])
            if not any(run.iterdir()):
                run.rmdir()


@contextmanager
def _written_alone(folder: Path) -> Iterator[None]:
    lock = -1
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise UsageError(f"another export is writing {folder}", remedy="stop it, or choose another --logdir") from error
    except OSError as error:
        raise UsageError(
            f"{error.filename or folder} cannot be written: {error.strerror}", remedy="choose another --logdir"
        ) from error
    finally:
        if lock >= 0:
            os.close(lock)
