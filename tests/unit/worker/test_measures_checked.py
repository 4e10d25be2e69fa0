"""Settings whose measures cannot judge are refused before any work."""

from __future__ import annotations

from typing import Any, cast

import pytest

from driftlog.contract.errors import ConfigError
from driftlog.contract.settings import ModelSettings, Settings
from driftlog.worker.backfill import models_to_watch
from driftlog.worker.loop import run_worker

WRONG = Settings(models=(ModelSettings(name="good"), ModelSettings(name="churn", report_measures=("ks",))))
NO_STORE = cast(Any, None)


def test_models_with_unknown_measures_are_not_taken_up() -> None:
    """The message says whose setting it is."""
    with pytest.raises(ConfigError, match=r"models\.churn\.report_measures\[0\]"):
        models_to_watch(NO_STORE, WRONG)


def test_a_worker_does_not_start_with_them() -> None:
    """Instead of failing in every cycle."""
    with pytest.raises(ConfigError, match=r"models\.churn"):
        run_worker(NO_STORE, NO_STORE, WRONG, worker_id="w")
