"""A comparison in a notebook."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from driftlog.api.frames import measurements_frame
from driftlog.contract import comparison
from driftlog.contract.measurement import Measurement
from driftlog.present.compare_lines import comparison_lines, summary
from driftlog.present.compare_page import comparison_fragment, render_comparison


class Comparison:
    """Two sides of a model and everything measured between them; shows itself as a table in a notebook.

    Attributes
    ----------
    data
        The comparison as the rest of driftlog hands it on: sides, profiles, binning, notes.
    """

    def __init__(self, data: comparison.Comparison) -> None:
        self.data = data

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The largest effects of each family first: performance, predictions, features, quality, operation."""
        return tuple(line.measurement for line in comparison_lines(self.data))

    @property
    def notes(self) -> tuple[str, ...]:
        """What to bear in mind, a sentence each."""
        return self.data.notes

    def summary(self) -> str:
        """The comparison in a sentence or two."""
        return summary(comparison_lines(self.data))

    def to_frame(self, *, details: bool = True) -> pd.DataFrame:
        """One row a measurement, ordered as `measurements`, with ``family``, ``effect`` and ``change`` in front."""
        lines = comparison_lines(self.data)
        frame = measurements_frame([line.measurement for line in lines], details=details)
        frame.insert(0, "family", [line.family for line in lines])
        frame.insert(1, "effect", pd.Series([line.effect for line in lines], dtype="float64"))
        frame.insert(2, "change", [line.change for line in lines])
        return frame

    def to_html(self, path: str | Path | None = None) -> str:
        """The page that ``driftlog compare --html`` writes; written to `path` where one is given."""
        page = render_comparison(self.data)
        if path is not None:
            Path(path).write_text(page, encoding="utf-8")
        return page

    def __repr__(self) -> str:
        return f"<{self.data.current.label()} against {self.data.reference_label}: {self.summary()}>"

    def _repr_html_(self) -> str:
        return comparison_fragment(self.data)
