"""The store: the few verbs by which driftlog speaks to Elasticsearch.

Reads are complete or refused, writes are conditional where two could meet, every error is one of
`driftlog.contract.errors`. Reads are repeated when a connection breaks, a node answers 502 to 504, or a shard has not
started yet; writes never are: only the caller knows whether a repetition is harmless.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from elasticsearch import ApiError, Elasticsearch, TransportError

from driftlog.contract.errors import (
    PartialResult,
    StoreAccessDenied,
    StoreConflict,
    StoreError,
    StoreNotFound,
    StoreUnavailable,
)
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store import bulk as bulks
from driftlog.store.cluster import index_info, read_cluster
from driftlog.store.connection import connect, shown
from driftlog.store.ownership import belongs, require_own
from driftlog.store.searching import (
    KEEP_ALIVE,
    MULTI_SEARCH_SLICE,
    STRICT,
    complete,
    ids_body,
    multi_search_body,
    page_body,
    parts,
    to_hit,
)
from driftlog.store.translate import by_status, explain, translate
from driftlog.store.values import (
    BulkAction,
    BulkFailure,
    BulkReport,
    ClusterInfo,
    Document,
    Hit,
    IndexInfo,
)

__all__ = [
    "BulkAction",
    "BulkFailure",
    "BulkReport",
    "ClusterInfo",
    "Document",
    "Hit",
    "IndexInfo",
    "Store",
    "translate",
]

_JSON: Final = {"accept": "application/json", "content-type": "application/json"}
_NDJSON: Final = {"accept": "application/json", "content-type": "application/x-ndjson"}
_READ_RETRIES: Final = 2
_SHARD_WAIT: Final = "10s"
"""How long documents of a bulk wait for a shard that has no node before they, and only they, are refused."""
_IDS_SLICE: Final = 1000
_SHARD_STARTS_S: Final = (0.1, 0.4, 1.5)
"""Pauses between reads of an index that is just being made: its shard is about to start."""


class Store:
    """One installation (a prefix) in one cluster. Safe to share between threads.

    >>> from driftlog.contract.settings import Secret
    >>> Store.connect(ElasticsearchSettings(username="u", password=Secret("p")), IndexNames("driftlog"))
    Store('http://127.0.0.1:9287', prefix='driftlog')
    """

    def __init__(self, client: Elasticsearch, names: IndexNames, *, urls: Sequence[str] = ()) -> None:
        self.names = names
        self.urls = tuple(shown(url) for url in urls)
        self._writing = client
        self._reading = client.options(max_retries=_READ_RETRIES, retry_on_status=(502, 503, 504))

    @classmethod
    def connect(cls, settings: ElasticsearchSettings, names: IndexNames) -> Store:
        """A store for `settings`. Nothing is sent yet: an unreachable server is noticed by the first verb."""
        return cls(connect(settings), names, urls=settings.urls)

    def __repr__(self) -> str:
        return f"Store({', '.join(repr(url) for url in self.urls)}, prefix={self.names.prefix!r})"

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._writing.close()

    def reads_elsewhere(self, model: str) -> bool:  # noqa: ARG002 - of `MappedStore`
        """Whether a model's predictions lie in an index of the user's own, see `driftlog.store.mapped`."""
        return False

    # Any request

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        repeat: bool | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        """Send one request, return the parsed answer.

        Parameters
        ----------
        body
            JSON value, or bytes of NDJSON.
        repeat
            Whether it may be sent again when the connection breaks; None: only GET and HEAD.

        Raises
        ------
        StoreError
            For every answer that is not 2xx, and for none.
        """
        reading = method in ("GET", "HEAD") if repeat is None else repeat
        client = self._reading if reading else self._writing
        if timeout_s is not None:
            client = client.options(request_timeout=timeout_s)
        headers = _NDJSON if isinstance(body, bytes) else _JSON if body is not None else {"accept": "application/json"}
        target = f"{path}?{urlencode(params)}" if params else path
        pauses = iter(_SHARD_STARTS_S if reading else ())
        while True:
            try:
                return client.perform_request(method, target, headers=headers, body=body).body
            except (ApiError, TransportError) as error:
                refused = translate(error)
                pause = next(pauses, None) if isinstance(refused, PartialResult) else None
                if pause is None:
                    raise refused from error
            time.sleep(pause)

    # Searching

    def search(self, index: str, body: Mapping[str, Any]) -> Document:
        """One search; the whole answer.

        Indices that do not exist count as empty; an answer about no index at all has no ``aggregations``. With a
        ``pit`` in `body`, `index` is ignored.

        Raises
        ------
        PartialResult
            A shard failed or time ran out.
        """
        if "pit" in body:
            params = {"allow_partial_search_results": "false"}
            return complete(self.request("POST", "/_search", params=params, body=body, repeat=True))
        path = f"/{_quoted(index)}/_search"
        return complete(self.request("POST", path, params=STRICT, body=body, repeat=True))

    def msearch(self, requests: Sequence[tuple[str, Document]]) -> list[Document]:
        """Answers to (index, body) pairs, in order; as strict as `search`; slices of at most 32 a request."""
        answers: list[Document] = []
        for part in parts(requests, MULTI_SEARCH_SLICE):
            body = multi_search_body(part)
            response = self.request("POST", "/_msearch", body=body, repeat=True)
            answers.extend(complete(answer) for answer in response["responses"])
        return answers

    def scan(
        self,
        index: str,
        query: Document | None = None,
        *,
        sort: Sequence[Any] | None = None,
        source: Any = None,
        size: int = 1000,
    ) -> Iterator[Document]:
        """Every hit of `query`, as one state of the index (point in time), in pages of `size`.

        Parameters
        ----------
        sort
            As in a search body; ties are broken by position.
        source
            ``_source`` of a search body: False, a list of fields; None is everything.
        """
        with_shards = {"keep_alive": KEEP_ALIVE, "ignore_unavailable": "true", "allow_partial_search_results": "false"}
        pit = str(self.request("POST", f"/{_quoted(index)}/_pit", params=with_shards, repeat=True)["id"])
        after: Sequence[Any] | None = None
        try:
            while True:
                page = self.search("", page_body(pit, query, sort=sort, source=source, size=size, after=after))
                pit = str(page.get("pit_id", pit))
                hits = page["hits"]["hits"]
                yield from hits
                if len(hits) < size:
                    return
                after = hits[-1]["sort"]
        finally:
            self._close_point_in_time(pit)

    def _close_point_in_time(self, pit: str) -> None:
        try:
            self.request("DELETE", "/_pit", body={"id": pit})
        except StoreError:
            return  # it expires by itself; an error here must not hide the one that ended the scan

    def count(self, index: str, query: Document | None = None) -> int:
        """Number of searchable documents; exact, or `PartialResult`."""
        body: Document = {"size": 0, "track_total_hits": True}
        if query is not None:
            body["query"] = query
        return int(self.search(index, body)["hits"]["total"]["value"])

    # Reading by id

    def get(self, index: str, id: str) -> Hit | None:
        """The document as last written (not only as last refreshed); None when it, or the index, is not there."""
        try:
            return to_hit(self.request("GET", f"/{_quoted(index)}/_doc/{_quoted(id)}"))
        except StoreNotFound:
            return None

    def mget(self, index: str, ids: Iterable[str], *, source: Any = None) -> dict[str, Document]:
        """Sources by id, as last written; missing ones are left out. `index` is one index."""
        found: dict[str, Document] = {}
        for part in parts(list(dict.fromkeys(ids)), _IDS_SLICE):
            wanted: list[Document] = [{"_id": id} | ({"_source": source} if source is not None else {}) for id in part]
            for doc in self._mget_whole(index, wanted):
                if doc.get("found"):
                    found[doc["_id"]] = doc.get("_source", {})
        return found

    def _mget_whole(self, index: str, wanted: list[Document]) -> list[Document]:
        """Documents found and not found. One that could not be asked for, as its shard has no node yet (the index is
        just being made), is a read to repeat like any other that a node refuses."""
        pauses = iter(_SHARD_STARTS_S)
        while True:
            response = self.request("POST", f"/{_quoted(index)}/_mget", body={"docs": wanted}, repeat=True)
            docs: list[Document] = response["docs"]
            errors = [doc["error"] for doc in docs if "error" in doc]
            failed = next((error for error in errors if error.get("type") != "index_not_found_exception"), None)
            if failed is None:
                return docs
            if failed.get("type") == "security_exception":
                raise by_status(403, explain(failed))
            if (pause := next(pauses, None)) is None:
                raise by_status(503, explain(failed))
            time.sleep(pause)

    def find_by_ids(self, pattern: str, ids: Iterable[str]) -> list[Hit]:
        """Searchable documents with one of `ids` in any index of `pattern`; an id can occur in several."""
        hits: list[Hit] = []
        for part in parts(list(dict.fromkeys(ids)), _IDS_SLICE):
            response = self.search(pattern, ids_body(part))
            found = response["hits"]["hits"]
            if response["hits"]["total"]["value"] > len(found):
                found = self.scan(pattern, {"ids": {"values": list(part)}})
            hits.extend(to_hit(hit) for hit in found)
        return hits

    # Writing

    def create(self, index: str, id: str, document: Document | msgspec.Struct, *, refresh: bool | str = False) -> bool:
        """Store a document that must not exist yet; False when it does."""
        try:
            self.request("PUT", f"/{_quoted(index)}/_create/{_quoted(id)}", params=_refresh(refresh), body=document)
        except StoreConflict:
            return False
        return True

    def put(
        self,
        index: str,
        id: str,
        document: Document | msgspec.Struct,
        *,
        if_seq_no: int | None = None,
        if_primary_term: int | None = None,
        version: int | None = None,
        refresh: bool | str = False,
    ) -> Hit:
        """Store or overwrite a document.

        Parameters
        ----------
        if_seq_no, if_primary_term
            Of the `Hit` this write replaces; it must be the newest.
        version
            External version: refused when the stored one is larger.

        Returns
        -------
        Hit
            The document with its new sequence number.

        Raises
        ------
        StoreConflict
            A condition does not hold.
        """
        params = _refresh(refresh)
        if if_seq_no is not None:
            params |= {"if_seq_no": if_seq_no, "if_primary_term": if_primary_term}
        if version is not None:
            params |= {"version": version, "version_type": "external_gte"}
        result = self.request("PUT", f"/{_quoted(index)}/_doc/{_quoted(id)}", params=params, body=document)
        source = document if isinstance(document, dict) else msgspec.to_builtins(document)
        return to_hit({**result, "_source": source})

    def delete(self, index: str, id: str, *, if_seq_no: int | None = None, if_primary_term: int | None = None) -> bool:
        """Remove one document; False when it is not there. `StoreConflict` when a condition does not hold."""
        params = {"if_seq_no": if_seq_no, "if_primary_term": if_primary_term} if if_seq_no is not None else {}
        try:
            self.request("DELETE", f"/{_quoted(index)}/_doc/{_quoted(id)}", params=params)
        except StoreNotFound:
            return False
        return True

    def bulk(self, actions: Iterable[BulkAction], *, refresh: bool | str = False) -> BulkReport:
        """Write many; one request for every 8 MB or 2,000 actions.

        Conflicts and refused documents are in the report; an error that hits a whole request is raised, and what
        earlier requests of the same call have stored stays stored.
        """
        reports = []
        for batch, body in bulks.slices(actions):
            params = {"filter_path": _BULK_FIELDS, "timeout": _SHARD_WAIT, **_refresh(refresh)}
            reports.append(bulks.parse(batch, self.request("POST", "/_bulk", params=params, body=body)))
        return bulks.merge(reports)

    def refresh(self, index: str) -> None:
        """Make everything written so far searchable."""
        params = {"ignore_unavailable": "true", "allow_no_indices": "true"}
        self.request("POST", f"/{_quoted(index)}/_refresh", params=params, repeat=True)

    # Indices and cluster

    def list_indices(self, pattern: str | None = None) -> list[IndexInfo]:
        """Own indices that match `pattern` (all by default), sorted by name, with size over all copies."""
        params = {
            "format": "json",
            "bytes": "b",
            "expand_wildcards": "all",
            "h": "index,docs.count,store.size,creation.date,health,status",
        }
        try:
            rows = self.request("GET", f"/_cat/indices/{_quoted(pattern or self.names.everything)}", params=params)
        except StoreNotFound:
            return []
        return sorted(
            (index_info(row) for row in rows if belongs(row["index"], self.names.prefix)), key=lambda info: info.name
        )

    def drop_index(self, name: str) -> bool:
        """Delete one index of this installation; False when it is not there.

        Raises
        ------
        NameRefused
            A pattern, or an index of another installation.
        """
        try:
            self.request("DELETE", f"/{_quoted(require_own(name, self.names.prefix))}")
        except StoreNotFound:
            return False
        return True

    def info(self) -> ClusterInfo:
        """Version, licence, health and disk of the connected cluster."""
        return read_cluster(self.request)

    def wait_until_ready(
        self,
        timeout_s: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Return as soon as the cluster answers and every primary shard is there.

        Raises
        ------
        StoreUnavailable
            Not within `timeout_s`.
        StoreAccessDenied
            At once: waiting does not help.
        """
        end = monotonic() + timeout_s
        while True:
            try:
                params = {"wait_for_status": "yellow", "timeout": "2s"}
                if not self.request("GET", "/_cluster/health", params=params, repeat=False, timeout_s=5)["timed_out"]:
                    return
                last: StoreError = StoreUnavailable("the cluster's health is red", remedy="`driftlog doctor` says why")
            except StoreAccessDenied:
                raise
            except StoreError as error:
                last = error
            if monotonic() >= end:
                raise StoreUnavailable(
                    f"Elasticsearch is not ready after {timeout_s:g} s: {last.message}", remedy=last.remedy
                ) from last
            sleep(0.25)


_BULK_FIELDS: Final = "items.*.status,items.*.error,items.*.result"


def _quoted(part: str) -> str:
    return quote(part, safe=",*")


def _refresh(refresh: bool | str) -> dict[str, Any]:
    return {"refresh": str(refresh).lower()} if refresh else {}
