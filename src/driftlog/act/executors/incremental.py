"""``python -m driftlog.act.executors.incremental``: feeds new labels to an adaptive model, each exactly once.

The model is whatever the user's ``--load module:function`` returns and ``--save module:function`` writes, in a process
of its own; driftlog itself never unpickles anything.

::

    load(folder: str) -> model      from the files of a version; folder is "" where there is none yet
    save(model, folder: str)        into a folder that exists and is empty
    model.partial_fit(rows: list[dict[str, float | bool | str | None]], labels: list[str | float])

Rows come in the order of event time, in batches. After each ``--checkpoint`` batches the model is saved beside the
list of the rows it has learned, as one folder that appears whole. A run that is killed goes on from the newest such
folder, so no row is fed twice to the model that comes out, and none is left out. The list stays with the version: the
next run skips those rows, also where its window overlaps, and feeds labels that came late.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from driftlog.act.files import private_folder, sha256_of, sync_folder, write_atomically
from driftlog.contract.errors import ActionFailed, DriftlogError

LEARNED: Final = "driftlog-learned.txt"
"""File that knows which rows a version has learned: a digest of each id, one a line."""
PROGRESS: Final = "progress.json"
MODEL: Final = "model"
_REMEDY: Final = "give a file of driftlog export-training"
_FIXED: Final = ("id", "time", "version", "variant", "predicted", "score", "actual")


class Adaptive(Protocol):
    """A model that learns from batches."""

    def partial_fit(self, rows: list[dict[str, Any]], labels: list[Any]) -> Any: ...


Load = Callable[[str], Adaptive]
Save = Callable[[Adaptive, str], None]


def feed(
    data: Path,
    output: Path,
    *,
    load: Load,
    save: Save,
    base: str = "",
    batch: int = 500,
    checkpoint: int = 20,
    numeric: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> int:
    """Feed the labelled rows of `data` to the model and save it into `output`; how many rows were new.

    Parameters
    ----------
    data
        A .csv or .parquet file of `driftlog export-training`.
    output
        Folder for the version's files; checkpoints are kept beside it, in ``<output>.progress``, until it is done.
    base
        Folder with the files of the version to go on from.
    batch, checkpoint
        Rows of one ``partial_fit``, and batches from one checkpoint to the next.
    numeric
        Labels are numbers (regression), not text.

    Raises
    ------
    ActionFailed
        The data is no export, or is another one than before the crash.
    """
    work = private_folder(output.with_name(f"{output.name}.progress"))
    if (output / LEARNED).exists():
        say("it is done already")
        shutil.rmtree(work, ignore_errors=True)
        return 0
    state = _resume(work, data)
    folder = work / state["folder"] if state["folder"] else None
    start = str(folder / MODEL) if folder else base
    model = load(start)
    known = _learned(folder) if folder else _learned(Path(base)) if base else []
    seen, fed = set(known), int(state["fed"])
    say(f"{len(seen):,} rows are learned already")
    new: list[str] = []
    for number, (ids, rows, labels) in enumerate(_batches(data, seen, batch, numeric=numeric), 1):
        model.partial_fit(rows, labels)
        new += ids
        if number % checkpoint == 0:
            fed += len(new)
            state = _keep(work, state, model, save, [*known, *new], fed)
            known, new = [*known, *new], []
            say(f"{fed:,} rows")
    fed += len(new)
    state = _keep(work, state, model, save, [*known, *new], fed)
    _finish(work / state["folder"], output)
    shutil.rmtree(work, ignore_errors=True)
    say(f"{fed:,} rows were new")
    return fed


def _resume(work: Path, data: Path) -> dict[str, Any]:
    """Where an earlier attempt was; its data must be the same, or rows would be mixed up."""
    digest = sha256_of(data)
    try:
        state: dict[str, Any] = json.loads((work / PROGRESS).read_bytes())
    except FileNotFoundError:
        return {"data": digest, "folder": "", "fed": 0, "number": 0}
    except ValueError as error:
        raise ActionFailed(f"{work / PROGRESS} is damaged", remedy=f"remove {work} to begin again") from error
    if state["data"] != digest:
        raise ActionFailed(f"{data} is not the data that {work} was begun with", remedy=f"remove {work} to begin again")
    return state


def _keep(
    work: Path, state: dict[str, Any], model: Adaptive, save: Save, learned: Sequence[str], fed: int
) -> dict[str, Any]:
    """Save the model with what it has learned under a new name; then, at once, the pointer to it."""
    number = int(state["number"]) + 1
    folder = work / f"{number}"
    shutil.rmtree(folder, ignore_errors=True)  # what a crash left half written
    private_folder(folder / MODEL)
    save(model, str(folder / MODEL))
    write_atomically(folder / LEARNED, "".join(f"{id}\n" for id in learned).encode())
    after = state | {"folder": folder.name, "fed": fed, "number": number}
    write_atomically(work / PROGRESS, json.dumps(after).encode())
    if state["folder"]:
        shutil.rmtree(work / state["folder"], ignore_errors=True)
    return after


def _finish(kept: Path, output: Path) -> None:
    """The model's files into `output`; the list of ids last, so that its presence says that all is there."""
    private_folder(output)
    for path in sorted((kept / MODEL).iterdir()):
        target = output / path.name
        if target.is_dir():
            shutil.rmtree(target)
        (shutil.copytree if path.is_dir() else shutil.copy2)(path, target)
    write_atomically(output / LEARNED, (kept / LEARNED).read_bytes())
    sync_folder(output)


