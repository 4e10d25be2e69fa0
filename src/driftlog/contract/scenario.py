"""Scenarios: a stored stretch of traffic, replayed through its model under stated changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from driftlog.contract.binning import Binning
from driftlog.contract.measurement import Measurement
from driftlog.contract.profile import PredictionProfile
from driftlog.contract.window import Window


@dataclass(frozen=True, slots=True)
class Reproduction:
    """How well the function gives the stored predictions on unchanged rows.

    Attributes
    ----------
    compared
        Rows with a stored prediction of the kind the function gives (`what`: score, value or label).
    differing
        Rows where the two differ by more than 1e-6 of the value (labels: at all).
    largest
        Largest difference of scores or values.
    """

    what: str
    compared: int
    differing: int
    largest: float = 0.0

    @property
    def share(self) -> float:
        return self.differing / self.compared if self.compared else 0.0


@dataclass(frozen=True, slots=True)
class ScenarioLine:
    """One measurement as it is and as it would be; None where one of the two does not exist."""

    actual: Measurement | None
    scenario: Measurement | None

    @property
    def either(self) -> Measurement:
        """Whichever there is, the scenario's first: metric, field and unit are the same in both."""
        found = self.scenario or self.actual
        if found is None:
            raise ValueError("a line has one measurement at least")
        return found


@dataclass(frozen=True, slots=True)
class Scenario:
    """What would be expected, next to what was.

    Attributes
    ----------
    changes
        What was changed, as it was written.
    rows, population
        Rows replayed, and predictions of the window that they were drawn from.
    effective_rows
        Rows that as much is known from after reweighting: ``(sum w)^2 / sum w^2``.
    lines
        Drift against the reference, expected performance and quality, both sides judged.
    moved
        The scenario against the actual rows: drift of the predictions and of the features.
    binning, actual, scenario
        Counts of both sides and their bins.
    notes
        What to bear in mind, a sentence each.
    """

    model: str
    environment: str
    window: Window
    changes: tuple[str, ...]
    function: str
    rows: int
    population: int
    effective_rows: float
    seed: int
    reproduction: Reproduction
    reference_id: str
    lines: tuple[ScenarioLine, ...]
    moved: tuple[Measurement, ...]
    binning: Binning
    actual: PredictionProfile
    scenario: PredictionProfile
    computed: datetime
    notes: tuple[str, ...] = field(default=())
