"""A detector of concept drift: what it is called, how it is made, what it wants to see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

MAX_OUTCOMES: Final = 1_000_000
"""Outcomes of a block that are replayed; on two idle cores a million take 25 s to read, 3 s through ADWIN and DDM."""


@dataclass(frozen=True, slots=True)
class ConceptDetector:
    """An entry of the registry.

    Attributes
    ----------
    name
        In the settings, and `Measurement.metric`.
    make
        A fresh river detector (``update(x)``, ``drift_detected``, and ``warning_detected`` where `warns`); river is
        imported when it is called.
    binary
        It wants wrong or right, 1 or 0; regression errors are cut at the usual large error, see `driftlog.evaluate
        .concept.errors`.
    warns
        It knows a warning zone before drift.
    limit
        Most outcomes of a block that it can take in reasonable time.
    source
        The paper.
    """

    name: str
    make: Callable[[], Any]
    source: str
    binary: bool = False
    warns: bool = False
    limit: int = MAX_OUTCOMES
