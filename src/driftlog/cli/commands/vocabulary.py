"""``driftlog vocabulary``."""

from __future__ import annotations

from pathlib import Path

import click

from driftlog.cli.base import Command
from driftlog.cli.session import Session
from driftlog.contract.errors import UsageError


@click.command(
    cls=Command,
    examples=[
        "driftlog vocabulary training.csv --feature comment --out comment.tokens",
        "driftlog vocabulary tickets.parquet --feature body --out body.tokens",
    ],
)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--feature", required=True, help="Column with the texts.")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@click.pass_obj
def vocabulary(session: Session, file: Path, feature: str, out: Path) -> None:
    """Write the tokens of a text column, so that the share of unseen tokens can be watched.

    Give the file to the serving app, PredictionLogger(text={"comment": "comment.tokens"}), and to `driftlog import
    --vocabulary comment=comment.tokens`; name the feature in the settings of the model, text: [comment].
    """
    from driftlog.contract.text import MAX_TOKENS, build_vocabulary, save_vocabulary
    from driftlog.profile.files import read_table

    with session.messages.status(f"Reading {file.name}"):
        frame = read_table(file)
    column = next((name for name in (feature, f"features.{feature}") if name in frame), None)
    if column is None:
        raise UsageError(
            f"--feature: {file.name} has no column {feature}", remedy=f"use one of {', '.join(map(str, frame.columns))}"
        )
    found = build_vocabulary(value for value in frame[column] if isinstance(value, str))
    if not found:
        raise UsageError(f"--feature: column {column} of {file.name} holds no text", remedy="name a column with texts")
    try:
        save_vocabulary(found, out)
    except OSError as error:
        raise UsageError(f"--out: {out} cannot be written: {error.strerror}", remedy="name another file") from error
    full = " (the most frequent ones)" if len(found) == MAX_TOKENS else ""
    session.console.print(f"{out}: {len(found):,} tokens{full} of {len(frame):,} rows", markup=False)
