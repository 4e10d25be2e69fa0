"""Reading ahead: a thread waits for Elasticsearch while the caller works on what came before."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class _End:
    """The last thing in the queue; with the error that ended the reading."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Iterable[T], size: int = 2) -> Generator[T]:
    """`items`, at most `size` of them read before they are asked for; errors come where they would have come.

    >>> list(ahead(iter("abc")))
    ['a', 'b', 'c']
    """
    ready: queue.Queue[T | _End] = queue.Queue(size)
    stop = threading.Event()

    def put(item: T | _End) -> None:
        while not stop.is_set():
            with suppress(queue.Full):
                ready.put(item, timeout=0.1)
                return

    def read() -> None:
        try:
            for item in items:
                put(item)
                if stop.is_set():
                    break
        except BaseException as error:  # noqa: BLE001 - it is raised in the caller's thread
            put(_End(error))
        else:
            put(_End())

    reader = threading.Thread(target=read, name="driftlog-reader", daemon=True)
    reader.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stop.set()
        reader.join()
