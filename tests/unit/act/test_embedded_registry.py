"""The registry in files: whole versions, aliases that decide, damage that is named, writers at the same time."""

from __future__ import annotations

import multiprocessing
import pickle
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from driftlog.act.versions.embedded import EmbeddedRegistry
from driftlog.contract.errors import NameRefused, UsageError, VersionUnusable
from driftlog.contract.maintenance import GitState, ModelVersion
from driftlog.contract.window import Window

START = datetime(2026, 7, 1, tzinfo=UTC)


def version(name: str, status="candidate", day: int = 0, **more) -> ModelVersion:
    return ModelVersion(model="churn", version=name, status=status, created=START + timedelta(days=day), **more)


@pytest.fixture
def files(tmp_path) -> Path:
    folder = tmp_path / "output"
    (folder / "sub").mkdir(parents=True)
    (folder / "model.txt").write_text("weights")
    (folder / "sub" / "ä.json").write_text("{}")
    return folder


@pytest.fixture
def registry(tmp_path) -> EmbeddedRegistry:
    return EmbeddedRegistry(tmp_path / "versions")


def test_a_version_is_given_back_as_it_was_registered(registry, files):
    """With a copy of its files, their digest, and all it came of."""
    given = version(
        "v1",
        git=GitState(commit="a" * 40, dirty=True),
        data=Window(START, START + timedelta(days=90)),
        metrics={"roc_auc": 0.75},
        reference_id="r1",
        run_id="run-1",
        decision_id="d1",
    )
    kept = registry.register(given, str(files))
    assert msgspec.structs.replace(kept, uri="", digest="") == given
    assert registry.get("churn", "v1") == kept == registry.list("churn")[0]
    assert (Path(kept.uri) / "model.txt").read_text() == "weights"
    assert registry.fetch(kept, Path("unused")) == Path(kept.uri)
    assert registry.get("churn", "v2") is None
    assert registry.list("other") == []


