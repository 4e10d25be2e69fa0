"""``driftlog export``: what driftlog knows, in the tools beside it."""

from __future__ import annotations

from typing import Final

import click

from driftlog.cli.base import LazyGroup

_COMMANDS: Final = "driftlog.cli.commands"
LAZY: Final[dict[str, str]] = {
    "prometheus": f"{_COMMANDS}.export_prometheus:prometheus",
    "datadog": f"{_COMMANDS}.export_datadog:datadog",
    "statsd": f"{_COMMANDS}.export_statsd:statsd",
    "otlp": f"{_COMMANDS}.export_otlp:otlp",
    "mlflow": f"{_COMMANDS}.export_mlflow:mlflow",
    "tensorboard": f"{_COMMANDS}.export_tensorboard:tensorboard",
}
"""Every destination, in the order of ``driftlog export --help``."""


@click.group(
    cls=LazyGroup,
    lazy=LAZY,
    examples=["driftlog export prometheus", "driftlog export prometheus --once"],
)
def export() -> None:
    """Hand on what is known to other tools.

    Read from results, alerts and profiles; nothing is computed anew.
    """
