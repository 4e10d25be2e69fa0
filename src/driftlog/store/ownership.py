"""Which indices belong to an installation: prefix, a known kind, and nothing else."""

from __future__ import annotations

import re
from typing import Final

from driftlog.contract.errors import NameRefused
from driftlog.contract.names import MONTHLY_KINDS

SINGLE_KINDS: Final = ("models", "references", "alerts", "audit", "state", "notices")
"""Kinds of documents kept in one index."""
KINDS: Final = ("predictions", *MONTHLY_KINDS, *SINGLE_KINDS)


def belongs(name: str, prefix: str) -> bool:
    """Whether `name` is one concrete index of the installation `prefix`.

    The pattern ``driftlog-*`` also matches the indices of the installation ``driftlog-demo``; this does not.

    >>> belongs("driftlog-results.2026-03", "driftlog"), belongs("driftlog-demo-results.2026-03", "driftlog")
    (True, False)
    >>> belongs("driftlog-*", "driftlog"), belongs("driftlog-results.*", "driftlog")
    (False, False)
    """
    kinds = "|".join(KINDS)
    return re.fullmatch(rf"{re.escape(prefix)}-({kinds})(\.[a-z0-9_.-]+)?", name) is not None


def require_own(name: str, prefix: str) -> str:
    """Return `name` when it belongs to `prefix`, else raise `NameRefused`."""
    if belongs(name, prefix):
        return name
    raise NameRefused(
        f"index {name[:80]!r} does not belong to the installation {prefix!r}",
        remedy=f"only single indices named {prefix}-<kind>[.<period>] can be dropped",
    )


def kind_of(name: str, prefix: str) -> str:
    """Kind of an own index.

    >>> kind_of("driftlog-predictions.churn.2026-03", "driftlog")
    'predictions'
    """
    return require_own(name, prefix).removeprefix(f"{prefix}-").partition(".")[0]
