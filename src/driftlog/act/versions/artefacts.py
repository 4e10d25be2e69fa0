"""The files of a version: copied, counted and digested. What leads out of their folder is refused."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from driftlog.act.files import PRIVATE_FILE, PRIVATE_FOLDER, sha256_of
from driftlog.contract.errors import VersionUnusable

MAX_FILES: Final = 10_000


def list_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """(relative path with slashes, path) of every regular file below `folder`, sorted.

    Raises
    ------
    VersionUnusable
        `folder` is no folder, holds nothing, or something in it is no plain file: a link, a socket, a device.
    """
    if not folder.is_dir() or folder.is_symlink():
        raise VersionUnusable(f"{folder} is no folder", remedy="give the folder that holds the model's files")
    found: list[tuple[str, Path]] = []
    for here, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(here) / name
            mode = path.lstat().st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise VersionUnusable(
                    f"{path} is a link or a special file; the files of a version have to be plain files",
                    remedy="copy what it points to into the folder",
                )
        found += [((Path(here) / name).relative_to(folder).as_posix(), Path(here) / name) for name in names]
        if len(found) > MAX_FILES:
            raise VersionUnusable(
                f"{folder} holds more than {MAX_FILES:,} files", remedy="give the folder of the model alone"
            )
    if not found:
        raise VersionUnusable(f"{folder} is empty", remedy="write the model's files there before registering it")
    yield from sorted(found)


def digest_of(folder: Path) -> str:
    """SHA-256 over the names and contents of all files, whatever order the disk has them in.

    Of each file, sorted by path: ``<SHA-256 of content, hexadecimal>  <path>\\n``, as ``sha256sum`` prints it.
    """
    whole = hashlib.sha256()
    for name, path in list_files(folder):
        whole.update(f"{sha256_of(path)}  {name}\n".encode())
    return whole.hexdigest()


def copy_files(source: Path, target: Path) -> str:
    """Copy all files into the new folder `target`; their digest, taken of the copies.

    Copies, not hard links: a training job that writes into its file again would change the version.
    """
    target.mkdir(mode=PRIVATE_FOLDER)
    for name, path in list_files(source):
        to = target / name
        to.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        with (
            os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as original,
            os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "wb") as copy,
        ):
            shutil.copyfileobj(original, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
    return digest_of(target)
