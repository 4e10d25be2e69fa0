"""One series over the last windows: is its breach confirmed, is it clean again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from driftlog.contract.measurement import Measurement, Verdict
from driftlog.decide.hysteresis import is_clear

BREACH: Final = frozenset({"info", "warning", "critical"})
JUDGED: Final = frozenset({*BREACH, "ok", "cannot_alarm"})


class SeriesState(msgspec.Struct, frozen=True):
    """A measurement of this window with what the windows before it say.

    Attributes
    ----------
    breach
        In breach in this window.
    confirmed
        In breach now, and in N of the last M judged windows, this one included.
    clean
        No breach in the last M: of the judged windows where this one is judged; of all windows where it is not. And
        this value has come back to the threshold's `clear` level, where there is one.
    """

    measurement: Measurement
    breach: bool
    confirmed: bool
    clean: bool

    @property
    def judged(self) -> bool:
        return self.measurement.verdict in JUDGED


def series_state(measurement: Measurement, before: Sequence[Verdict]) -> SeriesState:
    """State of a series; `before` are its verdicts in earlier windows, the newest last.

    Windows that were not judged (too little data, immature) are passed over, so they neither open nor resolve.
    """
    needed, of = measurement.limit.of_windows if measurement.limit is not None else (1, 1)
    breach = measurement.verdict in BREACH
    judged = [verdict for verdict in before if verdict in JUDGED]
    if measurement.verdict in JUDGED:
        recent = [*judged, measurement.verdict][-of:]
    else:
        recent = [*before, measurement.verdict][-of:]
    breaches = sum(verdict in BREACH for verdict in recent)
    clean = breaches == 0 and is_clear(measurement)
    return SeriesState(measurement, breach=breach, confirmed=breach and breaches >= needed, clean=clean)