def test_its_files_do_not_change_with_the_training_jobs(registry, files):
    """They are copies that only their owner reads."""
    kept = registry.register(version("v1"), str(files))
    (files / "model.txt").write_text("overwritten")
    assert (Path(kept.uri) / "model.txt").read_text() == "weights"
    modes = {stat.S_IMODE(path.stat().st_mode) for path in registry.folder.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert stat.S_IMODE(registry.folder.stat().st_mode) == 0o700


def test_registering_again_changes_nothing_and_other_files_are_refused(registry, files):
    """A version is what it is for ever."""
    kept = registry.register(version("v1"), str(files))
    assert registry.register(version("v1", note="again"), str(files)) == kept
    (files / "model.txt").write_text("other")
    with pytest.raises(UsageError, match="a version v1 with other files"):
        registry.register(version("v1"), str(files))


def test_aliases_follow_the_status(registry, files):
    """The newest candidate is challenger, one champion at a time, a refused one is neither."""
    first, second = (registry.register(version(name, day=day), str(files)) for day, name in enumerate(("v1", "v2")))
    aliases = registry.folder / "churn" / "aliases"
    assert (aliases / "challenger").read_text() == "v2\n"
    assert registry.champion("churn") is None
    registry.update(msgspec.structs.replace(first, status="champion", promoted=START))
    assert (aliases / "champion").read_text() == "v1\n"
    assert registry.champion("churn").version == "v1"
    registry.update(msgspec.structs.replace(second, status="refused"))
    assert not (aliases / "challenger").exists()
    assert [(each.version, each.status) for each in registry.list("churn")] == [("v1", "champion"), ("v2", "refused")]


def test_the_alias_decides_who_is_champion(registry, files):
    """After a crash between the record and the alias, the record of the newer one does not make it champion."""
    first, second = (registry.register(version(name, day=day), str(files)) for day, name in enumerate(("v1", "v2")))
    registry.update(msgspec.structs.replace(first, status="champion", promoted=START))
    later = msgspec.structs.replace(second, status="champion", promoted=START + timedelta(days=3), previous="v1")
    (registry.folder / "churn/versions/v2/version.json").write_bytes(msgspec.json.encode(later))
    assert registry.champion("churn").version == "v1"
    assert registry.get("churn", "v2").status == "candidate"
    registry.update(later)
    assert registry.champion("churn").previous == "v1"
    assert registry.get("churn", "v1").status == "retired"


@pytest.mark.parametrize("content", [b"", b"{", b'{"model": "churn"}', b"\xff\xfe", b"[]"])
def test_a_damaged_record_is_named(registry, files, content):
    """Every reader says which file it is."""
    kept = registry.register(version("v1"), str(files))
    path = Path(kept.uri).parent / "version.json"
    path.write_bytes(content)
    for read in (lambda: registry.get("churn", "v1"), lambda: registry.list("churn")):
        with pytest.raises(VersionUnusable, match=r"v1/version\.json is damaged"):
            read()


def test_damaged_files_and_aliases_are_named(registry, files):
    """Changed weights are not served; an alias must name a version that is there."""
    kept = registry.register(version("v1"), str(files))
    (Path(kept.uri) / "model.txt").write_text("tampered")
    with pytest.raises(VersionUnusable, match="were changed since it was registered"):
        registry.fetch(kept, Path("unused"))
    alias = registry.folder / "churn/aliases/champion"
    alias.write_text("../../etc\n")
    with pytest.raises(VersionUnusable, match="champion does not name a version"):
        registry.champion("churn")
    alias.write_text("v9\n")
    with pytest.raises(VersionUnusable, match="names version v9, which is not there"):
        registry.champion("churn")


@pytest.mark.parametrize("name", ["..", "../v1", "a/b", "", ".hidden", "a\x00", "v1\n", "-rf", "ä"])
def test_names_cannot_leave_the_folder(registry, files, name):
    """Neither of versions nor of models."""
    with pytest.raises(NameRefused):
        registry.register(version(name), str(files))
    with pytest.raises(NameRefused):
        registry.get("churn", name)
    with pytest.raises(NameRefused):
        registry.list(name)
    assert not list(registry.folder.rglob("version.json"))


def test_links_are_not_followed(registry, files, tmp_path):
    """Neither into what is registered, nor out of the registry."""
    secret = tmp_path / "secret"
    secret.write_text("key")
    (files / "link").symlink_to(secret)
    with pytest.raises(VersionUnusable, match="link or a special file"):
        registry.register(version("v1"), str(files))
    (files / "link").unlink()
    assert registry.list("churn") == []
    kept = registry.register(version("v1"), str(files))
    (Path(kept.uri).parents[1] / "v2").symlink_to(tmp_path)
    with pytest.raises(VersionUnusable, match="v2 is a link"):
        registry.get("churn", "v2")


def test_nothing_is_unpickled(registry, files, tmp_path):
    """A model's files are bytes."""
    (files / "model.pkl").write_bytes(pickle.dumps(_Bomb(str(tmp_path / "exploded"))))
    registry.fetch(registry.register(version("v1"), str(files)), Path("unused"))
    assert not (tmp_path / "exploded").exists()


class _Bomb:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_empty_and_missing_folders_are_refused(registry, tmp_path):
    """And leave nothing behind."""
    (tmp_path / "empty").mkdir()
    for name, match in (("empty", "is empty"), ("missing", "is no folder")):
        with pytest.raises(VersionUnusable, match=match):
            registry.register(version("v1"), str(tmp_path / name))
    assert registry.list("churn") == []


def test_an_unknown_version_cannot_be_updated(registry):
    """The error says how to see those there are."""
    with pytest.raises(UsageError, match="churn has no version v7"):
        registry.update(version("v7"))


def _register_many(folder: str, files: str, number: int) -> None:
    registry = EmbeddedRegistry(Path(folder))
    for n in range(10):
        kept = registry.register(version(f"v{number}-{n}", day=n), files)
        registry.register(version("shared"), files)
        registry.update(msgspec.structs.replace(kept, status="champion", promoted=START + timedelta(days=n)))


def test_writers_at_the_same_time_lose_nothing(registry, files):
    """Four processes register, promote, and register the same version."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_register_many, args=(str(registry.folder), str(files), n)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    found = registry.list("churn")
    assert len(found) == 41
    assert [each.version for each in found if each.status == "champion"] == [registry.champion("churn").version]
    assert not list(registry.folder.rglob(".*"))
