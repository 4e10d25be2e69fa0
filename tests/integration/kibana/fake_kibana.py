"""A Kibana for tests: a real HTTP server that is as strict as Kibana is, and fails when it is told to.

It looks at the method, the path with its space, kbn-xsrf, Authorization, content types, the shape of multipart bodies,
NDJSON, and the schemas of `kibana_schema`. Its exports hold what Kibana adds: versions, times, migrated objects.
"""

from __future__ import annotations

import copy
import email.parser
import email.policy
import json
import re
import ssl
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.integration.kibana.kibana_schema import (
    CREATE,
    Refused,
    check_connector,
    check_id,
    check_keys,
    check_rule,
    require,
)

Body = dict[str, Any]
Answer = tuple[int, Any]

API_KEY = "aWQ6c2VjcmV0LWtleQ=="
BLOCKING = {"index-pattern", "search"}
MIGRATED = {"dashboard": "10.3.0", "index-pattern": "8.0.0", "search": "10.6.0", "tag": "8.0.0", "lens": "8.9.0"}
LATEST = {"dashboard": (10, 3), "index-pattern": (8, 0), "search": (10, 6), "tag": (8, 0), "lens": (8, 9)}


@dataclass
class Fault:
    """What the next request that fits gets instead of an answer."""

    method: str
    path: str
    status: int = 500
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    """Close the connection without a word; `after`: once the request was carried out."""
    after: bool = False
    wait_s: float = 0.0
    times: int = 1


@dataclass
class Space:
    objects: dict[tuple[str, str], Body] = field(default_factory=dict)
    connectors: dict[str, Body] = field(default_factory=dict)
    rules: dict[str, Body] = field(default_factory=dict)


