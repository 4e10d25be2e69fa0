"""Versions of a model as a table, and one of them as lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from driftlog.contract.maintenance import GitState, ModelVersion

_STYLES = {"champion": "bold green", "refused": "red", "shadow": "cyan", "share": "cyan"}


def versions_table(versions: Sequence[ModelVersion]) -> Table:
    """One row a version, the newest first."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("VERSION", "STATUS", "CREATED", "PROMOTED", "DATA", "ROWS", "METRICS", "COMMIT"):
        table.add_column(name, justify="right" if name == "ROWS" else "left")
    for each in sorted(versions, key=lambda version: (version.created, version.version), reverse=True):
        table.add_row(
            Text(each.version),
            Text(each.status, style=_STYLES.get(each.status, "")),
            f"{each.created:%Y-%m-%d %H:%M}",
            f"{each.promoted:%Y-%m-%d %H:%M}" if each.promoted else "",
            each.data.label() if each.data else "",
            f"{each.data_rows:,}" if each.data_rows else "",
            Text(_metrics(each, 2)),
            Text(short_commit(each.git)),
        )
    return table


def version_lines(version: ModelVersion) -> Iterator[str]:
    """All that is known of a version, ``name: value`` a line; what is not known is left out."""
    git = version.git
    facts = {
        "version": version.version,
        "status": version.status,
        "created": f"{version.created:%Y-%m-%d %H:%M} UTC{f' by {version.created_by}' if version.created_by else ''}",
        "promoted": f"{version.promoted:%Y-%m-%d %H:%M} UTC" if version.promoted else "",
        "retired": f"{version.retired:%Y-%m-%d %H:%M} UTC" if version.retired else "",
        "replaced": version.previous,
        "files": version.uri,
        "digest": version.digest,
        "data": version.data.label() if version.data else "",
        "rows": f"{version.data_rows:,}" if version.data_rows else "",
        "data digest": version.data_digest,
        "reference": version.reference_id,
        "metrics": _metrics(version, 100),
        "commit": f"{git.commit}{' with uncommitted changes' if git.dirty else ''}" if git else "",
        "branch": git.branch if git else "",
        "tag": git.tag if git else "",
        "remote": git.remote if git else "",
        "run": version.run_id,
        "decision": version.decision_id,
        "page": version.run_url,
        "note": version.note,
    }
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        if value:
            yield f"{name:<{width}}  {value}"


def short_commit(git: GitState | None) -> str:
    """The tag or eight characters of the commit; a plus where it had uncommitted changes.

    >>> short_commit(GitState(commit="0123456789abcdef", dirty=True)), short_commit(None)
    ('01234567+', '')
    """
    if git is None:
        return ""
    return (git.tag or git.commit[:8]) + ("+" if git.dirty else "")


def _metrics(version: ModelVersion, most: int) -> str:
    shown = [f"{name} {value:.4g}" for name, value in sorted(version.metrics.items())[:most]]
    return ", ".join(shown) + (", ..." if len(version.metrics) > most else "")
