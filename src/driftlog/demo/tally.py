"""Was everything that was sent stored, once? Counted, not assumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from driftlog.demo.replay import Sent
from driftlog.store.client import Store


@dataclass(frozen=True)
class Tally:
    """What is stored of one model's events."""

    model: str
    predictions: int
    feedback: int
    quarantined: int

    def equals(self, sent: Sent) -> bool:
        """Whether all that was sent is stored, and nothing was refused."""
        return (self.predictions, self.feedback, self.quarantined) == (sent.predictions, sent.feedback, 0)


def tally(store: Store, model: str) -> Tally:
    """Count the stored events of `model`; quarantine is counted as a whole, for it may not know the model."""
    return Tally(
        model=model,
        predictions=store.count(store.names.all_predictions(model)),
        feedback=store.count(store.names.every("feedback"), {"term": {"model.name": model}}),
        quarantined=store.count(store.names.every("quarantine")),
    )


def print_tally(store: Store, models: Sequence[str], sent: Sent, console: Console) -> bool:
    """Say what was sent and what is stored; whether they agree."""
    tallies = [tally(store, model) for model in models]
    first = tallies[0]
    console.print(
        f"\nSent {sent.predictions:,} predictions and {sent.feedback:,} true arrivals; "
        f"stored {first.predictions:,} and {first.feedback:,}, in quarantine {first.quarantined:,}.",
        highlight=False,
    )
    wrong = [each.model for each in tallies if not each.equals(sent)]
    if wrong:
        console.print(
            f"[bold red]They should be equal[/] ({', '.join(wrong)}): driftlog doctor, and intake.log, say why.",
            highlight=False,
        )
    return not wrong
