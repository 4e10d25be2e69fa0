"""The report of a trial: one HTML file, no script, no request to anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from markupsafe import Markup

from driftlog.contract.maintenance import Comparison, Trial
from driftlog.present.charts.scales import Linear
from driftlog.present.charts.svg import WIDTH, chart, element, text, titled
from driftlog.present.experiment_page import Card
from driftlog.present.experiment_text import p_text
from driftlog.present.maintain_table import comparison_cells
from driftlog.present.pages import template
from driftlog.present.sections.parts import Figure, Section, Table
from driftlog.present.text import clean, day

_ROW: Final = 34.0
_NAMES: Final = 260.0
_RIGHT: Final = 150.0
_HEAD: Final = ("Metric", "Candidate", "Champion", "Difference", "Interval", "Rows", "Passed", "p", "Method")


def render_trial(trial: Trial, *, generated: datetime, version: str) -> str:
    """The page as HTML; everything from outside is escaped and shortened."""
    return template("trial.html.j2").render(
        title=f"{clean(trial.model, 60)} {clean(trial.candidate, 60)}",
        facts=[
            f"{clean(trial.model, 60)}, {clean(trial.environment, 60)}",
            f"{clean(trial.candidate, 60)} against {clean(trial.champion, 60) or 'what is served'}",
            f"{trial.rows:,} labelled rows, {trial.window.label()}",
        ],
        level="ok" if trial.passed else "critical",
        sign="✓" if trial.passed else "✗",
        verdict="The candidate passed" if trial.passed else "The candidate is refused",
        sentence=clean(trial.reason, 1000),
        stopped="",
        cards=_cards(trial),
        sections=[part for part in (_main(trial), _guards(trial), _segments(trial)) if part is not None],
        notes=[clean(note, 400) for note in trial.notes],
        reading=_READING,
        generated=f"{day(generated.replace(second=0, microsecond=0))} UTC",
        version=version,
    )


def differences_chart(found: Sequence[Comparison]) -> Markup:
    """Interval of each difference around zero, a row each; empty without any difference."""
    known = [each for each in found if each.difference is not None]
    if not known:
        return Markup("")
    ends = [end for each in known for end in (each.difference, each.lower, each.upper) if end is not None]
    reach = max(*(abs(end) for end in ends), 1e-9) * 1.08
    scale = Linear(-reach, reach, _NAMES, WIDTH - _RIGHT)
    height = _ROW * len(known) + 24
    zero = scale(0.0)
    parts = [element("line", x1=zero, x2=zero, y1=4.0, y2=height - 20, class_="zero")]
    for index, each in enumerate(known):
        parts += _row(each, index, scale)
    parts.append(text("champion better", _NAMES, height - 4, class_="tick"))
    parts.append(text("candidate better", WIDTH - _RIGHT, height - 4, class_="tick", anchor="end"))
    return chart(parts, height=height, label="Differences between candidate and champion with their intervals")


def _row(each: Comparison, index: int, scale: Linear) -> list[Markup]:
    y = _ROW * (index + 0.5)
    cells = comparison_cells(each)
    name = clean(each.segment, 40) if each.segment else each.metric
    title = f"{cells[0]}: {cells[3]}, {cells[4]}"
    level = {True: "tone0", False: "critical", None: "tone1"}[each.passed]
    parts = [text(name, 0.0, y + 4, class_="side")]
    if each.lower is not None and each.upper is not None:
        parts.append(element("line", x1=scale(each.lower), x2=scale(each.upper), y1=y, y2=y, class_=f"line {level}"))
    middle = scale(each.difference or 0.0)
    parts.append(titled("circle", title, cx=middle, cy=y, r=5.0, class_=f"mark {level}"))
    parts.append(text(cells[3], WIDTH - _RIGHT + 12, y + 4, class_="side"))
    return parts


def _cards(trial: Trial) -> list[Card]:
    main = trial.main
    cells = comparison_cells(main)
    bad = "" if main.passed else "critical"
    failed = [each for each in (*trial.guards, *trial.segments) if each.passed is False]
    return [
        Card(f"Candidate's {main.metric}", cells[1], f"champion {cells[2]}"),
        Card("Difference", cells[3], f"{cells[4]}, more is better", bad),
        Card("Rows", f"{trial.rows:,}", "answered by both, truth known"),
        Card(
            "Guards and segments",
            f"{len(failed)} failed" if failed else "all passed",
            f"{len(trial.guards)} guards, {len(trial.segments)} segments",
            "critical" if failed else "",
        ),
    ]


def _main(trial: Trial) -> Section:
    return Section(
        id="main",
        title="The deciding metric",
        lead=clean(trial.main.method or "No difference could be computed.", 400),
        figures=[Figure(trial.main.metric, differences_chart([trial.main]), numbers=_table([trial.main]))],
    )


def _guards(trial: Trial) -> Section | None:
    if not trial.guards:
        return None
    lead = "Metrics that may not become worse; every difference is turned so that more is better."
    figure = Figure("Guards", differences_chart(trial.guards), numbers=_table(trial.guards))
    return Section(id="guards", title="Guards", lead=lead, figures=[figure])


def _segments(trial: Trial) -> Section | None:
    if not trial.segments:
        return None
    lead = f"{trial.main.metric} in each segment with rows enough; intervals are wider, since there are several."
    worst = sorted(trial.segments, key=lambda each: each.difference if each.difference is not None else 0.0)
    figure = Figure("Segments", differences_chart(worst[:40]), numbers=_table(worst))
    return Section(id="segments", title="Segments", lead=lead, figures=[figure])


def _table(found: Sequence[Comparison]) -> Table:
    rows = tuple(
        (*comparison_cells(each), p_text(each.p_value), clean(each.method or each.reason, 200)) for each in found
    )
    return Table(_HEAD, rows, numeric=(1, 2, 3, 4, 5, 7))


_READING: Final = [
    "Both models answered the same rows. The champion's answers are those it gave in production, the candidate's were "
    "computed for the trial from the logged features; the truth was not in the file it read.",
    "A candidate passes where the whole interval of the difference lies above the margin: one that is no better passes "
    "in about one of forty trials at alpha 0.05.",
    "Guards and segments fail where they are worse by more than their margin and by more than chance.",
    "Rows of one day are not independent: intervals are clustered by day where days differ more than chance lets them.",
]
