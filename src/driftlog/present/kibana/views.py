"""The data views of an installation."""

from __future__ import annotations

from typing import Final

from driftlog.present.kibana import formats
from driftlog.present.kibana.view import View

MODEL: Final = "model.name"
ENVIRONMENT: Final = "service.environment"
VERSION: Final = "model.version"
VARIANT: Final = "model.variant"
SEGMENT: Final = "segment"
HOST: Final = "host.name"
SERVICE: Final = "service.name"

_PREDICTED: Final = (MODEL, ENVIRONMENT, VERSION, VARIANT)
_JUDGED: Final = (*_PREDICTED, SEGMENT)
_SLICES: Final = {SEGMENT: formats.SEGMENT, VERSION: formats.VERSION, VARIANT: formats.VARIANT}

VIEWS: Final = (
    View(
        "predictions",
        "predictions",
        "predictions",
        formats={
            "event.duration": formats.NANOSECONDS,
            "prediction.score": formats.NUMBER,
            "prediction.value": formats.NUMBER,
        },
        dimensions=(*_PREDICTED, HOST, SERVICE),
    ),
    View(
        "results",
        "results",
        "results",
        formats={
            **_SLICES,
            "severity": formats.SEVERITY,
            "maturity": formats.SHARE,
            "value": formats.NUMBER,
            "reference.value": formats.NUMBER,
            "limit.warning": formats.NUMBER,
            "limit.critical": formats.NUMBER,
        },
        dimensions=_JUDGED,
    ),
    View(
        "alerts",
        "alerts",
        "alerts, by the time they opened",
        time="alert.opened",
        formats=_SLICES,
        dimensions=_JUDGED,
    ),
    View("alerts-now", "alerts", "alerts, whatever the time", time="", formats=_SLICES, dimensions=_JUDGED),
    View(
        "outcomes",
        "outcomes",
        "outcomes (predictions with their truth)",
        formats={"outcome.delay_s": formats.SECONDS, "outcome.relative_error": formats.SHARE},
        dimensions=_PREDICTED,
    ),
    View("feedback", "feedback", "feedback as it came", dimensions=_PREDICTED),
    View("opinions", "opinions", "opinions, by the time of the prediction", dimensions=_PREDICTED),
    View("runs", "runs", "cycles of workers", formats={"duration_s": formats.SECONDS}, dimensions=(MODEL, ENVIRONMENT)),
    View(
        "quarantine",
        "quarantine",
        "quarantine",
        formats={"quarantine.size_bytes": formats.BYTES},
        dimensions=(MODEL,),
    ),
    View(
        "resources",
        "resources",
        "resources",
        formats={
            "resource.memory_bytes": formats.BYTES,
            "resource.gpu_memory_bytes": formats.BYTES,
            "resource.storage_used_bytes": formats.BYTES,
            "resource.spool_bytes": formats.BYTES,
        },
        dimensions=(SERVICE, ENVIRONMENT, HOST),
    ),
    View("audit", "audit", "audit trail", time="recorded", dimensions=(MODEL, ENVIRONMENT)),
    View("decisions", "decisions", "decisions about versions", dimensions=(MODEL, ENVIRONMENT)),
)
"""Those that know most values of their dimensions first: a control offers the values of the first it can use."""
BY_NAME: Final = {view.name: view for view in VIEWS}
