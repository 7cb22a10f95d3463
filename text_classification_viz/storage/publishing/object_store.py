"""How `publishing` keeps its promises on an object store that speaks S3: whole uploads, and nothing left over.

Scope: all that knows of s3fs, down to what its errors mean. An object appears, or takes the place of an
earlier one, when its upload is complete and not before, so a file is written on this machine first and sent then.
"""

import importlib.util
import mimetypes
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, BinaryIO

from upath import UPath

from text_classification_viz.core.errors import InputError
from text_classification_viz.storage.publishing import disk

# No more than a bucket and a prefix: what else a URL can hold may be a secret, and what means a pattern to fsspec
# would have it take one name for many.
URL = re.compile(r"s3://[A-Za-z0-9][A-Za-z0-9._-]*(/[^?#*\[\]]*)?")
OPTIONS: dict[str, Any] = {
    "use_listings_cache": False,  # others write there too
    # A store that says nothing is given up after 300 seconds: s3fs tries five times what is tried twice here.
    "config_kwargs": {
        "connect_timeout": 10,  # seconds
        "read_timeout": 30,
        "retries": {"mode": "standard", "total_max_attempts": 2},
    },
}
PATIENCE_S = 300.0  # of an upload, which these do not bound: with no answer as long as this,
SLOWEST = 250_000  # or with fewer bytes a second, it is given up
PART = 32 << 20  # bytes; a file of twice as many is sent in parts,
PARTS_AT_ONCE = 4  # of which so many are held in memory
OVERWRITTEN = 20  # times that an object may be while it is read
ABANDONED_AFTER = timedelta(days=1)  # no upload takes that long
UNKNOWN_CONTENT = "application/octet-stream"
ON_THIS_MACHINE = "text_classification_viz-{}"  # name of a folder that is filled before it is sent


def bucket_and_prefix(url: str) -> UPath:
    """Give s3://bucket/prefix as a path; nothing is asked of the store.

    Raises
    ------
    InputError
        Another kind of URL, or s3fs is not installed.
    """
    if not URL.fullmatch(url):
        raise InputError(
            "DATA_ROOT: expected a folder or s3://bucket/prefix, found another kind of URL; leave keys, region "
            "and endpoint to the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL)"
        )
    if not importlib.util.find_spec("s3fs"):
        raise InputError(
            f"DATA_ROOT: expected the package s3fs, through which {url} is read and written, found none; install "
            "text_classification_viz[s3]"
        )
    return UPath(url.rstrip("/"), **OPTIONS)


@contextmanager
def published_file(path: UPath) -> Iterator[BinaryIO]:
    """Write to a temporary file that has no name, so that nothing is left of it, and send it as one object."""
    with _room_on_this_machine(), tempfile.TemporaryFile() as file:
        yield file
        file.flush()
        _upload(f"/dev/fd/{file.fileno()}", path)


def open_published(path: UPath, size_limit: int | None = None) -> BinaryIO:
    """Copy one version of the object to a temporary file that has no name, and give that from its start."""
    from s3fs.utils import FileExpired  # type: ignore[import-untyped]

    for _ in range(OVERWRITTEN):
        with _room_on_this_machine():
            file = tempfile.TemporaryFile()  # noqa: SIM115  the caller's to close
        try:
            for part in _parts(path, size_limit):
                with _room_on_this_machine():
                    file.write(part)
                    file.flush()
        except FileExpired:  # another version has taken its place: from the start
            file.close()
        except BaseException:
            file.close()
            raise
        else:
            file.seek(0)
            return file
    raise InputError(
        f"{path}: expected an object that stays as it is while it is read, found one that was overwritten "
        f"{OVERWRITTEN} times; see to who writes it, then run this again"
    )


def read_object(path: UPath, size_limit: int) -> bytes:
    """Read an object that is not ours, and may be anything.

    Raises
    ------
    InputError
        No such object, a folder, empty, above `size_limit` bytes, or not handed out by the store.
    """
    try:
        with open_published(path, size_limit) as file:
            content = file.read()
    except FileNotFoundError:
        raise InputError(
            f"{path}: expected an object, found none; it was removed meanwhile, run this again"
        ) from None
    if not content:
        raise InputError(f"{path}: expected a value, found a folder or nothing; move it away")
    return content


