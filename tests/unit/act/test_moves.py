"""Promotion and rollback: hook first, then the registry, and a crash at any step is healed by repeating the move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from driftlog.act.versions.embedded import EmbeddedRegistry
from driftlog.act.versions.moves import promote, rollback
from driftlog.contract.errors import ActionFailed, UsageError
from driftlog.contract.maintenance import ModelVersion

START = datetime(2026, 7, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Hook:
    """A deploy hook that remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.fails = False

    def deploy(self, version, *, step, share, key=""):
        self.calls.append((version.version, key))
        if self.fails:
            raise ActionFailed("no")
        return {"kind": "test", "key": key}


class Crash(BaseException):
    """As kill -9."""


class Fragile:
    """A registry that is killed before its n-th write."""

    def __init__(self, registry, writes: int) -> None:
        self._registry, self._left = registry, writes

    def __getattr__(self, name):
        return getattr(self._registry, name)

    def update(self, version):
        if self._left == 0:
            raise Crash
        self._left -= 1
        self._registry.update(version)


@pytest.fixture
def registry(tmp_path) -> EmbeddedRegistry:
    made = EmbeddedRegistry(tmp_path / "versions")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "model").write_text("x")
    for day, name in enumerate(("v1", "v2", "v3")):
        made.register(
            ModelVersion(model="churn", version=name, status="candidate", created=START + day * DAY),
            str(tmp_path / "files"),
        )
    return made


def statuses(registry) -> list[str]:
    return [each.status for each in registry.list("churn")]


def move(registry, hook, name, day):
    return promote(registry, hook, registry.get("churn", name), at=START + day * DAY)


def test_a_promotion_keeps_the_version_it_replaced(registry):
    """The old champion is retired; going back finds it, and going back again goes further back."""
    hook = Hook()
    for day, name in enumerate(("v1", "v2", "v3")):
        done = move(registry, hook, name, day)
        assert done.version.promoted == START + day * DAY
    assert registry.champion("churn").previous == "v2"
    assert statuses(registry) == ["retired", "retired", "champion"]
    back = rollback(registry, hook, "churn", at=START + 5 * DAY, note="worse in December")
    assert (back.version.version, back.replaced.version) == ("v2", "v3")
    assert registry.get("churn", "v3").note == "worse in December"
    assert registry.champion("churn").previous == "v1"
    rollback(registry, hook, "churn", at=START + 6 * DAY)
    assert registry.champion("churn").version == "v1"
    with pytest.raises(UsageError, match="replaced no other"):
        rollback(registry, hook, "churn", at=START + 7 * DAY)
    assert [name for name, _ in hook.calls] == ["v1", "v2", "v3", "v2", "v1"]
    assert len({key for _, key in hook.calls}) == 5


def test_a_hook_that_fails_changes_nothing(registry):
    """What the registry calls champion is live."""
    hook = Hook()
    move(registry, hook, "v1", 0)
    before = registry.list("churn")
    hook.fails = True
    with pytest.raises(ActionFailed):
        move(registry, hook, "v2", 1)
    with pytest.raises(UsageError):
        rollback(registry, hook, "churn", at=START)
    assert registry.list("churn") == before


def test_promoting_the_champion_does_nothing(registry):
    """The hook is not called again."""
    hook = Hook()
    move(registry, hook, "v1", 0)
    assert not move(registry, hook, "v1", 1).changed
    assert len(hook.calls) == 1
    assert registry.champion("churn").promoted == START


def test_a_refused_version_is_not_promoted(registry):
    """Whoever asks."""
    registry.update(msgspec.structs.replace(registry.get("churn", "v2"), status="refused", note="broken labels"))
    with pytest.raises(UsageError, match="was refused: broken labels"):
        move(registry, Hook(), "v2", 1)


@pytest.mark.parametrize("writes", [0, 1])
@pytest.mark.parametrize("kind", ["promote", "rollback"])
def test_a_crash_at_any_write_is_healed_by_repeating(registry, writes, kind):
    """The hook gets the same key again, there is one champion at every moment, and the end is the same."""
    hook = Hook()
    move(registry, hook, "v1", 0)
    if kind == "rollback":
        move(registry, hook, "v2", 1)

    def act(at, day):
        if kind == "promote":
            return move(at, hook, "v2", day)
        return rollback(at, hook, "churn", at=START + day * DAY, to="v1")

    with pytest.raises(Crash):
        act(Fragile(registry, writes), 3)
    assert statuses(registry).count("champion") == 1
    act(registry, 4)
    wanted = ["retired", "champion"] if kind == "promote" else ["champion", "retired"]
    assert statuses(registry)[:2] == wanted
    assert len({key for _, key in hook.calls[-2:]} if writes == 0 else {1}) == 1
    retired = next(each for each in registry.list("churn") if each.status == "retired")
    assert retired.retired is not None


def test_going_back_needs_somewhere_to_go(registry):
    """No champion, or no such version."""
    with pytest.raises(UsageError, match="churn has no champion"):
        rollback(registry, Hook(), "churn", at=START)
    move(registry, Hook(), "v1", 0)
    with pytest.raises(UsageError, match="churn has no version v9"):
        rollback(registry, Hook(), "churn", at=START, to="v9")
    assert Path(registry.folder).exists()
