"""One at a time, across processes: a file lock that dies with whoever holds it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from driftlog.contract.errors import LocalServerError


@contextmanager
def locked(
    path: Path,
    *,
    waiting: Callable[[], None] = lambda: None,
    timeout_s: float = 900.0,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[int]:
    """Hold the lock of a file; yields its descriptor.

    A child process given the descriptor (``pass_fds``) keeps the lock until it ends too, so a start that is killed
    half-way still keeps the next one out until its launcher is gone.

    Parameters
    ----------
    waiting
        Called once when somebody else holds the lock.
    timeout_s
        After so many seconds of waiting: `LocalServerError`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(descriptor, path, waiting, monotonic() + timeout_s, monotonic, sleep)
        yield descriptor
    finally:
        os.close(descriptor)


def _acquire(
    descriptor: int,
    path: Path,
    waiting: Callable[[], None],
    deadline: float,
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
) -> None:
    import fcntl  # not on Windows, where the platform is refused with a better message

    announced = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            return
        if not announced:
            waiting()
            announced = True
        if monotonic() > deadline:
            raise LocalServerError(
                f"another driftlog has held {path} for too long",
                remedy=f"look who does: fuser {path}",
            )
        sleep(0.1)
