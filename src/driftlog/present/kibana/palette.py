"""Colours by value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from driftlog.present.kibana.lens import BLUE, GREEN, RED, YELLOW


def palette(steps: Sequence[tuple[float, str]]) -> dict[str, Any]:
    """A colour from each number upwards; the first holds below its number as well.

    >>> [stop["stop"] for stop in palette([(0, "#209280"), (1, "#cc5642")])["params"]["stops"]]
    [1, 2]
    """
    starts = [start for start, _ in steps]
    ends = [*starts[1:], starts[-1] + 1]
    return {
        "type": "palette",
        "name": "custom",
        "params": {
            "name": "custom",
            "continuity": "all",
            "maxSteps": 5,
            "progression": "fixed",
            "rangeMin": None,
            "rangeMax": None,
            "rangeType": "number",
            "reverse": False,
            "steps": len(steps),
            "colorStops": [
                {"color": colour, "stop": None if place == 0 else start} for place, (start, colour) in enumerate(steps)
            ],
            "stops": [{"color": colour, "stop": end} for (_, colour), end in zip(steps, ends, strict=True)],
        },
    }


SEVERITY: Final = palette([(0, GREEN), (1, BLUE), (2, YELLOW), (3, RED)])
"""ok, info, warning, critical."""
NONE_IS_GOOD: Final = palette([(0, GREEN), (1, RED)])
PERCENT_USED: Final = palette([(0, GREEN), (70, YELLOW), (90, RED)])
EFFECT: Final = palette([(0, "#f7fbff"), (0.1, "#c3dbee"), (0.2, "#6daed5"), (0.4, "#d6bf57"), (0.6, RED)])
"""Effect sizes between 0 and 1."""
FAILURES: Final = palette([(0, "#f7fbff"), (1, YELLOW), (10, "#e7664c"), (100, RED)])
"""Counts of what should not happen."""

SHARE_OF_FAILURES: Final = palette([(0, "#f7fbff"), (0.001, YELLOW), (0.01, "#e7664c"), (0.05, RED)])
OFF_BY: Final = palette([(-1, RED), (-0.1, YELLOW), (-0.03, GREEN), (0.03, YELLOW), (0.1, RED)])
"""Differences that should be zero."""
