"""The audit trail on the terminal: records, what a verification found, the story of one prediction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from driftlog.contract.audit import AuditRecord
from driftlog.present.prediction_detail import prediction_detail
from driftlog.present.tables import new_table, verdict_text
from driftlog.present.text import clean

if TYPE_CHECKING:
    from driftlog.audit.findings import Findings
    from driftlog.audit.story import Story

SHOWN: Final = 50
_JUDGED: Final = ("critical", "warning", "info")


def moment(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%S")


def records_table(records: Sequence[AuditRecord], *, nothing: str = "No audit records.") -> RenderableType:
    """One line a record, in the order of the chain."""
    if not records:
        return Text(nothing)
    table = new_table("record", "when (UTC)", "who", "what", "model", "summary", right=["record"])
    for record in records:
        entry = record.entry
        table.add_row(
            str(record.sequence),
            moment(entry.at or record.recorded),
            Text(clean(entry.actor, 30)),
            entry.action,
            Text(clean(entry.model, 30)),
            Text(clean(entry.summary or entry.object, 100)),
        )
    return table


def findings_view(found: Findings, *, deep: bool) -> RenderableType:
    """The verdict in one line, then the problems, then what was not looked at."""
    looked = [f"{found.records:,} records ({found.first} to {found.last})" if found.records else "no records"]
    if deep:
        looked.append(f"{found.seals:,} seals, {found.predictions:,} predictions")
        told = ((found.erased, "erased"), (found.dropped, "dropped by retention"), (found.waiting, "not sealed yet"))
        looked += [f"{n:,} {what}" for n, what in told if n]
    looked += [f"{found.signatures:,} signatures"] if found.signatures else []
    looked += [f"{found.anchors:,} heads from outside"] if found.anchors else []
    text = "; ".join(looked)
    if found.ok:
        lines: list[RenderableType] = [Text.assemble(("✓ whole", "green"), f": {text}")]
    else:
        total = found.kinds.total()
        lines = [Text.assemble((f"▲▲ {total:,} problem{'s' * (total != 1)}", "bold red"), f": {text}")]
        table = new_table("", "where", "what")
        for problem in found.problems[:SHOWN]:
            table.add_row(Text(problem.kind, style="bold red"), clean(problem.where, 100), clean(problem.what, 200))
        lines.append(table)
        if total > SHOWN:
            lines.append(Text(f"and {total - SHOWN:,} more: --json lists them"))
    lines += [Text(f"note: {note}", style="dim") for note in found.notes]
    return Group(*lines)


def story_view(story: Story) -> RenderableType:
    """One prediction from input to decision, in the order in which things happened."""
    prediction: dict[str, Any] = story.prediction
    outcome = (story.outcome or {}).get("outcome")
    parts: list[RenderableType] = [
        Text.assemble(("prediction ", "bold"), f"{story.id} of {story.model} in {story.environment}"),
        _facts(_about(story)),
        prediction_detail(prediction, outcome),
        _seal(story),
        _verdicts(story),
        _alerts(story),
        _said(story),
        _heading("decisions in the week after", _decisions(story)),
        _heading("notes around it", _lines(story.notes)),
        _heading("asked for by id before", _lines(story.reads)),
    ]
    return Group(*parts)


def _about(story: Story) -> Iterable[tuple[str, str]]:
    event = story.prediction.get("event", {})
    yield "made", f"{moment(story.at)} UTC, stored {event.get('ingested', 'at an unknown time')} in {story.index}"
    yield "version", story.version or "not named"
    for record in story.versions:
        yield "", f"{record.entry.action}, {moment(record.entry.at or record.recorded)}, by {record.entry.actor}"
    commit = story.git.get("commit")
    dirty = " with uncommitted changes" if story.git.get("dirty") else ""
    yield "training code", f"commit {commit}{dirty}" if commit else "no commit is recorded for this version"
    yield "reference", story.reference or "none was compared with"


def _facts(facts: Iterable[tuple[str, str]]) -> RenderableType:
    table = new_table("", "")
    table.show_header = False
    for name, value in facts:
        table.add_row(Text(name, style="dim"), Text(clean(value, 160)))
    return table


def _seal(story: Story) -> Text:
    seal, style = story.seal, {"sealed": "green", "changed": "bold red"}.get(story.seal.status, "dim")
    symbol = {"sealed": "✓", "changed": "▲▲"}.get(seal.status, "·")
    text = Text.assemble((f"{symbol} seal: {seal.what}", style))
    if seal.record:
        text.append(
            f" (record {seal.record}, leaf {seal.index}, {len(seal.path)} hashes to the root {seal.root[:16]}...)"
        )
    return text


def _verdicts(story: Story) -> RenderableType:
    judged = [each for each in story.verdicts if each.verdict in _JUDGED]
    good = sum(each.verdict == "ok" for each in story.verdicts)
    head = f"verdicts on the windows it is in: {good:,} ok, {len(judged):,} not"
    if not judged:
        return _heading(head, [])
    table = new_table("", "metric", "field", "value", right=["value"])
    for each in judged[:20]:
        value = "" if each.value is None else f"{each.value:.4g}"
        table.add_row(verdict_text(each.verdict), each.metric, Text(clean(each.field, 40)), value)
    return Group(Text(head, style="bold"), table)


def _alerts(story: Story) -> RenderableType:
    lines = [f"{alert.severity}: {alert.title} ({alert.status})" for alert in story.alerts]
    return _heading("alerts at that time", lines)


def _said(story: Story) -> RenderableType:
    lines = []
    for each in story.feedback:
        feedback = each.get("feedback", {})
        shown = {name: value for name, value in feedback.items() if name != "prediction_id"}
        lines.append(f"{each.get('@timestamp', '')}: {', '.join(f'{name} {value}' for name, value in shown.items())}")
    return _heading("feedback", lines)


def _decisions(story: Story) -> list[str]:
    return [f"{moment(each.at)}: {each.outcome}: {each.reason}" for each in story.decisions]


def _lines(records: Sequence[AuditRecord]) -> list[str]:
    return [
        f"{moment(record.entry.at or record.recorded)}: {record.entry.actor}: {record.entry.summary}"
        for record in records
    ]


def _heading(head: str, lines: Sequence[str]) -> RenderableType:
    title = Text.assemble((head, "bold"), "" if lines else ": none")
    return Group(title, *(Text(f"  {clean(line, 200)}") for line in lines[:SHOWN]))
