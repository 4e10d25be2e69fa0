"""The embedded registry: versions as files in a folder that people can read, back up and put under Git.

::

    <folder>/<model>/versions/<version>/version.json   the record; replaced whole
    <folder>/<model>/versions/<version>/files/...      the model's files; never changed
    <folder>/<model>/aliases/champion                  the name of the version that is served; replaced whole
    <folder>/<model>/aliases/challenger                the name of the newest one on its way there
    <folder>/<model>/lock                              one writer at a time

A version appears whole: it is put together under another name, and renamed. Nothing here ever loads a model.
"""

from __future__ import annotations

import os
import secrets
import shutil
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from driftlog.act.files import locked, private_folder, sync_folder, write_atomically
from driftlog.act.git import with_git
from driftlog.act.versions.artefacts import copy_files, digest_of
from driftlog.act.versions.roles import CHALLENGING, with_role
from driftlog.contract.errors import NameRefused, UsageError, VersionUnusable
from driftlog.contract.maintenance import ModelVersion
from driftlog.contract.names import check_model_name, check_version_name

RECORD: Final = "version.json"
FILES: Final = "files"
MAX_RECORD_BYTES: Final = 1 << 20


class EmbeddedRegistry:
    """Versions in `folder`. Safe for several processes and threads at a time.

    Parameters
    ----------
    repository
        Folder of the training code; its state in Git is kept with versions that come without one.
    """

    def __init__(self, folder: Path, *, repository: str = "") -> None:
        self.folder = folder
        self._repository = repository

    def register(self, version: ModelVersion, files: str) -> ModelVersion:
        """Keep `version` with a copy of the folder `files`; its `uri` is the copy, its `digest` that of the files.

        Registering the same files under the same name again changes nothing.

        Raises
        ------
        UsageError
            There is another version of that name.
        VersionUnusable
            The files cannot be kept.
        """
        home = self._model(version.model)
        target = self._version(version.model, version.version)
        version = with_git(version, self._repository)
        with locked(home / "lock"):
            if target.exists():
                return self._same(version, Path(files))
            private_folder(target.parent)
            staging = target.parent / f".{secrets.token_hex(8)}"
            try:
                staging.mkdir(mode=0o700)
                digest = copy_files(Path(files), staging / FILES)
                kept = msgspec.structs.replace(version, digest=digest, uri=str((target / FILES).absolute()))
                write_atomically(staging / RECORD, _encoded(kept))
                staging.rename(target)
            except OSError as error:
                raise VersionUnusable(
                    f"version {version.version} of {version.model} cannot be kept in {home}: {error.strerror}",
                    remedy="check that the folder can be written and the disk has room",
                ) from error
            finally:
                shutil.rmtree(staging, ignore_errors=True)
            sync_folder(target.parent)
            self._write_aliases(kept)
        return self._read(version.model, version.version) or kept

    def _same(self, version: ModelVersion, files: Path) -> ModelVersion:
        there = self._read(version.model, version.version)
        if there is not None and there.digest == digest_of(files):
            return there
        raise UsageError(
            f"{version.model} has a version {version.version} with other files",
            remedy="a version is registered once; give the new one another name",
        )

    def list(self, model: str) -> list[ModelVersion]:
        """All versions, the oldest first."""
        folder = self.folder / check_model_name(model) / "versions"
        names = [path.name for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []
        found = [self._read(model, name) for name in names]
        return sorted((each for each in found if each is not None), key=lambda each: (each.created, each.version))

    def get(self, model: str, version: str) -> ModelVersion | None:
        return self._read(model, version)

    def champion(self, model: str) -> ModelVersion | None:
        """The version that the alias names.

        Raises
        ------
        VersionUnusable
            It names one that is not there.
        """
        name = self._alias(model, "champion")
        if not name:
            return None
        found = self._read(model, name)
        if found is None:
            raise VersionUnusable(
                f"{self._alias_path(model, 'champion')} names version {name}, which is not there",
                remedy="restore its folder, or promote another: driftlog versions promote",
            )
        return found

    def update(self, version: ModelVersion) -> None:
        """Replace the record of `version`, and the aliases its status asks for; digest and uri stay as they were.

        The record is written first: an alias never names a champion without its `previous`.

        Raises
        ------
        UsageError
            There is no such version.
        """
        path = self._version(version.model, version.version) / RECORD
        with locked(self._model(version.model) / "lock"):
            there = self._read(version.model, version.version)
            if there is None:
                raise UsageError(
                    f"{version.model} has no version {version.version}",
                    remedy=f"driftlog versions list {version.model} shows those it has",
                )
            kept = msgspec.structs.replace(version, digest=there.digest, uri=there.uri)
            write_atomically(path, _encoded(kept))
            self._write_aliases(kept)

    def fetch(self, version: ModelVersion, into: Path) -> Path:  # noqa: ARG002 - other registries need it
        """Folder with the files of `version`, checked against their digest.

        Raises
        ------
        VersionUnusable
            They are gone or were changed.
        """
        files = self._version(version.model, version.version) / FILES
        if digest_of(files) != version.digest:
            raise VersionUnusable(
                f"the files of version {version.version} in {files} were changed since it was registered",
                remedy="restore them from a backup, or serve another version",
            )
        return files

    # Paths and aliases

    def _model(self, model: str) -> Path:
        return private_folder(self.folder / check_model_name(model))

    def _version(self, model: str, version: str) -> Path:
        path = self.folder / check_model_name(model) / "versions" / check_version_name(version)
        if path.is_symlink():
            raise VersionUnusable(f"{path} is a link", remedy="versions are folders of their own; replace it by a copy")
        return path

    def _alias_path(self, model: str, alias: str) -> Path:
        return self.folder / check_model_name(model) / "aliases" / alias

    def _alias(self, model: str, alias: str) -> str:
        path = self._alias_path(model, alias)
        try:
            name = _bounded(path).decode("utf-8").strip()
            return check_version_name(name)
        except FileNotFoundError:
            return ""
        except (UnicodeDecodeError, NameRefused) as error:
            raise VersionUnusable(
                f"{path} does not name a version", remedy="write the name of the served version into it"
            ) from error

    def _write_aliases(self, version: ModelVersion) -> None:
        champion, challenger = (self._alias_path(version.model, alias) for alias in ("champion", "challenger"))
        private_folder(champion.parent)
        if version.status == "champion":
            self._point(champion, version)
        if version.status in CHALLENGING:
            self._point(challenger, version)
        elif self._alias(version.model, "challenger") == version.version:
            challenger.unlink(missing_ok=True)

    def _point(self, alias: Path, version: ModelVersion) -> None:
        """Watchers see a change only where there is one."""
        if self._alias(version.model, alias.name) != version.version:
            write_atomically(alias, f"{version.version}\n".encode())

    def _read(self, model: str, version: str) -> ModelVersion | None:
        path = self._version(model, version) / RECORD
        try:
            found = msgspec.json.decode(_bounded(path), type=ModelVersion)
        except FileNotFoundError:
            return None
        except (msgspec.MsgspecError, UnicodeDecodeError, OSError) as error:
            raise VersionUnusable(
                f"{path} is damaged: {error}", remedy="restore it from a backup, or remove the version's folder"
            ) from error
        if (found.model, found.version) != (model, version):
            raise VersionUnusable(
                f"{path} is the record of {found.model} {found.version}",
                remedy="it was copied there; restore the right one from a backup",
            )
        champion = self._alias(model, "champion")
        return with_role(found, champion, self._promoted(model, champion) if champion != version else None)

    def _promoted(self, model: str, champion: str) -> datetime | None:
        """When the champion became so, by its own record."""
        if not champion:
            return None
        try:
            path = self._version(model, champion) / RECORD
            return msgspec.json.decode(_bounded(path), type=ModelVersion).promoted
        except (msgspec.MsgspecError, UnicodeDecodeError, OSError):
            return None  # `champion` tells what is wrong with it


def _encoded(version: ModelVersion) -> bytes:
    return msgspec.json.format(msgspec.json.encode(version), indent=2) + b"\n"


def _bounded(path: Path) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        return file.read(MAX_RECORD_BYTES)