@contextmanager
def local_copy(path: UPath, size_limit: int) -> Iterator[Path]:
    """Give a copy, on this machine, of an object that is not ours, and may be anything."""
    with _temporary_folder() as folder:
        copy = folder / path.name
        try:
            _copy(path, copy, size_limit)
        except FileNotFoundError:
            raise InputError(f"{path}: expected an object, found none; leave it there again") from None
        yield copy


def list_folder(folder: UPath) -> list[UPath]:
    """List by name what is in a folder, itself a folder or not; one that does not exist has nothing.

    Raises
    ------
    InputError
        The store does not list it.
    """
    try:
        with clear_errors(folder, "list it"):
            keys = folder.fs.ls(folder.path, detail=False)
    except FileNotFoundError:
        return []
    names = {key.removeprefix(folder.path).strip("/") for key in keys}
    return [folder / name for name in sorted(names - {""})]  # an empty object stands for the folder itself


@contextmanager
def published_folder(path: UPath, last: str) -> Iterator[Path]:
    """Fill a folder on this machine, and send its files one by one by name, those that match `last` at the end."""
    if _files_under(path):
        raise InputError(f"{path}: expected nothing there yet, found objects; move them away, then run this again")
    with _temporary_folder() as folder:
        yield folder
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        files.sort(key=lambda file: fnmatchcase(file.name, last))
        try:
            for file in files:
                _upload(str(file), path / file.relative_to(folder).as_posix())
        except BaseException:
            with suppress(Exception):  # the store may not answer any more, and the first error tells more
                path.fs.rm(path.path, recursive=True)
            raise


@contextmanager
def newest_folder(parent: UPath, pattern: str, last: str) -> Iterator[Path | None]:
    """Give a copy, on this machine, of the files that match `last` in the folder that has the last such name.

    They are sent in the order of their names, so that a folder whose writer was killed between two of them ends no
    later than the one that it was to continue.
    """
    names = [
        (file, folder)
        for folder, _, file in (name.partition("/") for name in _files_under(parent))
        if fnmatchcase(folder, pattern) and fnmatchcase(file, last) and "/" not in file
    ]
    if not names:
        yield None
        return
    _, newest = max(names)
    with _temporary_folder() as copy:
        for file, folder in names:
            if folder == newest:
                _copy(parent / folder / file, copy / file)
        yield copy


def remove_old_folders(parent: UPath, pattern: str, keep_hours: float) -> tuple[list[str], list[str]]:
    """Remove the objects of each folder but the newest; its age is that of the newest of them."""
    return _remove_if_old(parent, _by_age(parent, pattern)[:-1], keep_hours, disk.REMOVED_AT_ONCE)


@contextmanager
def scratch_folder(parent: UPath) -> Iterator[UPath]:
    """Give a name under which there is nothing; what is older than any run under other names goes first."""
    # The newest of them too: the one of this run, which would be newer, has no object yet.
    _remove_if_old(parent, _by_age(parent, "*"), ABANDONED_AFTER.total_seconds() / 3_600)
    folder = parent / uuid.uuid4().hex
    try:
        yield folder
    finally:
        with suppress(Exception):  # the results are published by now, and the next run clears up
            parent.fs.rm(folder.path, recursive=True)


@contextmanager
def clear_errors(path: UPath, wish: str) -> Iterator[None]:
    """Turn what the store answers, or the way there, into an InputError that says what to do.

    Raises
    ------
    FileNotFoundError
        There is no such object, though there is the bucket.
    """
    import aiohttp
    from botocore import exceptions as boto  # type: ignore[import-untyped]
    from s3fs.utils import FileExpired

    bucket, _, _ = path.path.partition("/")
    try:
        yield
    except FileExpired:  # no fault, and the reader's to deal with
        raise
    except FileNotFoundError as error:
        answer = getattr(error.__cause__, "response", {})
        if answer.get("Error", {}).get("Code") != "NoSuchBucket":
            raise
        found, remedy = f"no bucket {bucket}", "create it, or set DATA_ROOT to another"
    except PermissionError as error:
        found = repr(str(error))
        remedy = (
            "see to the keys in the environment (AWS_ACCESS_KEY_ID and others), and to their right to list the "
            "bucket and to get, put and delete its objects"
        )
    except (boto.NoCredentialsError, boto.PartialCredentialsError):
        found = "no credentials"
        remedy = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give this machine a role"
    # ValueError: of an endpoint that is no URL
    except (OSError, boto.BotoCoreError, boto.ClientError, aiohttp.ClientError, ValueError) as error:
        found = repr(str(error) or "no answer in time")
        remedy = "see to the store, the network and AWS_ENDPOINT_URL, then run this again"
    else:
        return
    raise InputError(f"{path}: expected to {wish}, found {found}; {remedy}. What was published is unharmed")


