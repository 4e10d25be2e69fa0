"""For users of `logging`: python-logstash-async's handler in front of the spool.

    logging.getLogger().addHandler(SpoolHandler(Shipping(service="churn-api", url="http://intake:9280")))

The library's synchronous handler calls its transport in the log call, and the transport is our spool: the record is
durable when `logging` returns. `AsynchronousLogstashHandler` takes a `Shipping` as ``transport`` likewise, but keeps
records in memory until its own thread gets round to them (10 seconds by default).
"""

from __future__ import annotations

import logging
from typing import Any

from logstash_async.handler import SynchronousLogstashHandler

from driftlog.shipping.shipping import Shipping


class SpoolHandler(SynchronousLogstashHandler):  # type: ignore[misc]
    """A logging handler whose records go through the spool.

    Parameters
    ----------
    shipping
        Where they go; without it one is made from `settings`, the parameters of `Shipping`.
    """

    def __init__(self, shipping: Shipping | None = None, *, level: int = logging.NOTSET, **settings: Any) -> None:
        self.shipping = shipping if shipping is not None else Shipping(**settings)
        super().__init__(host="spool", port=0, transport=self.shipping)
        self.setLevel(level)

    def emit(self, record: logging.LogRecord) -> None:
        """Ship a record; what driftlog says of its own troubles stays here, or it would go round in circles."""
        if not record.name.startswith("driftlog.shipping"):
            super().emit(record)

    def flush(self) -> None:
        """Records are durable already; deliver them now."""
        sender_alive = self.shipping.started
        if sender_alive:
            self.shipping.flush(timeout_s=0.0)
