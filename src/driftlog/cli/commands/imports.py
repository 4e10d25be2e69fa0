"""``driftlog import``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from driftlog.cli import exits
from driftlog.cli.base import Command
from driftlog.cli.importing.columns import Kind, choose_columns, parse_mappings
from driftlog.cli.known import known_models
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import file_format, peer_mappings, required_model
from driftlog.cli.session import Session
from driftlog.contract.names import check_model_name
from driftlog.contract.settings import ModelSettings

if TYPE_CHECKING:
    from driftlog.cli.importing.load import ImportReport
    from driftlog.store.client import Store


@click.command(
    "import",
    cls=Command,
    examples=[
        "driftlog import churn history.csv --timestamp created --features age,country --prediction answer --score p",
        "driftlog import churn history.parquet --id request_id --features age --score p --label churned",
        "driftlog import churn truth.csv --kind feedback --timestamp known --prediction-id request_id --label churned",
        "driftlog import churn old.jsonl --map land=features.country --map v=model.version",
        "driftlog import churn current.csv --from-evidently data_definition.json",
        "driftlog import churn analysis.csv --from-nannyml arguments.yml",
    ],
)
@required_model
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--kind",
    type=click.Choice(["predictions", "feedback"]),
    default="predictions",
    show_default=True,
    help="What it holds.",
)
@click.option("--timestamp", default="@timestamp", show_default=True, help="Column with the time of the event.")
@click.option("--timezone", default="UTC", show_default=True, help="Time zone of times that name none.")
@click.option("--id", "event_id", help="Column with a unique id  [default: a hash of the row]")
@click.option("--prediction-id", help="feedback: column with the id of the prediction.")
@click.option("--features", metavar="A,B,C", help="Columns that are features.")
@click.option("--prediction", help="Column with the predicted label (or value, of a regression).")
@click.option("--score", help="Column with the probability of the positive class.")
@click.option("--subject", help="Column with the subject (customer, device): experiments count subjects.")
@click.option("--variant", help="Column with the variant of the model, for experiments.")
@click.option("--label", help="Column with the true label or value; beside a prediction it becomes feedback.")
@click.option("--label-time", help="Column with the time when the truth became known.")
@click.option("--map", "mappings", multiple=True, metavar="COLUMN=FIELD", help="Any other field. May be repeated.")
@peer_mappings
@click.option("--vocabulary", "vocabularies", multiple=True, metavar="NAME=FILE", help="Vocabulary of a text feature.")
@click.option("--version", help="model.version of all rows, where no column gives it.")
@file_format
@click.option("--environment", "-e", help="service.environment of all rows  [default: that of the model]")
@click.option(
    "--rejected",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where rejected rows go, as JSON lines  [default: FILE.rejected.jsonl]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
@click.pass_obj
def import_(
    session: Session,
    model: str,
    file: Path,
    kind: Kind,
    timestamp: str,
    timezone: str,
    event_id: str | None,
    prediction_id: str | None,
    features: str | None,
    prediction: str | None,
    score: str | None,
    subject: str | None,
    variant: str | None,
    label: str | None,
    label_time: str | None,
    mappings: tuple[str, ...],
    evidently: Path | None,
    nannyml: Path | None,
    vocabularies: tuple[str, ...],
    version: str | None,
    encoding: str | None,
    delimiter: str | None,
    environment: str | None,
    rejected: Path | None,
    as_json: bool,
) -> int:
    """Load history from CSV, Parquet or JSON lines.

    Columns called features.*, prediction.*, feedback.*, model.* and so on are these fields, prediction.probabilities.*
    and prediction.attributions.* too; others are named by the options. Importing again is safe: rows that are stored
    are counted as duplicates, so an import that was interrupted is finished by running it again. Exit code 1 when rows
    were rejected.
    """
    from driftlog.cli.importing.load import RejectedFile, import_rows
    from driftlog.cli.importing.peers import peer_of
    from driftlog.cli.importing.rows import RowReader
    from driftlog.cli.importing.text import parse_vocabularies
    from driftlog.cli.progress import counting
    from driftlog.cli.times import check_timezone
    from driftlog.intake.arrival import Rules
    from driftlog.profile.files import BadLine, read_table
    from driftlog.store import templates

    check_timezone(timezone)
    unread: list[BadLine] = []
    with session.messages.status(f"Reading {file.name}"):
        frame = read_table(file, encoding=encoding, delimiter=delimiter, bad_lines=unread)
    frame.columns = [str(name) for name in frame.columns]
    peer = peer_of(evidently, nannyml, frame)
    fields = parse_mappings(mappings)
    if peer is not None:
        fields = peer.fields | fields
        timestamp = peer.timestamp or timestamp if timestamp == "@timestamp" else timestamp
        event_id, label = event_id or peer.event_id, label or peer.truth
    with session.store() as store:
        templates.check(store)
        settings = _settings_of(store, session, check_model_name(model))
        columns = choose_columns(
            [str(name) for name in frame.columns],
            kind,
            regression=settings.task == "regression",
            timestamp=timestamp,
            event_id=event_id,
            prediction_id=prediction_id,
            features=features,
            prediction=prediction,
            score=score,
            subject=subject,
            variant=variant,
            truth=label,
            truth_time=label_time,
            mappings=fields,
        )
        reader = RowReader(
            columns,
            kind,
            model=model,
            environment=environment or settings.environment,
            regression=settings.task == "regression",
            timezone=timezone,
            version=version,
            texts=parse_vocabularies(vocabularies, settings.text),
        )
        into = RejectedFile(rejected or Path(f"{file.name}.rejected.jsonl"))
        rules = Rules(session.names, max_age=None, max_features=session.settings.intake.max_features)
        rows = (dict(zip(frame.columns, values, strict=True)) for values in frame.itertuples(index=False, name=None))
        with counting(session.messages, f"Importing {file.name}", len(frame)) as progress:
            report = import_rows(store, rules, reader, rows, into, now=session.now(), unread=unread, progress=progress)
    _print(session, report, into.path, columns.rest, as_json=as_json)
    if peer is not None:
        tell_advice(session, model, peer.advice(settings))
    return exits.FAILED if report.rejected else exits.OK


def _settings_of(store: Store, session: Session, model: str) -> ModelSettings:
    """Settings of the model; it is registered first where nobody has."""
    from driftlog.contract.records import ModelRecord
    from driftlog.store import models

    settings = known_models(store, session.settings).get(model, ModelSettings(name=model))
    record = ModelRecord(name=model, task=settings.task, registered=session.now(), registered_by="import")
    models.register(store, record)
    return settings


def _print(session: Session, report: ImportReport, path: Path, rest: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        counts = {"rows": report.rows, "stored": report.stored, "duplicates": report.duplicates}
        print_json_lines([counts | {"rejected": len(report.rejected)}])
        return
    line = f"{report.rows:,} rows: {report.stored:,} events stored, {report.duplicates:,} were stored before"
    session.console.print(f"{line}, {len(report.rejected):,} rejected", markup=False)
    if rest:
        session.messages.print(f"Columns not imported: {', '.join(rest)}", markup=False)
    if report.rejected:
        where, reason, message = report.rejected[0]
        session.messages.print(f"Rejected rows are in {path}; the first is {where}: {reason}, {message}", markup=False)


def tell_advice(session: Session, model: str, advice: str) -> None:
    """What a peer's mapping says of the model and driftlog.yml does not."""
    if advice:
        session.messages.print(f"The mapping says more of {model}: set {advice} in driftlog.yml.", markup=False)
