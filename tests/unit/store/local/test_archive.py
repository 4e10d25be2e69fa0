"""The archive is fetched once, checked, and complete or absent."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest

from driftlog.contract.errors import LocalServerError
from driftlog.store.local.archive import GROUP, open_distribution, provide, unpack, verify


def silent(message: str) -> None:
    """Report nothing."""


def tree(folder: Path, version: str = "9.5.3") -> Path:
    """Make the bare bones of an unpacked Elasticsearch."""
    home = folder / f"elasticsearch-{version}"
    for name in ("bin/elasticsearch", f"lib/elasticsearch-{version}.jar", "modules/x-pack-core/x.jar"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("#!/bin/bash\n")
    return home


def zipped(folder: Path, version: str = "9.5.3") -> Path:
    """Make an archive of it."""
    home = tree(folder / "source", version)
    archive = folder / f"elasticsearch-{version}-linux-x86_64.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(home.rglob("*")):
            opened.write(path, path.relative_to(home.parent))
    return archive


def test_a_folder_given_is_used_as_it_is(tmp_path: Path) -> None:
    """Its version is read from its core library."""
    found = provide("9.5.3", tmp_path / "cache", given=tree(tmp_path, "9.9.1"), progress=silent)
    assert (found.version, found.modules, found.bundled_java) == ("9.9.1", {"x-pack-core"}, None)
    assert not (tmp_path / "cache").exists()


def test_an_archive_given_is_unpacked_once_with_scripts_that_run(tmp_path: Path) -> None:
    """zipfile forgets who may execute what."""
    archive = zipped(tmp_path)
    first = provide("9.5.3", tmp_path / "cache", given=archive, offline=True, progress=silent)
    archive.write_bytes(b"gone")
    assert provide("9.5.3", tmp_path / "cache", given=archive, offline=True, progress=silent) == first
    assert (first.home / "bin/elasticsearch").stat().st_mode & 0o777 == 0o755


def test_a_tarball_is_unpacked_too(tmp_path: Path) -> None:
    """elastic.co offers .tar.gz for Linux and macOS."""
    archive = tmp_path / "elasticsearch-9.5.3-linux-x86_64.tar.gz"
    with tarfile.open(archive, "w:gz") as bundle:
        bundle.add(tree(tmp_path), "elasticsearch-9.5.3")
    found = provide("9.5.3", tmp_path / "cache", given=archive, progress=silent)
    assert (found.version, found.home.name) == ("9.5.3", "elasticsearch-9.5.3-linux-x86_64")


@pytest.mark.parametrize("keep", [0, 100, 400])
def test_a_damaged_archive_leaves_nothing_behind(tmp_path: Path, keep: int) -> None:
    """Cut short anywhere, it is refused, and the cache is as before."""
    archive = zipped(tmp_path)
    archive.write_bytes(archive.read_bytes()[:keep])
    with pytest.raises(LocalServerError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "cache" / "elasticsearch")
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_a_killed_unpacking_left_is_removed_by_the_next(tmp_path: Path) -> None:
    """A half-written folder is never taken for a whole one."""
    (tmp_path / "cache/partial-abc/elasticsearch-9.5.3/bin").mkdir(parents=True)
    found = provide("9.5.3", tmp_path / "cache", given=zipped(tmp_path), progress=silent)
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["download.lock", found.home.name]


@pytest.mark.parametrize("name", ["missing.zip", "missing.tar.gz"])
def test_a_missing_archive_is_named(tmp_path: Path, name: str) -> None:
    """The path is in the message."""
    with pytest.raises(LocalServerError, match=name):
        provide("9.5.3", tmp_path / "cache", given=tmp_path / name, progress=silent)


def test_a_folder_that_is_something_else_is_refused(tmp_path: Path) -> None:
    """A typo does not start anything."""
    with pytest.raises(LocalServerError, match="is not an unpacked Elasticsearch"):
        open_distribution(tmp_path)


def test_an_archive_other_than_the_known_one_is_refused(tmp_path: Path) -> None:
    """The checksum of the default version is part of this program."""
    with pytest.raises(LocalServerError, match="is not the one expected"):
        verify(zipped(tmp_path), "9.5.3")


def test_offline_says_how_to_bring_the_archive_by_hand(tmp_path: Path) -> None:
    """Where from, and how to name it."""
    with pytest.raises(LocalServerError, match=r"--offline(?s:.)*--home PATH"):
        provide("9.5.3", tmp_path / "cache", offline=True, progress=silent)


def test_no_network_names_the_artifact_and_the_proxy_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that is not there stands for a network that is not there; nothing half-done stays."""
    pytest.importorskip("jgo")
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(LocalServerError) as caught:
        provide("9.5.3", tmp_path / "cache", progress=silent)
    assert f"{GROUP}:elasticsearch:9.5.3" in caught.value.message
    assert "HTTPS_PROXY" in caught.value.remedy
    assert "--home PATH" in caught.value.remedy
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["download.lock"]
