"""What receivers answer, and what a request that hands metrics on makes of it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from driftlog.contract.errors import DeliveryRefused
from driftlog.present.export.posting import Poster, retry_after_s

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CUT = b"Content-Length: 100\r\n\r\n{"
NO_GZIP = b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain"
NO_CHUNK = b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{"


@contextmanager
def answering(*answers: bytes, stall: bool = False) -> Iterator[str]:
    """A receiver that gives these answers, a connection each; with `stall` it keeps the connections open."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        opened.settimeout(20)
        done = threading.Event()

        def serve() -> None:
            for answer in answers:
                connection, _ = opened.accept()
                with connection:
                    head = b""
                    while b"\r\n\r\n" not in head:
                        head += connection.recv(65_536)
                    length = int(head.lower().split(b"content-length:")[1].split()[0])
                    left = length - len(head.split(b"\r\n\r\n", 1)[1])
                    while left > 0:
                        left -= len(connection.recv(65_536))
                    connection.sendall(b"HTTP/1.1 " + answer)
                    if stall:
                        done.wait(60)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{opened.getsockname()[1]}/"
        finally:
            done.set()
            thread.join(30)


@pytest.mark.parametrize("body", [CUT, NO_GZIP, NO_CHUNK])
def test_a_body_that_cannot_be_read_changes_nothing_of_the_status(body: bytes) -> None:
    """Taken is taken, refused is refused; and nothing escapes that would end the exporter."""
    with answering(b"202 Accepted\r\n" + body, b"400 Bad Request\r\n" + body) as url:
        taken = Poster({}).post(url, b"{}", repeatable=True)
        refused = Poster({}).post(url, b"{}", repeatable=True)
    assert (taken.status, taken.error, taken.attempts) == (202, None, 1)
    assert (refused.status, type(refused.error)) == (400, DeliveryRefused)


def test_a_receiver_that_stalls_in_its_answer_has_still_answered() -> None:
    """Its status came before."""
    with answering(b"202 Accepted\r\n" + CUT, stall=True) as url:
        taken = Poster({}, timeout_s=2.0).post(url, b"{}", repeatable=True)
    assert (taken.status, taken.error) == (202, None)


def test_a_date_to_come_back_is_waited_for_by_the_given_clock() -> None:
    """And one that no calendar has does not end the exporter: the usual pause."""
    dates = (b"Sun, 01 Mar 2026 12:00:07 GMT", b"Mon, 01 Jan 99999999999999999999 00:00:00 GMT")
    answers = [b"503 Busy\r\nContent-Length: 0\r\nRetry-After: " + date + b"\r\n\r\n" for date in dates]
    pauses: list[float] = []
    with answering(*answers, b"202 Accepted\r\nContent-Length: 0\r\n\r\n") as url:
        done = Poster({}, sleep=pauses.append, now=lambda: NOW).post(url, b"{}", repeatable=True)
    assert (done.error, done.attempts, pauses) == (None, 3, [7.0, 2.0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 01 Mar 2026 12:00:07", 7.0),
        ("Sun, 01 Mar 2026 12:00:07 -0000", 7.0),
        ("Sun, 01 Mar 2026 13:00:07 +0100", 7.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Fri, 31 Feb 2026 11:00:00 GMT", None),
        ("-1", None),
    ],
)
def test_dates_are_read_with_and_without_a_zone(text: str, expected: float | None) -> None:
    """Without one they are UTC, whatever the machine's."""
    assert retry_after_s(text, NOW) == expected
