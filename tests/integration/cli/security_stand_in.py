"""Elasticsearch's security API as its documentation describes it; everything else is handed on to a real server.

Strict: an unknown path, method, header or field of a body is answered 400, and noted in `complaints`.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ROLE_FIELDS = {"cluster", "indices", "description", "metadata", "applications", "run_as", "global", "remote_indices"}
CLUSTER = {"monitor", "manage_index_templates", "manage_security"}
INDEX = {
    "all", "read", "write", "create_doc", "create", "index", "delete", "delete_index", "create_index", "auto_configure",
    "view_index_metadata", "monitor", "maintenance", "manage",
}  # fmt: skip


class Security:
    """Roles and keys of the stand-in; `forbidden` answers 403 to everything, as to an account without the right."""

    def __init__(self, behind: str) -> None:
        self.behind = behind
        self.roles: dict[str, Any] = {}
        self.keys: dict[str, dict[str, Any]] = {}
        self.secrets: list[str] = []
        self.complaints: list[str] = []
        self.forbidden = False
        self.fails_to_revoke = False

    def answer(self, method: str, path: str, query: str, body: Any) -> tuple[int, Any]:
        if self.forbidden:
            return 403, error("security_exception", f"action [cluster:admin/xpack/security{path}] is unauthorized", 403)
        if query:
            return self.refuse(f"query {query}")
        if match := re.fullmatch(r"/_security/role/([\w.,-]+)", path):
            return self.role(method, match[1], body)
        if path == "/_security/api_key":
            return self.api_key(method, body)
        if match := re.fullmatch(r"/_security/api_key/([\w-]+)", path):
            return self.change_key(method, match[1], body)
        return self.refuse(f"{method} {path}")

    def refuse(self, what: str) -> tuple[int, Any]:
        self.complaints.append(what)
        return 400, error("x_content_parse_exception", f"refused: {what}", 400)

    def role(self, method: str, names: str, body: Any) -> tuple[int, Any]:
        if method == "GET":
            found = {name: self.roles[name] for name in names.split(",") if name in self.roles}
            return (200, found) if found else (404, {})
        if method != "PUT" or "," in names:
            return self.refuse(f"{method} role {names}")
        if problem := wrong_role(body, ROLE_FIELDS):
            return self.refuse(problem)
        created = names not in self.roles
        indices = [each | {"allow_restricted_indices": False} for each in body["indices"]]
        self.roles[names] = body | {
            "indices": indices,
            "applications": [],
            "run_as": [],
            "transient_metadata": {"enabled": True},
        }
        return 200, {"role": {"created": created}}

    def api_key(self, method: str, body: Any) -> tuple[int, Any]:
        now = int(time.time() * 1000)
        if method == "GET":
            return 200, {"api_keys": list(self.keys.values())}
        if method == "POST":
            if problem := self.wrong_key(body):
                return self.refuse(problem)
            id, secret = f"id-{len(self.keys)}-{now:x}", f"secret-{len(self.keys)}-{now:x}"
            seconds = int(body["expiration"][:-1]) if "expiration" in body else None
            expiry = {"expiration": now + seconds * 1000} if seconds is not None else {}
            self.keys[id] = {
                "id": id, "name": body["name"], "type": "rest", "creation": now, **expiry, "invalidated": False,
                "username": "elastic", "realm": "reserved", "realm_type": "reserved", "metadata": body["metadata"],
                "role_descriptors": body["role_descriptors"],
            }  # fmt: skip
            encoded = base64.b64encode(f"{id}:{secret}".encode()).decode()
            self.secrets += [secret, encoded]
            return 200, {"id": id, "name": body["name"], **expiry, "api_key": secret, "encoded": encoded}
        if method != "DELETE" or set(body) != {"ids"} or not body["ids"]:
            return self.refuse(f"{method} api_key {body}")
        if self.fails_to_revoke:
            details = [{"type": "exception", "reason": "error occurred while invalidating api keys"}]
            done: dict[str, Any] = {"invalidated_api_keys": [], "previously_invalidated_api_keys": []}
            return 200, done | {"error_count": 1, "error_details": details}
        done = {"invalidated_api_keys": [], "previously_invalidated_api_keys": [], "error_count": 0}
        for id in body["ids"]:
            before = self.keys[id]["invalidated"]
            done["previously_invalidated_api_keys" if before else "invalidated_api_keys"].append(id)
            self.keys[id] |= {"invalidated": True, "invalidation": now}
        return 200, done

    def change_key(self, method: str, id: str, body: Any) -> tuple[int, Any]:
        if method != "PUT" or set(body) != {"role_descriptors"}:
            return self.refuse(f"{method} api_key/{id} {body}")
        if id not in self.keys or self.keys[id]["username"] != "elastic":
            return 404, error("resource_not_found_exception", "no API key owned by requesting user found for ID", 404)
        self.keys[id]["role_descriptors"] = body["role_descriptors"]
        return 200, {"updated": True}

    def wrong_key(self, body: Any) -> str:
        strange = set(body) - {"name", "expiration", "role_descriptors", "metadata"}
        if strange or not body.get("name") or len(body["name"]) > 256:
            return f"fields {strange or body.get('name')}"
        if not re.fullmatch(r"\d+(d|h|m|s)", body.get("expiration", "1d")):
            return f"expiration {body['expiration']}"
        if any(name.startswith("_") for name in body["metadata"]):
            return "metadata beginning with _ is reserved"
        return next(
            (wrong for each in body["role_descriptors"].values() if (wrong := wrong_role(each, ROLE_FIELDS))), ""
        )


def wrong_role(body: Any, known: set[str]) -> str:
    """What Elasticsearch would refuse; empty where it takes it."""
    if strange := set(body) - known:
        return f"unknown fields {strange}"
    if strange := set(body["cluster"]) - CLUSTER:
        return f"unknown cluster privileges {strange}"
    for each in body["indices"]:
        if set(each) != {"names", "privileges"} or not each["names"]:
            return f"indices {each}"
        named = {privilege for privilege in each["privileges"] if not privilege.startswith("indices:")}
        if strange := named - INDEX:
            return f"unknown index privileges {strange}"
    return ""


def error(kind: str, reason: str, status: int) -> Any:
    cause = {"type": kind, "reason": reason}
    return {"error": {"root_cause": [cause], **cause}, "status": status}


@contextmanager
def stand_in(behind: str) -> Iterator[tuple[str, Security]]:
    """Address of a stand-in before the server `behind`, and what it holds."""
    security = Security(behind)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path, _, query = self.path.partition("?")
            if not path.startswith("/_security/"):
                self.reply(*self.pass_on(raw))
                return
            if raw and not self.headers.get("Content-Type", "").startswith("application/"):
                self.reply(406, json.dumps(error("media_type", "Content-Type", 406)).encode())
                return
            status, body = security.answer(self.command, path, query, json.loads(raw) if raw else None)
            self.reply(status, json.dumps(body).encode())

        def pass_on(self, raw: bytes) -> tuple[int, bytes]:
            headers = {name: self.headers[name] for name in ("Content-Type", "Accept") if self.headers.get(name)}
            request = urllib.request.Request(security.behind + self.path, raw or None, headers, method=self.command)
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            try:
                with opener.open(request, timeout=60) as response:
                    return response.status, response.read()
            except urllib.error.HTTPError as failed:
                with failed:
                    return failed.code, failed.read()

        def reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("X-Elastic-Product", "Elasticsearch")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815

        def log_message(self, *arguments: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", security
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