def _learned(folder: Path) -> list[str]:
    """Digests of ids in the order they were learned."""
    try:
        with (folder / LEARNED).open(encoding="utf-8") as file:
            return file.read().split()
    except FileNotFoundError:
        return []


def _batches(
    data: Path, seen: set[str], size: int, *, numeric: bool
) -> Iterator[tuple[list[str], list[dict[str, Any]], list[Any]]]:
    ids: list[str] = []
    rows: list[dict[str, Any]] = []
    labels: list[Any] = []
    for row in _rows(data):
        id = _known_as(row["id"])
        if id in seen:
            continue
        seen.add(id)
        ids.append(id)
        labels.append(float(row["actual"]) if numeric else str(row["actual"]))
        rows.append({name: value for name, value in row.items() if name not in _FIXED})
        if len(ids) == size:
            yield ids, rows, labels
            ids, rows, labels = [], [], []
    if ids:
        yield ids, rows, labels


def _rows(data: Path) -> Iterator[dict[str, Any]]:
    """Rows of an export, in its order; a CSV file is held in memory, as columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if data.suffix == ".parquet":
            file = pq.ParquetFile(data)
            names, batches = file.schema_arrow.names, file.iter_batches(10_000)
        else:
            table = _read_csv(data)
            names, batches = table.column_names, iter(table.to_batches(10_000))
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        raise ActionFailed(f"{data} cannot be read: {error}", remedy=_REMEDY) from error
    if "id" not in names or "actual" not in names:
        raise ActionFailed(f"{data} has no columns id and actual", remedy=_REMEDY)
    for batch in batches:
        yield from batch.to_pylist()


def _read_csv(data: Path) -> Any:
    """A table of numbers, booleans and text: exports write numbers with a point, so whole ones and times are text."""
    import pyarrow as pa
    import pyarrow.csv as pc

    def read(texts: Sequence[str]) -> Any:
        types = dict.fromkeys((*_FIXED, *texts), pa.string())
        return pc.read_csv(data, convert_options=pc.ConvertOptions(column_types=types, strings_can_be_null=True))

    table = read(())
    kept = (pa.float64(), pa.bool_(), pa.string())
    texts = [field.name for field in table.schema if field.type not in kept]
    return read(texts) if texts else table


def _known_as(id: str) -> str:
    """What the list of learned rows has of an id: not the id, which may be somebody's."""
    return hashlib.blake2b(id.encode(), digest_size=16).hexdigest()


def named(reference: str) -> Any:
    """The object that ``module:name`` names.

    Raises
    ------
    ActionFailed
        There is none.

    >>> named("json:dumps")({})
    '{}'
    """
    module, _, name = reference.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ActionFailed(
            f"{reference!r} cannot be imported: {error}",
            remedy="write module:function, and the module's folder as executor.working_folder",
        ) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 where the model was saved."""
    parser = argparse.ArgumentParser(prog="python -m driftlog.act.executors.incremental", description=__doc__)
    parser.add_argument("--load", required=True, help="module:function that makes the model")
    parser.add_argument("--save", required=True, help="module:function that writes it")
    parser.add_argument("--data", required=True, type=Path, help="a file of driftlog export-training")
    parser.add_argument("--output", required=True, type=Path, help="folder for the version's files")
    parser.add_argument("--base", default="", help="folder of the version to go on from")
    parser.add_argument("--batch", type=int, default=500, help="rows of one partial_fit")
    parser.add_argument("--checkpoint", type=int, default=20, help="batches from one checkpoint to the next")
    parser.add_argument("--labels", choices=["text", "number"], default="text", help="classes, or values (regression)")
    given = parser.parse_args(arguments)
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - where the user's module is
    try:
        feed(
            given.data,
            given.output,
            load=named(given.load),
            save=named(given.save),
            base=given.base,
            batch=max(1, given.batch),
            checkpoint=max(1, given.checkpoint),
            numeric=given.labels == "number",
            say=lambda text: print(text, flush=True),  # noqa: T201 - into the log of the run
        )
    except DriftlogError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
