"""Runs a module as ``python -m`` would, but never longer than the program that started it.

``python -m driftlog.demo.child MODULE ARGUMENTS...`` with a pipe as standard input: when its other end closes, however
the parent ended (also by ``kill -9``), this process gets SIGTERM, and after `GRACE_S` its whole process group SIGKILL.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

GRACE_S = 8.0


def _watch_parent() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os.killpg(os.getpgid(0), signal.SIGKILL)


def main() -> None:
    """Start the watch, then become the module."""
    module = sys.argv[1]
    threading.Thread(target=_watch_parent, name="watch-parent", daemon=True).start()
    sys.argv = [module, *sys.argv[2:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
