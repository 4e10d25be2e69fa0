"""A hard limit for work that may hang: receivers that trickle, names that do not resolve."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Hands(Generic[T]):
    """Runs work in threads of its own and waits so long and no longer.

    What hangs is left behind in its thread (it cannot be killed), and nothing more is begun under its name until it
    has ended: at most one thread a name hangs.

    >>> hands: Hands[int] = Hands()
    >>> hands.run("a", lambda: 42, 10.0)
    42
    >>> stop = threading.Event()
    >>> hands.run("b", stop.wait, 0.01) is None, hands.busy("b"), stop.set()
    (True, True, None)
    """

    def __init__(self) -> None:
        self._hanging: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()

    def busy(self, name: str) -> bool:
        """Whether earlier work under this name still hangs."""
        with self._lock:
            thread = self._hanging.get(name)
            if thread is not None and not thread.is_alive():
                del self._hanging[name]
                return False
            return thread is not None

    def run(self, name: str, work: Callable[[], T], limit_s: float) -> T | None:
        """What `work` returns (what it raises is raised); None when it takes longer than `limit_s`."""
        answers: list[T] = []
        errors: list[Exception] = []

        def call() -> None:
            try:
                answers.append(work())
            except Exception as error:  # noqa: BLE001 - raised again by the thread that waits
                errors.append(error)

        thread = threading.Thread(target=call, name=f"driftlog-notify-{name}", daemon=True)
        thread.start()
        thread.join(limit_s)
        if thread.is_alive():
            with self._lock:
                self._hanging[name] = thread
            return None
        if errors:
            raise errors[0]
        return answers[0]
