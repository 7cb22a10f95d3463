"""How `publishing` keeps its promises on a disk: temporary names, locks, flushes and one rename.

Scope: the system calls of a writer, and what clears up after one that died.
"""

import errno
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from text_classification_viz.core.errors import InputError

# Old folders that go at a time, the oldest first. Each publication adds one, so that two a time keep up with them;
# and one that is made under a clock years ahead, by which all others are old, takes only two with it.
REMOVED_AT_ONCE = 2
STAGING = ".staging"  # folders are written beside their parent, in a folder of this name, then renamed


@contextmanager
def published_file(path: Path) -> Iterator[BinaryIO]:
    """Write to a temporary name in the same folder, flush, and take the place of `path` in one rename."""
    with clear_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            temporary(path.parent, f".{path.name}.{{}}.tmp", Path.touch) as hidden,
            hidden.open("wb") as file,
        ):
            yield file
            file.flush()
            os.fsync(file.fileno())
            hidden.replace(path)
        _flush(path.parent)


@contextmanager
def published_folder(path: Path) -> Iterator[Path]:
    """Fill a staging folder beside the parent of `path`, flush it, and rename it to `path`."""
    with clear_errors(path):
        if path.exists():  # a rename would replace an empty folder without a word
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary(_staging_of(path.parent), "{}", Path.mkdir) as folder:
            yield folder
            for file in [*folder.rglob("*"), folder]:
                _flush(file)
            folder.rename(path)
        _flush(path.parent)


@contextmanager
def newest_folder(parent: Path, pattern: str) -> Iterator[Path | None]:
    """Give it as it is: a folder on a disk is whole."""
    yield max(parent.glob(pattern), default=None)


def list_folder(folder: Path) -> list[Path]:
    """List what is in a folder by name; one that does not exist has nothing."""
    if not folder.exists():
        return []
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputError(
            f"{folder}: expected a folder that can be listed, found {(error.strerror or str(error))!r}; see to it "
            "and to its permissions"
        ) from error


def remove_old_folders(parent: Path, pattern: str, keep_hours: float) -> tuple[list[str], list[str]]:
    """Move each out of `parent` in one rename before its files go, so that nobody sees half of it."""
    removed: list[str] = []
    left: list[str] = []
    with clear_errors(parent):
        by_age = sorted((_modified(folder), folder) for folder in parent.glob(pattern) if folder.is_dir())
        for modified, folder in by_age[:-1]:
            if len(removed) == REMOVED_AT_ONCE or time.time() - modified <= keep_hours * 3_600:
                break
            unlisted = _staging_of(parent) / uuid.uuid4().hex
            try:
                folder.rename(unlisted)
                _remove(unlisted)
                removed.append(folder.name)
            except FileNotFoundError:  # another run removes the same
                continue
            except OSError:
                left.append(folder.name)
    return removed, left


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Give an empty folder that is locked while the block runs; what dead processes left there goes first."""
    with clear_errors(parent):
        parent.mkdir(parents=True, exist_ok=True)
        with temporary(parent, "{}", Path.mkdir) as folder:
            yield folder
            _remove(folder)


def _staging_of(parent: Path) -> Path:
    staging = parent.resolve().parent / STAGING  # on the disk of what a link may lead to
    staging.mkdir(parents=True, exist_ok=True)
    return staging


@contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Turn what the system answers to a writer into an InputError that says what to do."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path}: expected to write it, found {(error.strerror or str(error))!r}; see to the disk, the mount "
            f"and the permissions of user {os.geteuid()}, then run this again. What was published is unharmed"
        ) from error


@contextmanager
def temporary(folder: Path, name: str, make: Callable[[Path], None]) -> Iterator[Path]:
    """Give a new file or folder that is locked while the block runs, and removed where it fails.

    What dead writers left behind under the same pattern of names goes first: it is what nobody holds a lock
    on.
    """
    _remove_abandoned(folder.glob(name.format("*")))
    descriptor = None
    while descriptor is None:
        temporary = folder / name.format(uuid.uuid4().hex)
        make(temporary)
        try:
            descriptor = _lock_new(temporary)
        except BaseException:
            _remove(temporary)
            raise
    try:
        yield temporary
    except BaseException:
        _remove(temporary)
        raise
    finally:
        os.close(descriptor)


def _lock_new(path: Path) -> int | None:
    """Lock what was just made; None where another writer took it for abandoned before the lock was there."""
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            with _no_locks_to_be_had():
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return os.dup(descriptor)  # which goes on holding the lock
        finally:
            os.close(descriptor)
    return None


@contextmanager
def _no_locks_to_be_had() -> Iterator[None]:
    """Go on without a lock where the file system has none, such as NFS; nothing is taken for abandoned there."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EBADF, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            raise


def _remove_abandoned(candidates: Iterable[Path]) -> None:
    for path in candidates:
        # Gone already, held by its writer, or of another user, whom it is left to.
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(path)
            finally:
                os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _modified(path: Path) -> float:
    return path.stat().st_mtime


def _flush(path: Path) -> None:
    """Flush a file's bytes or a folder's entries to the disk, so that a rename outlives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
