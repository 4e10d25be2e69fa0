"""Single predictions, from Elasticsearch."""

from __future__ import annotations

from typing import Any

from driftlog.present.grafana.parts import Placed, assemble, documents, lines, log_lines, lucene, rows, terms_variable
from driftlog.present.grafana.sources import PREDICTIONS


def predictions() -> Any:
    """Single predictions, from Elasticsearch; for whoever may see them."""
    of = "model.name:$model"
    return assemble(
        "driftlog-predictions",
        "driftlog: Predictions",
        "Failed, slow and other predictions one by one. Needs a key that may read predictions (driftlog_analyst).",
        [
            Placed(lines("Predictions", lucene(PREDICTIONS, of, by=["event.outcome"]), stack=True)),
            Placed(
                lines(
                    "Failed predictions by type",
                    lucene(PREDICTIONS, f"{of} AND event.outcome:failure", by=["error.type"]),
                    stack=True,
                )
            ),
            Placed(
                lines(
                    "Mean duration (ns)",
                    lucene(PREDICTIONS, of, by=["model.version"], average="event.duration"),
                    unit="ns",
                ),
                24,
            ),
            Placed(
                log_lines(
                    "Failed predictions", documents(PREDICTIONS, f"{of} AND event.outcome:failure", as_logs=True)
                ),
                24,
                10,
            ),
            Placed(
                rows(
                    "Slow predictions (above a second)", documents(PREDICTIONS, f"{of} AND event.duration:>1000000000")
                ),
                24,
                10,
            ),
            Placed(rows("Newest predictions", documents(PREDICTIONS, of)), 24, 10),
        ],
        variables=[terms_variable("model", "Model", PREDICTIONS, "model.name")],
        since="now-24h",
    )
