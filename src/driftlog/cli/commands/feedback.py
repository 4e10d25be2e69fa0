"""``driftlog feedback``: truth, ratings and comments from files, and what finds no prediction."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from driftlog.cli import exits
from driftlog.cli.base import Group
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import file_format, required_model
from driftlog.cli.session import Session

if TYPE_CHECKING:
    from driftlog.store.feedback import Orphans
    from driftlog.worker.feedback_import import FeedbackImport

SHOWN = 10


@click.group(
    cls=Group,
    examples=["driftlog feedback import churn truth.csv", "driftlog feedback orphans churn"],
)
def feedback() -> None:
    """Truth, ratings and comments on predictions."""


@feedback.command(
    "import",
    examples=[
        "driftlog feedback import churn truth.csv",
        "driftlog feedback import churn ratings.jsonl --source app --json",
        "driftlog feedback import churn truth.csv --timezone Europe/Berlin --delimiter ';'",
    ],
)
@required_model
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--source", default="import", show_default=True, help="Who says so, kept as feedback.source.")
@click.option("--timezone", default="UTC", show_default=True, help="Time zone of times that name none.")
@file_format
@click.option(
    "--rejected",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where bad lines go, as JSON lines  [default: FILE.rejected.jsonl]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the counts and the bad lines as JSON.")
@click.pass_obj
def import_(
    session: Session,
    model: str,
    file: Path,
    source: str,
    timezone: str,
    encoding: str | None,
    delimiter: str | None,
    rejected: Path | None,
    as_json: bool,
) -> int:
    """Load truth, ratings and comments from CSV, JSON lines or Parquet.

    Columns: prediction_id, and at least one of actual (the true label or value), rating and comment; at is the time it
    became known, by default the file's own time. Lines that cannot be used are reported with their number and the
    reason, the others are imported, and the exit code is 1. Importing again is safe: what is stored is skipped.
    Feedback whose prediction is not there yet is kept and joined when it arrives.
    """
    from zoneinfo import ZoneInfo

    from driftlog.cli.known import choose_model
    from driftlog.cli.progress import counting
    from driftlog.cli.times import check_timezone
    from driftlog.profile.feedback_file import open_feedback
    from driftlog.store import templates
    from driftlog.worker.feedback_import import import_feedback

    check_timezone(timezone)
    found = open_feedback(file, zone=ZoneInfo(timezone), encoding=encoding, delimiter=delimiter)
    into = _BadLines(rejected or Path(f"{file.name}.rejected.jsonl"))
    with session.store() as store, into:
        templates.check(store)
        settings = choose_model(store, session.settings, model)
        with counting(session.messages, f"Importing {file.name}", found.size()) as progress:
            report = import_feedback(
                store,
                settings,
                found.lines(),
                source=source,
                default_at=min(datetime.fromtimestamp(file.stat().st_mtime, UTC), session.now()),
                now=session.now,
                reject=into.write,
                progress=progress,
            )
    _print_import(session, report, into.path, found.ignored, as_json=as_json)
    return exits.FAILED if report.rejected else exits.OK


class _BadLines:
    """Rejected lines as JSON lines; the file is made when there is the first one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Any = None

    def __enter__(self) -> _BadLines:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, number: int, reason: str, text: str) -> None:
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8", errors="backslashreplace")
        line = {"line": number, "reason": reason, "data": text.rstrip("\r\n")}
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _print_import(
    session: Session, report: FeedbackImport, path: Path, ignored: tuple[str, ...], *, as_json: bool
) -> None:
    if as_json:
        bad = [{"line": number, "reason": reason} for number, reason in report.rejected[:1000]]
        counts = {"lines": report.lines, "stored": report.stored, "duplicates": report.duplicates}
        print_json_lines([counts | {"rejected": len(report.rejected), "bad_lines": bad}])
        return
    line = f"{report.lines:,} lines: {report.stored:,} stored, {report.duplicates:,} were stored before"
    session.console.print(f"{line}, {len(report.rejected):,} rejected", markup=False)
    if ignored:
        session.messages.print(f"Columns not imported: {', '.join(ignored)}", markup=False)
    for number, reason in report.rejected[:SHOWN]:
        session.messages.print(f"  line {number}: {reason}", markup=False)
    if report.rejected:
        more = len(report.rejected) - SHOWN
        session.messages.print(
            (f"  and {more:,} more\n" if more > 0 else "")
            + f"All of them are in {path}. Correct the file and import it again: what is stored is skipped.",
            markup=False,
        )


@feedback.command(
    "orphans",
    examples=["driftlog feedback orphans churn", "driftlog feedback orphans churn --limit 100 --json"],
)
@required_model
@click.option("--limit", type=click.IntRange(0, 1000), default=10, show_default=True, help="At most so many examples.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def orphans(session: Session, model: str, limit: int, as_json: bool) -> int:
    """Show feedback whose prediction is not there.

    As the last cycle of the worker found it. It waits for the model's look_back, is tried again ever more seldom, and
    is joined when its prediction arrives.
    """
    from driftlog.cli.known import choose_model
    from driftlog.store.feedback import find_orphans

    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        store.refresh(store.names.state)
        found = find_orphans(store, settings, examples=limit)
    if as_json:
        print_json_lines([{"model": settings.name} | _fields(found)])
        return exits.OK
    _print_orphans(session, settings.name, found)
    return exits.OK


def _fields(found: Orphans) -> dict[str, Any]:
    return {
        "count": found.count,
        "feedback": found.feedback,
        "share": found.count / found.feedback if found.feedback else None,
        "oldest": found.oldest,
        "examples": found.examples,
    }


def _print_orphans(session: Session, model: str, found: Orphans) -> None:
    if not found.count:
        session.console.print(f"{model}: every feedback has its prediction.", markup=False)
        return
    from rich.table import Table

    share = f" ({100 * found.count / found.feedback:.2g} % of {found.feedback:,})" if found.feedback else ""
    noun = "document" if found.count == 1 else "documents"
    oldest = f", the oldest of {found.oldest:%Y-%m-%d %H:%M}" if found.oldest else ""
    session.console.print(f"{model}: {found.count:,} feedback {noun} without prediction{share}{oldest}", markup=False)
    table = Table("prediction_id", "of", "source", "waiting since", box=None, header_style="bold", pad_edge=False)
    for each in found.examples:
        table.add_row(
            each.prediction_id[:80], f"{each.at:%Y-%m-%d %H:%M}", each.source, f"{each.waiting_since:%Y-%m-%d %H:%M}"
        )
    session.console.print(table)
    session.messages.print(
        "Do the ids agree with event.id of the predictions? `driftlog predictions MODEL --id ID` looks one up.",
        markup=False,
    )
