"""A store in which some models' predictions lie in indices of the user's own. Only this file knows that they do.

Every other room asks for ``driftlog-predictions.<model>.*`` and driftlog's field names, and gets driftlog's events
back. A user's index is read, and never written to: whatever would write to it is refused here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from elasticsearch import Elasticsearch

from driftlog.contract.errors import StoreRejected
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings
from driftlog.contract.source import OPEN
from driftlog.store.client import Store
from driftlog.store.connection import connect
from driftlog.store.mapped_answer import AnswerReader
from driftlog.store.mapped_fields import SourceFields, capability_fields
from driftlog.store.mapped_query import QueryWriter
from driftlog.store.values import BulkAction, BulkReport, Document

TYPES_KEPT_S: Final = 300.0
"""How long the types of a user's fields are believed; a new index can bring others."""
MOST_POINTS: Final = 1000
_READING: Final = ("_search", "_pit")
_STORED_AS: Final = {"number": "double", "keyword": "keyword", "boolean": "keyword", "date": "keyword"}


class MappedStore(Store):
    """A `Store` that reads the predictions of some models where their settings say."""

    def __init__(
        self,
        client: Elasticsearch,
        names: IndexNames,
        *,
        sources: Mapping[str, ModelSettings],
        urls: Sequence[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(client, names, urls=urls)
        self._sources = dict(sources)
        self._now, self._monotonic = now, monotonic
        self._fields: dict[str, tuple[float, SourceFields]] = {}
        self._points: dict[str, str] = {}

    def reads_elsewhere(self, model: str) -> bool:
        """Whether the model's predictions lie in an index of the user's own."""
        return model in self._sources

    def fields_of(self, model: str, *, fresh: bool = False) -> SourceFields:
        """The fields of a model's source, as its indices have them now or had them some minutes ago."""
        known = self._fields.get(model)
        if known is None or fresh or self._monotonic() - known[0] > TYPES_KEPT_S:
            settings = self._sources[model]
            params = {
                "fields": ",".join(capability_fields(settings)),
                "ignore_unavailable": "true",
                "allow_no_indices": "true",
                "filters": "-metadata",
            }
            answer = super().request("GET", f"/{_quoted(settings.source.index)}/_field_caps", params=params)
            known = (self._monotonic(), SourceFields(settings, answer["fields"]))
            self._fields[model] = known
        return known[1]

    # Reading

    def search(self, index: str, body: Mapping[str, Any]) -> Document:
        point = body.get("pit", {}).get("id")
        model = self._points.get(point) if point else self._model_of(index)
        if model is None:
            return super().search(index, body)
        asked = dict(body)
        try:
            answer = super().search(self._sources[model].source.index, self._translated(model, asked))
        except StoreRejected:
            if not self._changed(model):
                raise
            answer = super().search(self._sources[model].source.index, self._translated(model, asked))
        if "pit_id" in answer:
            self._remember(answer["pit_id"], model)
        return self._told(model, asked, answer)

    def msearch(self, requests: Sequence[tuple[str, Document]]) -> list[Document]:
        models = [self._model_of(index) for index, _ in requests]
        if not any(models):
            return super().msearch(requests)
        try:
            answers = super().msearch(self._all_translated(models, requests))
        except StoreRejected:
            changed = [self._changed(model) for model in {*models} if model is not None]
            if not any(changed):
                raise
            answers = super().msearch(self._all_translated(models, requests))
        return [
            answer if model is None else self._told(model, body, answer)
            for model, (_, body), answer in zip(models, requests, answers, strict=True)
        ]

    def _all_translated(
        self, models: Sequence[str | None], requests: Sequence[tuple[str, Document]]
    ) -> list[tuple[str, Document]]:
        return [
            (index, body) if model is None else (self._sources[model].source.index, self._translated(model, body))
            for model, (index, body) in zip(models, requests, strict=True)
        ]

    def _changed(self, model: str) -> bool:
        """Whether the types of its fields are others than a moment ago: a new index has come, with its own mapping."""
        return self.fields_of(model).capabilities != self.fields_of(model, fresh=True).capabilities

    def _translated(self, model: str, body: Document) -> Document:
        return QueryWriter(self.fields_of(model)).body(body)

    def _told(self, model: str, body: Document, answer: Document) -> Document:
        return AnswerReader(self.fields_of(model), body, self._now()).read(answer)

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
        index, _, what = path.removeprefix("/").partition("/")
        model = self._model_of(index)
        if model is None:
            foreign = not index.startswith(("_", f"{self.names.prefix}-"))
            if foreign and method != "GET" and what not in _READING:
                raise self._read_only(index)
            return super().request(method, path, params=params, body=body, repeat=repeat, timeout_s=timeout_s)
        if what == "_pit":
            target = f"/{_quoted(self._sources[model].source.index)}/_pit"
            answer = super().request(method, target, params=params, body=body, repeat=repeat)
            self._remember(answer["id"], model)
            return answer
        if what == "_mapping" and method == "GET":
            return self._mapping(model)
        if what == "_refresh":
            return {}
        raise self._read_only(index)

    def _remember(self, point: str, model: str) -> None:
        self._points[point] = model
        while len(self._points) > MOST_POINTS:
            self._points.pop(next(iter(self._points)))

    def _mapping(self, model: str) -> Document:
        """Types as driftlog's own index would have them."""
        fields = self.fields_of(model)
        properties: Document = {}
        for line in fields.mapped():
            prefix = next((prefix for prefix in OPEN if line.name.startswith(prefix)), None)
            if prefix is None:
                continue
            group = properties
            for name in prefix[:-1].split("."):
                group = group.setdefault(name, {}).setdefault("properties", {})
            group[line.name.removeprefix(prefix)] = {"type": _STORED_AS[fields.find(line.name).kind]}
        return {self._sources[model].source.index: {"mappings": {"properties": properties}}}

    # Writing

    def bulk(self, actions: Iterable[BulkAction], *, refresh: bool | str = False) -> BulkReport:
        return super().bulk((self._own(action) for action in actions), refresh=refresh)

    def _own(self, action: BulkAction) -> BulkAction:
        if not action.index.startswith(f"{self.names.prefix}-") or self._model_of(action.index) is not None:
            raise self._read_only(action.index)
        return action

    def _model_of(self, index: str) -> str | None:
        """The model whose mapped predictions `index`, a name or pattern of driftlog's own, stands for."""
        start = f"{self.names.prefix}-predictions."
        if not index.startswith(start):
            return None
        model = index.removeprefix(start).partition(".")[0]
        return model if model in self._sources else None

    def _read_only(self, index: str) -> StoreRejected:
        return StoreRejected(
            f"{index}: these predictions lie in an index of your own, which driftlog only reads",
            remedy="change or erase them where they are; `driftlog models check` says where that is",
        )


def _quoted(index: str) -> str:
    return quote(index, safe=",*:")


def open_store(settings: ElasticsearchSettings, names: IndexNames, models: Iterable[ModelSettings]) -> Store:
    """A store for these models: a plain one where all predictions are driftlog's own.

    >>> open_store(ElasticsearchSettings(), IndexNames("driftlog"), [ModelSettings(name="churn")])
    Store('http://127.0.0.1:9287', prefix='driftlog')
    """
    sources = {model.name: model for model in models if model.source.index}
    if not sources:
        return Store.connect(settings, names)
    return MappedStore(connect(settings), names, sources=sources, urls=settings.urls)
