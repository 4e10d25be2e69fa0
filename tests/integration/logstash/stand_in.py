"""Listens as the pipelines do and runs their scripts on JRuby: tries ``run-conformance`` itself, not Logstash."""

from __future__ import annotations

import json
import os
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.integration.logstash.conftest import running_scripts
from tests.integration.logstash.test_conformance import MIME_TYPES, arrivals, cloud_event

_LOCK = threading.Lock()


def main() -> None:
    settings = sys.argv[sys.argv.index("--path.settings") + 1]
    assert sorted(os.listdir(settings)) == ["logstash.yml", "pipelines.yml"]  # noqa: PTH208
    output = os.environ["DRIFTLOG_OUTPUT_FILE"]
    with running_scripts() as scripts, open(output, "a", encoding="utf-8") as file:  # noqa: PTH123

        def write(send: str, body: bytes) -> None:
            write_all("normalise.rb", arrivals(send, body))

        def write_all(script: str, arrived: list[dict[str, Any]]) -> None:
            with _LOCK:
                for fields in arrived:
                    parameters = {"prefix": os.environ["DRIFTLOG_PREFIX"], "max_event_bytes": "1000000"}
                    for found in scripts.run(script, fields, **parameters):
                        target = {"index": found["index"], "id": found["id"]}
                        file.write(json.dumps(found["source"] | {"_target": target}) + "\n")
                file.flush()

        class Http(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.server.server_port == int(os.environ["DRIFTLOG_CLOUD_EVENTS_PORT"]):
                    write_all("cloud_events.rb", [cloud_event(body, dict(self.headers), self.path)])
                else:
                    sends = {mime: send for send, mime in MIME_TYPES.items()}
                    write(sends[self.headers["Content-Type"]], body)
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        class Tcp(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                write("tcp", self.rfile.read())

        http = ThreadingHTTPServer(("127.0.0.1", int(os.environ["DRIFTLOG_HTTP_PORT"])), Http)
        tcp = socketserver.ThreadingTCPServer(("127.0.0.1", int(os.environ["DRIFTLOG_TCP_PORT"])), Tcp)
        cloud_events = ThreadingHTTPServer(("127.0.0.1", int(os.environ["DRIFTLOG_CLOUD_EVENTS_PORT"])), Http)
        threading.Thread(target=http.serve_forever, daemon=True).start()
        threading.Thread(target=cloud_events.serve_forever, daemon=True).start()
        tcp.serve_forever()


if __name__ == "__main__":
    main()
