"""HDDM-W: McDiarmid's bound on exponentially weighted means of the error."""

from __future__ import annotations

from typing import Any

from driftlog.evaluate.concept.detector import ConceptDetector


def make() -> Any:
    """A fresh detector: weight 0.05, drift at confidence 0.001, warning at 0.005, for the worse only.

    As HDDM-A with exponentially weighted means, and so quicker with slow changes. Drift where the weighted mean after
    the cut exceeds the one before by ``sqrt((c_1 + c_2) / 2 * ln(1 / confidence))``, c the sums of squared weights.
    """
    from river.drift.binary import HDDMW

    return HDDMW()  # type: ignore[no-untyped-call]


DETECTOR = ConceptDetector("hddm_w", make, "Frias-Blanco et al., IEEE TKDE 27(3), 2015", binary=True, warns=True)
