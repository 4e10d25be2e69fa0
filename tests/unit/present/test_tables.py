"""Tables of the terminal: nothing from outside is markup or a control character, and nothing found is said."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from driftlog.contract.measurement import Limit, Measurement
from driftlog.contract.records import Finding, ModelRecord
from driftlog.contract.window import Window
from driftlog.present.summary import summarise_windows
from driftlog.present.tables import (
    alerts_table,
    findings_table,
    measurements_table,
    models_table,
    predictions_table,
    references_table,
    runs_table,
    windows_table,
)
from driftlog.present.text import clean, number, share

WINDOW = Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC))
HOSTILE = "[red]x[/red]\x1b[2J\n" + "y" * 5_000


def printed(renderable: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=200, force_terminal=False)
    console.print(renderable)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def measured(metric: str, value: float, **more: object) -> Measurement:
    fields: dict[str, object] = {"model": "churn", "environment": "test", "purpose": "performance", "window": WINDOW}
    return Measurement(metric=metric, value=value, **(fields | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make",
    [
        lambda text: predictions_table(
            [{"features": {text: text}, "prediction": {"label": text}, "error": {"type": text}}]
        ),
        lambda text: predictions_table([{"features": text, "prediction": [1], "event": {"duration": text}}]),
        lambda text: findings_table([Finding(check=text, status="problem", message=text, remedy=text)]),
        lambda text: models_table([ModelRecord(name=text, owner=text, registered=WINDOW.start)], set()),
        lambda text: measurements_table([measured("roc_auc", 0.7, field=text, segment=text)]),
    ],
)
def test_text_from_outside_is_neither_markup_nor_control(make: Callable[[str], RenderableType]) -> None:
    """Brackets stay, escape characters do not, and no cell floods the screen."""
    text = printed(make(HOSTILE))

    assert "\x1b" not in text
    assert len(text) < 5_000


@pytest.mark.parametrize(
    "table", [alerts_table, predictions_table, measurements_table, windows_table, runs_table, references_table]
)
def test_nothing_found_is_said(table: Callable[[list[object]], RenderableType]) -> None:
    """A sentence, not an empty table."""
    assert printed(table([])).strip().endswith((".", "one."))


def test_a_measurement_shows_its_limit_and_verdict() -> None:
    """Severity by a sign, the limit with its side."""
    limit = Limit("relative", "below", warning=0.67)
    text = printed(measurements_table([measured("roc_auc", 0.6312, unit="share", limit=limit, verdict="critical")]))

    assert "▲▲ critical" in text
    assert "0.631" in text
    assert "< 0.670" in text


def test_a_window_is_summed_up_in_one_line() -> None:
    """Headline metrics, drifted features worst first, the gravest verdict."""
    drift = {"purpose": "data_drift", "n_current": 50}
    found = [
        measured("accuracy", 0.8, maturity=0.9),
        measured("roc_auc", 0.7, maturity=0.9),
        measured("predictions", 500.0, purpose="operational"),
        measured("kolmogorov_smirnov", 0.2, field="features.age", verdict="warning", **drift),
        measured("kolmogorov_smirnov", 0.1, field="features.income", verdict="critical", **drift),
        measured("roc_auc", 0.1, segment="country=DE"),
    ]
    (line,) = summarise_windows(found, [])

    assert (line.predictions, line.metrics, line.maturity) == (500, {"roc_auc": 0.7, "accuracy": 0.8}, 0.9)
    assert (line.drifted, line.verdict) == (("features.income", "features.age"), "critical")


@given(st.text(max_size=300), st.integers(2, 80))
def test_cleaned_text_is_printable_and_short(text: str, limit: int) -> None:
    """Whatever comes in."""
    cleaned = clean(text, limit)

    assert len(cleaned) <= limit
    assert cleaned == "" or cleaned.isprintable() or "\ufffd" in cleaned


@given(st.floats() | st.none())
def test_every_number_can_be_written(value: float | None) -> None:
    """NaN, infinities, the smallest and the largest included."""
    assert number(value)
    assert share(value)
