"""Labelled data for a training job: outcomes of a window with the features of their predictions, in order of time.

Two passes, so that columns get their types from all rows while memory holds a page: Elasticsearch into a file of rows
beside the target, then that into CSV or Parquet. The same events and labels give the same bytes, whichever way
the shards answer: order is by time, then id.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from driftlog.act.files import PRIVATE_FILE, sha256_of, sync_folder
from driftlog.contract.erasure import ErasureList
from driftlog.contract.errors import UsageError
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.columns import dotted
from driftlog.profile.documents import parse_instant
from driftlog.profile.scope import during, in_environment, instant
from driftlog.store.client import Store
from driftlog.store.erasures import read_list
from driftlog.worker.training_columns import Columns, Kind, Row, writer_of

PAGE: Final = 1000
_OUTCOME: Final = ("@timestamp", "subject.id", "model.version", "model.variant", "outcome")
_PREDICTION: Final = ("@timestamp", "features", "subject.id")

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What was written.

    Attributes
    ----------
    digest
        SHA-256 of the file.
    columns
        Column -> number, boolean, text or time.
    without_prediction
        Labels left out because the prediction is no longer stored.
    erased
        Labels left out because their subject was erased.
    malformed
        Values left empty because their column has another type.
    """

    path: str
    rows: int
    digest: str
    window: Window
    columns: dict[str, Kind]
    without_prediction: int = 0
    erased: int = 0
    malformed: int = 0


def export_training(
    store: Store,
    settings: ModelSettings,
    window: Window,
    path: Path | str,
    *,
    version: str = "",
    erased: ErasureList | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> TrainingData:
    """Write the labelled predictions made in `window` to the CSV or Parquet file `path`, which only its owner reads.

    Parameters
    ----------
    version
        Only predictions of this model version.
    erased
        Subjects whose events may still be there for a while, and are left out; None: those of the erasure list.
    progress
        Called with the outcomes read and their number.

    Raises
    ------
    UsageError
        `path` cannot be written, or is of another kind.
    """
    target = Path(path)
    write = writer_of(target)
    partial = target.with_name(f".{target.stem}.{secrets.token_hex(4)}{target.suffix}")
    rows_file = partial.with_suffix(".rows")
    reading = _Reading(store, settings, erased if erased is not None else read_list(store), Columns())
    try:
        with _private(rows_file) as out:
            count = reading.collect(_query(settings, window, version), out, progress)
        kinds = reading.columns.kinds(numeric_truth=settings.task == "regression")
        _private(partial).close()
        malformed = write(partial, kinds, _read_rows(rows_file))
        digest = sha256_of(partial)
        partial.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}", remedy="choose another path") from error
    finally:
        rows_file.unlink(missing_ok=True)
        partial.unlink(missing_ok=True)
    return TrainingData(str(target), count, digest, window, kinds, reading.lost, reading.left_out, malformed)


def labelled_count(store: Store, settings: ModelSettings, window: Window, *, version: str = "") -> int:
    """How many labelled predictions `window` has."""
    return store.count(store.names.every("outcomes"), _query(settings, window, version))


def newest_label(store: Store, settings: ModelSettings) -> datetime | None:
    """Time of the newest prediction that has a label."""
    body = {
        "query": {"bool": {"filter": [{"term": {"model.name": settings.name}}, *in_environment(settings.environment)]}},
        "size": 1,
        "sort": [{"@timestamp": {"order": "desc", "unmapped_type": "date"}}],
        "_source": ["@timestamp"],
        "track_total_hits": False,
    }
    hits = store.search(store.names.every("outcomes"), body)["hits"]["hits"]
    return parse_instant(hits[0]["_source"]["@timestamp"]) if hits else None


def _query(settings: ModelSettings, window: Window, version: str) -> Document:
    """
    ::

        {"bool": {"filter": [{"term": {"model.name": "churn"}}, {"range": {"@timestamp": {"gte": ..., "lt": ...}}},
                             {"bool": {"should": [{"term": {"service.environment": "production"}}, ...]}}]}}
    """
    filters: list[Document] = [{"term": {"model.name": settings.name}}, during(window)]
    filters += in_environment(settings.environment)
    if version:
        filters.append({"term": {"model.version": version}})
    return {"bool": {"filter": filters}}


