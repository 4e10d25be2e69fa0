"""A reference in a notebook."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import pandas as pd

from driftlog.contract.binning import Binning
from driftlog.contract.profile import Reference
from driftlog.present.reference_summary import summarise_reference


@dataclass(frozen=True, slots=True, repr=False)
class ModelReference:
    """A stored reference and its bins."""

    binning: Binning
    reference: Reference

    @property
    def id(self) -> str:
        return self.reference.id

    @property
    def n(self) -> int:
        """Rows it was made of."""
        return self.reference.n

    def to_frame(self) -> pd.DataFrame:
        """One row a field: kind, bins, rows, mean, deviation, range, the most frequent values."""
        return pd.DataFrame([asdict(line) for line in summarise_reference(self.binning, self.reference)])

    def counts(self, field: str) -> pd.DataFrame:
        """The distribution of one field: ``low`` and ``high`` of each bin (or ``value``) and its ``count``."""
        name = field if field in self.binning.fields else f"features.{field}"
        bins, counted = self.binning.fields[name], self.reference.predictions.fields[name].counts
        edges = getattr(bins, "edges", None)
        if edges is not None:
            ends = [float("-inf"), *edges, float("inf")]
            return pd.DataFrame({"low": ends[:-1], "high": ends[1:], "count": counted})
        return pd.DataFrame({"value": [*getattr(bins, "values", ()), "(other)"], "count": counted})

    def __repr__(self) -> str:
        used = self.reference
        return f"<reference {used.id[:8]} of {used.model}: {used.n:,} rows, {len(used.chunks)} chunks, {used.origin}>"

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(index=False, float_format=lambda value: f"{value:.4g}"))
