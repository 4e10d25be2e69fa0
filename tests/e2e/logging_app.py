"""A serving app that logs predictions as fast as it is told to, and writes down what it has logged.

Run as a process of its own, and killed: ``python logging_app.py URL SPOOL LEDGER FIRST COUNT PER_SECOND``. A line goes
to the ledger after the log call has returned, so every line of it is a promise that driftlog has to keep.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from driftlog.shipping import PredictionLogger, Shipping

PERIOD_END = datetime(2026, 2, 1, tzinfo=UTC)
BAD_LINE = b'{"message": "no model, no id, and always the same words"}\n'
NOT_JSON = b"this is not JSON\n"


def main() -> int:
    url, spool, ledger_path = sys.argv[1:4]
    first, count, per_second = (int(argument) for argument in sys.argv[4:7])
    shipping = Shipping(service="spine", url=url, spool=spool, resources_s=None)
    log = PredictionLogger("spine", version="1", environment="test", shipping=shipping)
    with Path(ledger_path).open("a", encoding="utf-8", buffering=1) as ledger:
        started = time.monotonic()
        for number in range(first, first + count):
            when = PERIOD_END + timedelta(milliseconds=(number % 2_000) - 1_000)
            event_id = f"event-{number}"
            log.log_prediction({"x": number / 7, "k": f"v{number % 5}"}, number % 2, timestamp=when, event_id=event_id)
            ledger.write(f"good {event_id}\n")
            if number % 40 == 0:
                shipping.send([BAD_LINE])
                ledger.write("bad\n")
            if number % 60 == 0:
                shipping.send([NOT_JSON])
                ledger.write("bad\n")
            time.sleep(max(0.0, started + (number - first) / per_second - time.monotonic()))
    done = shipping.flush(timeout_s=120.0)
    print(log.stats())
    log.close()
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
