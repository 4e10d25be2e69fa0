"""HDDM-A: Hoeffding's bound on the mean error before and after a cut."""

from __future__ import annotations

from typing import Any

from driftlog.evaluate.concept.detector import ConceptDetector


def make() -> Any:
    """A fresh detector: drift at confidence 0.001, warning at 0.005, for the worse only.

    The cut is where mean + bound was least (n_c outcomes); drift where the mean of all n exceeds the mean up to the
    cut by ``sqrt((n - n_c) / (2 n n_c) * ln(2 / confidence))``. No assumption on the distribution of errors but their
    independence.
    """
    from river.drift.binary import HDDMA

    return HDDMA()  # type: ignore[no-untyped-call]


DETECTOR = ConceptDetector("hddm_a", make, "Frias-Blanco et al., IEEE TKDE 27(3), 2015", binary=True, warns=True)
