"""Publishing files and folders whole: a reader sees the last good result or the new one, never a part.

Belongs here: how bytes appear at a path. What the bytes mean is the callers' business.
"""

import errno
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

STAGING = ".staging"  # folders are written beside their parent, in a folder of this name, then renamed
ABANDONED_SECONDS = 3_600.0  # an unpublished file or folder older than this, held by nobody, is left from a crash


@contextmanager
def published_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that replaces `path` when the block ends well, and leaves it untouched otherwise.

    The bytes go to a temporary name in the same folder, are flushed to the disk, and take the place of
    `path` in one rename. The writer holds a lock on the temporary file; those that no writer holds any
    longer are removed by the next one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path.parent.glob(f".{path.name}.*.tmp"))
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
        _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def published_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder that becomes `path`, which must not exist, when the block ends well.

    It is filled in a staging folder beside the parent of `path`, so that whoever watches the parent never
    sees it half full.

    Raises
    ------
    FileExistsError
        There is something at `path` already; it stays as it is.
    """
    if path.exists():  # a rename would replace an empty folder without a word
        raise FileExistsError(errno.EEXIST, "expected a new folder, found one that exists", str(path))
    staging = path.parent.parent / STAGING
    staging.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(staging.iterdir())
    temporary = staging / uuid.uuid4().hex
    temporary.mkdir()
    try:
        with _locked(temporary):
            yield temporary
            for file in [*temporary.rglob("*"), temporary]:
                _flush(file)
            temporary.rename(path)
        _flush(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_old_folders(parent: Path, keep_hours: float) -> list[str]:
    """Remove the folders in `parent` last written over `keep_hours` ago, but never the newest one.

    Returns
    -------
    list of str
        Names of those removed.
    """
    by_age = sorted((folder for folder in parent.iterdir() if folder.is_dir()), key=_modified)
    old = [folder for folder in by_age[:-1] if time.time() - _modified(folder) > keep_hours * 3_600]
    for folder in old:
        shutil.rmtree(folder)
    return [folder.name for folder in old]


def _modified(path: Path) -> float:
    return path.stat().st_mtime


def _remove_abandoned(candidates: Iterator[Path]) -> None:
    for path in candidates:
        try:
            if time.time() - _modified(path) < ABANDONED_SECONDS:
                continue  # its writer may not have taken the lock yet
            with _locked(path):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        except (FileNotFoundError, BlockingIOError):
            continue  # another writer removed it, or its own writer still holds it


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file or folder; raise BlockingIOError where another process holds it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _flush(path: Path) -> None:
    """Flush a file's bytes or a folder's entries to the disk, so that a rename outlives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
