"""One prediction on the terminal."""

from __future__ import annotations

from io import StringIO
from typing import Any

from rich.console import Console

from driftlog.present.prediction_detail import prediction_detail


def printed(event: dict[str, Any], outcome: dict[str, Any] | None = None) -> str:
    file = StringIO()
    Console(width=100, file=file).print(prediction_detail(event, outcome))
    return file.getvalue()


EVENT = {
    "features": {"age": 42, "plan": "gold", "note": "[red]x\x1b[0m"},
    "prediction": {"label": "stays", "score": 0.2, "attributions": {"plan": -0.4, "age": 0.1, "hidden": None}},
}


def test_features_stand_in_the_order_of_what_they_contributed() -> None:
    text = printed(EVENT, {"actual": "leaves", "correct": False})
    lines = [line.split()[0] for line in text.splitlines() if line.strip()]

    assert lines.index("plan") < lines.index("age") < lines.index("note")
    assert "-0.4" in text and "░" * 20 in text and "+0.1" in text
    assert "predicted stays, score 0.200; in truth leaves, wrong" in text


def test_text_from_outside_is_neither_markup_nor_control() -> None:
    assert "[red]x" in printed(EVENT)
    assert "\x1b" not in printed(EVENT)


def test_without_attributions_or_truth_the_rest_is_shown() -> None:
    text = printed({"features": {"age": 42}, "prediction": {"value": 3.5}})

    assert "attribution" not in text
    assert "predicted 3.5; the truth is not known" in text
    assert "no answer" in printed({})
