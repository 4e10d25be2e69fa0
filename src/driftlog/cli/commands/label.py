"""``driftlog label``: predictions out to be labelled, and labels in."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from driftlog.cli import exits
from driftlog.cli.base import Group
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import TimeType, required_model
from driftlog.cli.session import Session
from driftlog.contract.errors import UsageError

if TYPE_CHECKING:
    from driftlog.worker.labelling import LabelImport, Sample

SHOWN = 10


@click.group(
    cls=Group,
    examples=[
        "driftlog label export churn --n 200 --from 2026-03-02 --to 2026-03-09 march.csv",
        "driftlog label import churn march.csv",
    ],
)
def label() -> None:
    """Have predictions labelled: those that tell most."""


@label.command(
    "export",
    examples=[
        "driftlog label export churn --n 200 --from 2026-03-02 --to 2026-03-09 march.csv",
        "driftlog label export churn --n 50 --from 2026-03-08 --to 2026-03-09 --seed 7 --blind day.csv --json",
    ],
)
@required_model
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--n", type=click.IntRange(1, 5000), default=200, show_default=True, help="About so many predictions.")
@click.option("--from", "start", type=TimeType(), required=True, help="Predictions from this time on.")
@click.option("--to", "end", type=TimeType(), required=True, help="Before this time.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed draws other predictions.")
@click.option("--blind", is_flag=True, help="Leave out what the model said, so that it does not sway anybody.")
@click.option("--force", is_flag=True, help="Overwrite the file.")
@click.option("--unrecorded", is_flag=True, help="Export although the audit trail cannot record who does.")
@click.option("--json", "as_json", is_flag=True, help="Print what was drawn as one JSON object.")
@click.pass_obj
def export(
    session: Session,
    model: str,
    file: Path,
    n: int,
    start: datetime,
    end: datetime,
    seed: int,
    blind: bool,
    force: bool,
    unrecorded: bool,
    as_json: bool,
) -> int:
    """Draw predictions that have no label, and write them as CSV to be labelled.

    Some of which the model is least certain, some from where the data grew most, some at random (the model's setting
    labelling). Each row says why it was drawn, and with which probability, so that estimates can be made unbiased.
    Fill in the column actual, and load the file with `driftlog label import`.
    """
    from driftlog.audit.reads import record_read
    from driftlog.cli.known import choose_model
    from driftlog.cli.labelling import write_sample
    from driftlog.contract.window import Window
    from driftlog.worker.labelling import draw_sample

    if end <= start:
        raise UsageError("--to does not lie after --from", remedy="swap them")
    if file.exists() and not force:
        raise UsageError(f"{file} exists", remedy="there may be labels in it: name another, or use --force")
    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        with session.messages.status("Drawing predictions"):
            sample = draw_sample(store, settings, Window(start, end), n, seed=seed)
        if not sample.rows:
            none = "there are no predictions" if not sample.population else "every prediction has its label"
            raise UsageError(f"{model}: {none} from {start:%Y-%m-%d} to {end:%Y-%m-%d}", remedy="choose another time")
        record_read(
            session.recorder(store),
            session.settings.audit,
            actor=session.actor,
            model=settings.name,
            environment=settings.environment,
            what="driftlog label export",
            n=len(sample.rows),
            filters={"from": start, "to": end, "sample": sample.id},
            unrecorded=unrecorded,
        )
    write_sample(file, sample, blind=blind)
    _print_export(session, sample, file, as_json=as_json)
    return exits.OK


def _print_export(session: Session, sample: Sample, file: Path, *, as_json: bool) -> None:
    if as_json:
        shown = {"file": str(file), "sample": sample.id, "rows": len(sample.rows), "population": sample.population}
        print_json_lines([shown | {"drawn": dict(sample.counts), "notes": list(sample.notes)}])
        return
    parts = ", ".join(f"{count} {name}" for name, count in sample.counts.items())
    session.console.print(
        f"Wrote {len(sample.rows):,} of {sample.population:,} predictions to {file} ({parts}); sample {sample.id}",
        markup=False,
    )
    for note in sample.notes:
        session.messages.print(f"  {note}", markup=False)


@label.command(
    "import",
    examples=["driftlog label import churn march.csv", "driftlog label import churn march.csv --json"],
)
@required_model
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--at", type=TimeType(), help="When the labels became known  [default: the file's own time]")
@click.option("--any-label", is_flag=True, help="Take labels that neither predictions nor truths have had so far.")
@click.option("--encoding", help="Of the file: latin-1, cp1252  [default: utf-8]")
@click.option("--delimiter", metavar="CHARACTER", help="Between the cells: ';' or tab  [default: a comma]")
@click.option("--json", "as_json", is_flag=True, help="Print the counts and the skipped lines as JSON.")
@click.pass_obj
def import_(
    session: Session,
    model: str,
    file: Path,
    at: datetime | None,
    any_label: bool,
    encoding: str | None,
    delimiter: str | None,
    as_json: bool,
) -> int:
    """Load the labels of a file that `driftlog label export` wrote.

    The columns prediction_id and actual are needed; comment, sample and inclusion_probability are kept where they are
    there, other columns are passed over, and lines without a label count as not labelled. Lines that cannot be right
    (no such prediction, no such label, two labels for one prediction) are skipped and reported, and the exit code is 1.
    Importing again is safe.
    """
    from driftlog.cli.known import choose_model
    from driftlog.cli.labelling import read_labels
    from driftlog.store import templates
    from driftlog.worker.labelling import import_labels

    lines = read_labels(file, encoding=encoding, delimiter=delimiter)
    known = at or min(datetime.fromtimestamp(file.stat().st_mtime, UTC), session.now())
    with session.store() as store:
        templates.check(store)
        settings = choose_model(store, session.settings, model)
        with session.messages.status(f"Importing {file.name}"):
            report = import_labels(store, settings, lines, at=known, now=session.now, any_label=any_label)
    _print_import(session, report, as_json=as_json)
    return exits.FAILED if report.skipped else exits.OK


def _print_import(session: Session, report: LabelImport, *, as_json: bool) -> None:
    if as_json:
        skipped = [{"line": number, "reason": reason} for number, reason in report.skipped[:1000]]
        counts = {"lines": report.lines, "stored": report.stored, "duplicates": report.duplicates}
        print_json_lines([counts | {"unlabelled": report.unlabelled, "skipped": skipped}])
        return
    session.console.print(
        f"{report.lines:,} lines: {report.stored:,} labels stored, {report.duplicates:,} were stored before, "
        f"{report.unlabelled:,} not labelled, {len(report.skipped):,} skipped",
        markup=False,
    )
    for number, reason in report.skipped[:SHOWN]:
        session.messages.print(f"  line {number}: {reason}", markup=False)
    if len(report.skipped) > SHOWN:
        session.messages.print(f"  and {len(report.skipped) - SHOWN:,} more; --json lists them", markup=False)
