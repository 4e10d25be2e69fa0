"""With whose account the janitor works, and sizes as people write them."""

from __future__ import annotations

import click
import pytest

from driftlog.cli.janitor import SizeType, janitor_settings
from driftlog.contract.auditing import JanitorSettings
from driftlog.contract.errors import ConfigError
from driftlog.contract.settings import ElasticsearchSettings, Settings
from driftlog.contract.strict import Secret

WORKER = ElasticsearchSettings(urls=("https://es:9200",), username="worker", password=Secret("w"), ca_certs="ca.crt")


def test_it_does_not_take_the_workers_account_by_itself() -> None:
    """The message says what to give it, and how to give up the separation."""
    with pytest.raises(ConfigError, match="credentials of its own") as caught:
        janitor_settings(Settings(elasticsearch=WORKER))

    assert "share_credentials" in caught.value.remedy


@pytest.mark.parametrize(
    ("janitor", "expected"),
    [
        (JanitorSettings(api_key=Secret("k")), (Secret("k"), None, None)),
        (JanitorSettings(username="j", password=Secret("p")), (None, "j", Secret("p"))),
        (JanitorSettings(share_credentials=True), (None, "worker", Secret("w"))),
    ],
)
def test_its_own_account_takes_the_place_of_the_workers(janitor: JanitorSettings, expected: tuple[object, ...]) -> None:
    """Everything else about the cluster stays."""
    found = janitor_settings(Settings(elasticsearch=WORKER, janitor=janitor))

    assert (found.api_key, found.username, found.password) == expected
    assert (found.urls, found.ca_certs) == (WORKER.urls, WORKER.ca_certs)


def test_an_open_cluster_needs_no_account() -> None:
    """There is nothing to separate."""
    assert janitor_settings(Settings()) == Settings().elasticsearch


@pytest.mark.parametrize(
    ("text", "expected"), [("500", 500), ("1kb", 1024), ("10GB", 10 << 30), ("1.5 TiB", 3 << 39), ("2m", 2 << 20)]
)
def test_sizes_are_powers_of_1024(text: str, expected: int) -> None:
    """As Elasticsearch counts them."""
    assert SizeType().convert(text, None, None) == expected


@pytest.mark.parametrize("text", ["", "many", "-1GB", "10 pounds", "GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="no size"):
        SizeType().convert(text, None, None)
