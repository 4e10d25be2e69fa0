"""DDM: the error rate against the lowest it has been."""

from __future__ import annotations

from typing import Any

from driftlog.evaluate.concept.detector import ConceptDetector


def make() -> Any:
    """A fresh detector, from the 31st outcome on.

    With the error rate p since the last drift point and ``s = sqrt(p (1 - p) / n)``: warning at
    ``p + s > p_min + 2 s_min``, drift at ``p + s > p_min + 3 s_min``, the minima taken where p + s was least. Sees
    sudden changes for the worse; the longer a stable stretch, the slower.
    """
    from river.drift.binary import DDM

    return DDM()


DETECTOR = ConceptDetector("ddm", make, "Gama, Medas, Castillo and Rodrigues, SBIA 2004", binary=True, warns=True)
