"""Delivery to real HTTP receivers: what each answer does to the events."""

from __future__ import annotations

import json
import logging
import random
import time
from pathlib import Path

import pytest

from driftlog.contract.settings import Secret
from driftlog.shipping.inspection import inspect_spool
from driftlog.shipping.logger import PredictionLogger
from driftlog.shipping.shipping import Shipping


def lines(count: int, start: int = 0) -> list[bytes]:
    return [b'{"event":{"id":"%d"},"n":%d}\n' % (n, n) for n in range(start, start + count)]


def ids(count: int, start: int = 0) -> list[str]:
    return [str(n) for n in range(start, start + count)]


def test_events_arrive_once_in_order_and_leave_the_spool(receiver, ship):
    """Everything sent is received once, in order, over one connection; nothing is left."""
    shipping = ship(receiver.url, batch_events=100)
    shipping.send(lines(1000))
    assert shipping.flush(10)
    assert list(receiver.ids) == ids(1000)
    assert set(receiver.ids.values()) == {1}
    assert receiver.connections == 1
    assert receiver.headers[0]["Content-Type"] == "application/x-ndjson"
    stats = shipping.stats()
    assert (stats["spooled"], stats["acknowledged"], stats["stored"], stats["pending"]) == (1000, 1000, 1000, 0)


def test_batches_keep_to_their_limit_of_bytes(receiver, ship):
    """A batch is cut before it exceeds the limit; a single larger event still travels alone."""
    shipping = ship(receiver.url, batch_bytes=1000)
    big = b'{"event":{"id":"big"},"x":"%s"}\n' % (b"x" * 5000)
    shipping.send([*lines(50), big, *lines(10, 50)])
    assert shipping.flush(10)
    assert len(receiver.ids) == 61
    assert (200, 1) in receiver.requests
    assert max(size for _, size in receiver.requests) <= 1000 // len(lines(1)[0])


def test_a_busy_receiver_is_left_alone_as_long_as_it_asks(start_receiver, ship):
    """429 with Retry-After: nothing comes before that time, then everything."""
    asked_at: list[float] = []

    def answer(batch, headers):
        asked_at.append(time.monotonic())
        return (429, {"Retry-After": "1"}, b"") if len(asked_at) == 1 else None

    receiver = start_receiver(answer)
    shipping = ship(receiver.url)
    shipping.send(lines(10))
    assert shipping.flush(10)
    assert asked_at[1] - asked_at[0] >= 1.0
    assert list(receiver.ids) == ids(10)
    assert shipping.stats()["retries"] == 1


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_events_are_kept_while_the_receiver_refuses_the_sender(start_receiver, ship, wait_until, status):
    """Answers that are not about the events never cost one."""
    refusing = [True]
    receiver = start_receiver(lambda batch, headers: (status, {}, b"no") if refusing[0] else None)
    shipping = ship(receiver.url)
    shipping.send(lines(20))
    assert wait_until(lambda: len(receiver.requests) >= 2)
    assert shipping.stats()["pending"] == 20
    refusing[0] = False
    assert shipping.flush(10)
    assert list(receiver.ids) == ids(20)
    assert shipping.stats()["refused"] == 0


def test_wrong_credentials_are_logged_loudly_but_not_repeatedly(start_receiver, ship, wait_until, caplog):
    """One error a minute, not one an attempt."""
    receiver = start_receiver(lambda batch, headers: (401, {}, b"who are you?"))
    with caplog.at_level(logging.WARNING, "driftlog.shipping"):
        shipping = ship(receiver.url)
        shipping.send(lines(1))
        assert wait_until(lambda: len(receiver.requests) >= 3)
    said = [record for record in caplog.records if "401" in record.getMessage()]
    assert [record.levelname for record in said] == ["ERROR"]
    assert "who are you?" in said[0].getMessage()


def test_a_batch_that_is_too_large_is_halved_until_it_fits(start_receiver, ship):
    """413 splits; nothing is refused."""
    receiver = start_receiver(lambda batch, headers: (413, {}, b"") if len(batch) > 10 else None)
    shipping = ship(receiver.url, batch_events=100)
    shipping.send(lines(100))
    assert shipping.flush(10)
    assert list(receiver.ids) == ids(100)
    assert shipping.stats()["refused"] == 0