@dataclass
class _Reading:
    store: Store
    settings: ModelSettings
    erased: ErasureList
    columns: Columns
    lost: int = 0
    left_out: int = 0

    def collect(self, query: Document, out: IO[bytes], progress: Callable[[int, int], None] | None) -> int:
        """Write every row as a line of JSON; how many."""
        pattern = self.store.names.every("outcomes")
        total = self.store.count(pattern, query)
        encoder, written, read = msgspec.json.Encoder(), 0, 0
        for page in _in_order(self.store.scan(pattern, query, sort=[_BY_TIME], source=list(_OUTCOME), size=PAGE)):
            for row in self._rows(page):
                out.write(encoder.encode(row) + b"\n")
                written += 1
            read += len(page)
            if progress:
                progress(min(read, total), total)
        return written

    def _rows(self, outcomes: Sequence[Document]) -> Iterator[Row]:
        features = self._features(outcomes)
        for source in outcomes:
            outcome = source["outcome"]
            id = outcome.get("prediction_id", "")
            actual = outcome.get("actual")
            if actual is None:
                actual = outcome.get("actual_value")
            if actual is None:
                continue
            found = features.get((id, source["@timestamp"]))
            if found is None:
                self.lost += 1
                continue
            if self._is_erased(id, source, found):
                self.left_out += 1
                continue
            predicted = outcome.get("predicted")
            yield {
                "id": id,
                "time": instant(parse_instant(source["@timestamp"]).astimezone(UTC)),
                "version": source.get("model", {}).get("version"),
                "variant": source.get("model", {}).get("variant"),
                "predicted": predicted if predicted is not None else outcome.get("predicted_value"),
                "score": outcome.get("score"),
                "actual": actual,
                **self.columns.add(dotted(found.get("features") or {})),
            }

    def _is_erased(self, id: str, *sources: Document) -> bool:
        if not self.erased:
            return False
        subjects = {source.get("subject", {}).get("id") or "" for source in sources}
        return any(self.erased.covers(self.settings.name, subject=each, event_ids=[id]) for each in subjects)

    def _features(self, outcomes: Sequence[Document]) -> dict[tuple[str, str], Document]:
        """Stored predictions by id and time, read from the periods that these outcomes are of."""
        times = {source["@timestamp"] for source in outcomes}
        names = sorted({self.store.names.predictions(self.settings.name, parse_instant(time)) for time in times})
        ids = [source["outcome"]["prediction_id"] for source in outcomes if source["outcome"].get("prediction_id")]
        bodies = [
            (",".join(names), _by_ids(ids[start : start + PAGE], len(names))) for start in range(0, len(ids), PAGE)
        ]
        found: dict[tuple[str, str], Document] = {}
        for answer in self.store.msearch(bodies) if bodies else []:
            for hit in answer["hits"]["hits"]:
                found[hit["_id"], _same_time(hit["_source"]["@timestamp"], times)] = hit["_source"]
        return found


_BY_TIME: Final[Document] = {"@timestamp": {"order": "asc", "unmapped_type": "date"}}


def _by_ids(ids: Sequence[str], indices: int) -> Document:
    """Predictions with one of `ids`; an id occurs at most once in an index."""
    return {
        "query": {"constant_score": {"filter": {"ids": {"values": list(ids)}}}},
        "size": min(10_000, len(ids) * indices),
        "_source": list(_PREDICTION),
        "track_total_hits": False,
        "sort": ["_doc"],
    }


def _same_time(text: str, known: set[str]) -> str:
    """`text` as the outcomes write the same instant."""
    if text in known:
        return text
    at = parse_instant(text)
    return next((each for each in known if parse_instant(each) == at), text)


def _in_order(hits: Iterator[Document]) -> Iterator[list[Document]]:
    """Sources in pages; within the same millisecond by exact time and id, and never cut between two pages."""
    page: list[tuple[Any, Document]] = []
    for hit in hits:
        moment = hit["sort"][0]
        if len(page) >= PAGE and page[-1][0] != moment:
            yield _sorted(page)
            page = []
        page.append((moment, hit["_source"]))
    if page:
        yield _sorted(page)


def _sorted(page: list[tuple[Any, Document]]) -> list[Document]:
    return sorted((source for _, source in page), key=_time_and_id)


def _time_and_id(source: Document) -> tuple[datetime, str]:
    return parse_instant(source["@timestamp"]), source["outcome"].get("prediction_id", "")


def _private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE), "wb")


def _read_rows(path: Path) -> Iterator[Row]:
    decoder = msgspec.json.Decoder(dict[str, Any])
    with path.open("rb") as file:
        for line in file:
            yield decoder.decode(line)
