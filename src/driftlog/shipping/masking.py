"""What must not leave the process as it is.

Rules name fields by shell pattern, the first that matches decides: ``{"features.email": "drop", "features.name":
"hash", "features.income": "round(-3)", "error.message": "truncate(200)", "labels.*": "keep"}``. They apply to
``features.*``, ``labels.*``, ``subject.id``, ``message``, ``error.*``, ``feedback.comment``, ``prediction.label``
and ``prediction.attributions.*`` before the event is spooled. ``subject.id`` is hashed unless a rule says otherwise.
A rule that cannot be carried out drops the value.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from driftlog.contract.errors import ConfigError
from driftlog.contract.settings import Secret

Action = Callable[[Any], Any]
DROP: Final = object()
"""What an action returns to leave the field out."""
_CALL: Final = re.compile(r"(truncate|round)\((-?\d+)\)\Z")
_REMEDY: Final = "use drop, hash, truncate(n), round(n) or keep"
MAX_REMEMBERED: Final = 10_000


class Masking:
    """Compiled rules.

    Parameters
    ----------
    rules
        Pattern -> action.
    salt
        Gives the key of the hashes; asked for when first needed.
    failed
        Told of rules that could not be carried out.

    Raises
    ------
    ConfigError
        For an unknown action.
    """

    def __init__(
        self,
        rules: Mapping[str, str],
        salt: Callable[[], Secret],
        failed: Callable[[str, BaseException], None] = lambda where, error: None,
    ) -> None:
        self._salt = salt
        self._failed = failed
        self._key: bytes | None = None
        given = {pattern: self._compile(pattern, action) for pattern, action in rules.items()}
        self._rules = {**given, "subject.id": given.get("subject.id", self._hash)}
        self._remembered: dict[str, Action | None] = {}
        self.active = {group: self._concerns(given, group) for group in ("features", "labels", "prediction")}
        """Groups that some rule may concern; the others need no look."""

    @staticmethod
    def _concerns(rules: Mapping[str, Action | None], group: str) -> bool:
        return any(
            action is not None and (pattern.split(".")[0] == group or any(c in pattern.split(".")[0] for c in "*?["))
            for pattern, action in rules.items()
        )

    def _compile(self, pattern: str, action: str) -> Action | None:
        text = action.strip().replace(" ", "") if isinstance(action, str) else ""
        if text == "keep":
            return None
        if text == "drop":
            return _drop
        if text == "hash":
            return self._hash
        found = _CALL.match(text)
        if found is None or (found[1] == "truncate" and int(found[2]) < 0):
            raise ConfigError("is not a masking action", path=f"masking.{pattern}", value=action, remedy=_REMEDY)
        return _truncate(int(found[2])) if found[1] == "truncate" else _round(int(found[2]))

    def apply(self, field: str, value: Any) -> Any:
        """The value that may leave, or `DROP`."""
        action = self._action(field)
        if action is None or value is None:
            return value
        try:
            if isinstance(value, list):
                return [action(item) for item in value] if action is not _drop else DROP
            return action(value)
        except Exception as error:  # noqa: BLE001  in doubt nothing leaves
            self._failed(f"masking {field}", error)
            return DROP

    def apply_all(self, group: str, values: dict[str, Any]) -> dict[str, Any]:
        """All fields of an object; the given one is left alone."""
        masked = {name: self.apply(f"{group}.{name}", value) for name, value in values.items()}
        return {name: value for name, value in masked.items() if value is not DROP}

    def text(self, field: str, value: str | None) -> str | None:
        """A string field, None when dropped."""
        masked = self.apply(field, value)
        return None if masked is DROP or masked is None else str(masked)

    def _action(self, field: str) -> Action | None:
        try:
            return self._remembered[field]
        except KeyError:
            pass
        action = next((act for pattern, act in self._rules.items() if fnmatchcase(field, pattern)), None)
        if len(self._remembered) < MAX_REMEMBERED:
            self._remembered[field] = action
        return action

    def _hash(self, value: Any) -> str:
        """Keyed BLAKE2b, 16 bytes: equal values stay equal, and nobody without the salt can try values out."""
        if self._key is None:
            self._key = hashlib.blake2b(self._salt().reveal().encode()).digest()
        text = value if isinstance(value, str) else str(value)
        return hashlib.blake2b(text.encode("utf-8", "replace"), key=self._key, digest_size=16).hexdigest()


def _drop(value: Any) -> Any:
    del value
    return DROP


def _truncate(length: int) -> Action:
    return lambda value: value[:length] if isinstance(value, str) else value


def _round(digits: int) -> Action:
    def rounded(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return value
        return round(value, digits)

    return rounded