class FakeKibana:
    """State of the server, and what was asked of it."""

    def __init__(self, *, version: str = "9.5.1", base: str = "") -> None:
        self.version = version
        self.base = base
        self.spaces: dict[str, Space] = {"default": Space()}
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []
        self.health: Body = {"is_sufficiently_secure": True, "has_permanent_encryption_key": True}
        self.forbidden: set[str] = set()
        """Beginnings of paths that the credentials may not use."""
        self.lock = threading.Lock()
        self.url = ""

    @property
    def space(self) -> Space:
        return self.spaces["default"]

    def fail(self, method: str, path: str, **what: Any) -> None:
        self.faults.append(Fault(method, path, **what))

    def asked(self, method: str, path: str) -> int:
        """How many requests fit."""
        return sum(one == method and re.search(path, other) is not None for one, other in self.requests)

    def writes(self) -> list[tuple[str, str]]:
        """Requests that could change something."""
        return [
            (method, path)
            for method, path in self.requests
            if method in ("PUT", "DELETE") or (method == "POST" and "_export" not in path)
        ]

    def take_fault(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.times and fault.method == method and re.search(fault.path, path):
                fault.times -= 1
                return fault
        return None

    def answer(self, method: str, path: str, headers: Any, raw: bytes) -> Answer:
        """Status and body of one request."""
        parts = urlsplit(path)
        if not parts.path.startswith(self.base):
            return 404, _boom(404, "Not Found")
        if headers.get("Authorization") != f"ApiKey {API_KEY}":
            return 401, _boom(401, "[security_exception]: unable to authenticate with provided credentials")
        if method != "GET" and not headers.get("kbn-xsrf"):
            return 400, _boom(400, "Request must contain a kbn-xsrf header.")
        inner = parts.path.removeprefix(self.base)
        name = "default"
        if match := re.match(r"/s/([^/]+)(/.*)", inner):
            name, inner = unquote(match[1]), match[2]
        if any(inner.startswith(path) for path in self.forbidden):
            return 403, _boom(403, f"Unauthorized to do this in {name}")
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        try:
            return self._route(method, inner, name, query, headers, raw)
        except Refused as error:
            return 400, _boom(400, str(error))

    def _route(self, method: str, path: str, name: str, query: Body, headers: Any, raw: bytes) -> Answer:
        if (method, path) == ("GET", "/api/status"):
            return 200, {
                "name": "fake",
                "version": {"number": self.version},
                "status": {"overall": {"level": "available"}},
            }
        if path.startswith("/api/spaces/space"):
            return self._spaces(method, path, headers, raw)
        space = self.spaces.setdefault(name, Space())  # Kibana does not look whether the space exists
        if (method, path) == ("GET", "/api/alerting/_health"):
            return 200, self.health
        if (method, path) == ("GET", "/api/alerting/rules/_find"):
            return self._find_rules(space, query)
        if match := re.fullmatch(r"/api/alerting/rule/([^/]+)", path):
            return self._rule(method, space, unquote(match[1]), headers, raw)
        if (method, path) == ("GET", "/api/actions/connectors"):
            return 200, [_shown_connector(one) for one in space.connectors.values()]
        if match := re.fullmatch(r"/api/actions/connector/([^/]+)", path):
            return self._connector(method, space, unquote(match[1]), headers, raw)
        if (method, path) == ("POST", "/api/saved_objects/_import"):
            return self._import(name, query, headers, raw)
        if (method, path) == ("POST", "/api/saved_objects/_export"):
            return _export(space, _json(headers, raw))
        if match := re.fullmatch(r"/api/saved_objects/([^/]+)/([^/]+)", path):
            key = (unquote(match[1]), unquote(match[2]))
            if method == "DELETE":
                return (200, {}) if space.objects.pop(key, None) else (404, _boom(404, f"Saved object {key} not found"))
        return 404, _boom(404, "Not Found")

    def _spaces(self, method: str, path: str, headers: Any, raw: bytes) -> Answer:
        if method == "POST" and path == "/api/spaces/space":
            body = _json(headers, raw)
            check_keys(body, {"required": {"id", "name"}, "optional": {"description", "color"}}, "request body")
            if body["id"] in self.spaces:
                return 409, _boom(409, "A space with the identifier already exists.")
            self.spaces[body["id"]] = Space()
            return 200, body
        id = unquote(path.removeprefix("/api/spaces/space/"))
        return (200, {"id": id, "name": id}) if id in self.spaces else (404, _boom(404, "Not Found"))

    def _find_rules(self, space: Space, query: Body) -> Answer:
        match = re.fullmatch(r'alert\.attributes\.tags: "([^"]+)"', query.get("filter", ""))
        require(match, "KQLSyntaxError")
        assert match is not None
        found = [rule for rule in space.rules.values() if match[1] in rule["tags"]]
        page, size = int(query.get("page", 1)), int(query.get("per_page", 10))
        data = found[(page - 1) * size : page * size]
        return 200, {"page": page, "per_page": size, "total": len(found), "data": copy.deepcopy(data)}

    def _rule(self, method: str, space: Space, id: str, headers: Any, raw: bytes) -> Answer:
        known = any(id in other.rules for other in self.spaces.values())
        here = space.rules.get(id)
        if method == "POST":
            check_id(id)
            body = check_rule(_json(headers, raw), space.connectors)
            if known:
                return 409, _boom(409, f"Saved object [alert/{id}] conflict")
            space.rules[id] = _stored_rule(id, body)
            return 200, space.rules[id]
        if here is None:
            return 404, _boom(404, f"Saved object [alert/{id}] not found")
        if method == "PUT":
            require(self.health["has_permanent_encryption_key"], "no key")
            body = check_rule(_json(headers, raw), space.connectors, kind=here["rule_type_id"])
            kept = {key: here[key] for key in ("enabled", "mute_all", "muted_alert_ids", "rule_type_id", "consumer")}
            space.rules[id] = _stored_rule(id, body | kept) | kept | {"revision": here["revision"] + 1}
            return 200, space.rules[id]
        if method == "DELETE":
            del space.rules[id]
            return 204, None
        return 200, copy.deepcopy(here)

    def _connector(self, method: str, space: Space, id: str, headers: Any, raw: bytes) -> Answer:
        known = any(id in other.connectors for other in self.spaces.values())
        here = space.connectors.get(id)
        if method == "POST":
            check_id(id)
            body = check_connector(_json(headers, raw))
            if known:
                return 409, _boom(409, f"Saved object [action/{id}] conflict")
            space.connectors[id] = {"id": id, **copy.deepcopy(body)}
            return 200, _shown_connector(space.connectors[id])
        if here is None:
            return 404, _boom(404, f"Saved object [action/{id}] not found")
        if method == "PUT":
            here.update(check_connector(_json(headers, raw), kind=here["connector_type_id"]))
        if method == "DELETE":
            del space.connectors[id]
            return 204, None
        return 200, _shown_connector(here)

    def _import(self, name: str, query: Body, headers: Any, raw: bytes) -> Answer:
        require(set(query) <= {"overwrite", "createNewCopies", "compatibilityMode"}, "[request query]: unknown key")
        objects = _ndjson(headers, raw)
        keys = [(one["type"], one["id"]) for one in objects]
        twice = sorted({f"{kind}:{id}" for kind, id in keys if keys.count((kind, id)) > 1})
        require(not twice, f"Non-unique import objects detected: [{','.join(twice)}]")
        space, errors, stored = self.spaces[name], [], []
        mapping = {key: self._destination(name, key) for key in keys}
        for one, key in zip(objects, keys, strict=True):
            _check_version(one)
            missing = [
                {"type": ref["type"], "id": ref["id"]}
                for ref in one.get("references", [])
                if ref["type"] in BLOCKING
                and (ref["type"], ref["id"]) not in mapping
                and (ref["type"], ref["id"]) not in space.objects
            ]
            what: Body | None = {"type": "missing_references", "references": missing} if missing else None
            if what is None and query.get("overwrite") != "true" and (key[0], mapping[key]) in space.objects:
                what = {"type": "conflict"}
            if what is not None:
                errors.append({"type": key[0], "id": key[1], "title": key[1], "meta": {}, "error": what})
            else:
                stored.append((one, key))
        if not errors:
            for one, key in stored:
                space.objects[key[0], mapping[key]] = _stored_object(one, mapping)
        return 200, {
            "success": not errors,
            "successCount": 0 if errors else len(stored),
            "warnings": [],
            **({"errors": errors} if errors else {}),
        }

    def _destination(self, name: str, key: tuple[str, str]) -> str:
        """Id in this space: its own, or another where an object of another space has it already."""
        space = self.spaces[name]
        for (kind, id), saved in space.objects.items():
            if kind == key[0] and saved.get("originId") == key[1]:
                return id
        taken = any(key in other.objects for label, other in self.spaces.items() if label != name)
        return str(uuid.uuid4()) if taken and key not in space.objects else key[1]


def _boom(status: int, message: str) -> Body:
    names = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict"}
    return {"statusCode": status, "error": names.get(status, "Error"), "message": message}


def _json(headers: Any, raw: bytes) -> Body:
    require(headers.get("Content-Type") == "application/json", "Unsupported Media Type")
    try:
        body = json.loads(raw)
    except ValueError:
        raise Refused("Invalid request payload JSON format") from None
    require(isinstance(body, dict), "[request body]: expected a plain object value")
    return body


def _ndjson(headers: Any, raw: bytes) -> list[Body]:
    """Objects of the one file in a multipart body."""
    kind = headers.get("Content-Type", "")
    require(kind.startswith("multipart/form-data; boundary="), "Unsupported Media Type")
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + raw)
    files = list(message.iter_parts())
    require(len(files) == 1, "[request body]: expected one file")
    disposition = files[0]["Content-Disposition"]
    require(disposition.params.get("name") == "file", "[request body.file]: expected value of type [Stream]")
    require(disposition.params.get("filename", "").endswith(".ndjson"), "Invalid file extension")
    content = files[0].get_payload(decode=True)
    assert isinstance(content, bytes)
    try:
        objects = [json.loads(line) for line in content.decode("utf-8").splitlines() if line.strip()]
    except ValueError as error:
        raise Refused(f"Unexpected token in JSON: {error}") from None
    require(all("type" in one and "id" in one and "attributes" in one for one in objects), "no saved object")
    return objects


