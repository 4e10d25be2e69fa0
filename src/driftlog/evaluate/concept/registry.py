"""The detectors of concept drift by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from driftlog.contract.errors import ConfigError
from driftlog.evaluate.concept import adwin, ddm, eddm, hddm_a, hddm_w, kswin, page_hinkley
from driftlog.evaluate.concept.detector import ConceptDetector

DETECTORS: Final[dict[str, ConceptDetector]] = {
    "adwin": adwin.DETECTOR,
    "ddm": ddm.DETECTOR,
    "eddm": eddm.DETECTOR,
    "hddm_a": hddm_a.DETECTOR,
    "hddm_w": hddm_w.DETECTOR,
    "kswin": kswin.DETECTOR,
    "page_hinkley": page_hinkley.DETECTOR,
}


def find_detectors(names: Iterable[str]) -> tuple[ConceptDetector, ...]:
    """The detectors called so, each once, in the order given.

    >>> [detector.name for detector in find_detectors(["ddm", "adwin", "ddm"])]
    ['ddm', 'adwin']

    Raises
    ------
    ConfigError
        One is unknown.
    """
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in DETECTORS:
            raise ConfigError(
                "no such detector",
                path="concept_detectors",
                value=name,
                remedy=f"choose from {', '.join(DETECTORS)}",
            )
    return tuple(DETECTORS[name] for name in wanted)
