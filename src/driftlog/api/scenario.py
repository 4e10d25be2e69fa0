"""A scenario in a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import escape

from driftlog.contract import scenario
from driftlog.contract.measurement import Measurement
from driftlog.present.scenario_lines import scenario_lines, summary
from driftlog.present.scenario_page import render_scenario


class Scenario:
    """What would be expected next to what was; shows itself as a table in a notebook.

    Attributes
    ----------
    data
        The scenario as the rest of driftlog hands it on: changes, both sides' measurements and profiles, notes.
    """

    def __init__(self, data: scenario.Scenario) -> None:
        self.data = data

    @property
    def notes(self) -> tuple[str, ...]:
        """What to bear in mind, a sentence each."""
        return self.data.notes

    def summary(self) -> str:
        """The scenario in a sentence or two."""
        return summary(self.data, scenario_lines(self.data))

    def to_frame(self) -> pd.DataFrame:
        """One row a measurement: actual, scenario, change, and both verdicts."""
        rows = [
            {
                "family": line.family,
                "purpose": line.source.either.purpose,
                "metric": line.source.either.metric,
                "field": line.source.either.field,
                "actual": _value(line.source.actual),
                "scenario": _value(line.source.scenario),
                "actual_verdict": line.actual_verdict,
                "scenario_verdict": line.verdict,
                "what_the_change_does": line.words,
            }
            for line in scenario_lines(self.data)
        ]
        columns = ["family", "purpose", "metric", "field", "actual", "scenario", "actual_verdict", "scenario_verdict"]
        frame = pd.DataFrame(rows, columns=[*columns, "what_the_change_does"])
        frame = frame.astype({"actual": "float64", "scenario": "float64"})
        frame.insert(6, "change", frame["scenario"] - frame["actual"])
        return frame

    def to_html(self, path: str | Path | None = None) -> str:
        """The page that ``driftlog scenario --html`` writes; written to `path` where one is given."""
        page = render_scenario(self.data)
        if path is not None:
            Path(path).write_text(page, encoding="utf-8")
        return page

    def __repr__(self) -> str:
        return f"<{', '.join(self.data.changes)} in {self.data.window.label()}: {self.summary()}>"

    def _repr_html_(self) -> str:
        head = f"<p><b>{escape(self.data.model)}</b>: {escape(', '.join(self.data.changes))}</p>"
        table: Any = self.to_frame().to_html(index=False, float_format=lambda value: f"{value:.4g}", na_rep="")
        notes = "".join(f"<p><i>{escape(note)}</i></p>" for note in self.notes)
        return f"{head}<p><b>{escape(self.summary())}</b></p>{table}{notes}"


def _value(m: Measurement | None) -> float | None:
    return m.value if m is not None else None
