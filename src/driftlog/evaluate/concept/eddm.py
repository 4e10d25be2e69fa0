"""EDDM: the distance between errors against the largest it has been."""

from __future__ import annotations

from typing import Any

from driftlog.evaluate.concept.detector import ConceptDetector


def make() -> Any:
    """A fresh detector, from the 31st error on.

    With mean p and deviation s of the number of outcomes from one error to the next: warning where
    ``(p + 2 s) / max(p + 2 s) < 0.95``, drift below 0.9. Meant for slow changes; it fires often on unchanged streams.
    """
    from river.drift.binary import EDDM

    return EDDM()


DETECTOR = ConceptDetector("eddm", make, "Baena-Garcia et al., IWKDDS 2006", binary=True, warns=True)
