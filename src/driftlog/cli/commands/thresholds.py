"""``driftlog thresholds``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from driftlog.cli.base import Group
from driftlog.cli.known import choose_model
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import MomentType, as_json, optional_model
from driftlog.cli.session import Session
from driftlog.cli.times import Moment, resolve

if TYPE_CHECKING:
    from driftlog.decide.tuning import RuleUse


@click.group(
    cls=Group,
    examples=["driftlog thresholds list churn", "driftlog thresholds suggest churn --since 90d"],
)
def thresholds() -> None:
    """See what judges a model's measurements, and which limits would do better."""


@thresholds.command(
    "list",
    examples=["driftlog thresholds list churn", "driftlog thresholds list churn --used --json"],
)
@optional_model
@click.option("--used", is_flag=True, help="Only those that judged something in the latest window.")
@as_json
@click.pass_obj
def list_(session: Session, model: str | None, used: bool, as_json: bool) -> None:
    """Show every rule in force for MODEL, and where it comes from.

    They are asked from top to bottom; the first that fits a measurement judges it.
    """
    from driftlog.present.rule_tables import rules_table
    from driftlog.worker.rules import rules

    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        found = [rule for rule in rules(store, settings) if rule.series or not used]
    if as_json:
        print_json_lines(found)
    else:
        session.console.print(rules_table(found))


@thresholds.command(
    "suggest",
    examples=[
        "driftlog thresholds suggest churn --since 90d",
        "driftlog thresholds suggest churn --alerts-a-month 0.5 --all",
    ],
)
@optional_model
@click.option(
    "--since",
    type=MomentType(),
    default=timedelta(days=90),
    show_default="90d",
    help="From this time on, or so far back.",
)
@click.option(
    "--alerts-a-month",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="A rule may make at most so many alerts a month.",
)
@click.option("--all", "every", is_flag=True, help="Show the useful rules as well.")
@as_json
@click.pass_obj
def suggest(
    session: Session, model: str | None, since: Moment, alerts_a_month: float, every: bool, as_json: bool
) -> None:
    """Suggest limits for the noisy and the silent rules of MODEL, from its history.

    Noisy: alerts that people resolved as false alarms, or that came and went. Silent: never in breach, and never near.
    What is printed below the table is YAML for the model in driftlog.yml; nothing is changed.
    """
    from driftlog.present.rule_tables import use_table
    from driftlog.store.results import latest_window
    from driftlog.worker.rules import use_of_rules

    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        window = latest_window(store, settings.name, settings.environment)
        span = resolve(since, None, window.end if window is not None else session.now())
        found = use_of_rules(store, settings, since=span.since, alerts_a_month=alerts_a_month)
    shown = [use for use in found if every or use.state in ("noisy", "silent")]
    if as_json:
        print_json_lines(shown)
        return
    if not shown:
        session.console.print(f"{len(found)} rules looked at: none is noisy, none is silent.", markup=False)
        return
    session.console.print(use_table(shown))
    suggested = [use for use in shown if use.suggestion is not None]
    if suggested:
        session.console.print(
            f"To put into driftlog.yml, before the other thresholds of {settings.name}:\n", markup=False
        )
        session.console.print(yaml_of(suggested), markup=False, soft_wrap=True)


def yaml_of(found: Sequence[RuleUse]) -> str:
    """Suggestions as the ``thresholds`` of a model; each with what it would have done."""
    lines = ["thresholds:"]
    for use in found:
        one = use.suggestion
        if one is None:
            continue
        lines.append(f"  # {use.reason}; with this {use.expected_a_month or 0:.1f} alerts a month")
        fields = {"metric": one.metric, "purpose": one.purpose, "segment": one.segment, "kind": one.kind}
        if one.kind != "default_drift":
            fields["direction"] = one.direction
        parts = [f"{name}: {_quoted(value)}" for name, value in fields.items() if value]
        parts += [
            f"{name}: {limit:.6g}" for name in ("warning", "critical") if (limit := getattr(one, name)) is not None
        ]
        parts += [f"floor: {one.floor:.6g}"] if one.kind == "default_drift" else []
        parts += ["of_windows: [{}, {}]".format(*one.of_windows)]
        lines.append(f"  - {{{', '.join(parts)}}}")
    return "\n".join(lines)


def _quoted(value: str) -> str:
    """As YAML reads it back.

    >>> _quoted("roc_auc"), _quoted("features.plan=[0,1)")
    ('roc_auc', '"features.plan=[0,1)"')
    """
    plain = value.replace("_", "").replace(".", "").isalnum() and not value[0].isdigit()
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return value if plain else f'"{escaped}"'
