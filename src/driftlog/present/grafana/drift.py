"""Drift by feature, against its limits; predictions and targets; data quality."""

from __future__ import annotations

from typing import Any

from driftlog.present.grafana.parts import GREEN, ORANGE, RED, Placed, assemble, bars, lines, number, promql, states
from driftlog.present.grafana.scope import BY, ENVIRONMENT, MODEL, OF


def drift() -> Any:
    """Drift by feature, against its limits; predictions and targets; data quality."""
    judged = 'driftlog_drift{%s} / ignoring (severity) driftlog_drift_limit{%s,severity="warning"}'
    features = f'{OF},purpose="data_drift"'
    against = [(None, GREEN), (1.0, ORANGE), (2.0, RED)]
    quality = "{{feature}} {{metric}}"
    return assemble(
        "driftlog-drift",
        "driftlog: Drift",
        "Which features are away from the reference, and how far.",
        [
            Placed(
                number(
                    "Features that drifted",
                    promql(f"sum(driftlog_features_drifted{{{OF}}})"),
                    limits=[(None, GREEN), (1, ORANGE)],
                ),
                4,
                8,
            ),
            Placed(
                lines(
                    "Share of features that drifted",
                    promql(f"driftlog_features_drifted_ratio{{{OF}}}", BY),
                    share=True,
                ),
                10,
                8,
            ),
            Placed(
                lines(
                    "Predictions and targets",
                    promql(
                        f'driftlog_drift{{{OF},purpose=~"prediction_drift|target_drift"}}', "{{feature}} {{metric}}"
                    ),
                ),
                10,
                8,
            ),
            Placed(
                states(
                    "Features over time",
                    promql(f"topk(40, driftlog_drift_severity{{{features}}})", "{{model}} {{feature}}"),
                    text="Verdict on each window; of each model the worst features (export.max_features).",
                ),
                14,
                14,
            ),
            Placed(
                bars(
                    "Value as a multiple of its warning limit",
                    promql(f"topk(20, {judged % (features, features)})", "{{model}} {{feature}}"),
                    limits=against,
                ),
                10,
                14,
            ),
            Placed(
                lines("Distance from the reference", promql(f"driftlog_drift{{{features}}}", "{{feature}} {{metric}}")),
                24,
                10,
            ),
            "Data quality",
            Placed(lines("Data quality", promql(f"driftlog_quality{{{OF}}}", quality)), 14, 10),
            Placed(
                states("Verdicts on data quality", promql(f"topk(40, driftlog_quality_severity{{{OF}}})", quality)),
                10,
                10,
            ),
        ],
        variables=[MODEL, ENVIRONMENT],
    )
