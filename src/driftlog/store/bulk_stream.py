"""The intake's way into Elasticsearch: raw bulk bodies over kept-alive connections, answers read as cheaply as can be.

It uses the Elasticsearch client's own transport without the client above it, which saves its memory and its copies.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final

import msgspec
from elastic_transport import AiohttpHttpNode, AsyncTransport, NodeConfig, Serializer, TransportError
from elastic_transport.client_utils import basic_auth_to_header, url_to_node_config

from driftlog.contract.errors import StoreAccessDenied, StoreError, StoreRejected, StoreUnavailable
from driftlog.contract.settings import ElasticsearchSettings

SHARD_WAIT_S: Final = 5
"""How long one item may wait for a shard that has no node; Elasticsearch's minute would hold up all the others."""
_BULK_TARGET: Final = (
    f"/_bulk?timeout={SHARD_WAIT_S}s&filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason"
)
_ALL_STORED: Final = b'{"errors":false'
_JSON: Final = "application/json"
_NDJSON: Final = "application/x-ndjson"


class ItemFailure(msgspec.Struct, frozen=True):
    """One item of a bulk that Elasticsearch did not store."""

    position: int
    """Of the item in what was sent."""
    status: int
    type: str = ""
    reason: str = ""


class _Error(msgspec.Struct):
    type: str = ""
    reason: str | None = None


class _Result(msgspec.Struct):
    status: int
    error: _Error | None = None


class _BulkAnswer(msgspec.Struct):
    errors: bool
    items: list[dict[str, _Result]] = []


class _RawSerializer(Serializer):
    """Bytes in, bytes out: this module reads answers itself."""

    mimetype = _JSON

    def dumps(self, data: Any) -> bytes:
        return bytes(data)

    def loads(self, data: bytes) -> bytes:
        return data


class _RawNdjsonSerializer(_RawSerializer):
    mimetype = _NDJSON


class _RawTextSerializer(_RawSerializer):
    mimetype = "text/plain"


class BulkStream:
    """Raw bulk requests to one cluster.

    Parameters
    ----------
    settings
        Where, and as whom.
    connections
        Connections a node.
    """

    def __init__(self, settings: ElasticsearchSettings, *, connections: int = 4) -> None:
        self._settings = settings
        self._connections = connections
        self._headers = _credentials(settings)
        self._transport = self._connect()

    def _connect(self) -> AsyncTransport:
        return AsyncTransport(
            [self._node(url) for url in self._settings.urls],
            node_class=AiohttpHttpNode,
            serializers={each.mimetype: each() for each in (_RawSerializer, _RawNdjsonSerializer, _RawTextSerializer)},
            max_retries=len(self._settings.urls) - 1,
            retry_on_status=(),
            meta_header=False,
        )

    def _node(self, url: str) -> NodeConfig:
        options: dict[str, Any] = {"request_timeout": self._settings.timeout_s}
        node = url_to_node_config(url, use_default_ports_for_scheme=True)
        if node.scheme == "https":
            options["ssl_context"] = _tls(self._settings)
        return node.replace(connections_per_node=self._connections, **options)

    async def __aenter__(self) -> BulkStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._transport.close()

    async def send(self, lines: Sequence[bytes]) -> list[ItemFailure]:
        """Send items and return those that were not stored, in order; an empty list means that all were.

        Parameters
        ----------
        lines
            One value an item: action, newline, document, without the last newline.

        Raises
        ------
        StoreUnavailable, StoreAccessDenied, StoreRejected
            When the request as a whole failed; whether its items were stored is then unknown.
        """
        body = b"\n".join((*lines, b""))
        answer = await self._request("POST", _BULK_TARGET, body, _NDJSON)
        if answer.startswith(_ALL_STORED):
            return []
        items = msgspec.json.decode(answer, type=_BulkAnswer).items
        if len(items) != len(lines):
            raise StoreUnavailable(f"Elasticsearch answered {len(items)} of {len(lines)} bulk items")
        results = (next(iter(item.values())) for item in items)
        return [_failure(position, result) for position, result in enumerate(results) if result.status >= 300]

    async def fetch(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
        """Stored ``_source`` as JSON by (index, id), however new; what is not there is left out."""
        if not keys:
            return {}
        body = msgspec.json.encode({"docs": [{"_index": index, "_id": each} for index, each in keys]})
        answer = await self._request("POST", "/_mget", body, _JSON)
        docs = msgspec.json.decode(answer, type=_MgetAnswer).docs
        return {key: bytes(doc.source) for key, doc in zip(keys, docs, strict=True) if doc.found}

    async def ping(self) -> None:
        """Raise when Elasticsearch cannot be reached or does not let us in."""
        await self._request("GET", "/_cluster/health?filter_path=status&timeout=1s", None, _JSON)

    async def _request(self, method: str, target: str, body: bytes | None, content_type: str) -> bytes:
        headers = {"content-type": content_type, "accept": _JSON, **self._headers}
        try:
            response = await self._transport.perform_request(method, target, body=body, headers=headers)
        except TransportError as error:
            raise StoreUnavailable(
                f"Elasticsearch at {', '.join(self._settings.urls)} does not answer: {error}",
                remedy="is it running? `driftlog doctor` tells more",
            ) from error
        if response.meta.status >= 300:
            raise _translate(response.meta.status, response.body)
        return bytes(response.body)


class _MgetDoc(msgspec.Struct):
    found: bool = False
    source: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"{}"), name="_source")


class _MgetAnswer(msgspec.Struct):
    docs: list[_MgetDoc]


def _failure(position: int, result: _Result) -> ItemFailure:
    error = result.error or _Error()
    return ItemFailure(position, result.status, error.type, error.reason or "")


def _translate(status: int, body: Any) -> StoreError:
    text = bytes(body or b"")[:300].decode("utf-8", "replace")
    message = f"Elasticsearch answered {status}: {text}"
    if status in (401, 403):
        return StoreAccessDenied(message, status=status, remedy="check the API key or user, and its role")
    if status in (408, 429) or status >= 500:
        return StoreUnavailable(message, status=status)
    return StoreRejected(message, status=status)


def _credentials(settings: ElasticsearchSettings) -> dict[str, str]:
    if settings.api_key:
        return {"authorization": f"ApiKey {settings.api_key.reveal()}"}
    if settings.username and settings.password:
        return {"authorization": basic_auth_to_header((settings.username, settings.password.reveal()))}
    return {}


def _tls(settings: ElasticsearchSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca_certs)
    if not settings.verify_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