def _copy(path: UPath, target: Path, size_limit: int | None = None) -> None:
    with open_published(path, size_limit) as content, target.open("wb") as file:
        shutil.copyfileobj(content, file)


def _upload(file: str, path: UPath) -> None:
    kind, _ = mimetypes.guess_type(path.name)  # by which a browser knows a page from a download
    size = Path(file).stat().st_size
    if size >= 2 * PART:
        _end_abandoned_uploads(path)
    with clear_errors(path, "write it"):
        path.fs.put_file(
            file,
            path.path,
            chunksize=PART,
            max_concurrency=PARTS_AT_ONCE,
            timeout=PATIENCE_S + size / SLOWEST,
            ContentType=kind or UNKNOWN_CONTENT,
        )


def _end_abandoned_uploads(path: UPath) -> None:
    """Give back the room of parts whose writer was killed; a writer that fails ends its upload itself."""
    bucket, _, key = path.path.partition("/")
    with suppress(OSError):  # not every store knows of it, and not every key may
        found = path.fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=key)
        for upload in found.get("Uploads", []):
            if upload["Key"] == key and datetime.now(UTC) - upload["Initiated"] > ABANDONED_AFTER:
                path.fs.call_s3("abort_multipart_upload", Bucket=bucket, Key=key, UploadId=upload["UploadId"])


def _parts(path: UPath, size_limit: int | None) -> Iterator[bytes]:
    """Read an object part by part; raise s3fs's FileExpired where another version has taken its place."""
    with clear_errors(path, "read it"):
        remote = path.fs.open(path.path, "rb", cache_type="none")
    with remote:
        if size_limit is not None and remote.size > size_limit:
            raise InputError(
                f"{path}: expected at most {size_limit:,} bytes, found {remote.size:,}; make it smaller, or "
                "move it away"
            )
        while True:
            with clear_errors(path, "read it"):
                part = remote.read(PART)
            if not part:
                return
            yield part


def _files_under(folder: UPath) -> dict[str, dict[str, Any]]:
    """What the store tells of each object in a folder and those in it, by path from there."""
    with clear_errors(folder, "list it"):
        found = folder.fs.find(folder.path, detail=True)
    return {key.removeprefix(folder.path + "/"): about for key, about in found.items()}


def _by_age(parent: UPath, pattern: str) -> list[tuple[float, str]]:
    """Folders with the time when they were last written, the oldest first."""
    modified: dict[str, float] = {}
    for name, found in _files_under(parent).items():
        folder, slash, _ = name.partition("/")
        if slash and fnmatchcase(folder, pattern):
            modified[folder] = max(modified.get(folder, 0.0), found["LastModified"].timestamp())
    return sorted((written, folder) for folder, written in modified.items())


def _remove_if_old(
    parent: UPath, folders: list[tuple[float, str]], keep_hours: float, at_most: int | None = None
) -> tuple[list[str], list[str]]:
    removed: list[str] = []
    left: list[str] = []
    for written, folder in folders:
        if len(removed) == at_most or time.time() - written <= keep_hours * 3_600:
            break
        try:
            with clear_errors(parent / folder, "remove it"):
                parent.fs.rm((parent / folder).path, recursive=True)
            removed.append(folder)
        except FileNotFoundError:  # another run removes the same
            continue
        except InputError:
            left.append(folder)
    return removed, left


def _room_on_this_machine() -> AbstractContextManager[None]:
    return disk.clear_errors(Path(tempfile.gettempdir()))


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """Give an empty folder that nobody else may read; what writers left that were killed goes first."""
    room = Path(tempfile.gettempdir())
    with (
        _room_on_this_machine(),
        disk.temporary(room, ON_THIS_MACHINE, lambda folder: folder.mkdir(0o700)) as folder,
    ):
        try:
            yield folder
        finally:
            shutil.rmtree(folder)
