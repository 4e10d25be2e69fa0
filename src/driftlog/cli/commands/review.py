"""``driftlog review``."""

from __future__ import annotations

from pathlib import Path

import click

from driftlog.cli.base import Command
from driftlog.cli.known import choose_model
from driftlog.cli.params import optional_model
from driftlog.cli.session import Session
from driftlog.contract.errors import UsageError


@click.command(
    cls=Command,
    examples=[
        "driftlog review churn                       # the last complete week",
        "driftlog review churn --week 2026-W10 -o week10.html",
        "driftlog review churn --month 2026-03 --send",
    ],
)
@optional_model
@click.option("--week", metavar="YYYY-Www", help="An ISO week, in the model's time zone.")
@click.option("--month", metavar="YYYY-MM", help="A calendar month, in the model's time zone.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The HTML file to write  [default: MODEL-review-PERIOD.html]",
)
@click.option("--send", is_flag=True, help="Send it to the channels of models.MODEL.review.channels, too.")
@click.option("--open", "show", is_flag=True, help="Open it in the browser.")
@click.pass_obj
def review(
    session: Session,
    model: str | None,
    week: str | None,
    month: str | None,
    output: Path | None,
    send: bool,
    show: bool,
) -> None:
    """Write the review of a week or a month.

    Objectives against results, alerts and how they were handled, changes, retraining, noisy rules, open risks, and what
    to do next. By default of the last complete week, or month where the settings ask for monthly reviews. The file
    needs no network. With models.MODEL.review.every the worker writes and sends it by itself.
    """
    from driftlog.audit.chain import Chain
    from driftlog.present.review import render_review
    from driftlog.worker import review_periods as periods
    from driftlog.worker.audit import head_line
    from driftlog.worker.review import load_review, record_review, send_review

    if week is not None and month is not None:
        raise UsageError("--week and --month exclude each other", remedy="give one of them")
    with session.store() as store:
        chosen = choose_model(store, session.settings, model)
        every: periods.Every = "month" if month or (chosen.review.every == "month" and not week) else "week"
        if week is not None:
            period = periods.week(week, chosen.timezone)
        elif month is not None:
            period = periods.month(month, chosen.timezone)
        else:
            period = periods.last_complete(session.now(), every, chosen.timezone)
        if period.start >= session.now():
            raise UsageError("the period has not begun", remedy="choose an earlier one")
        channels = [c for c in session.settings.notifications.channels if c.name in chosen.review.channels]
        if send and not channels:
            raise UsageError(
                "no channel to send it to",
                remedy=f"name channels in models.{chosen.name}.review.channels of driftlog.yml",
            )
        data = load_review(
            store,
            chosen,
            period,
            every,
            now=session.now,
            anchor=head_line(store, session.settings.audit, session.now()),
        )
        html = render_review(data)
        path = output or Path(f"{chosen.name}-review-{data.label}.html")
        try:
            path.write_text(html, encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written: {error.strerror}", remedy="choose another path with -o"
            ) from error
        session.console.print(f"Wrote {path}", markup=False)
        failures = {c.name: send_review(data, html, c) for c in channels} if send else {}
        record_review(Chain(store, now=session.now), data, html, actor=session.actor, channels=tuple(failures))
    for name, reasons in failures.items():
        session.console.print(f"{name}: {'; '.join(reasons) if reasons else 'sent'}", markup=False)
    if show:
        click.launch(str(path))
