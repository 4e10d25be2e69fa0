"""What becomes of distributions when requests to Datadog's API end badly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.export.receivers import API_KEY, DatadogBooks, HttpReceiver, http_receiver
from tests.unit.present.export.pushed import MINUTE, NOW, counter, latency

from driftlog.contract.strict import Secret
from driftlog.present.export import datadog
from driftlog.present.export.datadog import DatadogApi
from driftlog.present.export.ledger import Ledger
from driftlog.present.export.posting import PAUSES_S
from driftlog.present.export.push import Push, Pushed
from driftlog.present.export.reading import Reading

TRIES = len(PAUSES_S) + 1


@pytest.fixture
def books() -> DatadogBooks:
    return DatadogBooks()


@pytest.fixture
def api(books: DatadogBooks) -> Iterator[HttpReceiver]:
    with http_receiver(books.judge) as made:
        yield made


def once(api: HttpReceiver, folder: Path, minute: int, *readings: Reading) -> Pushed:
    """A pass of a process that has just started."""
    destination = DatadogApi(api.url, Secret(API_KEY), events=False)
    destination.poster.sleep = lambda seconds: None
    ledger = Ledger(folder / "sent.json", unsure=destination.unsure)
    return Push(lambda now: list(readings), lambda since: [], ledger, destination).once(NOW + minute * MINUTE)


def seen(books: DatadogBooks) -> int:
    return sum(len(values) for (name, _), values in books.values.items() if name == "driftlog.latency_seconds")


@pytest.mark.parametrize("failed", [0, -1, 500])
def test_distributions_outlive_series_of_which_nobody_knows_what_became(
    failed: int, api: HttpReceiver, books: DatadogBooks, tmp_path: Path
) -> None:
    """They were not begun: the series come again under their old time, the distributions with the next new ones."""
    once(api, tmp_path, 0, counter(100), latency(0, 0, 100))
    api.next = [(failed, {})] * (2 * TRIES)
    assert once(api, tmp_path, 1, counter(110), latency(0, 0, 110)).error
    assert once(api, tmp_path, 2, counter(120), latency(0, 0, 120)).error
    assert once(api, tmp_path, 3, counter(125), latency(0, 0, 125)).error == ""
    assert (books.counted("driftlog.predictions"), seen(books)) == (25, 25)


def test_a_distribution_that_is_new_outlives_them_too(api: HttpReceiver, books: DatadogBooks, tmp_path: Path) -> None:
    """It counts from zero, once."""
    once(api, tmp_path, 0, counter(100))
    api.next = [(500, {})] * TRIES
    once(api, tmp_path, 1, counter(110), latency(0, 0, 4))
    once(api, tmp_path, 2, counter(110), latency(0, 0, 7))
    once(api, tmp_path, 3, counter(110), latency(0, 0, 9))
    assert seen(books) == 9


@pytest.mark.parametrize(("failed", "expected"), [(503, 12), (-1, 12), (0, 10), (400, 10)])
def test_distributions_after_one_that_failed_come_again(
    failed: int, expected: int, api: HttpReceiver, books: DatadogBooks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lost is at most what nobody knows about, or what was refused; never what was not begun, and nothing twice."""
    monkeypatch.setattr(datadog, "MOST_DISTRIBUTIONS", 1)
    monkeypatch.setattr("driftlog.present.export.posting.PAUSES_S", ())

    def histograms(*counts: int) -> list[Reading]:
        found = [latency(0, 0, count) for count in counts]
        return [
            Reading(one.name, one.kind, None, {"model": f"m{at}"}, one.help, one.unit, one.buckets)
            for at, one in enumerate(found)
        ]

    once(api, tmp_path, 0, counter(1), *histograms(0, 0, 0))

    def fails(request: object) -> None:
        api.next, api.after = [(failed, {})], lambda request: None

    api.after = fails
    once(api, tmp_path, 1, counter(2), *histograms(2, 3, 4))
    once(api, tmp_path, 2, counter(3), *histograms(2, 3, 7))
    assert seen(books) == expected
