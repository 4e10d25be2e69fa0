"""A store in memory with the verbs that the audit trail uses, its refresh lag, and ways to break it.

Reads by id see what was written, searches see what was refreshed. `before` and `after` are called around every verb
and may raise: before it the write has not happened, after it the write has and its answer is lost.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from fnmatch import fnmatch
from typing import Any

from driftlog.contract.errors import StoreConflict
from driftlog.contract.names import IndexNames
from driftlog.store.values import BulkAction, BulkReport, Document, Hit


def nothing(verb: str) -> None:
    return None


class MemoryStore:
    """Documents by index and id."""

    def __init__(self, prefix: str = "driftlog", shared: MemoryStore | None = None) -> None:
        self.names = IndexNames(prefix)
        self.written: dict[str, dict[str, tuple[int, Document]]] = shared.written if shared else {}
        self.visible: dict[str, dict[str, tuple[int, Document]]] = shared.visible if shared else {}
        self.lock: Any = shared.lock if shared else threading.RLock()
        self.before: Callable[[str], None] = nothing
        self.after: Callable[[str], None] = nothing
        self.always_fresh = shared.always_fresh if shared else False
        self.copies = True
        """Whether readers get copies: not needed where they change nothing."""

    def reads_elsewhere(self, model: str) -> bool:
        return False

    def _copied(self, value: Any) -> Any:
        return copy.deepcopy(value) if self.copies else value

    def _verb(self, name: str, work: Callable[[], Any]) -> Any:
        self.before(name)
        with self.lock:
            result = work()
        self.after(name)
        return result

    def create(self, index: str, id: str, document: Any, *, refresh: Any = False) -> bool:
        return bool(self._verb("create", lambda: self._create(index, id, document, refresh)))

    def _create(self, index: str, id: str, document: Any, refresh: Any = False) -> bool:
        if id in self.written.setdefault(index, {}):
            return False
        self.written[index][id] = (0, json.loads(json.dumps(document)))
        if refresh:
            self._refresh(index)
        return True

    def put(self, index: str, id: str, document: Any, **conditions: Any) -> Hit:
        return self._verb("put", lambda: self._put(index, id, document, **conditions))  # type: ignore[no-any-return]

    def _put(
        self, index: str, id: str, document: Any, *, if_seq_no: int | None = None, refresh: Any = False, **_: Any
    ) -> Hit:
        number, _old = self.written.setdefault(index, {}).get(id, (-1, {}))
        if if_seq_no is not None and number != if_seq_no:
            raise StoreConflict("somebody else wrote first")
        self.written[index][id] = (number + 1, json.loads(json.dumps(document)))
        if refresh:
            self._refresh(index)
        return Hit(id, document, number + 1, 1, 1, index)

    def delete(self, index: str, id: str, **conditions: Any) -> bool:
        return bool(self._verb("delete", lambda: self.written.get(index, {}).pop(id, None) is not None))

    def bulk(self, actions: Iterable[BulkAction], *, refresh: Any = False) -> BulkReport:
        """Each action is a verb of its own: a crash can come between two."""
        stored = conflicts = 0
        for action in actions:

            def work(action: BulkAction = action) -> bool:
                if action.op == "create":
                    return self._create(action.index, action.id, action.document)
                if action.op == "delete":
                    self.written.get(action.index, {}).pop(action.id, None)
                else:
                    self._put(action.index, action.id, action.document)
                return True

            done = self._verb("bulk", work)
            stored, conflicts = stored + done, conflicts + (not done)
        if refresh:
            self.refresh("*")
        return BulkReport(stored, conflicts)

    def get(self, index: str, id: str) -> Hit | None:
        def work() -> Hit | None:
            found = self.written.get(index, {}).get(id)
            return None if found is None else Hit(id, self._copied(found[1]), found[0], 1, 1, index)

        return self._verb("get", work)  # type: ignore[no-any-return]

    def mget(self, index: str, ids: Iterable[str], *, source: Any = None) -> dict[str, Document]:
        def work() -> dict[str, Document]:
            documents = self.written.get(index, {})
            return {id: self._copied(documents[id][1]) for id in ids if id in documents}

        return self._verb("mget", work)  # type: ignore[no-any-return]

    def refresh(self, index: str) -> None:
        self._verb("refresh", lambda: self._refresh(index))

    def _refresh(self, pattern: str) -> None:
        for index in self.written:
            if fnmatch(index, pattern):
                self.visible[index] = dict(self.written[index])
        for index in [name for name in self.visible if name not in self.written]:
            del self.visible[index]

    def _hits(self, pattern: str, query: Document | None) -> list[Document]:
        if self.always_fresh:
            self._refresh("*")
        return [
            {"_index": index, "_id": id, "_seq_no": number, "_primary_term": 1, "_version": 1, "_source": source}
            for index in sorted(self.visible)
            if any(fnmatch(index, part) for part in pattern.split(","))
            for id, (number, source) in self.visible[index].items()
            if matches(query or {"match_all": {}}, source, id)
        ]

    def search(self, index: str, body: Document) -> Document:
        def work() -> Document:
            hits = ordered(self._hits(index, body.get("query")), body.get("sort", ()))
            answer: Document = {"hits": {"hits": self._copied(hits[: body.get("size", 10)])}}
            answer["hits"]["total"] = {"value": len(hits)}
            if "aggs" in body:
                answer["aggregations"] = {name: self._aggregate(index, hits, agg) for name, agg in body["aggs"].items()}
            return answer

        return self._verb("search", work)  # type: ignore[no-any-return]

    def _aggregate(self, index: str, hits: list[Document], agg: Document) -> Document:
        if "global" in agg:
            every = self._hits(index, None)
            return {name: self._aggregate(index, every, inner) for name, inner in agg["aggs"].items()}
        if "max" in agg:
            values = [comparable(value) for hit in hits for value in field(hit["_source"], agg["max"]["field"])]
            newest = max(values, default=None)
            return {"value": newest.timestamp() * 1000 if isinstance(newest, datetime) else newest}
        if "composite" in agg:
            return self._composite(index, hits, agg)
        raise NotImplementedError(agg)

    def _composite(self, index: str, hits: list[Document], agg: Document) -> Document:
        """Buckets of one date histogram, all on one page."""
        ((name, source),) = agg["composite"]["sources"][0].items()
        seconds = int(source["date_histogram"]["fixed_interval"].removesuffix("s"))
        groups: dict[int, list[Document]] = {}
        for hit in hits:
            at = datetime.fromisoformat(hit["_source"]["@timestamp"]).timestamp()
            groups.setdefault(int(at // seconds * seconds * 1000), []).append(hit)
        return {
            "buckets": [
                {"key": {name: start}, "doc_count": len(group)}
                | {sub: self._aggregate(index, group, inner) for sub, inner in agg.get("aggs", {}).items()}
                for start, group in sorted(groups.items())
            ]
        }

    def scan(
        self,
        index: str,
        query: Document | None = None,
        *,
        sort: Sequence[Any] | None = None,
        source: Any = None,
        size: int = 1000,
    ) -> Iterator[Document]:
        def work() -> list[Document]:
            return self._copied(ordered(self._hits(index, query), sort or ()))

        yield from self._verb("scan", work)

    def count(self, index: str, query: Document | None = None) -> int:
        return int(self._verb("count", lambda: len(self._hits(index, query))))

    def find_by_ids(self, pattern: str, ids: Iterable[str]) -> list[Hit]:
        def work() -> list[Hit]:
            wanted = {"ids": {"values": list(ids)}}
            return [Hit(h["_id"], h["_source"], h["_seq_no"], 1, 1, h["_index"]) for h in self._hits(pattern, wanted)]

        return self._verb("find_by_ids", work)  # type: ignore[no-any-return]


def field(source: Document, name: str) -> list[Any]:
    """Values of a dotted field."""
    value: Any = source
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return [] if value is None else value if isinstance(value, list) else [value]


def ordered(hits: list[Document], sort: Sequence[Any]) -> list[Document]:
    for key in reversed(list(sort)):
        ((name, how),) = key.items()
        down = (how if isinstance(how, str) else how.get("order")) == "desc"
        hits = sorted(hits, key=lambda hit: comparable(next(iter(field(hit["_source"], name)), 0)), reverse=down)
    return hits


def comparable(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return value
    return value


def matches(query: Document, source: Document, id: str) -> bool:
    """The queries that the audit trail sends."""
    ((kind, body),) = query.items()
    if kind == "match_all":
        return True
    if kind == "ids":
        return id in body["values"]
    if kind == "exists":
        return bool(field(source, body["field"]))
    if kind in ("term", "terms"):
        ((name, wanted),) = body.items()
        return bool(set(map(str, field(source, name))) & set(map(str, wanted if kind == "terms" else [wanted])))
    if kind == "range":
        ((name, limits),) = body.items()
        tests = {"gte": "__ge__", "gt": "__gt__", "lt": "__lt__", "lte": "__le__"}
        return any(
            all(getattr(comparable(value), tests[how])(comparable(limit)) is True for how, limit in limits.items())
            for value in field(source, name)
        )
    if kind == "bool":
        should = body.get("should", ())
        return (
            all(matches(part, source, id) for part in body.get("filter", ()))
            and not any(matches(part, source, id) for part in as_list(body.get("must_not", ())))
            and (not should or any(matches(part, source, id) for part in should))
        )
    raise NotImplementedError(query)


def as_list(value: Any) -> list[Any]:
    return [value] if isinstance(value, dict) else list(value)
