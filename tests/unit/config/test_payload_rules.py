"""How many instances a payload may have lies within bounds."""

from __future__ import annotations

import msgspec
import pytest

from driftlog.config.decode import SettingRefused
from driftlog.config.payload_rules import MOST_INSTANCES, check_payloads
from driftlog.contract.payloads import PayloadSettings
from driftlog.contract.settings import ModelSettings

MODEL = ModelSettings(name="churn")


@pytest.mark.parametrize("n", [1, 10_000, MOST_INSTANCES])
def test_a_number_within_the_bounds_is_taken(n: int) -> None:
    """The default among them."""
    check_payloads(msgspec.structs.replace(MODEL, payloads=PayloadSettings(max_instances=n)), ("models", "churn"))


@pytest.mark.parametrize("n", [-1, 0, MOST_INSTANCES + 1])
def test_a_number_beyond_the_bounds_is_refused(n: int) -> None:
    """The message names the setting."""
    model = msgspec.structs.replace(MODEL, payloads=PayloadSettings(max_instances=n))
    with pytest.raises(SettingRefused, match="between 1 and 100000") as caught:
        check_payloads(model, ("models", "churn"))
    assert caught.value.at == ("models", "churn", "payloads", "max_instances")