def _check_version(saved: Body) -> None:
    version = saved.get("typeMigrationVersion")
    require(version and saved["type"] in LATEST, f"Unsupported type, or no version: {saved['type']}")
    newest = LATEST[saved["type"]]
    require(tuple(int(part) for part in str(version).split(".")[:2]) <= newest, "newer than this Kibana")


def _stored_object(saved: Body, mapping: dict[tuple[str, str], str]) -> Body:
    """As it lies in Kibana: migrated, with what an import adds, references to where things went."""
    stored = copy.deepcopy(saved)
    id = mapping[saved["type"], saved["id"]]
    if id != saved["id"]:
        stored |= {"id": id, "originId": saved["id"]}
    stored["references"] = [
        ref | {"id": mapping.get((ref["type"], ref["id"]), ref["id"])} for ref in saved.get("references", [])
    ][::-1]
    if saved["type"] == "dashboard":
        stored["attributes"]["addedByMigration"] = {"section": []}
    added = {"typeMigrationVersion": MIGRATED[saved["type"]], "coreMigrationVersion": "8.8.0", "managed": False}
    moment = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    return stored | added | {"created_at": moment, "updated_at": moment, "version": f"WzE{uuid.uuid4().hex[:4]},MV0="}


def _export(space: Space, body: Body) -> Answer:
    keys = {"type", "hasReference", "objects", "search", "includeReferencesDeep", "excludeExportDetails"}
    check_keys(body, {"required": set(), "optional": keys}, "request body")
    require(("type" in body) != ("objects" in body), "Either `type` or `objects` are required.")
    kinds = body.get("type", [])
    require(all(kind in LATEST for kind in kinds), "Trying to export non-exportable type(s)")
    found = [saved for (kind, _), saved in sorted(space.objects.items()) if kind in kinds]
    lines = [json.dumps(one) for one in found]
    if not body.get("excludeExportDetails"):
        lines.append(json.dumps({"exportedCount": len(found), "missingRefCount": 0, "missingReferences": []}))
    return 200, "\n".join(lines)


