"""The files in which people leave their decisions: CSV, or the JSON that Label Studio exports.

Scope: which files there are, and from their bytes to decisions. Which decisions stand is for
`core.reviews` to say. A file is text to us whatever it holds: nothing in it is run.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from upath import UPath

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.reviews import Decision, Place, join_faults, parse_decision, parse_export
from text_classification_viz.core.tables import REVIEWED_LABELS
from text_classification_viz.storage.publishing import AnyPath, list_folder, read_object
from text_classification_viz.storage.reading import UpstreamFile, parse_strict_json, read_stable

COLUMNS = tuple(REVIEWED_LABELS.names)
OPTIONAL = ("note",)
SIZE_LIMIT = 64 << 20  # bytes of a file: Label Studio's exports have some 2,000 for each task
MAX_DECISIONS = 1_000_000  # in all files
MAX_FAULTS = 1_000  # before no more are looked for
MAX_NAMED = 5  # columns in a message
REMEDY = "save it again or move it away"
# Of editors that have a file open, and of programs that are writing one.
TEMPORARY_PREFIXES = (".", "~$")


def review_files(folder: AnyPath) -> Sequence[AnyPath]:
    """List the review files of a folder by name; one that does not exist has none.

    Raises
    ------
    InputError
        The folder cannot be listed.
    """
    return [path for path in _visible(folder) if path.suffix.lower() in PARSERS]


def ignored_files(folder: AnyPath) -> Sequence[AnyPath]:
    """List by name what else is in a folder of reviews, and may have been meant to be a review file."""
    return [path for path in _visible(folder) if path.suffix.lower() not in PARSERS]


def _visible(folder: AnyPath) -> Sequence[AnyPath]:
    return [path for path in list_folder(folder) if not path.name.startswith(TEMPORARY_PREFIXES)]


def read_reviews(folder: AnyPath) -> list[Decision]:
    """Read every decision of every review file in a folder, by file name and in the order of each file.

    Raises
    ------
    InputError
        Files that cannot be read, or lines of them, all of them at once.
    """
    decisions, faults = [], []
    for path in review_files(folder):
        try:
            for found in PARSERS[path.suffix.lower()](str(path), _read_text(path)):
                if isinstance(found, InputError):
                    faults.append(found)
                else:
                    decisions.append(found)
                if len(faults) >= MAX_FAULTS:
                    raise join_faults(faults)
                if len(decisions) > MAX_DECISIONS:
                    raise InputError(
                        f"{folder}: expected at most {MAX_DECISIONS:,} decisions, found more; move old files away"
                    )
        except InputError as fault:  # with which the file ends for us
            faults.append(fault)
    if faults:
        raise join_faults(faults)
    return decisions


def _read_text(path: AnyPath) -> str:
    data = read_object(path, SIZE_LIMIT) if isinstance(path, UPath) else _read_on_disk(path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Counted in the bytes decoded, which are those after a byte order mark.
        line = error.object[: error.start].count(b"\n") + 1
        raise _line(str(path), line).fault(
            "UTF-8", f"the byte 0x{error.object[error.start]:02x}", "save it as UTF-8 and run this again"
        ) from None


def _read_on_disk(path: Path) -> bytes:
    try:
        target = path.resolve(strict=True)
        if target.parent != path.parent.resolve():
            raise InputError(
                f"{path}: expected a file in this folder, found a link to {target}; put a copy in its place"
            )
        if not target.is_file():
            raise InputError(f"{path}: expected a regular file, found something else; move it away")
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        raise InputError(
            f"{path}: expected a readable file, found none ({error}); give read access or move it away"
        ) from error
    data, _ = read_stable(target, UpstreamFile.read, remedy=REMEDY, size_limit=SIZE_LIMIT, follow_links=False)
    return data


def _line(file: str, number: int) -> Place:
    return Place(file, number, f"line {number:,}")


def _parse_csv(file: str, text: str) -> Iterator[Decision | InputError]:
    """Give the decision of each line or what is wrong with it; raise where nothing after it can be read."""
    records = _records(file, text)
    place, columns = next(records, (_line(file, 1), []))
    _check_columns(place, columns)
    for place, cells in records:
        try:
            if len(cells) != len(columns):
                raise place.fault(
                    f"{len(columns)} cells", f"{len(cells)}", "put quotes around cells that hold commas"
                )
            yield parse_decision(place, {"note": ""} | dict(zip(columns, cells, strict=True)))
        except InputError as fault:
            yield fault


def _records(file: str, text: str) -> Iterator[tuple[Place, list[str]]]:
    """Split CSV into records, each with the line that it starts on; those without any text are left out."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        place = _line(file, reader.line_num + 1)
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise place.fault("a record of CSV", f"none ({error})", "see to the quotes from here on") from None
        if any(cells):
            yield place, cells


def _check_columns(place: Place, columns: list[str]) -> None:
    problems = [f"no {name}" for name in COLUMNS if name not in columns and name not in OPTIONAL]
    unknown = [name for name in columns if name not in COLUMNS]
    problems += [f"the unknown {name!r}"[:80] for name in unknown[:MAX_NAMED]]
    problems += [f"{len(unknown) - MAX_NAMED:,} more"] if len(unknown) > MAX_NAMED else []
    problems += [f"{name} {columns.count(name)} times" for name in COLUMNS if columns.count(name) > 1]
    if problems:
        raise place.fault(
            f"the columns {', '.join(COLUMNS)} (note may be missing) in the first line",
            ", ".join(problems),
            "name them like this, with commas between them",
        )


def _parse_json(file: str, text: str) -> Iterator[Decision | InputError]:
    try:
        export = parse_strict_json(text)
    except ValueError as error:
        raise InputError(
            f"{file}: expected JSON, found something else ({error}); export from Label Studio again"
        ) from None
    yield from parse_export(file, export)


PARSERS: dict[str, Callable[[str, str], Iterator[Decision | InputError]]] = {
    ".csv": _parse_csv,
    ".json": _parse_json,
}
