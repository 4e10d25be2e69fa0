"""What runs inside the serving app: log predictions, keep them durable, deliver them.

Needs the bare install only. Names are loaded when first used where loading them costs time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from driftlog.shipping.decorator import monitor
from driftlog.shipping.logger import PredictionLogger
from driftlog.shipping.shipping import Shipping

if TYPE_CHECKING:
    from driftlog.shipping.handler import SpoolHandler
    from driftlog.shipping.inspection import inspect_spool

__all__ = ["PredictionLogger", "Shipping", "SpoolHandler", "inspect_spool", "monitor"]
_LAZY = {
    "SpoolHandler": "driftlog.shipping.handler",
    "inspect_spool": "driftlog.shipping.inspection",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
