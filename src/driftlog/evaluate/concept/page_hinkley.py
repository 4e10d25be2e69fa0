"""Page-Hinkley: the running sum of deviations from the mean error."""

from __future__ import annotations

from typing import Any

from driftlog.evaluate.concept.detector import ConceptDetector


def make() -> Any:
    """A fresh detector, for better and worse, from the 30th outcome on.

    With ``m_t = 0.9999 m_(t-1) + x_t - mean_t - 0.005``: drift where ``m_t - min m > 50``, and the same downwards. On
    wrong or right 50 is an excess of 50 errors, so small streams never reach it.
    """
    from river.drift import PageHinkley

    return PageHinkley()


DETECTOR = ConceptDetector("page_hinkley", make, "Page, Biometrika 41, 1954; Sebastiao and Fernandes 2017")
