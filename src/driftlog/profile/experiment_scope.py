"""Which predictions, outcomes and ratings belong to an experiment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from driftlog.contract.settings import ModelSettings
from driftlog.profile.scope import VARIANT, in_environment, instant
from driftlog.store.client import Store

SUBJECT: Final = "subject.id"
RATING: Final = "feedback.rating"

Source = Literal["predictions", "outcomes", "ratings"]
Query = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ExperimentScope:
    """Which documents belong to an experiment; without variants: to the model."""

    store: Store
    settings: ModelSettings
    start: datetime | None
    until: datetime | None
    variants: tuple[str, ...]

    def filters(self, *, any_variant: bool = False) -> list[Query]:
        span = {}
        if self.start is not None:
            span["gte"] = instant(self.start)
        if self.until is not None:
            span["lt"] = instant(self.until)
        filters: list[Query] = [{"term": {"model.name": self.settings.name}}]
        filters += in_environment(self.settings.environment)
        if span:
            filters.append({"range": {"@timestamp": span}})
        if self.variants and not any_variant:
            filters.append({"terms": {VARIANT: list(self.variants)}})
        return filters

    def query(self) -> Query:
        """The same for predictions and outcomes: outcomes copy what their predictions say."""
        return {"bool": {"filter": self.filters()}}

    def pattern(self, source: Source) -> str:
        """Outcomes are read beside the predictions: a subject without truth was assigned all the same."""
        predictions = self.store.names.all_predictions(self.settings.name)
        return f"{predictions},{self.store.names.every('outcomes')}" if source == "outcomes" else predictions
