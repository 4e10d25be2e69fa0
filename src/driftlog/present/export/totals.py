"""Counters that never go back, made of counts that do.

Profiles are a stock: whole periods of them are dropped, erasure counts a bucket anew with fewer events, a new reference
counts all of them in other bins. A counter is the sum of the *growth* of that stock since this process began to look:
of each day (of events) by itself, so that a day that is dropped takes nothing away, and a day that shrinks adds nothing
until it has grown beyond where it was.

At the first look counters are 0, as those of any process that starts; Prometheus takes the fall after a restart for the
reset it is. With a file they go on where they stopped, and what came in between is counted then. A series that turns up
later is 0 at first, and grows with the next look: else its first events would not be seen as an increase.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from driftlog.contract.errors import UsageError
from driftlog.present.export.reading import Labels

Series = tuple[str, Labels]
Numbers = list[float]
FORMAT: Final = 1


class Totals:
    """Growth of stocks by series and slot (a day, an index); every stock is one number or several.

    >>> totals = Totals()
    >>> def look(n):
    ...     totals.note("seen", (), "2026-03-01", [n])
    ...     totals.settle()
    ...     return totals.value("seen", ())
    >>> look(5), look(7), look(3), look(6), look(9)
    ([0.0], [2.0], [2.0], [2.0], [4.0])
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._values: dict[Series, Numbers] = {}
        self._most: dict[tuple[Series, str], Numbers] = {}
        self._noted: dict[tuple[Series, str], Numbers] = {}
        self._first = True
        if file is not None:
            self._load(file)

    def begin(self) -> None:
        """Forget what was noted and not settled: the look before this one broke off."""
        self._noted = {}

    def note(self, name: str, labels: Labels, slot: str, stock: Sequence[float]) -> None:
        """Say what there is now of a series in a slot; twice for one slot: the sum."""
        key = ((name, labels), slot)
        before = self._noted.get(key)
        self._noted[key] = _added(before, stock) if before else [float(one) for one in stock]

    def settle(self) -> None:
        """Add what has grown since the last time; forget series and slots that were not noted."""
        noted, self._noted = self._noted, {}
        present = {series for series, _ in noted}
        self._values = {series: numbers for series, numbers in self._values.items() if series in present}
        most: dict[tuple[Series, str], Numbers] = {}
        new = {series for series in present if series not in self._values}
        for (series, _), stock in noted.items():
            if series not in self._values:
                self._values[series] = [0.0] * len(stock)
        for key, stock in noted.items():
            series = key[0]
            before = self._most.get(key, [0.0] * len(stock))
            if len(before) != len(stock):
                before = list(stock)
            if series in new and not self._first:
                continue  # shown as 0 this time; its growth is counted from the next on
            if not self._first:
                growth = [max(0.0, now - then) for now, then in zip(stock, before, strict=True)]
                self._values[series] = _added(self._values[series], growth)
            most[key] = [max(now, then) for now, then in zip(stock, before, strict=True)]
        changed = most != self._most
        self._most = most
        self._first = False
        if self._file is not None and changed:
            self._save(self._file)

    def value(self, name: str, labels: Labels) -> Numbers:
        """What a series has grown by; empty where it is not known."""
        return self._values.get((name, labels), [])

    def every(self, name: str) -> list[tuple[Labels, Numbers]]:
        """All series of a name."""
        return [(labels, numbers) for (one, labels), numbers in self._values.items() if one == name]

    def _load(self, file: Path) -> None:
        try:
            stored = json.loads(file.read_text(encoding="utf-8"))
            if stored["format"] != FORMAT:
                return
            self._values = {_series(row[0], row[1]): row[2] for row in stored["values"]}
            self._most = {(_series(row[0], row[1]), row[2]): row[3] for row in stored["most"]}
            self._first = False
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise UsageError(
                f"{file} is no state of counters: {error}", remedy="remove it: counters then start at 0"
            ) from error

    def _save(self, file: Path) -> None:
        state = {
            "format": FORMAT,
            "values": [[name, labels, numbers] for (name, labels), numbers in self._values.items()],
            "most": [[name, labels, slot, numbers] for ((name, labels), slot), numbers in self._most.items()],
        }
        write_file(file, json.dumps(state, separators=(",", ":")).encode())


def write_file(file: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace `file` as a whole, and on the disk: a reader sees the old content or the new, after a crash too."""
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(mode)
            Path(name).replace(file)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error}", remedy="name a folder that is there") from error


def _series(name: str, labels: Sequence[Sequence[str]]) -> Series:
    return name, tuple((label, value) for label, value in labels)


def _added(before: Sequence[float], more: Sequence[float]) -> Numbers:
    return [a + b for a, b in zip(before, more, strict=True)]
