"""Throughput, latency, errors, pipeline, workers, exporter, serving apps."""

from __future__ import annotations

from typing import Any

from driftlog.present.grafana.parts import Placed, assemble, heat, lines, promql
from driftlog.present.grafana.scope import BY, ENVIRONMENT, MODEL, OF


def operations() -> Any:
    """Throughput, latency, errors, pipeline, workers, exporter, serving apps."""
    return assemble(
        "driftlog-operations",
        "driftlog: Operations",
        "What happens right now: traffic, workers, pipeline, and the serving apps' own metrics.",
        [
            "Traffic",
            Placed(lines("Predictions a second", promql(f"driftlog:predictions:rate30m{{{OF}}}", BY), unit="reqps")),
            Placed(
                lines("Failed predictions", promql(f"driftlog:error_ratio:rate30m{{{OF}}}", BY), unit="percentunit")
            ),
            Placed(
                lines(
                    "Latency",
                    promql(f"driftlog:latency_seconds:p50_rate30m{{{OF}}}", f"{BY} p50"),
                    promql(f"driftlog:latency_seconds:p95_rate30m{{{OF}}}", f"{BY} p95", ref="B"),
                    promql(f"driftlog:latency_seconds:p99_rate30m{{{OF}}}", f"{BY} p99", ref="C"),
                    unit="s",
                )
            ),
            Placed(
                heat(
                    "Latency, how often",
                    promql(
                        f"sum by (le) (increase(driftlog_latency_seconds_bucket{{{OF}}}[30m]))", "{{le}}", heat=True
                    ),
                )
            ),
            Placed(
                lines(
                    "Errors by type",
                    promql(
                        f"sum by (model, error_type) (increase(driftlog_errors_total{{{OF}}}[30m]))",
                        "{{model}} {{error_type}}",
                    ),
                )
            ),
            Placed(
                lines(
                    "Resources and pipeline integrity",
                    promql(
                        f'driftlog_measurement{{{OF},purpose=~"resource|integrity"}}', "{{model}} {{metric}} {{field}}"
                    ),
                )
            ),
            "Workers",
            Placed(lines("Last cycle took", promql(f"driftlog_cycle_duration_seconds{{{OF}}}", BY), unit="s"), 8),
            Placed(lines("From event to result", promql(f"driftlog_event_to_result_seconds{{{OF}}}", BY), unit="s"), 8),
            Placed(lines("Buckets counted anew", promql(f"driftlog_cycle_buckets{{{OF}}}", BY)), 8),
            Placed(
                lines(
                    "Since the last good cycle",
                    promql(f"time() - driftlog_cycle_good_timestamp_seconds{{{OF}}}", BY),
                    unit="s",
                ),
                8,
            ),
            Placed(
                lines(
                    "Heartbeats and leases that do not move",
                    promql("driftlog_worker_silent_seconds", "worker {{worker}}"),
                    promql('driftlog_lease_unmoved_seconds{model=~"$model"}', "lease of {{model}}", ref="B"),
                    unit="s",
                ),
                8,
            ),
            Placed(
                lines(
                    "To quarantine",
                    promql("sum by (reason) (increase(driftlog_quarantined_events_total[30m]))", "{{reason}}"),
                ),
                8,
            ),
            "Exporter",
            Placed(lines("Elasticsearch is read", promql("driftlog_up", "{{instance}}")), 8),
            Placed(
                lines(
                    "Age, and time to read",
                    promql("driftlog_export_age_seconds", "age"),
                    promql("driftlog_export_read_seconds", "read", ref="B"),
                    unit="s",
                ),
                8,
            ),
            Placed(lines("Series left out", promql("driftlog_export_dropped_series", "{{instance}}")), 8),
            "Serving apps (driftlog.shipping.metrics)",
            Placed(
                lines(
                    "Predictions a second",
                    promql(
                        'sum by (model, version) (rate(driftlog_app_predictions_total{model=~"$model"}[5m]))',
                        "{{model}} {{version}}",
                    ),
                    unit="reqps",
                ),
                8,
            ),
            Placed(
                lines(
                    "Latency (95th percentile)",
                    promql(
                        "histogram_quantile(0.95, sum by (le, model) "
                        '(rate(driftlog_app_latency_seconds_bucket{model=~"$model"}[5m])))',
                        "{{model}}",
                    ),
                    unit="s",
                ),
                8,
            ),
            Placed(
                lines(
                    "Spool, how full",
                    promql("driftlog_app_spool_bytes / driftlog_app_spool_limit_bytes", "{{service}} {{instance}}"),
                    share=True,
                ),
                8,
            ),
            Placed(
                lines(
                    "What becomes of events",
                    promql("sum by (fate) (rate(driftlog_app_events_total[5m]))", "{{fate}}"),
                    unit="ops",
                ),
                24,
            ),
        ],
        variables=[MODEL, ENVIRONMENT],
        since="now-6h",
    )
