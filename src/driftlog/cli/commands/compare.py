"""``driftlog compare``."""

from __future__ import annotations

from pathlib import Path

import click

from driftlog.cli.base import Command
from driftlog.cli.known import choose_model
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import as_json, required_model
from driftlog.cli.session import Session
from driftlog.contract.errors import UsageError


@click.command(
    cls=Command,
    examples=[
        "driftlog compare churn --current 7d                          # the latest week, with the active reference",
        "driftlog compare churn --current 7d --reference 14d/7d       # with the week before",
        "driftlog compare churn --current 2026-03-02/7d --reference 2026-01-05/2026-03-02 --html march.html",
        "driftlog compare churn --current 30d --reference 30d --current-version 2 --reference-version 1",
        "driftlog compare churn --current 30d --reference 30d --segment country=DE --reference-segment country=FR",
        "driftlog compare churn --current 7d --method wasserstein --method jensen_shannon --json",
    ],
)
@required_model
@click.option("--current", required=True, metavar="A/B", help="The stretch of time to look at: 2026-03-02/7d, or 7d.")
@click.option(
    "--reference",
    default="active",
    show_default=True,
    metavar="A/B|ID",
    help="Another stretch of time, or the id of a stored reference.",
)
@click.option("--segment", default="", help="Only this segment, on both sides: carrier=UA, distance=[500,1000).")
@click.option("--reference-segment", help="The segment of the reference, where it is another one ('' is everything).")
@click.option("--current-version", help="Only this model version.")
@click.option("--reference-version", help="Only this model version of the reference.")
@click.option("--current-variant", help="Only this variant.")
@click.option("--reference-variant", help="Only this variant of the reference.")
@click.option("--method", "methods", multiple=True, help="Measure drift by it: wasserstein, ... May be repeated.")
@click.option("--environment", "-e", help="The service.environment  [default: that of the settings]")
@click.option("--all", "everything", is_flag=True, help="Every line, not the largest differences only.")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a self-contained page with charts."
)
@as_json
@click.pass_obj
def compare(
    session: Session,
    model: str,
    current: str,
    reference: str,
    segment: str,
    reference_segment: str | None,
    current_version: str | None,
    reference_version: str | None,
    current_variant: str | None,
    reference_variant: str | None,
    methods: tuple[str, ...],
    environment: str | None,
    everything: bool,
    html: Path | None,
    as_json: bool,
) -> None:
    """Compare any two stretches, versions, variants or segments of MODEL.

    All measures of drift, performance, quality and operation, the largest differences first. Times are A/B, A/7d, a
    day (2026-03-02), or durations before the latest data (7d, 14d/7d).
    """
    from driftlog.api.comparing import compare_sides

    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        with session.messages.status("Comparing"):
            comparison = compare_sides(
                store,
                settings,
                current,
                reference,
                segment=segment,
                reference_segment=reference_segment,
                version=current_version,
                reference_version=reference_version,
                variant=current_variant,
                reference_variant=reference_variant,
                methods=methods,
                environment=environment,
                now=session.now,
                names=("--current", "--reference"),
            )
    if html is not None:
        from driftlog.present.compare_page import render_comparison

        write_page(html, render_comparison(comparison))
        session.messages.print(f"Wrote {html}", markup=False)
    if as_json:
        from driftlog.present.compare_lines import comparison_lines

        print_json_lines(line.measurement for line in comparison_lines(comparison))
    elif html is None:
        from driftlog.present.compare_table import comparison_table

        session.console.print(comparison_table(comparison, everything=everything))


def write_page(path: Path, text: str) -> None:
    """Write an HTML page where the user asked for it."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", remedy="choose another path") from error
