"""Who may send, and where the intake may listen."""

from __future__ import annotations

import pytest

from driftlog.contract.errors import ConfigError
from driftlog.contract.settings import IntakeSettings, Secret
from driftlog.intake.access import check_exposure


@pytest.mark.parametrize(
    "settings",
    [
        IntakeSettings(),
        IntakeSettings(host="::1"),
        IntakeSettings(host="localhost"),
        IntakeSettings(host="0.0.0.0", tcp_port=None, api_key=Secret("k")),
        IntakeSettings(host="0.0.0.0", allow_open=True),
    ],
)
def test_where_it_may_listen(settings: IntakeSettings) -> None:
    """Loopback, or with credentials and without TCP, or where one says so."""
    check_exposure(settings)


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        (IntakeSettings(host="0.0.0.0"), "intake.host"),
        (IntakeSettings(host="10.0.0.1", tcp_port=None), "intake.host"),
        (IntakeSettings(host="0.0.0.0", api_key=Secret("k")), "intake.tcp_port"),
    ],
)
def test_where_it_refuses_to_listen(settings: IntakeSettings, path: str) -> None:
    """The message names the setting."""
    with pytest.raises(ConfigError, match=path):
        check_exposure(settings)
