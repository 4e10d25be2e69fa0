"""References from frames."""

from __future__ import annotations

import getpass
import os
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from driftlog.api.reference import ModelReference
from driftlog.contract.errors import UsageError
from driftlog.contract.settings import ModelSettings
from driftlog.profile.reference import reference_from_frame
from driftlog.store.client import Store
from driftlog.worker.references import set_reference
from driftlog.worker.trail import recorder_of

if TYPE_CHECKING:
    import pandas as pd

FIELDS = ("features.", "prediction.", "outcome.", "model.", "service.", "@timestamp")


class ReferenceClient:
    """The part of `Driftlog` that sets references."""

    store: Store

    def model(self, name: str | None = None) -> ModelSettings:
        """Settings of a model."""
        raise NotImplementedError

    def set_reference(
        self,
        frame: pd.DataFrame,
        model: str | None = None,
        *,
        prediction: str | None = None,
        score: str | None = None,
        label: str | None = None,
        timestamp: str | None = None,
        origin: str = "frame",
        activate: bool = True,
    ) -> ModelReference:
        """Make a reference of the rows of a frame, as `driftlog reference set --file` does of a file.

        Columns called ``features.*``, ``prediction.*`` and ``outcome.*`` are these fields; `prediction`, `score`,
        `label` (the truth) and `timestamp` name others; every column that is left is a feature.

        Parameters
        ----------
        activate
            Compare what follows with it; it is recorded in the audit trail, as ``$DRIFTLOG_ACTOR`` or user@host.

        Raises
        ------
        UsageError
            A column is not there.
        ReferenceUnusable
            No rows, or no usable column.
        """
        settings = self.model(model)
        regression = settings.task == "regression"
        named = {
            prediction: "prediction.value" if regression else "prediction.label",
            score: "prediction.score",
            label: "outcome.actual_value" if regression else "outcome.actual",
            timestamp: "@timestamp",
        }
        columns = {column: name for column, name in named.items() if column is not None}
        absent = [column for column in columns if column not in frame.columns]
        if absent:
            raise UsageError(f"the frame has no column {absent[0]!r}", remedy="name one of its columns")
        columns |= {
            str(name): f"features.{name}"
            for name in frame.columns
            if str(name) not in columns and not str(name).startswith(FIELDS)
        }
        rows = frame.rename(columns=str).rename(columns=columns)
        created = datetime.now(UTC)
        binning, made = reference_from_frame(rows, settings, origin=origin, created=created)
        recorder = recorder_of(self.store, lambda: datetime.now(UTC))
        set_reference(self.store, settings, binning, made, recorder, actor=_actor(), created=created, activate=activate)
        return ModelReference(binning, made)


def _actor() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in some containers
        user = str(os.getuid())
    return os.environ.get("DRIFTLOG_ACTOR", "").strip()[:256] or f"{user}@{socket.gethostname()}"
