"""Elasticsearch itself: fetched once as a Maven artifact, checked, unzipped atomically, kept in the cache.

The artifact is ``org.elasticsearch.distribution.integ-test-zip:elasticsearch:VERSION`` (zip, 132 MB), fetched by jgo
from its default repository. jgo writes straight to its final path and only warns about a wrong checksum; so each fetch
gets a folder of its own, which a kill leaves behind and the next fetch removes, and the checksum is compared here.
A full distribution given by the user (a folder, ``.zip`` or ``.tar.gz``) takes its place.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from driftlog.contract.errors import LocalServerError
from driftlog.store.local.lock import locked

GROUP = "org.elasticsearch.distribution.integ-test-zip"
SHA512 = {
    "9.5.3": "ae57654932de854d755af63f2a63667621967870b79ec449407618075c13dc12"
    "012317388e0a232071e4f2a65c9d973bb681d978fac56445a0790443df0823d1",
}
"""Checksums known beforehand; another version is checked against the SHA-1 its repository states."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Distribution:
    """An unpacked Elasticsearch."""

    home: Path
    version: str

    @property
    def modules(self) -> frozenset[str]:
        """Names of its modules; the fetched archive has four of them, a full distribution about eighty."""
        return frozenset(path.name for path in (self.home / "modules").glob("*") if path.is_dir())

    @property
    def bundled_java(self) -> Path | None:
        """The Java it brings, where it brings one."""
        for home in (self.home / "jdk", self.home / "jdk.app" / "Contents" / "Home"):
            if os.access(home / "bin" / "java", os.X_OK):
                return home
        return None


def open_distribution(home: Path) -> Distribution:
    """Recognise an unpacked Elasticsearch by its start script and its core library.

    Raises
    ------
    LocalServerError
        The folder is something else.
    """
    libraries = [re.fullmatch(r"elasticsearch-(\d+\.\d+\.\d+\S*)\.jar", p.name) for p in (home / "lib").glob("*.jar")]
    versions = [matched.group(1) for matched in libraries if matched]
    if not versions or not (home / "bin" / "elasticsearch").is_file():
        raise LocalServerError(
            f"{home} is not an unpacked Elasticsearch (bin/elasticsearch and lib/elasticsearch-*.jar are expected)",
            remedy="name the folder that the archive unpacks to, such as ./elasticsearch-9.5.3",
        )
    return Distribution(home, versions[0])


def provide(
    version: str, cache: Path, *, given: Path | None = None, offline: bool = False, progress: Progress
) -> Distribution:
    """Return an unpacked Elasticsearch: the one given, the one fetched before, or one fetched now.

    Raises
    ------
    LocalServerError
        What was given is not one, or nothing is in the cache and nothing could be fetched.
    """
    if given is not None and given.is_dir():
        return open_distribution(given.absolute())
    if given is not None:
        target = cache / re.sub(r"\.(zip|tar\.gz|tgz)$", "", given.name)
    else:
        target = cache / f"elasticsearch-{version}-minimal"
    if not target.is_dir():
        with locked(cache / "download.lock", waiting=lambda: progress("another driftlog is fetching Elasticsearch")):
            if not target.is_dir():  # nobody else did it meanwhile
                _sweep(cache)
                if given is not None:
                    unpack(given, target)
                else:
                    _fetch(version, target, cache, offline=offline, progress=progress)
    return open_distribution(target)


