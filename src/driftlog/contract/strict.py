"""What all settings are made of: frozen groups that refuse unknown keys, and strings that do not show themselves."""

from __future__ import annotations

import msgspec


class Secret:
    """A string that does not show itself.

    >>> key = Secret("s3cret")
    >>> key, str(key), key.reveal()
    (Secret('***'), '***', 's3cret')
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all groups of settings: unknown keys are errors."""
