"""Whether a user's index can be read as its mapping says: types, how many have a field, values that do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

from driftlog.contract.errors import ConfigError, DriftlogError, StoreError
from driftlog.contract.records import Finding
from driftlog.contract.settings import ModelSettings
from driftlog.contract.source import EVENT_ID, INGESTED, KINDS, OUTCOME, TIMESTAMP, FieldSource
from driftlog.store.mapped import MappedStore
from driftlog.store.mapped_answer import flattened
from driftlog.store.mapped_fields import Found, SourceFields
from driftlog.store.mapped_query import QueryWriter

SAMPLE: Final = 200
SHOWN: Final = 40

Body = dict[str, Any]
Status = Literal["ok", "warning", "problem"]


def check_source(store: MappedStore, settings: ModelSettings, now: datetime) -> list[Finding]:
    """Findings about the index, its times and each mapped field, over the newest window that has predictions."""
    try:
        fields = store.fields_of(settings.name, fresh=True)
        fields.find(TIMESTAMP)
        newest = _newest(store, settings)
    except DriftlogError as error:
        return [Finding("index", "problem", error.message, error.remedy)]
    if newest is None:
        return [_nothing(store, settings)]
    lines, broken = _usable(fields)
    since = newest - settings.window
    filters = [{"range": {TIMESTAMP: {"gte": since.isoformat(), "lte": newest.isoformat()}}}]
    body = {"size": SAMPLE, "track_total_hits": True, "query": {"bool": {"filter": filters}}, "sort": [_NEWEST]}
    body["aggs"] = {f"f{i}": {"filter": {"exists": {"field": line.name}}} for i, line in enumerate(lines)}
    try:
        answer = store.search(store.names.all_predictions(settings.name), body)
    except StoreError as error:
        return [*broken, Finding("index", "problem", error.message, error.remedy)]
    n = answer["hits"]["total"]["value"]
    events = [flattened(hit["_source"]) for hit in answer["hits"]["hits"]]
    findings = [_index(settings, n, newest, now), _arrival(settings, fields), _identity(fields)]
    for i, line in enumerate(lines):
        held = answer["aggregations"][f"f{i}"]["doc_count"]
        values = [event[line.name] for event in events if line.name in event]
        findings.append(_field(line, fields.find(line.name), held, n, values))
    return [*findings, *broken]


_NEWEST: Final[Body] = {TIMESTAMP: {"order": "desc"}}


def _newest(store: MappedStore, settings: ModelSettings) -> datetime | None:
    """Time of the newest prediction that is there."""
    body = {"size": 1, "sort": [_NEWEST], "_source": False, "docvalue_fields": [{"field": TIMESTAMP, "format": _ISO}]}
    hits = store.search(store.names.all_predictions(settings.name), body)["hits"]["hits"]
    return datetime.fromisoformat(hits[0]["fields"][TIMESTAMP][0]) if hits and hits[0].get("fields") else None


def _nothing(store: MappedStore, settings: ModelSettings) -> Finding:
    """Why no prediction is there: no index, no document, or none that the query finds."""
    source = settings.source
    n = store.count(source.index)
    if n and source.query:
        remedy = "a query compares words with keyword fields: write route.keyword where route is text"
        return Finding("index", "problem", f"none of the {n:,} documents of {source.index} fits source.query", remedy)
    text = f"none of the {n:,} documents of {source.index} has a time" if n else f"{source.index} has no documents"
    return Finding(
        "index", "problem", text, "compare source.index and the field of @timestamp with a document of yours"
    )


_ISO: Final = "strict_date_optional_time"


def _usable(fields: SourceFields) -> tuple[list[FieldSource], list[Finding]]:
    """Lines of the mapping that lead to a value, and findings about the others."""
    lines, broken = [], []
    for line in fields.mapped():
        try:
            fields.find(line.name)
            if line.name == OUTCOME:
                QueryWriter(fields).query({"term": {OUTCOME: "failure"}})  # whether its failures can be searched for
        except ConfigError as error:
            broken.append(Finding(line.name, "problem", error.message, error.remedy))
        else:
            lines.append(line)
    return lines, broken


def _index(settings: ModelSettings, n: int, newest: datetime, now: datetime) -> Finding:
    span = f"{n:,} predictions in the last window, the newest at {newest.isoformat(timespec='seconds')}"
    if newest > now:
        remedy = "times without a zone count as UTC: write the zone, or UTC, where the events are made"
        return Finding("index", "problem", f"{settings.source.index}: {span}, which is in the future", remedy)
    return Finding("index", "ok", f"{settings.source.index}: {span}")


def _arrival(settings: ModelSettings, fields: SourceFields) -> Finding:
    if fields.has_ingested:
        return Finding("arrival", "ok", f"new documents are found by {fields.find(INGESTED).path}")
    late = settings.source.late
    text = f"no time of arrival: what comes more than {late} after its time stamp is found once a night"
    return Finding("arrival", "warning", text, "map event.ingested, or set a longer source.late")


def _identity(fields: SourceFields) -> Finding:
    found = fields.find(EVENT_ID)
    where = found.path or "_id"
    return Finding("identity", "ok", f"feedback names a prediction by its {where}")


def _field(line: FieldSource, found: Found, held: int, n: int, values: Sequence[Any]) -> Finding:
    """What one line of the mapping leads to."""
    stored = " and ".join(found.stored) or "not in the mapping"
    text = f"{line.path} ({stored}), read as {found.kind}: {held:,} of {n:,} have it"
    if values:
        text += f", such as {_shown(values[0])}"
    status, remedy = _judged(line, found, held, n, values)
    return Finding(line.name, status, text, remedy)


def _judged(line: FieldSource, found: Found, held: int, n: int, values: Sequence[Any]) -> tuple[Status, str]:
    lists = [value for value in values if isinstance(value, (list, dict))]
    if lists:
        return "problem", f"{len(lists)} of {len(values)} hold a list, such as {_shown(lists[0])}: map one value each"
    words = [value for value in values if found.kind == "number" and isinstance(value, str)]
    if words:
        return (
            "problem",
            f"{len(words)} of {len(values)} are no number, such as {_shown(words[0])}: they count as missing",
        )
    if not held:
        status: Status = "problem" if line.name in KINDS else "warning"
        return status, "compare the name with one document of yours; a name is case-sensitive"
    texts = [value for value in values if isinstance(value, str)]
    if line.type == "auto" and line.name not in KINDS and texts and all(map(_is_number, texts)):
        return "warning", f"looks like a number and counts as words: {line.name}: {{path: {line.path}, type: number}}"
    if found.runtime:
        return "warning", "read from the documents, which is slower: store it as the type it is read as"
    if held < n / 2 and line.name not in ("error.type", "error.message"):
        return "warning", "fewer than half have it; is the query of the source too wide?"
    return "ok", ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."
