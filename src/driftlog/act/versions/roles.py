"""Which role a version plays: what its own record says, corrected by the alias ``champion``, which alone decides."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from driftlog.contract.maintenance import ModelVersion

CHALLENGING: Final = ("candidate", "shadow", "share")
"""Statuses of a version that may become champion."""


def with_role(version: ModelVersion, champion: str, promoted: datetime | None) -> ModelVersion:
    """`version` with the status it has beside the champion named by the alias, which was `promoted` then.

    A crash between the writes of a promotion leaves records that say champion beside an alias that names another; the
    alias is right. One promoted later than the alias's has not become champion yet, one promoted earlier is so no more.
    """
    if version.version == champion:
        return version if version.status == "champion" else msgspec.structs.replace(version, status="champion")
    if version.status != "champion":
        return version
    unfinished = version.promoted is not None and (promoted is None or version.promoted > promoted)
    return msgspec.structs.replace(version, status="candidate" if unfinished else "retired")
