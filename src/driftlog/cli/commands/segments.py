"""``driftlog segments``."""

from __future__ import annotations

from datetime import timedelta

import click
import msgspec

from driftlog.cli.base import Command
from driftlog.cli.known import choose_model
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import MomentType, as_json, limit, optional_model
from driftlog.cli.session import Session
from driftlog.cli.times import Moment, resolve


@click.command(
    cls=Command,
    examples=[
        "driftlog segments churn                    # of the latest window, the weakest first",
        "driftlog segments churn --at 2026-03-03 --json",
    ],
)
@optional_model
@click.option("--at", "moment", type=MomentType(), help="The window that holds this time  [default: the latest]")
@click.option("--weak", is_flag=True, help="Only those that are weak beyond doubt.")
@limit(50)
@as_json
@click.pass_obj
def segments(session: Session, model: str | None, moment: Moment | None, weak: bool, limit: int, as_json: bool) -> None:
    """Rank the segments of MODEL, the weakest first.

    By performance where the truth is known, else by drift. The order is by what is certain: the gap from the whole
    model less its uncertainty. Segments come from the setting `segments` of the model.
    """
    from driftlog.evaluate.segments.weakest import rank_segments
    from driftlog.present.tables import segments_table
    from driftlog.store.results import find_measurements, latest_window

    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        window = latest_window(store, settings.name, settings.environment)
        if window is not None and moment is not None:
            at = resolve(moment, None, window.end).since or window.start
            day = timedelta(days=1)
            near = find_measurements(
                store,
                settings.name,
                environment=settings.environment,
                since=at - settings.window - day,
                until=at + settings.window + day,
                metric="predictions",
            )
            window = next((m.window for m in near if at in m.window), None)
        if window is None:
            session.messages.print(
                f"{settings.name} has no results there. `driftlog run --once` evaluates it.", markup=False
            )
            return
        found = find_measurements(
            store,
            settings.name,
            environment=settings.environment,
            since=window.start,
            until=window.end,
            segment=None,
            size=100_000,
        )
    found = [m for m in found if m.window == window and (m.version, m.variant) == ("*", "*")]
    ranks = [rank for rank in rank_segments(found, settings) if rank.weak or not weak][:limit]
    if as_json:
        print_json_lines([msgspec.to_builtins(rank) for rank in ranks])
        return
    if not any(m.segment for m in found):
        session.messages.print(
            f"{settings.name} has no segments: add `segments: [carrier, [origin, carrier]]` to its settings, "
            "and set the reference again.",
            markup=False,
        )
        return
    session.console.print(segments_table(ranks, window, settings.name))
