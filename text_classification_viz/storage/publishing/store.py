"""Publishing files and folders whole: a reader sees the last good result or the new one, never a part.

Scope: what is promised wherever results go. How it is kept is the business of `disk` for a folder of this
machine, and of `object_store` for s3://bucket/prefix; what the bytes mean is the callers'.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

from upath import UPath

from text_classification_viz.core.errors import InputError
from text_classification_viz.storage.publishing import disk, object_store

AnyPath = Path | UPath


def published_file(path: AnyPath) -> AbstractContextManager[BinaryIO]:
    """Open a file that replaces `path` when the block ends well, and leaves it untouched otherwise.

    Raises
    ------
    InputError
        The disk or the store refuses to take it: no room, no permission, no connection, a fault of the device.
    """
    return disk.published_file(path) if isinstance(path, Path) else object_store.published_file(path)


def open_published(path: AnyPath) -> BinaryIO:
    """Open what is published at `path`, one version of it from the first byte to the last.

    Of an object this is a copy on the disk of this machine, which goes when it is closed and no longer mapped.

    Raises
    ------
    FileNotFoundError
        There is nothing at `path`.
    InputError
        The store does not hand it out.
    """
    return path.open("rb") if isinstance(path, Path) else object_store.open_published(path)


def published_folder(path: AnyPath, *, last: str = "*") -> AbstractContextManager[Path]:
    """Give an empty folder that becomes `path`, which must not exist, when the block ends well.

    On a disk it appears at once. An object store has no such step: there its files appear one by one, those whose
    names match `last` after all others, and these by name, so that whoever waits for the last of these sees the
    whole, and whoever does not may see a part for as long as the upload takes, or for good where its writer was
    killed.

    Raises
    ------
    InputError
        There is something at `path` already, which stays as it is, or the disk or the store refuses to take it.
    """
    return disk.published_folder(path) if isinstance(path, Path) else object_store.published_folder(path, last)


def newest_folder(parent: AnyPath, pattern: str, last: str) -> AbstractContextManager[Path | None]:
    """Give the newest of the folders in `parent`, to read those of its files that match `last`.

    On a disk, where all are whole, that is the last by name. In an object store it is the one that has the last of
    such files by name, whole or not: each folder is to hold those of the one before it and one that comes after
    them, so that what a killed writer left is not taken for newer than what it was to continue.

    Parameters
    ----------
    parent
        Folder of folders.
    pattern
        Of the names of the folders, as `Path.glob` has it.
    last
        As `published_folder` was told, since a folder without such a file is a part of one.

    Raises
    ------
    InputError
        The store does not list them, or hand them out.
    """
    return (
        disk.newest_folder(parent, pattern)
        if isinstance(parent, Path)
        else object_store.newest_folder(parent, pattern, last)
    )


def remove_old_folders(parent: AnyPath, pattern: str, keep_hours: float) -> tuple[list[str], list[str]]:
    """Remove folders in `parent` that were last written over `keep_hours` ago, but never the newest one.

    The two oldest go, and others at the next call: a clock that is wrong once can not remove all there is. On a
    disk each goes at once for whoever watches; from an object store, file by file.

    Parameters
    ----------
    parent
        Folder of folders.
    pattern
        Of the names of those that may go, as `Path.glob` has it; others are other people's.
    keep_hours
        Age from which they go.

    Returns
    -------
    removed, left : list of str
        Names of those removed, and of those that the system refuses to remove.

    Raises
    ------
    InputError
        The system refuses to list them.
    """
    return (
        disk.remove_old_folders(parent, pattern, keep_hours)
        if isinstance(parent, Path)
        else object_store.remove_old_folders(parent, pattern, keep_hours)
    )


def scratch_folder(parent: AnyPath) -> AbstractContextManager[AnyPath]:
    """Give an empty folder in `parent` for what a run needs on its way, which goes when the block ends.

    Others may write into it as well, on other machines too; nobody but the run is to read it.

    Raises
    ------
    InputError
        The disk or the store refuses.
    """
    return disk.scratch_folder(parent) if isinstance(parent, Path) else object_store.scratch_folder(parent)


@contextmanager
def local_file(path: AnyPath, size_limit: int) -> Iterator[Path]:
    """Give a file as one of this machine: itself on a disk, and of an object a copy that goes with the block.

    What an InputError says of the copy, it says of the object.

    Parameters
    ----------
    path
        A file that is not ours, and may be anything.
    size_limit
        Most bytes that an object may have to be copied; whoever reads the file sees to that of one on a disk.

    Raises
    ------
    InputError
        There is no such object, it is above `size_limit`, the store does not hand it out, or this machine has no
        room for it.
    """
    if isinstance(path, Path):
        yield path
        return
    with object_store.local_copy(path, size_limit) as copy:
        try:
            yield copy
        except InputError as error:
            raise InputError(*(line.replace(str(copy), str(path)) for line in error.args)) from error


def list_folder(folder: AnyPath) -> Sequence[AnyPath]:
    """List by name what is in a folder, itself a folder or not; one that does not exist has nothing.

    Raises
    ------
    InputError
        The disk or the store does not list it.
    """
    return disk.list_folder(folder) if isinstance(folder, Path) else object_store.list_folder(folder)


def stamp_of(path: AnyPath) -> list[str | int]:
    """What tells a file that has changed from one that has not, without reading it.

    Name, size and times of change; that of the entry too, for who restores a file may set back that of its
    contents. Of an object its ETag instead, since its time is in whole seconds.

    Raises
    ------
    FileNotFoundError
        There is nothing at `path`.
    InputError
        The store does not tell.
    """
    if isinstance(path, Path):
        stat = path.lstat()
        return [path.name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
    with object_store.clear_errors(path, "ask for it"):
        found = path.fs.info(path.path)
    return [path.name, found["size"], found.get("ETag", "")]
