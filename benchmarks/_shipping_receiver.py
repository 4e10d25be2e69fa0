"""A receiver that costs little: reads a request, counts its lines, answers 200. Run as its own process.

    python benchmarks/_shipping_receiver.py      prints its port

A second connection gets the number of lines so far from ``GET /``.
"""

from __future__ import annotations

import socketserver
from http.server import BaseHTTPRequestHandler
from typing import ClassVar


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lines: ClassVar[int] = 0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Handler.lines += body.count(b"\n")
        self.answer(b'{"stored":0}')

    def do_GET(self) -> None:
        self.answer(str(Handler.lines).encode())

    def answer(self, text: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


if __name__ == "__main__":
    with Server(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
