"""CPU, memory, GPU and storage of the serving process and its host, sampled on a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from driftlog.contract.events import ResourceGroup

T = TypeVar("T")
log = logging.getLogger("driftlog.shipping")


class ResourceSampler:
    """Calls `ship` with a sample every `interval_s` seconds. Without psutil it says so once and does nothing.

    CPU is a mean over the interval, so the first sample comes after it. Nothing here raises into the app.
    """

    def __init__(self, ship: Callable[[ResourceGroup], None], *, interval_s: float, storage_path: str) -> None:
        self._ship = ship
        self._interval_s = interval_s
        self._storage_path = storage_path
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="driftlog-resources", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(1.0)

    def _run(self) -> None:
        try:
            probe = Probe(self._storage_path)
        except ImportError:
            log.info("psutil is not installed: no resource samples (pip install 'driftlog[resources]')")
            return
        while not self._stopping.wait(self._interval_s):
            try:
                self._ship(probe.sample())
            except Exception:
                log.exception("resource sample failed; no more are taken")
                return


class Probe:
    """Takes samples; the first one made by psutil has no CPU share and is thrown away here.

    Raises
    ------
    ImportError
        psutil is not installed.
    """

    def __init__(self, storage_path: str) -> None:
        import psutil

        self._psutil = psutil
        self._process = psutil.Process()
        self._storage_path = storage_path
        self._gpus = _gpus()
        self._process.cpu_percent()
        psutil.cpu_percent()

    def sample(self) -> ResourceGroup:
        """Measures that this platform refuses are left out."""
        process, psutil = self._process, self._psutil
        with process.oneshot():
            sample = ResourceGroup(
                cpu_percent=_try(process.cpu_percent),
                memory_bytes=_try(lambda: int(process.memory_info().rss)),
                threads=_try(process.num_threads),
                open_files=_try(process.num_fds),
            )
        sample.host_cpu_percent = _try(psutil.cpu_percent)
        sample.host_memory_percent = _try(lambda: psutil.virtual_memory().percent)
        disk = _try(lambda: psutil.disk_usage(self._storage_path))
        if disk is not None:
            sample.storage_used_bytes = disk.used
            sample.storage_used_percent = disk.percent
        if self._gpus:
            sample.gpu_percent, sample.gpu_memory_bytes = self._sample_gpus()
        return sample

    def _sample_gpus(self) -> tuple[float | None, int | None]:
        """Mean utilisation and total memory in use of the host's GPUs."""
        import pynvml

        busy = [_try(partial(_gpu_percent, pynvml, gpu)) for gpu in self._gpus]
        used = [_try(partial(_gpu_memory, pynvml, gpu)) for gpu in self._gpus]
        known_busy = [value for value in busy if value is not None]
        known_used = [value for value in used if value is not None]
        return (sum(known_busy) / len(known_busy) if known_busy else None, sum(known_used) if known_used else None)


def _gpus() -> list[Any]:
    """Handles of the NVIDIA GPUs; none where there are none."""
    try:
        import pynvml

        pynvml.nvmlInit()
        return [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(pynvml.nvmlDeviceGetCount())]
    except Exception:  # noqa: BLE001  no library, no driver, no GPU
        return []


def _gpu_percent(pynvml: Any, gpu: Any) -> float:
    return float(pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu)


def _gpu_memory(pynvml: Any, gpu: Any) -> int:
    return int(pynvml.nvmlDeviceGetMemoryInfo(gpu).used)


def _try(measure: Callable[[], T]) -> T | None:
    try:
        return measure()
    except Exception:  # noqa: BLE001  psutil: AccessDenied, not implemented on this platform
        return None