def _stored_rule(id: str, body: Body) -> Body:
    """As Kibana shows it: defaults, an id for each action, and everything it keeps beside."""
    rule = {key: copy.deepcopy(value) for key, value in body.items() if key in CREATE["required"] | CREATE["optional"]}
    types = {"aa": ".index"}
    for action in rule.get("actions", []):
        action.setdefault("uuid", str(uuid.uuid4()))
        action["connector_type_id"] = types.get(action["id"][:2], ".other")
    defaults = {"enabled": True, "tags": [], "actions": [], "params": {}, "throttle": None, "notify_when": None}
    beside = {
        "id": id,
        "mute_all": False,
        "muted_alert_ids": [],
        "revision": 0,
        "running": False,
        "api_key_owner": "installer",
        "created_by": "installer",
        "updated_by": "installer",
        "scheduled_task_id": id,
        "execution_status": {"status": "pending", "last_execution_date": "2026-03-03T00:00:00.000Z"},
    }
    stored = defaults | rule | beside
    if stored["rule_type_id"] == ".index-threshold":
        stored["params"].setdefault("aggType", "count")
    return stored


def _shown_connector(connector: Body) -> Body:
    """Without its secrets."""
    shown = {key: value for key, value in connector.items() if key != "secrets"}
    return {"config": {}, "is_preconfigured": False, "is_deprecated": False, "is_missing_secrets": False} | shown


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65_536  # headers and body in one packet: two would wait for each other
    disable_nagle_algorithm = True
    server: _Server

    def _handle(self) -> None:
        fake = self.server.fake
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with fake.lock:
            fake.requests.append((self.command, self.path))
            fault = fake.take_fault(self.command, self.path)
            status, body = (
                (0, None) if fault and not fault.after else fake.answer(self.command, self.path, self.headers, raw)
            )
        headers: dict[str, str] = {}
        if fault is not None:
            if fault.wait_s:
                time.sleep(fault.wait_s)
            if fault.drop:
                self.close_connection = True
                return
            if not fault.wait_s or status == 0:
                status, body, headers = fault.status, fault.body, fault.headers
        self._send(status, body, headers)

    do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815

    def _send(self, status: int, body: Any, headers: dict[str, str]) -> None:
        content = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        with suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    fake: FakeKibana

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Quiet: a client that does not trust the certificate hangs up."""


@contextmanager
def running(fake: FakeKibana, tls: ssl.SSLContext | None = None) -> Iterator[FakeKibana]:
    """`fake`, answering at `fake.url` until the end of the block."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.fake = fake
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    fake.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}{fake.base}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
