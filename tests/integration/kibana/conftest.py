"""A fake Kibana for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.integration.kibana.fake_kibana import API_KEY, FakeKibana, running

from driftlog.contract.kibana import KibanaSettings
from driftlog.contract.strict import Secret
from driftlog.present.kibana.client import Kibana


@pytest.fixture
def fake() -> Iterator[FakeKibana]:
    with running(FakeKibana()) as server:
        yield server


@pytest.fixture
def settings(fake: FakeKibana) -> KibanaSettings:
    return KibanaSettings(url=fake.url, api_key=Secret(API_KEY), timeout_s=30)


@pytest.fixture
def connect(fake: FakeKibana) -> Iterator[Callable[..., Kibana]]:
    """Makes clients that do not wait between attempts."""
    made: list[Kibana] = []

    def make(settings: KibanaSettings) -> Kibana:
        made.append(Kibana(settings, sleep=lambda seconds: None))
        return made[-1]

    yield make
    for one in made:
        one.__exit__(None, None, None)
