"""``driftlog reference``: what current windows are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from driftlog.cli.base import Group
from driftlog.cli.known import choose_model
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import TimeType, as_json, file_format, optional_model, peer_mappings, required_model
from driftlog.cli.session import Session
from driftlog.contract.errors import UsageError
from driftlog.contract.profile import Reference

if TYPE_CHECKING:
    import pandas as pd

    from driftlog.contract.binning import Binning
    from driftlog.contract.settings import ModelSettings


@click.group(
    cls=Group,
    examples=[
        "driftlog reference set churn --file training.parquet",
        "driftlog reference list",
        "driftlog reference show churn",
    ],
)
def reference() -> None:
    """Set and look at references."""


@reference.command(
    "set",
    examples=[
        "driftlog reference set churn --file training.parquet --timestamp created_at",
        "driftlog reference set churn --file history.csv --timestamp created --features age --score p --label left",
        "driftlog reference set churn --from 2026-01-01 --to 2026-03-01",
        "driftlog reference set churn --from-estimator model.skops --data training.csv --label churned",
        "driftlog reference set churn --from-estimator train:pipeline --data training.parquet --label churned",
    ],
)
@required_model
@click.option(
    "--file",
    "--data",
    "path",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV, Parquet or JSONL with columns features.*, prediction.*, outcome.* (or see --map).",
)
@click.option(
    "--from-estimator",
    "estimator",
    metavar="FILE|MODULE:NAME",
    help="Let this scikit-learn estimator predict the file's rows: model.skops, model.joblib or module:name. The last "
    "two run the code in them: for files of your own only.",
)
@click.option("--trust", "trusted", multiple=True, metavar="TYPE", help="A type that a skops file may hold.")
@click.option(
    "--from-whylogs",
    "whylogs",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Or a whylogs profile, written with to_pandas().to_csv(FILE).",
)
@peer_mappings
@click.option("--from", "start", type=TimeType(), help="Or a window of what was logged: from here ...")
@click.option("--to", "end", type=TimeType(), help="... to here.")
@click.option("--timestamp", default="@timestamp", show_default=True, help="Column of the file with the time.")
@click.option("--features", metavar="A,B,C", help="Columns that are features  [default: all that are nothing else]")
@click.option("--prediction", help="Column with the predicted label (or value, of a regression).")
@click.option("--score", help="Column with the probability of the positive class.")
@click.option("--label", help="Column with the true label or value.")
@click.option("--map", "mappings", multiple=True, metavar="COLUMN=FIELD", help="Read COLUMN as FIELD. May be repeated.")
@file_format
@click.option("--vocabulary", "vocabularies", multiple=True, metavar="NAME=FILE", help="Vocabulary of a text feature.")
@click.option("--no-activate", is_flag=True, help="Store it, and go on comparing with the present one.")
@click.pass_obj
def set_(
    session: Session,
    model: str,
    path: Path | None,
    estimator: str | None,
    trusted: tuple[str, ...],
    whylogs: Path | None,
    evidently: Path | None,
    nannyml: Path | None,
    start: datetime | None,
    end: datetime | None,
    timestamp: str,
    features: str | None,
    prediction: str | None,
    score: str | None,
    label: str | None,
    mappings: tuple[str, ...],
    encoding: str | None,
    delimiter: str | None,
    vocabularies: tuple[str, ...],
    no_activate: bool,
) -> None:
    """Make a reference of MODEL from a file, from a past window, or from a whylogs profile."""
    from driftlog.cli.commands.imports import tell_advice
    from driftlog.cli.importing.columns import parse_mappings
    from driftlog.cli.importing.estimator import estimator_columns, load_estimator
    from driftlog.cli.importing.peers import peer_of, reference_rows
    from driftlog.cli.importing.text import parse_vocabularies, with_text_columns
    from driftlog.contract.window import Window
    from driftlog.evaluate.drift.registry import check_names
    from driftlog.profile.files import read_table
    from driftlog.profile.outcomes import join_feedback
    from driftlog.profile.reference import active, reference_from_frame, reference_from_window
    from driftlog.store import templates
    from driftlog.worker.cycle import BEGINNING
    from driftlog.worker.references import set_reference

    if estimator is not None and (path is None or score or prediction):
        raise UsageError(
            "an estimator predicts the rows of a file by itself", remedy="give --data FILE, no --score or --prediction"
        )
    if sum(each is not None for each in (path, start, whylogs)) != 1 or (start is None) != (end is None):
        raise UsageError(
            "a reference comes from --file, or from --from and --to, or from --from-whylogs", remedy="give one of them"
        )
    if start is not None and end is not None and start >= end:
        raise UsageError("--from is not before --to", remedy="exchange the two")
    with session.store() as store:
        templates.check(store)
        settings = choose_model(store, session.settings, model)
        check_names(settings)
        created = session.now()
        with session.messages.status("Counting"):
            if path is not None or whylogs is not None:
                named = {"timestamp": timestamp, "features": features, "prediction": prediction}
                columns = named | {"score": score, "truth": label, "mappings": parse_mappings(mappings)}
                if whylogs is not None:
                    binning, made = _from_whylogs(whylogs, settings, created, columns)
                elif path is not None:
                    frame = read_table(path, encoding=encoding, delimiter=delimiter)
                    frame.columns = [str(name) for name in frame.columns]
                    peer = peer_of(evidently, nannyml, frame)
                    origin = f"file {path.name}"
                    if estimator is not None:
                        loaded = load_estimator(estimator, trusted)
                        frame = estimator_columns(loaded, frame, settings, timestamp=timestamp, truth=label)
                        origin += f", predicted by {estimator}"
                    elif peer is not None:
                        tell_advice(session, model, peer.advice(settings))
                        frame = reference_rows(peer, frame, regression=settings.task == "regression")
                    else:
                        frame = _in_fields(frame, settings, columns)
                    texts = parse_vocabularies(vocabularies, settings.text)
                    frame = with_text_columns(frame, texts, leave_one_out=True)
                    binning, made = reference_from_frame(frame, settings, origin=origin, created=created)
            elif start is not None and end is not None:
                if no_activate:  # outcomes name the segments of the active bins
                    present = active(store, settings.name, settings.environment)
                    binning_now = present[0] if present is not None else None
                    join_feedback(store, settings, since=BEGINNING, as_of=created, binning=binning_now)
                binning, made = reference_from_window(
                    store,
                    settings,
                    Window(start, end),
                    created=created,
                    join_as_of=None if no_activate else created,
                )
            set_reference(
                store,
                settings,
                binning,
                made,
                session.recorder(store),
                actor=session.actor,
                created=created,
                activate=not no_activate,
            )
    session.console.print(
        f"Reference {made.id} of {model}: {made.n:,} rows, {len(binning.fields)} fields, {len(made.chunks)} chunks"
        + ("" if no_activate else ", active now"),
        markup=False,
    )
    if not made.outcomes:
        session.messages.print(
            "It has no truth: performance is not compared with it, and not estimated from it. "
            + (
                "Name the column: --label COLUMN."
                if path is not None
                else ""
                if whylogs is not None
                else "Import the truth first, and set it again."
            ),
            markup=False,
        )


def _in_fields(frame: pd.DataFrame, settings: ModelSettings, columns: Mapping[str, Any]) -> pd.DataFrame:
    """The table with its columns named as fields, by the options."""
    from driftlog.cli.importing.columns import reference_columns

    found = reference_columns(list(frame.columns), regression=settings.task == "regression", **columns)
    return frame[list(found)].rename(columns=found)


def _from_whylogs(
    path: Path, settings: ModelSettings, created: datetime, columns: Mapping[str, Any]
) -> tuple[Binning, Reference]:
    """A reference with the distributions of a profile, and without rows, segments or time: it has none."""
    import msgspec

    from driftlog.cli.importing.whylogs import read_profile
    from driftlog.profile.reference import reference_from_frame
    from driftlog.profile.reference_frame import with_id

    frame, counted = read_profile(path)
    whole = msgspec.structs.replace(settings, segments=())
    origin = f"whylogs profile {path.name} of {counted:,} rows"
    binning, made = reference_from_frame(_in_fields(frame, settings, columns), whole, origin=origin, created=created)
    return binning, with_id(replace(made, sample={}, rows=None, segments={}), binning)


@reference.command("list", examples=["driftlog reference list", "driftlog reference list churn --json"])
@optional_model
@as_json
@click.pass_obj
def list_references(session: Session, model: str | None, as_json: bool) -> None:
    """List the references, of MODEL or of all models."""
    from driftlog.present.tables import references_table
    from driftlog.profile.reference import list_references as find

    with session.store() as store:
        found = find(store, choose_model(store, session.settings, model).name if model is not None else None)
    if as_json:
        print_json_lines(found)
    else:
        session.console.print(references_table(found))


@reference.command(examples=["driftlog reference show churn", "driftlog reference show churn --json"])
@required_model
@click.option("--environment", "-e", help="Environment  [default: that of the settings]")
@as_json
@click.pass_obj
def show(session: Session, model: str, environment: str | None, as_json: bool) -> None:
    """Show the active reference of MODEL, field by field."""
    from driftlog.contract.errors import ReferenceUnusable
    from driftlog.present.reference_summary import summarise_reference
    from driftlog.present.tables import reference_table
    from driftlog.profile.reference import active

    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        pair = active(store, settings.name, environment or settings.environment)
    if pair is None:
        raise ReferenceUnusable(
            f"{model} has no reference in {environment or settings.environment}",
            remedy=f"driftlog reference set {model} --file training.parquet",
        )
    lines = summarise_reference(*pair)
    if as_json:
        print_json_lines(lines)
    else:
        session.console.print(reference_table(pair[1], lines))
