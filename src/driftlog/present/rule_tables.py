"""Rules, their use, objectives and rehearsals as tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, Protocol

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from driftlog.contract.alert import Alert
from driftlog.contract.settings import ThresholdSettings
from driftlog.contract.window import Window
from driftlog.present.tables import verdict_text
from driftlog.present.text import clean, day, field_name, number, period, title_of

_STATES: Final = {
    "met": ("✓ met", "green"),
    "missed": ("▲ missed", "bold red"),
    "unknown": ("? unknown", "dim"),
    "noisy": ("▲ noisy", "yellow"),
    "silent": ("∅ silent", "dim italic"),
    "useful": ("✓ useful", "green"),
}


class RuleLike(Protocol):
    """What `driftlog.decide.rules` reports."""

    @property
    def source(self) -> str: ...
    @property
    def purpose(self) -> str: ...
    @property
    def threshold(self) -> ThresholdSettings: ...
    @property
    def series(self) -> int: ...


class UseLike(Protocol):
    """What `driftlog.decide.tuning` reports."""

    @property
    def purpose(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def segment(self) -> str: ...
    @property
    def limit(self) -> float | None: ...
    @property
    def windows(self) -> int: ...
    @property
    def breaches(self) -> int: ...
    @property
    def alerts(self) -> int: ...
    @property
    def alerts_a_month(self) -> float: ...
    @property
    def state(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def expected_a_month(self) -> float | None: ...


class StandingLike(Protocol):
    """What `driftlog.decide.objectives` reports."""

    @property
    def name(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def field(self) -> str: ...
    @property
    def segment(self) -> str: ...
    @property
    def target(self) -> float: ...
    @property
    def direction(self) -> Literal["above", "below"]: ...
    @property
    def priority(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def value(self) -> float | None: ...
    @property
    def certain(self) -> bool | None: ...
    @property
    def window(self) -> Window | None: ...
    @property
    def windows(self) -> int: ...
    @property
    def met(self) -> int: ...
    @property
    def note(self) -> str: ...


def _table(*columns: str, right: Sequence[str] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def _state(name: str) -> Text:
    text, style = _STATES.get(name, (name, ""))
    return Text(text, style=style)


def rules_table(rules: Sequence[RuleLike]) -> RenderableType:
    """One line a rule, in the order in which they are asked."""
    table = _table("from", "purpose", "metric", "judges", "rule", "windows", right=("judges",))
    for rule in rules:
        one = rule.threshold
        where = "".join(
            (f" of {one.field}" if one.field not in ("*", "") else "", f" in {one.segment}" if one.segment else "")
        )
        table.add_row(
            Text(rule.source, style="dim" if rule.source == "default" else ""),
            Text(clean(rule.purpose) or "any"),
            Text(clean(f"{one.metric}{where}", 80)),
            Text(f"{rule.series:,}", style="" if rule.series else "dim"),
            Text(clean(rule_text(one), 90)),
            Text("{} of {}".format(*one.of_windows)),
        )
    return table


def rule_text(one: ThresholdSettings) -> str:
    """A threshold in words.

    >>> rule_text(ThresholdSettings(metric="mae", kind="relative", warning=0.1, critical=0.25, share=True))
    'warning +10 %, critical +25 % against the reference'
    >>> rule_text(ThresholdSettings(metric="roc_auc", direction="below", warning=0.7))
    'warning < 0.700'
    """
    limits = [(name, getattr(one, name)) for name in ("info", "warning", "critical") if getattr(one, name) is not None]
    sign, step = (">", "+") if one.direction != "below" else ("<", "-")
    if one.kind == "none":
        return "not judged"
    if one.kind == "default_drift":
        return f"beyond the reference's own spread, and {number(one.floor)}"
    if one.kind == "constant":
        return ", ".join(f"{name} {sign} {number(limit)}" for name, limit in limits)
    if one.kind == "relative":
        parts = [
            f"{name} {step}{f'{limit:.3g}' if not one.share else f'{100 * limit:.3g} %'}" for name, limit in limits
        ]
        return f"{', '.join(parts)} against the reference"
    if one.kind == "quantile":
        return ", ".join(f"{name} {sign} its {limit:g} quantile" for name, limit in limits)
    parts = [f"{name} {limit:g}" for name, limit in limits]
    sides = {"both": "on both sides of", "above": "above", "below": "below"}[one.direction]
    usual = "the usual of that hour of the week" if one.kind == "seasonal" else "the median of that hour of the week"
    return f"{', '.join(parts)} deviations {sides} {usual}"


def use_table(found: Sequence[UseLike]) -> RenderableType:
    """Rules by how they were used."""
    if not found:
        return Text("No rule judged anything in this period.")
    table = _table(
        "",
        "metric",
        "limit",
        "windows",
        "alerts",
        "a month",
        "then",
        "why",
        right=("limit", "windows", "alerts", "a month", "then"),
    )
    for use in found:
        where = f" in {use.segment}" if use.segment else ""
        table.add_row(
            _state(use.state),
            Text(clean(f"{title_of(use.metric)}{where} ({use.purpose.replace('_', ' ')})", 90)),
            Text(number(use.limit) if use.limit is not None else ""),
            Text(f"{use.breaches:,} of {use.windows:,}"),
            Text(f"{use.alerts:,}"),
            Text(f"{use.alerts_a_month:.1f}"),
            Text("" if use.expected_a_month is None else f"{use.expected_a_month:.1f}"),
            Text(clean(use.reason, 200)),
        )
    return table


def objectives_table(found: Sequence[StandingLike]) -> RenderableType:
    """One line an objective."""
    if not found:
        return Text("No objectives. Name some under `objectives:` of the model in driftlog.yml.")
    table = _table(
        "", "objective", "metric", "target", "value", "window", "met in", "owner", "note", right=("target", "value")
    )
    for one in found:
        where = [field_name(one.field)] if one.field else []
        where += [one.segment.replace("features.", "")] if one.segment else []
        unsure = " (not for certain)" if one.certain is False else ""
        table.add_row(
            _state(one.state),
            Text(clean(one.name, 60), style="bold" if one.priority == "high" else ""),
            Text(clean(" of ".join([title_of(one.metric), *where]), 80)),
            Text(f"{'≥' if one.direction == 'above' else '≤'} {number(one.target)}"),
            Text("" if one.value is None else number(one.value)),
            Text("" if one.window is None else period(one.window)),
            Text(f"{one.met} of {one.windows} windows" if one.windows else ""),
            Text(clean(one.owner, 40)),
            Text(clean(one.note + unsure, 200)),
        )
    return table


def rehearsal_table(
    would: Sequence[Alert], did: Sequence[Alert], unjudged: Mapping[str, int], unmatched: Sequence[ThresholdSettings]
) -> RenderableType:
    """What would have fired beside what did, in order of time; then what could not be judged again."""
    parts: list[RenderableType] = []
    lines = paired(would, did)
    if lines:
        table = _table("alert", "these rules", "", "then", "")
        for one, other in lines:
            shown = one or other
            if shown is None:
                continue
            title = Text(clean(shown.title, 100), style="bold")
            title.append(f"\n{clean(shown.message, 240)}", style="not bold dim")
            table.add_row(title, *_episode(one), *_episode(other))
        parts.append(table)
    else:
        parts.append(Text("No alert then, and none with these rules.", style="green"))
    if unmatched:
        names = ", ".join(f"{one.metric}{f' of {one.field}' if one.field != '*' else ''}" for one in unmatched[:10])
        parts.append(Text(f"Match nothing that was measured: {clean(names, 300)}.", style="yellow"))
    if unjudged:
        parts.append(Text("Could not be judged again:"))
        parts += [
            Text(f"  {count:,} x {clean(reason, 150)}", style="dim") for reason, count in list(unjudged.items())[:12]
        ]
    return Group(*parts)


def paired(would: Sequence[Alert], did: Sequence[Alert]) -> list[tuple[Alert | None, Alert | None]]:
    """Episodes of one cause that overlap, in order of time; None where the other has none."""
    left = list(did)
    pairs: list[tuple[Alert | None, Alert | None]] = []
    for one in would:
        other = next((each for each in left if each.key == one.key and _overlap(each, one)), None)
        if other is not None:
            left.remove(other)
        pairs.append((one, other))
    pairs += [(None, other) for other in left]
    return sorted(pairs, key=lambda pair: _opened(pair[0] or pair[1]))


def _opened(alert: Alert | None) -> datetime:
    if alert is None:
        raise ValueError("a pair has an alert")
    return alert.opened


def _overlap(one: Alert, other: Alert) -> bool:
    ends = (
        other.resolved is None or one.opened <= other.resolved,
        one.resolved is None or other.opened <= one.resolved,
    )
    return all(ends)


def _episode(alert: Alert | None) -> tuple[Text, Text]:
    if alert is None:
        return Text("-", style="dim"), Text("")
    end = f" to {day(alert.resolved)}" if alert.resolved is not None else ", open at the end"
    return verdict_text(alert.severity), Text(f"{day(alert.opened)}{end}")
