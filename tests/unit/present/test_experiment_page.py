"""The page and the tables of an experiment: complete in themselves, and nothing from outside is markup."""

from __future__ import annotations

import io
import re
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser

import msgspec
import numpy as np
import pytest
from rich.console import Console, RenderableType

from driftlog.contract.experiment import ExperimentData, ExperimentResult, StoppedExperiment, UnitSums
from driftlog.contract.settings import ExperimentSettings
from driftlog.evaluate.experiments.analysis import analyse
from driftlog.evaluate.experiments.planner import plan_experiment
from driftlog.present.experiment_page import render_experiment
from driftlog.present.experiment_table import experiment_status, experiments_list, plan_table

FIRST = date(2026, 3, 2)
NOW = datetime(2026, 3, 16, 9, 30, tzinfo=UTC)
HOSTILE = '<script>alert("x")</script>[red]\x1b[2J'


def result(*rates: float, daily: int = 150, days: int = 14, **changes: object) -> ExperimentResult:
    """An experiment with these rates, control first."""
    rng = np.random.default_rng(2)
    names = ["control", *(f"treatment-{i}" for i in range(1, len(rates)))]
    settings = ExperimentSettings(
        name="checkout", control=names[0], treatments=tuple(names[1:]), target="features.bought", minimum_effect=0.02
    )
    settings = msgspec.structs.replace(settings, **changes)
    arms = {}
    for name, rate in zip((settings.control, *settings.treatments), rates, strict=True):
        arms[name] = {}
        for day in range(days):
            hits = int(rng.binomial(daily, rate))
            share = hits / daily
            arms[name][FIRST + timedelta(days=day)] = UnitSums(
                daily, daily, daily, share, daily * share * (1 - share), daily, 0.0, 1.0
            )
    return analyse(ExperimentData("subject", NOW, arms, rows=9999), settings, model="shop", environment="test")


def page(found: ExperimentResult, stopped: StoppedExperiment | None = None) -> str:
    return render_experiment(found, stopped, generated=NOW, version="0")


def printed(renderable: RenderableType, width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(renderable)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


class Balanced(HTMLParser):
    """Fails on a tag that closes what is not open."""

    VOID = frozenset({"meta", "br", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("rates", [(0.2, 0.3), (0.2, 0.2), (0.2, 0.3, 0.1), (0.0, 0.0), (0.2, 0.21, 0.22, 0.23, 0.19)])
def test_the_page_is_well_formed_whatever_the_result(rates: tuple[float, ...]) -> None:
    """One chart a treatment, one of means, one of units."""
    text = page(result(*rates))
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    assert text.count("<svg") == len(rates) - 1 + 2
    assert not re.search(r"\b(nan|inf)\b", text, re.IGNORECASE)
    assert "http" not in text.replace("http-equiv", "")


def test_the_page_says_the_verdict_first() -> None:
    """Sentence, figures, and what to be careful about."""
    text = page(result(0.2, 0.3))
    assert text.index("treatment better") < text.index("treatment-1 is better than control") < text.index("<svg")
    assert "You may stop" in text and "winner" in text


def test_a_first_day_and_no_day_have_a_page() -> None:
    """A single look is a whisker; none is said."""
    assert "whisker" in page(result(0.2, 0.3, days=1))
    assert "No values yet" in page(result(0.2, 0.3, days=0))
    assert "not enough data" in page(result(0.2, 0.3, days=1, daily=10))


def test_a_mismatch_is_loud() -> None:
    """In status, card and lead."""
    text = page(result(0.2, 0.3, shares=(0.8, 0.2)))
    assert "Do not read these results" in text and "did not get the subjects" in text
    assert "not to be read" in text and "as meant" in text
    assert 'class="status critical"' in text and 'class="card critical"' in text


def test_the_planned_end_is_drawn() -> None:
    """As a line ahead, and with its interval once it is reached."""
    assert "planned end</text>" in page(result(0.2, 0.22, end="2026-03-20"))
    assert (
        "at-end" in page(result(0.2, 0.3, end="2026-03-16"))
        and "at-end" not in page(result(0.2, 0.3)).split("</style>")[1]
    )


def test_names_and_reasons_are_never_markup() -> None:
    """In the page and in the terminal."""
    found = result(0.2, 0.3, name=HOSTILE, control=HOSTILE, treatments=("b" * 3000,), target=HOSTILE)
    stopped = StoppedExperiment(
        name=HOSTILE, model="m", environment="e", decision="none", reason=HOSTILE, by=HOSTILE, at=NOW, result=found
    )
    text = page(found, stopped)
    assert "<script" not in text and "\x1b" not in text and "b" * 500 not in text
    shown = printed(experiment_status(found, stopped)) + printed(experiments_list([(found, stopped)]))
    assert "\x1b" not in shown and "[red]" in shown


def test_tables_show_the_figures() -> None:
    """Status and plan, wide and narrow."""
    found = result(0.2, 0.3, 0.21)
    shown = printed(experiment_status(found))
    assert "treatment-1" in shown and "97.5 % at every look" in shown and "2,100" in shown
    plan = printed(plan_table(plan_experiment(baseline=0.2, effect=0.01, traffic=4000)))
    assert "25,583 + 25,583" in plan and "0.96 pp" in plan
    for width in (40, 80):
        assert printed(experiment_status(found), width) and printed(
            plan_table(plan_experiment(sd=2.0, effect=1)), width
        )
