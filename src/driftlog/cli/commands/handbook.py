"""``driftlog handbook``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

import driftlog
from driftlog.cli.base import Command
from driftlog.cli.params import required_model
from driftlog.cli.session import Session
from driftlog.contract.errors import UsageError


@click.command(
    cls=Command,
    examples=[
        "driftlog handbook churn                  # Markdown on standard output",
        "driftlog handbook churn -o churn.md",
        "driftlog handbook churn -o churn.html",
    ],
)
@required_model
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write; HTML where it ends with .html  [default: standard output]",
)
@click.pass_obj
def handbook(session: Session, model: str, output: Path | None) -> None:
    """Write the handbook of MODEL: how it is watched and maintained, from its configuration.

    What is watched and why, thresholds, who is told, what to do on each kind of alert, how retraining is decided, how
    to promote, roll back and erase, how long data are kept, contacts. Nothing is asked of Elasticsearch.
    """
    from driftlog.decide.rules import rules_in_force
    from driftlog.present import handbook as pages

    chosen = next((one for one in session.settings.models if one.name == model), None)
    if chosen is None:
        names = ", ".join(one.name for one in session.settings.models) or "none"
        raise UsageError(f"{model} is not in the configuration", remedy=f"models there: {names}")
    rules = [pages.RuleRow(rule.source, rule.purpose, rule.threshold) for rule in rules_in_force(chosen, ())]
    book = pages.handbook(session.settings, chosen, rules, generated=session.now(), version=driftlog.__version__)
    if output is None:
        sys.stdout.write(pages.markdown(book))
        return
    text = pages.html(book) if output.suffix.lower() in (".html", ".htm") else pages.markdown(book)
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{output} cannot be written: {error.strerror}", remedy="choose another path with -o"
        ) from error
    session.console.print(f"Wrote {output}", markup=False)
