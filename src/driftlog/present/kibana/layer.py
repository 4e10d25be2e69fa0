"""A layer of a Lens panel: a data view and columns over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from driftlog.present.kibana.column import Column
from driftlog.present.kibana.ids import reference


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer; columns that group stand before those that compute."""

    name: str
    view: str
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        labels = [column.label for column in self.columns]
        if len(set(labels)) < len(labels):
            raise ValueError(f"layer {self.name}: two columns have the same label: {labels}")
        grouped = [column.bucketed for column in self.columns]
        if grouped != sorted(grouped, reverse=True):
            raise ValueError(f"layer {self.name}: columns that group come first")

    def id_of(self, label: str) -> str:
        """Id of the column with that label.

        Raises
        ------
        ValueError
            There is none.
        """
        place = [column.label for column in self.columns].index(label)
        return f"{self.name}-{place}"

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(f"{self.name}-{place}" for place in range(len(self.columns)))

    def saved(self) -> dict[str, Any]:
        columns = {
            self.id_of(column.label): column.saved(self.id_of(column.ordered_by) if column.ordered_by else "")
            for column in self.columns
        }
        return {"columnOrder": list(self.ids), "columns": columns, "incompleteColumns": {}}

    def reference(self, prefix: str) -> dict[str, str]:
        """To its data view; Lens drops a layer without it."""
        return reference(prefix, "view", self.view, named=f"indexpattern-datasource-layer-{self.name}")
