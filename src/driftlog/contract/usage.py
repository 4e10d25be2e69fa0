"""What serving processes used, and the load they carried."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from driftlog.contract.window import Window


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """Resource samples of one serving process over a window.

    Attributes
    ----------
    release
        ``service.version``; empty where the samples name none.
    alive_s
        Seconds the samples stand for: their span, lengthened by one mean interval.
    cpu_cores, gpu_share
        Mean busy cores and mean share of GPU time; None where not sampled.
    memory_bytes
        Mean resident memory.
    """

    host: str
    pid: int
    release: str
    samples: int
    alive_s: float
    cpu_cores: float | None = None
    memory_bytes: float | None = None
    gpu_share: float | None = None


@dataclass(frozen=True, slots=True)
class ServedLoad:
    """Predictions of one model version by one release of the service."""

    release: str
    version: str
    n: int
    busy_s: float
    """Sum of the durations of its predictions."""


@dataclass(frozen=True, slots=True)
class HourOfLoad:
    """One hour of traffic of a model: how much, how fast, and how busy its processes were."""

    start: datetime
    n: int
    mean_s: float | None
    cpu_cores: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Everything cost and capacity of one window are computed from.

    Attributes
    ----------
    hours
        Hours with traffic of the four weeks up to the window's end.
    last_prediction
        Newest prediction up to the window's end; None where there never was one.
    """

    window: Window
    processes: tuple[ProcessUse, ...]
    loads: tuple[ServedLoad, ...]
    hours: tuple[HourOfLoad, ...] = ()
    last_prediction: datetime | None = None
