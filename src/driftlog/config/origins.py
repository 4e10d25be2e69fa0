"""Where a setting came from: for messages that point at a line of the file or at an environment variable."""

from __future__ import annotations

from dataclasses import dataclass, field

SettingPath = tuple[str | int, ...]


def dotted(path: SettingPath) -> str:
    """Path as people read it.

    >>> dotted(("models", "churn", "thresholds", 0, "metric"))
    'models.churn.thresholds[0].metric'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


@dataclass(frozen=True)
class Origins:
    """Origin of each setting by path; a path without one has the origin of the nearest setting above it."""

    by_path: dict[SettingPath, str] = field(default_factory=dict)

    def of(self, path: SettingPath) -> str:
        for length in range(len(path), -1, -1):
            if path[:length] in self.by_path:
                return self.by_path[path[:length]]
        return ""
