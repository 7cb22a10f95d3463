"""Reading a file that another process may be rewriting: whole, unchanged while read, and hashed on the way.

Scope: opening, hashing, and trying again while the file changes. What the bytes mean is the business of
the parsers, which read from an `UpstreamFile`. The file is never memory-mapped: its writer truncates and fills
the same inode, which would end a process that has it mapped with SIGBUS.
"""

import errno
import hashlib
import io
import logging
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.inputs import Source

T = TypeVar("T")

CHUNK = 1 << 20  # bytes read and hashed at a time; they fit a processor's cache
RETRY_FOR_S = 10.0  # how long a file may go on changing
FIRST_WAIT_S = 0.05  # doubled after each attempt
LONGEST_WAIT_S = 1.0
SETTLED_AFTER_S = 2.0  # a broken file that was written to this recently may be in the middle of being written
WAIT_AND_RETRY = "wait until its writer has finished, then run this again"
RECENT_S = 60.0  # a writer that makes pauses may still be at a file that it wrote to this recently
COMPRESSED = {
    b"\x1f\x8b\x08": "gzip",
    b"\xfd7zXZ\0": "xz",
    b"BZh91AY&SY": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}
PUT_OR_LEAVE = "put a file there, or run this again without it"


class UpstreamFile(io.BufferedReader):
    """An open file that is read once from front to back.

    Attributes
    ----------
    path
        As given, for messages.
    size
        Bytes when it was opened; what is added later is not read.
    remedy
        What to do about a broken file of this kind, for messages.
    """

    def __init__(self, path: Path, remedy: str, *, follow_links: bool = True) -> None:
        # Without O_NONBLOCK, opening a FIFO waits for its writer.
        more = os.O_NONBLOCK | (0 if follow_links else os.O_NOFOLLOW)
        file = io.FileIO(path, opener=lambda name, flags: os.open(name, flags | more))
        self._opened = os.fstat(file.fileno())
        self._hashed = _HashedFile(file, self._opened.st_size)
        super().__init__(self._hashed, CHUNK)
        self.path = path
        self.size = self._opened.st_size
        self.remedy = remedy

    @property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 of what has been read: of the whole file once a parser has come to its end."""
        return self._hashed.sha256.hexdigest()

    def fault(self, expected: str, found: str, remedy: str | None = None) -> InputError:
        """Make the error that says what is wrong with this file."""
        return InputError(f"{self.path}: expected {expected}, found {found}; {remedy or self.remedy}")

    def cut_short(self, expected: str, found: str) -> InputError:
        """Make the error for a file that ends too early, as one does whose writer has not finished."""
        age_s = time.time() - self._opened.st_mtime
        recently = f"it was written to {age_s:.0f} s ago: " if 0 <= age_s <= RECENT_S else ""
        return self.fault(
            expected,
            f"{found}: it is truncated, damaged or still being written",
            f"{recently}{WAIT_AND_RETRY}; if that does not help, {self.remedy}",
        )

    def remaining(self) -> int:
        """Bytes that are not read yet."""
        return self.size - self.tell()

    def read_exactly(self, length: int) -> bytes:
        """Read `length` bytes, or raise InputError where the file holds fewer."""
        # Longer ones are checked first, because read() sets aside the memory before it reads.
        if length > CHUNK and length > self.remaining():
            raise self._truncated(length, self.tell())
        data = self.read(length)
        if len(data) != length:
            raise self._truncated(length, self.tell() - len(data))
        return data

    def read_array(self, length: int) -> np.ndarray:
        """Read `length` bytes into a new aligned uint8 array, with no second copy of them in memory."""
        start = self.tell()
        if length > self.remaining():
            raise self._truncated(length, start)
        array = np.empty(length, dtype=np.uint8)
        if self.readinto(array.data) != length:
            raise self._truncated(length, start)
        return array

    def check_size(self, size_limit: int | None) -> None:
        """Raise InputError unless this is a regular file of 1 to `size_limit` bytes, not compressed."""
        if not stat.S_ISREG(self._opened.st_mode):
            raise self.fault("a regular file", "a FIFO, a socket or a device", "put a file in its place")
        if self.size == 0:
            raise self.cut_short("a value", "an empty file")
        if size_limit is not None and self.size > size_limit:
            raise self.fault(
                f"at most {size_limit:,} bytes",
                f"{self.size:,}",
                "make it smaller, or raise the limit that storage sets for it",
            )

        for first, name in COMPRESSED.items():
            if self.peek(len(first)).startswith(first):
                raise self.fault("a file that is not compressed", f"one by {name}", "decompress it")

    def has_changed(self) -> bool:
        """Whether the path leads to another file by now, or to this one with other contents."""
        try:
            now = self.path.stat()
        except OSError:
            return True
        return any(
            getattr(now, field) != getattr(self._opened, field)
            for field in ("st_dev", "st_ino", "st_size", "st_mtime_ns")
        )

    def is_settled(self) -> bool:
        """Whether nobody has written to the file for a while; a time to come says nothing of that."""
        return not 0 <= time.time() - self._opened.st_mtime <= SETTLED_AFTER_S

    def _truncated(self, length: int, start: int) -> InputError:
        return self.cut_short(
            f"{length:,} bytes from byte {start:,} on", f"the end of the file at byte {self.size:,}"
        )


class _HashedFile(io.RawIOBase):
    """Hashes what is read from `file`, and ends after `size` bytes even if the file has grown since."""

    def __init__(self, file: io.FileIO, size: int) -> None:
        self._file = file
        self._size = size
        self._position = 0
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        window = memoryview(buffer)[: min(CHUNK, self._size - self._position)]
        count = self._file.readinto(window) or 0
        self.sha256.update(window[:count])
        self._position += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def read_stable(
    path: Path,
    parse: Callable[[UpstreamFile], T],
    *,
    remedy: str,
    missing: str = PUT_OR_LEAVE,
    size_limit: int | None = None,
    follow_links: bool = True,
    retry_for_s: float = RETRY_FOR_S,
    log: logging.Logger = logging.getLogger(__name__),
) -> tuple[T, Source]:
    """Parse a file, again if need be, until it has not changed between the first byte and the last.

    Parameters
    ----------
    path
        A regular file.
    parse
        Reads the file to its end and gives its value, or raises InputError.
    remedy
        What to do about a broken file, for messages.
    missing
        What to do where there is no such file, or a folder, for messages.
    size_limit
        Most bytes that the file may have; None for any number.
    follow_links
        Whether `path` may be a link; where it may not, no link that is put there meanwhile leads elsewhere.
    retry_for_s
        For how many seconds to try again while the file changes, or is broken and was only just written to.
    log
        Where attempts that have to be repeated are reported.

    Raises
    ------
    InputError
        No such file, no regular file, no permission, empty, above `size_limit`, changing for longer than
        `retry_for_s`, or refused by `parse`.
    """
    deadline = time.monotonic() + retry_for_s
    wait_s = FIRST_WAIT_S
    while True:
        problem = None
        try:
            with UpstreamFile(path, remedy, follow_links=follow_links) as file:
                try:
                    file.check_size(size_limit)
                    value = parse(file)
                except InputError as error:
                    problem = error
                changed = file.has_changed()
        except OSError as error:
            raise _unreadable(path, error, missing) from error

        if not changed and not problem:
            return value, Source(str(path), file.sha256)
        out_of_time = time.monotonic() + wait_s > deadline
        if not changed and problem and (out_of_time or file.is_settled()):
            raise problem
        if out_of_time:
            raise file.fault(
                "a file that stays as it is while it is read",
                f"one that went on changing for {retry_for_s:g} s",
                WAIT_AND_RETRY,
            ) from problem
        log.info("%s is being written; reading it again in %.2f s", path, wait_s)
        time.sleep(wait_s)
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)


def _unreadable(path: Path, error: OSError, missing: str) -> InputError:
    if isinstance(error, FileNotFoundError):
        return InputError(f"{path}: expected a file, found none; {missing}")
    if isinstance(error, IsADirectoryError):
        return InputError(f"{path}: expected a file, found a directory; move it away and {missing}")
    if error.errno == errno.ELOOP:  # where links are not followed, or in a circle
        return InputError(
            f"{path}: expected a file, found a link that is not followed; put a copy of what it stands for in its "
            "place"
        )
    if isinstance(error, PermissionError):
        return InputError(
            f"{path}: expected a file that user {os.geteuid()} may read, found no permission; give that user "
            "read access to the file and its folders"
        )
    return InputError(f"{path}: expected a readable file, found '{error.strerror}'; see to the disk or mount")
