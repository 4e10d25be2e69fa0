"""Settings of segments, metrics, values and costs: what is read, and what is refused with the line to write instead."""

from __future__ import annotations

from typing import Any

import pytest

from driftlog.config.load import build_settings
from driftlog.contract.errors import ConfigError
from driftlog.contract.settings import CellValue, ModelSettings


def model(**settings: Any) -> ModelSettings:
    return build_settings({"models": {"flights": settings}}, {}).models[0]


def test_segments_are_written_as_names_and_crossings() -> None:
    assert model(segments=["carrier", "origin", ["origin", "carrier"]]).segments == (
        ("carrier",),
        ("origin",),
        ("origin", "carrier"),
    )


def test_everything_that_can_be_watched_is_read() -> None:
    found = model(
        segments=["carrier"],
        protected=["carrier"],
        business_value=[{"actual": "1", "predicted": "0", "value": -500}],
        business_unit="EUR",
        cost={"cpu_hour": 0.05, "currency": "USD"},
        metrics=[
            {
                "name": "late_share",
                "over": "aggregation",
                "aggregation": '{"late": {"filter": {}}}',
                "path": "late.doc_count",
            },
            {"name": "spread", "function": "own.metrics:spread"},
        ],
        experiments=[{"name": "checkout", "control": "a", "treatments": ["b"]}],
    )
    assert found.business_value == (CellValue(actual="1", predicted="0", value=-500.0),)
    assert found.cost.currency == "USD"
    assert [metric.name for metric in found.metrics] == ["late_share", "spread"]
    assert found.experiments[0].treatments == ("b",)


AGGREGATION = '{"late": {"filter": {}}}'


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"segments": [[]]}, "segments[0]"),
        ({"segments": [["a", "features.a"]]}, "segments[0]"),
        ({"segments": ["a", "features.a"]}, "segments[0]"),
        ({"segments": ["a"], "protected": ["b"]}, "protected[0]"),
        ({"quantile": 1.5, "task": "regression"}, "quantile"),
        ({"quantile": 0.5}, "quantile"),
        ({"task": "regression", "business_value": [{"actual": "1", "predicted": "0", "value": 1}]}, "business_value"),
        ({"joint_rows": 0}, "joint_rows"),
        ({"cost": {"cpu_hour": -1}}, "cost.cpu_hour"),
        ({"metrics": [{"name": "Late Share", "function": "a:b"}]}, "metrics[0].name"),
        ({"metrics": [{"name": "a", "function": "a:b"}, {"name": "a", "function": "a:b"}]}, "metrics[0].name"),
        ({"metrics": [{"name": "a"}]}, "metrics[0].function"),
        ({"metrics": [{"name": "a", "function": "os.system('x')"}]}, "metrics[0].function"),
        ({"metrics": [{"name": "a", "function": "a:b", "aggregation": AGGREGATION}]}, "metrics[0].aggregation"),
        ({"metrics": [{"name": "a", "over": "aggregation", "aggregation": "{"}]}, "metrics[0].aggregation"),
        ({"metrics": [{"name": "a", "over": "aggregation", "aggregation": "[]"}]}, "metrics[0].aggregation"),
        ({"metrics": [{"name": "a", "over": "aggregation", "aggregation": AGGREGATION}]}, "metrics[0].path"),
        ({"metrics": [{"name": "a", "function": "a:b", "rows": 0}]}, "metrics[0].rows"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_path_and_a_remedy(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as refused:
        model(**settings)
    assert f"models.flights.{named}" in str(refused.value)
    assert refused.value.remedy


def test_no_model_has_the_name_of_the_installation() -> None:
    """Alerts about driftlog itself are kept under it."""
    with pytest.raises(ConfigError, match="kept for alerts about driftlog itself"):
        build_settings({"models": {"driftlog": {}}}, {})
