"""ADWIN: a window of outcomes that grows while their mean is steady and is cut where it is not."""

from __future__ import annotations

from typing import Any

from driftlog.evaluate.concept.detector import ConceptDetector


def make() -> Any:
    """A fresh detector, delta 0.002.

    The window W is cut into an older and a newer part wherever ``|mean(W0) - mean(W1)| > e`` with
    ``e = sqrt(2/m * var(W) * ln(2/d')) + 2/(3m) * ln(2/d')``, ``1/m = 1/n0 + 1/n1``, ``d' = delta / ln n``; checked
    every 32 outcomes. Sees changes for better and worse. The bound takes outcomes as independent and within [0, 1].
    """
    from river.drift import ADWIN

    return ADWIN()  # type: ignore[no-untyped-call]


DETECTOR = ConceptDetector("adwin", make, "Bifet and Gavalda, SIAM SDM 2007")
