"""KSWIN: a Kolmogorov-Smirnov test of the latest errors against a draw of those before."""

from __future__ import annotations

from typing import Any

from driftlog.evaluate.concept.detector import ConceptDetector


def make() -> Any:
    """A fresh detector: the last 30 of 100 outcomes against 30 drawn (seed 0) from the 70 before, alpha 0.005.

    Tested at every outcome, so false alarms are many on long streams. Made for regression errors: 0 and 1 have too many
    ties. It is slow (1,600 outcomes a second), therefore its own limit.
    """
    from river.drift import KSWIN

    return KSWIN(seed=0)


DETECTOR = ConceptDetector("kswin", make, "Raab, Heusinger and Schleif, Neurocomputing 416, 2020", limit=100_000)
