"""One model: performance, estimated and realised, truths, operation."""

from __future__ import annotations

from typing import Any

from driftlog.present.grafana.parts import Placed, assemble, bars, lines, promql, rows, states, variable
from driftlog.present.grafana.scope import ENVIRONMENT, MODEL, OF


def model() -> Any:
    """One model: performance with interval, reference and limit; estimated and realised; truths; operation."""
    of = f'{OF},version=~"$version"'
    metric = f'{of},metric=~"$metric"'
    legend = "{{metric}} {{basis}} {{version}}"
    return assemble(
        "driftlog-model",
        "driftlog: Model",
        "One model: performance against the reference, estimated and realised, and what it is made of.",
        [
            "Performance",
            Placed(
                lines(
                    "Performance",
                    promql(f"driftlog_performance{{{metric}}}", legend),
                    promql(f"driftlog_performance_reference{{{metric}}}", f"{legend} reference", ref="B"),
                    promql(f"driftlog_performance_limit{{{metric}}}", f"{legend} {{{{severity}}}} limit", ref="C"),
                    text="Realised: with known truths. Estimated: before they arrive.",
                ),
                16,
                10,
            ),
            Placed(
                bars(
                    "Truths arrived",
                    promql(f"driftlog_label_maturity_ratio{{{of}}}", "{{model}} {{version}}"),
                    unit="percentunit",
                ),
                8,
                10,
            ),
            Placed(
                lines(
                    "95 % interval of the realised performance",
                    promql(f'driftlog_performance_lower{{{metric},basis="realised"}}', "{{metric}} lower"),
                    promql(f'driftlog_performance_upper{{{metric},basis="realised"}}', "{{metric}} upper", ref="B"),
                )
            ),
            Placed(
                lines(
                    "Estimated minus realised",
                    promql(f"driftlog_estimation_error{{{metric}}}", "{{metric}} {{version}}"),
                    text="How far the estimates were off, once the truths arrived.",
                )
            ),
            Placed(
                states(
                    "Verdicts on performance",
                    promql(f"driftlog_performance_severity{{{metric}}}", "{{metric}} {{basis}}"),
                )
            ),
            Placed(
                lines(
                    "Measurements by verdict",
                    promql(f'sum by (verdict) (driftlog_verdicts{{{OF},verdict!="not_judged"}})', "{{verdict}}"),
                    stack=True,
                )
            ),
            "Operation",
            Placed(
                lines(
                    "Predictions of the newest window",
                    promql(f"driftlog_window_predictions{{{of}}}", "{{model}} {{version}}"),
                )
            ),
            Placed(
                lines(
                    "Truths of the newest window",
                    promql(f"driftlog_labelled_predictions{{{of}}}", "{{model}} {{version}}"),
                )
            ),
            Placed(
                lines(
                    "Latency", promql(f"driftlog_window_latency_seconds{{{of}}}", "{{statistic}} {{version}}"), unit="s"
                )
            ),
            Placed(
                lines(
                    "Failed predictions",
                    promql(f"driftlog_error_ratio{{{of}}}", "all {{version}}"),
                    promql(f"driftlog_error_type_ratio{{{of}}}", "{{error_type}} {{version}}", ref="B"),
                    unit="percentunit",
                )
            ),
            "Everything else that is measured",
            Placed(
                rows(
                    "Newest values",
                    promql(f"driftlog_measurement{{{of}}}", instant=True),
                    names={"Value": "Value", "purpose": "Purpose", "metric": "Metric", "field": "Field"},
                    text="Integrity, concept drift, resources, cost, fairness, feedback, metrics of your own.",
                ),
                24,
                10,
            ),
        ],
        variables=[
            MODEL,
            ENVIRONMENT,
            variable("version", "Version", 'label_values(driftlog_window_predictions{model=~"$model"}, version)'),
            variable("metric", "Metric", 'label_values(driftlog_performance{model=~"$model"}, metric)'),
        ],
    )
