"""One prediction on the terminal: what came in, what each feature contributed, what came out, what was true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from driftlog.present.text import clean, number

BAR: Final = 20
MOST: Final = 60


def prediction_detail(event: Mapping[str, Any], outcome: Mapping[str, Any] | None = None) -> RenderableType:
    """Features in the order of their attribution, the largest first; without attributions as they were logged.

    Parameters
    ----------
    event
        A stored prediction.
    outcome
        The ``outcome`` group of its outcome, where the truth is known.
    """
    features, prediction = _group(event, "features"), _group(event, "prediction")
    attributions = {
        name: float(value)
        for name, value in _group(prediction, "attributions").items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    largest = max((abs(value) for value in attributions.values()), default=0.0)
    names = sorted({*features, *attributions}, key=lambda name: -abs(attributions.get(name, 0.0)))
    if not attributions:
        names = list(features)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("feature")
    table.add_column("value")
    if attributions:
        table.add_column("attribution", justify="right")
        table.add_column("")
    for name in names[:MOST]:
        cells = [Text(clean(name, 40)), Text(clean(features.get(name, ""), 60))]
        if attributions:
            value = attributions.get(name)
            cells += [Text("" if value is None else f"{value:+.4g}"), _bar(value, largest)]
        table.add_row(*cells)
    rest = [Text(f"{len(names) - MOST} more features: --json shows all", style="dim")] if len(names) > MOST else []
    return Group(table, *rest, Text(_truth(prediction, outcome)))


def _bar(value: float | None, largest: float) -> Text:
    """Length and sign: what speaks for a higher answer is filled, what speaks against it is light."""
    if value is None or largest == 0:
        return Text("")
    return Text(("█" if value > 0 else "░") * max(1, round(abs(value) / largest * BAR)))


def _truth(prediction: Mapping[str, Any], outcome: Mapping[str, Any] | None) -> str:
    answer = prediction.get("label", prediction.get("value"))
    score = prediction.get("score")
    said = f"predicted {clean(answer, 60)}" if answer is not None else "no answer"
    if isinstance(score, int | float):
        said += f", score {number(float(score))}"
    if outcome is None:
        return f"{said}; the truth is not known"
    truth = outcome.get("actual", outcome.get("actual_value"))
    verdict = {True: ", right", False: ", wrong"}.get(outcome.get("correct"), "")  # type: ignore[arg-type]
    return f"{said}; in truth {clean(truth, 60)}{verdict}"


def _group(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    group = event.get(name)
    return group if isinstance(group, Mapping) else {}