def test_the_one_event_nobody_takes_is_kept_aside_and_does_not_hold_up_the_rest(start_receiver, ship):
    """400 isolates the event at fault into the refused database, with status and reason."""
    receiver = start_receiver(
        lambda batch, headers: (400, {}, b"bad n") if any(b'"n":37' in x for x in batch) else None
    )
    shipping = ship(receiver.url)
    shipping.send(lines(100))
    assert shipping.flush(10)
    assert list(receiver.ids) == [n for n in ids(100) if n != "37"]
    report = inspect_spool(shipping.spool.folder)
    assert [(event.status, event.body) for event in report.refused] == [(400, lines(1, 37)[0])]
    assert "bad n" in report.refused[0].reason
    assert (shipping.stats()["refused"], shipping.stats()["acknowledged"]) == (1, 99)


def test_the_second_receiver_takes_over_when_the_first_is_killed(start_receiver, ship):
    """Killing one of two in mid-stream loses nothing."""
    first, second = start_receiver(), start_receiver()
    shipping = ship([first.url, second.url], batch_events=50)
    first.delay_s = 0.005
    for start in range(0, 3000, 100):
        shipping.send(lines(100, start))
        if start == 1000:
            assert shipping.flush(10)
        if start == 2000:
            first.kill()
    assert shipping.flush(10)
    assert set(first.ids) | set(second.ids) == set(ids(3000))
    assert first.ids
    assert second.ids


def test_a_receiver_that_comes_back_gets_what_waited(start_receiver, ship, wait_until):
    """Outage: events wait in the spool and arrive after it."""
    receiver = start_receiver()
    port = receiver.port
    receiver.kill()
    shipping = ship(receiver.url)
    shipping.send(lines(500))
    assert wait_until(lambda: shipping.stats()["retries"] >= 2)
    age = shipping.stats()["oldest_age_s"]
    assert age is not None
    assert age > 0
    back = start_receiver(port=port)
    assert shipping.flush(10)
    assert list(back.ids) == ids(500)


def test_a_receiver_that_answers_too_late_gets_the_batch_again(start_receiver, ship, wait_until):
    """No answer in time means not acknowledged: sent again with the same ids."""
    receiver = start_receiver()
    receiver.delay_s = 0.6
    shipping = ship(receiver.url, timeout_s=0.3)
    shipping.send(lines(5))
    assert wait_until(lambda: len(receiver.requests) >= 2)
    receiver.delay_s = 0.0
    assert shipping.flush(10)
    assert set(receiver.ids) == set(ids(5))


def test_a_connection_that_the_receiver_closed_in_the_meantime_is_no_failure(start_receiver, ship):
    """Keep-alive ends on the other side: one new connection, no retry counted."""
    receiver = start_receiver()
    shipping = ship(receiver.url)
    shipping.send(lines(5))
    assert shipping.flush(10)
    for connection in receiver.server.sockets:
        connection.shutdown(2)
    shipping.send(lines(5, 5))
    assert shipping.flush(10)
    assert list(receiver.ids) == ids(10)
    assert shipping.stats()["retries"] == 0


def test_credentials_travel_and_do_not_show(start_receiver, ship):
    """The API key is in the header, and in no repr."""
    receiver = start_receiver()
    shipping = ship(receiver.url, api_key=Secret("k3y"))
    shipping.send(lines(1))
    assert shipping.flush(10)
    assert receiver.headers[0]["Authorization"] == "ApiKey k3y"
    assert "k3y" not in repr(shipping)
    basic = ship(receiver.url.replace("http://", "http://me:s3cret@"), service="other")
    basic.send(lines(1))
    assert basic.flush(10)
    assert receiver.headers[-1]["Authorization"] == "Basic bWU6czNjcmV0"
    assert "s3cret" not in repr(basic)


def test_compressed_batches_arrive(receiver, ship):
    """gzip is an option."""
    shipping = ship(receiver.url, compress=True)
    shipping.send(lines(100))
    assert shipping.flush(10)
    assert list(receiver.ids) == ids(100)
    assert receiver.headers[0]["Content-Encoding"] == "gzip"


def test_what_one_process_left_the_next_delivers(receiver, tmp_path: Path, ship):
    """Closing with nobody listening keeps the events for the next Shipping of the same folder."""
    first = ship("http://127.0.0.1:1")
    first.send(lines(100))
    first.close(timeout_s=0)
    assert inspect_spool(tmp_path / "spool").pending == 100
    second = ship(receiver.url)
    second.start()
    assert _eventually(lambda: len(receiver.ids) == 100)
    assert second.stats()["adopted"] == 100
    assert second.flush(5)
    second.close()
    assert inspect_spool(tmp_path / "spool").files == []


