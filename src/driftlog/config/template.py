"""The commented driftlog.yml that `driftlog init` writes: every setting with its default, and one model to fill in."""

from __future__ import annotations

from pathlib import Path

from driftlog.config.describe import SECTIONS, rows
from driftlog.contract.errors import UsageError

_HEAD = """\
# driftlog.yml - settings of driftlog.
#
# Every line that is commented out shows the default; remove the '# ' to change it.
# Durations: 30s 15m 1h 1d 1w. Secrets: ${VARIABLE}, or ${VARIABLE:default}, from the environment.
# Every setting can also be an environment variable: DRIFTLOG_ELASTICSEARCH__URLS, DRIFTLOG_WORKER__LEASE, ...
# Check with `driftlog config show`; all settings are explained in docs/configuration.md.
"""

_MODEL_HEAD = """\
# Models by name (a-z, 0-9, '-' and '_'). A model that is not listed is stored, and not evaluated.
models:
  my-model:
"""

_THRESHOLD = """\
    # thresholds:                   # Before the defaults; the first that fits a measurement judges it.
    #   - metric: roc_auc
    #     kind: relative            # or constant, default_drift, quantile, seasonal, anomaly, none
    #     direction: below
    #     warning: 0.03             # 0.03 below the reference
    #     critical: 0.06
    #   - metric: latency_p99_ms
    #     warning: 250
    #     of_windows: [2, 3]        # two of the last three windows
    #   - metric: predictions
    #     kind: seasonal            # from the same hour of the week, in the model's time zone
    #     direction: below
    #     warning: 3                # standard deviations
    #   - metric: ingest_lag_p95_s
    #     kind: quantile            # of its own history
    #     warning: 0.99
"""
_WRITTEN_OUT = ("environment", "task", "positive_label", "window")
"""Settings of the example model that stand there as lines, not as comments: people should look at them."""


def render_template() -> str:
    """Text of the file; it loads without error, and gives the defaults and one model."""
    lines = [_HEAD]
    section = ""
    models = [_MODEL_HEAD.rstrip("\n")]
    for path, default, _, description in rows():
        if path.startswith("models."):
            models += _model_line(path, default, description, models)
            continue
        if "[" in path:
            continue
        above, _, name = path.rpartition(".")
        if above != section:
            outer = "  " * above.count(".")
            lines.append(f"\n{outer}# {SECTIONS[above]}\n{outer}{above.rpartition('.')[2]}:")
            section = above
        indent = "  " * (above.count(".") + 1) if above else ""
        lines.append(_line(f"{indent}# {name}: {default}", description))
    return "\n".join(lines) + "\n\n" + "\n".join(models) + "\n" + _THRESHOLD


def _model_line(path: str, default: str, description: str, before: list[str]) -> list[str]:
    name = path.removeprefix("models.<name>.")
    if "[" in name or name == "thresholds" or name.count(".") > 1:  # lists, and groups within groups: see the docs
        return []
    group, dot, inner = name.rpartition(".")
    if dot:
        head = f"    # {group}:"
        return ([] if head in before else [head]) + [_line(f"    #     {inner}: {default}", description)]
    mark = "" if name in _WRITTEN_OUT else "# "
    return [_line(f"    {mark}{name}: {default}", description)]


def _line(setting: str, description: str) -> str:
    return f"{setting:<44} # {description}"


def write_template(path: Path, *, force: bool = False) -> None:
    """Write the file.

    Raises
    ------
    UsageError
        It exists and `force` is false, or cannot be written.
    """
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(render_template())
    except FileExistsError as error:
        raise UsageError(f"{path} exists", remedy="use --force to overwrite it, or another path") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", remedy="check path and permissions") from error
