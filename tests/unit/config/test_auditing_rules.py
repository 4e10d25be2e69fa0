"""Settings of retention, of the janitor and of reviews that cannot be used are refused, with what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftlog.config.load import load_settings
from driftlog.contract.errors import ConfigError


def load(tmp_path: Path, text: str) -> None:
    path = tmp_path / "driftlog.yml"
    path.write_text(text)
    load_settings(path, {})


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("retention: {results: 1h}", "retention.results"),
        ("retention: {predictions: 30d}\nmodels: {churn: {window: 1d}}", "models.churn.look_back"),
        ("retention: {models: [{name: churn, predictions: 30d}]}\nmodels: {churn: {window: 1d}}", "look_back"),
        ("retention: {outcomes: 30d}\nmodels: {churn: {window: 1d}}", "look_back"),
        ("retention: {models: [{name: a, predictions: 30d}, {name: a, predictions: 31d}]}", "retention.models"),
        ("retention: {predictions: 400d, seals: 300d}", "retention.seals"),
        ("retention: {seals: 300d}", "retention.seals"),
        ("janitor: {api_key: k, username: u, password: p}", "janitor.api_key"),
        ("janitor: {username: u}", "janitor.password"),
        ("janitor: {api_key: k, share_credentials: true}", "janitor.share_credentials"),
        ("janitor: {every: 0s}", "janitor.every"),
        ("models: {churn: {review: {every: week, channels: [ops]}}}", "models.churn.review.channels"),
    ],
)
def test_what_would_drop_too_much_or_reach_nobody_is_refused(tmp_path: Path, text: str, where: str) -> None:
    """The message names the setting."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)

    assert where in str(caught.value)


def test_a_retention_beyond_the_look_back_is_fine(tmp_path: Path) -> None:
    """So is a short one of a model that looks back no further."""
    load(tmp_path, "retention: {predictions: 400d, seals: 400d}\nmodels: {churn: {window: 1d}}")
    load(tmp_path, "retention: {predictions: 30d}\nmodels: {churn: {window: 1d, look_back: 30d}}")
