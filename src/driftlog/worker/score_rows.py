"""Scoring rows with a version by the user's own command, and reading back what it answered.

The command gets a CSV file with ``id`` and the features, and writes one with ``id`` and any of ``score`` (probability
of the positive class), ``label``, ``value`` (regression) and ``probability:<class>``. Every id has to be answered
exactly once; order does not matter.
"""

from __future__ import annotations

import csv
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from driftlog.act.filling import bare_environment, fill_all, hide
from driftlog.act.processes import run_bounded
from driftlog.act.versions.registry import FetchingRegistry, build_registry
from driftlog.contract.errors import ActionFailed
from driftlog.contract.maintaining import ExecutorSettings, MaintainSettings
from driftlog.contract.maintenance import ModelVersion, Scorer

ID: Final = "id"
ANSWERS: Final = ("score", "label", "value")
PROBABILITY: Final = "probability:"
_SHOWN: Final = 5
_SHOWN_CHARS: Final = 1000
_REMEDY: Final = "the score command has to answer every row it was given once: see docs/versions.md"


def build_scorer(
    settings: MaintainSettings,
    folder: Path,
    *,
    registry: FetchingRegistry | None = None,
    environ: Mapping[str, str] | None = None,
) -> Scorer:
    """What scores rows with any version of the registry by ``executor.score``."""
    given = os.environ if environ is None else environ
    versions = registry if registry is not None else build_registry(settings, folder, environ=given)

    def score(version: ModelVersion, rows: str, answers: str) -> None:
        files = str(versions.fetch(version, folder / "fetched"))
        score_rows(settings.executor, version, rows, answers, files=files, environ=given)

    return score


def score_rows(
    settings: ExecutorSettings,
    version: ModelVersion,
    input_csv: Path | str,
    output_csv: Path | str,
    *,
    files: str = "",
    environ: Mapping[str, str] | None = None,
) -> int:
    """Run ``settings.score`` on `input_csv`; `output_csv` becomes its checked answer. How many rows.

    ``{input} {output} {model} {version} {uri} {files}`` are filled in; `files` is the folder with the version's files
    (empty: its uri).

    Raises
    ------
    ActionFailed
        No command is set, it fails or takes longer than the time limit, or its answer is not one row for each id with
        finite numbers.
    """
    if not settings.score:
        raise ActionFailed(
            "nothing is set that could score rows with a version",
            remedy="write executor.score: [python, score.py, --model, '{files}', --in, '{input}', --out, '{output}']",
        )
    wanted = _ids_of(Path(input_csv))
    given = os.environ if environ is None else environ
    target = Path(output_csv)
    with tempfile.TemporaryDirectory(prefix=".scoring-", dir=target.parent) as scratch:
        answer = Path(scratch) / "answer.csv"
        values = {
            "input": str(input_csv),
            "output": str(answer),
            "model": version.model,
            "version": version.version,
            "uri": version.uri,
            "files": files or version.uri,
        }
        _run(settings, fill_all(settings.score, values), given)
        _check(answer, wanted)
        answer.replace(target)
    return len(wanted)


def _run(settings: ExecutorSettings, arguments: list[str], environ: Mapping[str, str]) -> None:
    limit_s = settings.time_limit.total_seconds()
    done = run_bounded(
        arguments,
        environ=bare_environment(settings.environment, environ),
        folder=settings.working_folder or None,
        time_limit_s=limit_s,
    )
    if not done.timed_out and done.exit_code == 0:
        return
    said = hide(done.output.strip(), settings.environment, environ)[-_SHOWN_CHARS:]
    how = f"was not done after {limit_s:g} s" if done.timed_out else f"ended with exit code {done.exit_code}"
    raise ActionFailed(f"the score command {how}{f'; it last said: {said}' if said else ''}", remedy=_REMEDY)


def _ids_of(path: Path) -> set[str]:
    """Ids of the rows to score.

    Raises
    ------
    ActionFailed
        The file has no ids, one twice, or the truth among its columns.
    """
    ids: set[str] = set()
    for row in _rows(path):
        if "actual" in row:
            raise ActionFailed(
                f"{path} has a column actual", remedy="a candidate must not see the truth it is judged by"
            )
        if row[ID] in ids:
            raise ActionFailed(f"{path} has the id {row[ID]!r:.80} twice", remedy="ids have to be unique")
        ids.add(row[ID])
    return ids


def _check(answer: Path, wanted: set[str]) -> None:
    if not answer.is_file() or answer.is_symlink():
        raise ActionFailed("the score command wrote no answer to {output}", remedy=_REMEDY)
    open_ids = set(wanted)
    for number, row in enumerate(_rows(answer), 2):
        _check_answers(row, number)
        id = row[ID]
        if id in open_ids:
            open_ids.remove(id)
        else:
            what = "twice" if id in wanted else "and was not asked for it"
            raise ActionFailed(f"the score command answered {id!r:.80} {what} (line {number})", remedy=_REMEDY)
    if open_ids:
        raise ActionFailed(
            f"the score command left out {len(open_ids):,} of {len(wanted):,} rows: {_some(open_ids)}", remedy=_REMEDY
        )


def _check_answers(row: Mapping[str, str], number: int) -> None:
    columns = [name for name in row if name in ANSWERS or name.startswith(PROBABILITY)]
    if not columns:
        raise ActionFailed(
            f"the score command's answer has none of the columns {', '.join(ANSWERS)}, {PROBABILITY}<class>",
            remedy=_REMEDY,
        )
    for name in columns:
        text = row[name]
        if (name != "label" and not _is_finite(text)) or not text:
            raise ActionFailed(
                f"the score command answered {text!r:.40} as {name} of {row[ID]!r:.80} (line {number})",
                remedy="every answer has to be there, and numbers have to be finite",
            )


def _is_finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """Rows of a CSV file with a column id; every row has every cell."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            names = reader.fieldnames or []
            if ID not in names or len(set(names)) != len(names):
                raise ActionFailed(f"{path.name} has no column {ID}, or one twice", remedy=_REMEDY)
            for row in reader:
                if None in row or None in row.values():
                    raise ActionFailed(
                        f"line {reader.line_num} of {path.name} does not have {len(names)} cells", remedy=_REMEDY
                    )
                yield row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ActionFailed(f"{path.name} is no CSV file in UTF-8: {error}", remedy=_REMEDY) from error


def _some(ids: Iterable[str]) -> str:
    shown = sorted(ids)[: _SHOWN + 1]
    return ", ".join(id[:40] for id in shown[:_SHOWN]) + (", ..." if len(shown) > _SHOWN else "")
