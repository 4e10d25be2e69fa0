"""The seam to python-logstash-async: anything with its ``send``."""

from __future__ import annotations

from typing import Any, Protocol


class Transport(Protocol):
    """A transport of python-logstash-async: `driftlog.shipping.Shipping`, or one of the library's own."""

    def send(self, events: Any, use_logging: bool = False) -> None: ...
