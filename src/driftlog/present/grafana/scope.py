"""What the dashboards over Prometheus have in common: which series they look at, and the choices at their top."""

from __future__ import annotations

from typing import Final

from driftlog.present.grafana.parts import variable

OF: Final = 'model=~"$model",environment=~"$environment"'
WHOLE: Final = f'{OF},version="*",variant="*"'
"""All versions and variants together, where both kinds of series exist."""
OPEN: Final = 'status=~"open|acknowledged"'
BY: Final = "{{model}} ({{environment}})"
MODEL: Final = variable("model", "Model", "label_values(driftlog_alerts, model)")
ENVIRONMENT: Final = variable(
    "environment", "Environment", 'label_values(driftlog_alerts{model=~"$model"}, environment)'
)
