"""All models: health, volume, latency, errors, open alerts."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from driftlog.present.grafana.parts import (
    GREEN,
    ORANGE,
    RED,
    YELLOW,
    Placed,
    assemble,
    lines,
    number,
    promql,
    rows,
    states,
)
from driftlog.present.grafana.scope import BY, ENVIRONMENT, MODEL, OF, OPEN, WHOLE


def overview() -> Any:
    """All models: health, volume, latency, errors, open alerts."""
    whole = f"{{{WHOLE}}}"
    return assemble(
        "driftlog-overview",
        "driftlog: Overview",
        "All models: what is open, how they do, and whether anybody looks.",
        [
            Placed(number("Models", promql("max(driftlog_models)")), 4, 4),
            Placed(
                number(
                    "Critical alerts",
                    promql(f'sum(driftlog_alerts{{{OF},severity="critical",{OPEN}}})'),
                    limits=[(None, GREEN), (1, RED)],
                ),
                4,
                4,
            ),
            Placed(
                number(
                    "Warnings",
                    promql(f'sum(driftlog_alerts{{{OF},severity="warning",{OPEN}}})'),
                    limits=[(None, GREEN), (1, ORANGE)],
                ),
                4,
                4,
            ),
            Placed(
                number(
                    "Predictions a second",
                    promql(f"sum(driftlog_throughput_per_second{whole})"),
                    text="In the newest window of each model.",
                ),
                4,
                4,
            ),
            Placed(
                number(
                    "Workers",
                    promql("max(driftlog_workers)"),
                    limits=[(None, YELLOW), (1, GREEN)],
                    text="With a heartbeat; needs the right to read driftlog-state.",
                ),
                4,
                4,
            ),
            Placed(
                number(
                    "Age of these values",
                    promql("max(driftlog_export_age_seconds)"),
                    unit="s",
                    limits=[(None, GREEN), (120, ORANGE), (600, RED)],
                ),
                4,
                4,
            ),
            Placed(_models_table(), 24, 9),
            Placed(lines("Open alerts", promql(f"sum by (model, environment) (driftlog_alerts{{{OF},{OPEN}}})", BY))),
            Placed(
                lines("Predictions a second", promql(f"driftlog_throughput_per_second{whole}", BY), unit="reqps"),
            ),
            Placed(lines("Failed predictions", promql(f"driftlog_error_ratio{whole}", BY), unit="percentunit")),
            Placed(
                lines(
                    "Latency (95th percentile)",
                    promql(f'driftlog_window_latency_seconds{{{WHOLE},statistic="p95"}}', BY),
                    unit="s",
                )
            ),
            Placed(
                lines(
                    "Share of features that drifted",
                    promql(f"driftlog_features_drifted_ratio{{{OF}}}", BY),
                    share=True,
                )
            ),
            Placed(
                states(
                    "Performance against the reference",
                    promql(
                        f'max by (model, environment) (driftlog_performance_severity{{{WHOLE},basis="realised"}})', BY
                    ),
                )
            ),
        ],
        variables=[MODEL, ENVIRONMENT],
    )


def _models_table() -> Any:
    by = "by (model, environment)"
    columns = {
        "A": ("Open alerts", f"sum {by} (driftlog_alerts{{{OF},{OPEN}}})"),
        "B": ("Performance (0 ok to 3 critical)", f'max {by} (driftlog_performance_severity{{{OF},basis="realised"}})'),
        "C": ("Drifted features", f"max {by} (driftlog_features_drifted_ratio{{{OF}}})"),
        "D": ("Failed predictions", f"max {by} (driftlog_error_ratio{{{WHOLE}}})"),
        "E": ("Latency p95 (s)", f'max {by} (driftlog_window_latency_seconds{{{WHOLE},statistic="p95"}})'),
        "F": ("Truths arrived", f"max {by} (driftlog_label_maturity_ratio{{{WHOLE}}})"),
        "G": ("Results until", f"max {by} (driftlog_window_end_timestamp_seconds{{{OF}}}) * 1000"),
    }
    targets = [promql(expr, ref=ref, instant=True) for ref, (_, expr) in columns.items()]
    names = {f"Value #{ref}": name for ref, (name, _) in columns.items()}
    panel = rows("Models", *targets, names=names | {"model": "Model", "environment": "Environment"})
    times = [DynamicConfigValue(id_val="unit", value="dateTimeAsIso")]
    shares = [DynamicConfigValue(id_val="unit", value="percentunit")]
    panel = panel.override_by_name("Results until", times)
    for name in ("Drifted features", "Failed predictions", "Truths arrived"):
        panel = panel.override_by_name(name, shares)
    return panel
