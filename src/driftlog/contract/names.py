"""Names that reach URLs, index names and field names, and the index names themselves.

Model names match ``[a-z0-9][a-z0-9_-]{0,63}``; the parts of an index name are joined by dots, so
``driftlog-predictions.churn.*`` never matches ``churn-v2``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from driftlog.contract.errors import NameRefused

Period = Literal["day", "month", "year"]

MODEL_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")
VERSION_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_+-]|\.(?!\.)){0,126}\Z")
PREFIX_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}\Z")
MAX_FIELD_NAME: Final = 256
INSTALLATION: Final = "driftlog"
"""Model under which alerts about driftlog itself are kept; they have no environment."""
_PERIOD_CHARS: Final[dict[str, int]] = {"day": 10, "month": 7, "year": 4}


def check_model_name(name: object, *, where: str = "model.name") -> str:
    """Return `name` when it is a model name, else raise `NameRefused`.

    >>> check_model_name("churn-v2")
    'churn-v2'
    """
    if isinstance(name, str) and MODEL_NAME.match(name):
        return name
    raise NameRefused(
        f"{where}: {_shown(name)} is not a model name",
        remedy="use 1 to 64 characters a-z, 0-9, '-' or '_', starting with a letter or digit",
    )


def check_version_name(name: object, *, where: str = "version") -> str:
    """Return `name` when it can name a model's version in paths and URLs, else raise `NameRefused`.

    >>> check_version_name("2026-07-15.1")
    '2026-07-15.1'
    """
    if isinstance(name, str) and VERSION_NAME.match(name) and not name.endswith("."):
        return name
    raise NameRefused(
        f"{where}: {_shown(name)} is not a version name",
        remedy="use 1 to 127 of A-Z a-z 0-9 . - _ +, starting with a letter or digit, without '..'",
    )


def check_prefix(prefix: object) -> str:
    """Return `prefix` when it may start index names, else raise `NameRefused`."""
    if isinstance(prefix, str) and PREFIX_NAME.match(prefix):
        return prefix
    raise NameRefused(
        f"prefix: {_shown(prefix)} cannot start index names",
        remedy="use 1 to 32 characters a-z, 0-9, '-' or '_', starting with a letter",
    )


def check_feature_name(name: object, *, where: str = "features") -> str:
    """Return `name` when it can be a field below ``features``, else raise `NameRefused`.

    Refused: empty, longer than 256 characters, control characters, ``*``, empty parts between dots.
    """
    if (
        isinstance(name, str)
        and 0 < len(name) <= MAX_FIELD_NAME
        and name.isprintable()
        and "*" not in name
        and all(part.strip() for part in name.split("."))
    ):
        return name
    raise NameRefused(
        f"{where}: {_shown(name)} is not a feature name",
        remedy=f"use 1 to {MAX_FIELD_NAME} printable characters without '*' and without empty parts between dots",
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def format_period(when: datetime, period: Period) -> str:
    """Name of the period that `when` falls in, in UTC.

    >>> format_period(datetime(2026, 3, 3, tzinfo=UTC), "month")
    '2026-03'
    >>> format_period(datetime(1, 1, 1, tzinfo=UTC), "month")
    '0001-01'
    """
    return when.astimezone(UTC).isoformat()[: _PERIOD_CHARS[period]]


class IndexNames(msgspec.Struct, frozen=True):
    """Index names of one installation.

    >>> names = IndexNames("driftlog")
    >>> names.predictions("churn", datetime(2026, 3, 3, tzinfo=UTC))
    'driftlog-predictions.churn.2026-03'
    >>> names.all_predictions("churn")
    'driftlog-predictions.churn.*'
    """

    prefix: str = "driftlog"
    period: Period = "month"

    def __post_init__(self) -> None:
        check_prefix(self.prefix)

    def predictions(self, model: str, when: datetime) -> str:
        return f"{self.prefix}-predictions.{check_model_name(model)}.{format_period(when, self.period)}"

    def all_predictions(self, model: str | None = None) -> str:
        return f"{self.prefix}-predictions.{check_model_name(model) if model is not None else '*'}.*"

    def monthly(self, kind: str, when: datetime) -> str:
        """Index of one of `MONTHLY_KINDS`."""
        return f"{self.prefix}-{kind}.{format_period(when, 'month')}"

    def every(self, kind: str) -> str:
        """Pattern over all months of a monthly kind."""
        return f"{self.prefix}-{kind}.*"

    @property
    def models(self) -> str:
        return f"{self.prefix}-models"

    @property
    def references(self) -> str:
        return f"{self.prefix}-references"

    @property
    def alerts(self) -> str:
        return f"{self.prefix}-alerts"

    @property
    def audit(self) -> str:
        return f"{self.prefix}-audit"

    @property
    def state(self) -> str:
        return f"{self.prefix}-state"

    @property
    def everything(self) -> str:
        """Pattern over all indices of this installation."""
        return f"{self.prefix}-*"


MONTHLY_KINDS: Final = (
    "feedback",
    "resources",
    "quarantine",
    "payloads",
    "outcomes",
    "opinions",
    "profiles",
    "results",
    "runs",
    "decisions",
    "seals",
)
"""Kinds of documents kept in one index a month, named by `IndexNames.monthly`."""