def unpack(archive: Path, target: Path) -> None:
    """Unpack beside the target and rename: the target is complete or absent.

    Raises
    ------
    LocalServerError
        Missing, damaged, or without exactly one folder in it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _working_folder(target.parent) as folder:
        try:
            _extract(archive, folder)
        except FileNotFoundError as error:
            raise LocalServerError(f"there is no archive {archive}", remedy="check the path given to --home") from error
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, ValueError) as error:
            raise LocalServerError(
                f"the archive {archive} cannot be unpacked: {error}",
                remedy="fetch it again, and look at the free space of the disk",
            ) from error
        unpacked = [path for path in folder.iterdir() if path.is_dir()]
        if len(unpacked) != 1:
            raise LocalServerError(
                f"the archive {archive} holds {len(unpacked)} folders where one is expected",
                remedy="give the archive as elastic.co or the Maven repository offers it",
            )
        _open_to_all(unpacked[0])
        unpacked[0].rename(target)


def verify(archive: Path, version: str) -> None:
    """Compare an archive with the checksum known for its version.

    Raises
    ------
    LocalServerError
        It differs.
    """
    expected = SHA512.get(version)
    if expected is None:
        return
    with archive.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha512").hexdigest()
    if found != expected:
        raise LocalServerError(
            f"the archive of Elasticsearch {version} is not the one expected "
            f"(SHA-512 {found[:16]}..., expected {expected[:16]}..., {archive.stat().st_size} bytes)",
            remedy="try again; where it stays so, ask whoever runs the proxy or mirror what it serves",
        )


def _fetch(version: str, target: Path, cache: Path, *, offline: bool, progress: Progress) -> None:
    if offline:
        raise LocalServerError(
            f"Elasticsearch {version} is not in {cache}, and --offline forbids fetching it",
            remedy=by_hand(version),
        )
    progress(f"fetching Elasticsearch {version} (132 MB, once)")
    with _working_folder(cache) as folder:
        archive = _download(version, folder, progress)
        verify(archive, version)
        progress("unpacking Elasticsearch")
        unpack(archive, target)


def _download(version: str, folder: Path, progress: Progress) -> Path:
    try:
        from jgo.maven import MavenContext, PythonResolver
    except ImportError as error:
        raise LocalServerError(
            "fetching Elasticsearch needs the package jgo", remedy="pip install 'driftlog[local]'"
        ) from error
    resolver = PythonResolver(progress_callback=lambda _name, size: _report(size, progress))
    context = MavenContext(resolver=resolver, repo_cache=folder, local_repos=[], timeout=60)
    artifact = context.project(GROUP, "elasticsearch").at_version(version).artifact(packaging="zip")
    try:
        with _checksum_warnings() as warnings:
            archive = Path(artifact.resolve())
    except Exception as error:
        raise LocalServerError(
            f"Elasticsearch {version} ({GROUP}:elasticsearch:{version}, zip) could not be fetched: {_reason(error)}",
            remedy=f"check the network; behind a proxy set HTTPS_PROXY=http://host:port; {by_hand(version)}",
        ) from error
    if warnings:
        raise LocalServerError(f"the archive arrived damaged: {warnings[0]}", remedy="try again")
    return archive


def by_hand(version: str) -> str:
    """Say how to get Elasticsearch onto a machine without network."""
    return (
        f"without network bring the Elasticsearch {version} archive for your system from "
        "https://www.elastic.co/downloads/past-releases and name it: driftlog local start --home PATH"
    )


@contextmanager
def _report(size: int, progress: Progress) -> Iterator[Callable[[int], None]]:
    """Tell the progress at each quarter of a download of ``size`` bytes."""
    done, told = 0, 0

    def update(count: int) -> None:
        nonlocal done, told
        done += count
        if 4 * done // size > told:
            told = 4 * done // size
            progress(f"fetched {done // 1_000_000} of {size // 1_000_000} MB")

    yield update


@contextmanager
def _checksum_warnings() -> Iterator[list[str]]:
    """Collect jgo's warnings about a checksum, which it logs and passes over."""
    messages: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "Checksum mismatch" in record.getMessage():
                messages.append(record.getMessage())

    logger = logging.getLogger("jgo.maven._resolver")
    collector = Collector(logging.WARNING)
    logger.addHandler(collector)
    try:
        yield messages
    finally:
        logger.removeHandler(collector)


@contextmanager
def _working_folder(parent: Path) -> Iterator[Path]:
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="partial-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(cache: Path) -> None:
    """Remove what a killed fetch left behind; called under the lock."""
    for left in cache.glob("partial-*"):
        shutil.rmtree(left, ignore_errors=True)


def _extract(archive: Path, folder: Path) -> None:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(folder)  # noqa: S202 - zipfile drops absolute paths and ..
    elif archive.name.endswith((".tar.gz", ".tgz")):
        with tarfile.open(archive) as bundle:
            bundle.extractall(folder, filter="data")
    else:
        raise ValueError("neither .zip nor .tar.gz")


def _open_to_all(home: Path) -> None:
    """Let the server's user read all and run what runs, whatever the umask is and zipfile forgot."""
    runnable = {"bin", "jspawnhelper"}
    home.chmod(0o755)
    for path in home.rglob("*"):
        runs = path.is_dir() or runnable & {path.parent.name, path.name}
        path.chmod(path.stat().st_mode | (0o755 if runs else 0o644))


def _reason(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