def test_losses_are_announced_as_an_event(receiver, ship, wait_until):
    """A spool at its limit drops the oldest events, counts them and says so in a resource event."""
    port = receiver.port
    receiver.kill()
    shipping = ship(f"http://127.0.0.1:{port}", max_bytes=1 << 20)
    line = b'{"event":{"id":"x"},"x":"%s"}\n' % (b"x" * 1000)
    for _ in range(2000):
        shipping.send([line])
    dropped = shipping.stats()["dropped"]
    assert isinstance(dropped, int)
    assert 0 < dropped < 2000
    assert shipping.stats()["spool_bytes"] <= (1 << 20) * 1.3
    back = type(receiver)(port=port)
    try:
        assert shipping.flush(20)
        losses = [event["resource"]["events_dropped"] for event in back.events if "resource" in event]
    finally:
        back.kill()
    assert losses
    assert losses[0] > 0
    stats = shipping.stats()
    assert stats["acknowledged"] + stats["dropped"] == stats["spooled"]


def test_the_logger_ships_prediction_error_and_feedback(receiver, ship):
    """The three kinds of events arrive with what was given."""
    log = PredictionLogger("churn", version="3", service="api", shipping=ship(receiver.url, service="api"))
    first = log.log_prediction(
        {"age": 42.0, "plan": "gold"}, True, score=0.9, duration_ns=5, subject="ann", labels={"eu": 1}
    )
    log.log_error({"age": None}, ValueError("no age"))
    log.log_feedback(first, False, source="crm")
    assert log.flush(10)
    prediction, error, feedback = receiver.events
    assert prediction["event"]["id"] == first
    assert prediction["features"] == {"age": 42.0, "plan": "gold"}
    assert prediction["prediction"] == {"task": "binary", "label": "true", "score": 0.9}
    assert prediction["model"] == {"name": "churn", "version": "3"}
    assert prediction["labels"] == {"eu": "1"}
    assert prediction["subject"]["id"] != "ann"
    assert error["event"]["outcome"] == "failure"
    assert error["error"]["type"] == "ValueError"
    assert "no age" in error["error"]["stack_trace"]
    assert feedback["feedback"] == {"prediction_id": first, "actual": "false", "source": "crm"}
    assert feedback["event"]["dataset"] == "driftlog.feedback"


def test_delivery_survives_a_receiver_in_a_thousand_moods(start_receiver, ship):
    """Random answers of every kind: in the end each event was accepted or refused for good, and none twice missing."""
    moods = random.Random(7)

    def answer(batch, headers):
        if any(b'"n":13}' in line for line in batch):
            return 400, {}, b"thirteen"
        return moods.choice(
            [
                None,
                None,
                None,
                (503, {"Retry-After": "0"}, b""),
                (500, {}, b""),
                (413, {}, b"") if len(batch) > 1 else None,
            ]
        )

    receiver = start_receiver(answer)
    shipping = ship(receiver.url, batch_events=40)
    shipping.send(lines(200))
    assert shipping.flush(40)
    assert set(receiver.ids) == set(ids(200)) - {"13"}
    assert shipping.stats()["refused"] == 1


def test_nothing_is_raised_when_nothing_works(ship, tmp_path):
    """No folder, no receiver, nonsense arguments: the caller never notices."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    log = PredictionLogger("churn", shipping=ship("http://127.0.0.1:1", spool=blocked))
    assert len(log.log_prediction({"a": 1.0}, 1)) == 32
    log.log_prediction(object(), object(), score=object(), timestamp="yesterday-ish")
    log.log_feedback("x", object(), rating="five")
    log.log_error(3, "boom")
    stats = log.stats()
    assert stats["in_memory"] == 1
    assert stats["failures"] == 3
    assert stats["pending"] == 1


def _eventually(condition, timeout_s: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def test_hash_tells_a_re_send_from_an_id_used_twice(receiver, ship):
    """Equal content gives an equal hash, other content another."""
    moment = "2026-01-01T00:00:00Z"
    log = PredictionLogger("churn", shipping=ship(receiver.url))
    for age in (1.0, 1.0, 2.0):
        log.log_prediction({"age": age}, 1, event_id="same", timestamp=moment)
    assert log.flush(10)
    hashes = [event["event"]["hash"] for event in receiver.events]
    assert hashes[0] == hashes[1] != hashes[2]
    assert json.loads(json.dumps(receiver.events[0]))["@timestamp"] == moment


def test_a_shipping_shared_by_two_models_uses_one_file(receiver, ship, tmp_path):
    """Several loggers of a process share spool and thread."""
    shared = ship(receiver.url)
    assert isinstance(shared, Shipping)
    for model in ("a", "b"):
        PredictionLogger(model, shipping=shared).log_prediction({"x": 1.0}, 1)
    assert shared.flush(10)
    assert [event["model"]["name"] for event in receiver.events] == ["a", "b"]
    assert len(list((tmp_path / "spool").rglob("*.spool"))) == 1
