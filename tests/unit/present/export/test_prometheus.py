"""Pages for Prometheus: formats, and what is served when."""

from __future__ import annotations

import gzip
import subprocess
import threading
from collections.abc import Callable

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.present.export.promtool import promtool

from driftlog.contract.errors import StoreUnavailable
from driftlog.present.export.cache import Cache
from driftlog.present.export.prometheus import Pages, render
from driftlog.present.export.reading import INFINITY, Buckets, Reading

HISTOGRAM = Buckets((0.1, 1.0, INFINITY), (1, 3, 4), 2.5)
READINGS = [
    Reading("driftlog_predictions", "counter", 12.0, {"model": "churn", "version": 'a"b\\c'}, "Predictions."),
    Reading("driftlog_predictions", "counter", 3.0, {"model": "größe", "version": ""}, "Predictions."),
    Reading("driftlog_error_ratio", "gauge", 0.25, {"model": "churn"}, "Share."),
    Reading("driftlog_latency_seconds", "histogram", None, {"model": "churn"}, "Latency.", "seconds", HISTOGRAM),
]
UP = [Reading("driftlog_up", "gauge", 1.0, {}, "Up.")]


def samples(page: bytes, *, openmetrics: bool) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    parse: Callable[[str], object] = openmetrics_families if openmetrics else text_string_to_metric_families
    found = {}
    for family in parse(page.decode()):  # type: ignore[attr-defined]
        for sample in family.samples:
            found[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return found


@pytest.mark.parametrize("openmetrics", [False, True])
@pytest.mark.parametrize("compress", [False, True])
def test_both_formats_read_back_as_they_were(openmetrics: bool, compress: bool) -> None:
    """By the library's own parsers; compressed pages are two gzip files in a row."""
    page = Pages(READINGS).page(UP, openmetrics=openmetrics, compress=compress)
    found = samples(gzip.decompress(page) if compress else page, openmetrics=openmetrics)
    assert found["driftlog_predictions_total", (("model", "churn"), ("version", 'a"b\\c'))] == 12
    assert found["driftlog_predictions_total", (("model", "größe"), ("version", ""))] == 3
    assert found["driftlog_latency_seconds_bucket", (("le", "1.0"), ("model", "churn"))] == 3
    assert found["driftlog_latency_seconds_bucket", (("le", "+Inf"), ("model", "churn"))] == 4
    assert found["driftlog_latency_seconds_count", (("model", "churn"),)] == 4
    assert found["driftlog_latency_seconds_sum", (("model", "churn"),)] == 2.5
    assert found["driftlog_up", ()] == 1


def test_promtool_finds_nothing_to_complain_about() -> None:
    """Names, units and help are as Prometheus recommends."""
    tool = promtool()
    checked = subprocess.run(
        [tool, "check", "metrics"], input=render([*READINGS, *UP]), capture_output=True, check=False
    )
    assert (checked.returncode, checked.stderr, checked.stdout) == (0, b"", b"")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def cache_of(read: Callable[[], list[Reading]], clock: Clock, timeout_s: float = 20.0) -> Cache:
    return Cache(read, min_interval_s=10, timeout_s=timeout_s, max_age_s=60, monotonic=clock)


def about(cache: Cache) -> tuple[bool, dict[str, float | None]]:
    pages, meta = cache.get()
    return bool(pages.readings), {one.name: one.value for one in meta}


def test_elasticsearch_is_asked_once_in_the_interval() -> None:
    """However many scrape."""
    asked: list[int] = []

    def read() -> list[Reading]:
        asked.append(1)
        return UP

    clock = Clock()
    cache = cache_of(read, clock)
    for _ in range(5):
        cache.get()
    clock.now = 11
    cache.get()
    assert len(asked) == 2


def test_while_elasticsearch_is_down_the_last_values_are_served_and_then_none() -> None:
    """With driftlog_up 0 and their age; after max_age no value at all."""
    answers: list[list[Reading] | StoreUnavailable] = [UP]

    def read() -> list[Reading]:
        answer = answers.pop(0) if answers else StoreUnavailable("no")
        if isinstance(answer, StoreUnavailable):
            raise answer
        return answer

    clock = Clock()
    cache = cache_of(read, clock)
    assert about(cache)[1]["driftlog_up"] == 1
    clock.now = 30
    served, meta = about(cache)
    assert (served, meta["driftlog_up"], meta["driftlog_export_age_seconds"]) == (True, 0, 30)
    clock.now = 61
    served, meta = about(cache)
    assert (served, meta["driftlog_up"], meta["driftlog_export_age_seconds"]) == (False, 0, 61)
    answers.append(UP)
    clock.now = 75
    assert about(cache)[1]["driftlog_up"] == 1


def test_a_page_before_the_first_read_says_that_there_is_nothing() -> None:
    """Not an empty page, which would look like no models."""

    def read() -> list[Reading]:
        raise StoreUnavailable("no")

    assert about(cache_of(read, Clock()))[1]["driftlog_up"] == 0


def test_a_slow_read_holds_no_scrape_up_and_is_the_only_one() -> None:
    """Scrapes get the last values after timeout_s; no second read is sent meanwhile."""
    go, asked = threading.Event(), []

    def read() -> list[Reading]:
        asked.append(1)
        if len(asked) > 1:
            go.wait(60)
        return UP

    clock = Clock()
    cache = cache_of(read, clock)
    cache.get()
    cache._timeout_s = 0.01
    clock.now = 20
    assert [about(cache)[0] for _ in range(3)] == [True, True, True]
    assert len(asked) == 2
    go.set()


def test_a_reader_that_cannot_start_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine short of threads for a moment does not stop the readings for ever."""

    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    clock = Clock()
    cache = cache_of(lambda: UP, clock)
    with monkeypatch.context() as short:
        short.setattr(threading.Thread, "start", refused)
        assert about(cache) == (False, {"driftlog_up": 0})
    clock.now = 11
    assert about(cache)[0] is True
