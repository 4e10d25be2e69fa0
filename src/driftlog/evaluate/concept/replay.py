"""Outcomes pass through a detector, window by window, from a stated point on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from driftlog.evaluate.concept.detector import ConceptDetector
from driftlog.evaluate.concept.errors import detector_input

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Passage:
    """What a detector said while the outcomes of one window passed.

    Attributes
    ----------
    outcomes
        How many passed.
    drifts, warnings
        Positions among them of the outcomes at which drift was found, or a warning began.
    mean_error
        Of the window; None without outcomes.
    mean_before, mean_after
        Mean error from the drift point before the last one (or the start of the replay) to the last, and from there to
        the window's end; None without a drift point, or without outcomes after it.
    """

    outcomes: int
    drifts: tuple[int, ...] = ()
    warnings: tuple[int, ...] = ()
    mean_error: float | None = None
    mean_before: float | None = None
    mean_after: float | None = None


class Replay:
    """A detector and what it has seen. No state is kept anywhere else: whoever needs it replays the outcomes.

    Parameters
    ----------
    detector
        Of the registry.

    >>> import numpy as np
    >>> from driftlog.evaluate.concept.registry import DETECTORS
    >>> replay = Replay(DETECTORS["adwin"])
    >>> replay.feed(np.zeros(1000)).drifts, replay.feed(np.ones(1000)).drifts
    ((), (23,))
    """

    def __init__(self, detector: ConceptDetector) -> None:
        self.detector = detector
        self.seen = 0
        self._machine = detector.make()
        self._warned = False
        self._since = 0
        self._sum_since = 0.0

    def feed(self, errors: Floats, unit: float | None = None) -> Passage:
        """Let the outcomes of the next window pass.

        Parameters
        ----------
        errors
            float64 in order of event time: 1 for wrong and 0 for right, or absolute errors (regression).
        unit
            Regression: the usual large error, see `detector_input`.
        """
        drifts, warnings = self._run(detector_input(errors, unit, self.detector))
        self.seen += len(errors)
        before, after = self._means(errors, drifts)
        mean = float(errors.mean()) if len(errors) else None
        return Passage(len(errors), tuple(drifts), tuple(warnings), mean, before, after)

    def _run(self, values: Floats) -> tuple[list[int], list[int]]:
        machine, warns, warned = self._machine, self.detector.warns, self._warned
        drifts: list[int] = []
        warnings: list[int] = []
        for position, value in enumerate(values.tolist()):
            machine.update(value)
            if machine.drift_detected:
                drifts.append(position)
                warned = False
            elif warns and machine.warning_detected != warned:
                warned = not warned
                if warned:
                    warnings.append(position)
        self._warned = warned
        return drifts, warnings

    def _means(self, errors: Floats, drifts: list[int]) -> tuple[float | None, float | None]:
        """(mean before, mean after) the last of `drifts`; carries the stretch since then over to the next window."""
        before: float | None = None
        start = 0
        for drift in drifts:
            stretch = errors[start : drift + 1]
            before = (self._sum_since + float(stretch.sum())) / (self._since + len(stretch))
            self._since, self._sum_since = 0, 0.0
            start = drift + 1
        rest = errors[start:]
        self._since += len(rest)
        self._sum_since += float(rest.sum())
        after = float(rest.mean()) if drifts and len(rest) else None
        return before, after
