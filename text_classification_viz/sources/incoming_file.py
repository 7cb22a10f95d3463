"""The form of a batch of new rows: Parquet with ids, vectors, and as much text and labeling as there is.

A batch is one file, or a folder of files. Scope: which batches there are, and from a file to a table and a
matrix. Whether the rows make sense is for `core.training_data` to say; what may be read of a column, and how much,
stands in `text_columns`. Vectors are in lists of fixed size, of which the type tells how many numbers there are:
lists of any length could hold billions in a few bytes.
"""

import dataclasses
import logging
import re
from pathlib import Path

import numpy as np
import pyarrow as pa

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.inputs import MAX_DIMENSIONS, TRAIN_SET, TrainEmbeddings, TrainSet
from text_classification_viz.storage.publishing import AnyPath, list_folder, local_file
from text_classification_viz.storage.reading import (
    MAX_NAMED,
    RETRY_FOR_S,
    UpstreamFile,
    damage_told,
    read_columns,
    read_stable,
    row_in_words,
)

SUFFIX = ".parquet"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")  # of a partition of Dagster's, and of a file
MAX_NAME = 100
NAMES_IN_WORDS = f"up to {MAX_NAME} letters, digits, _, - and single dots before {SUFFIX}"

EMBEDDING = "embedding"
ROWS = pa.schema([field if field.name == "id" else field.with_nullable(True) for field in TRAIN_SET])
OPTIONAL = ("category", "headline", "short_description")
SIZE_LIMIT = 3 << 30  # bytes of a file
MAX_NUMBERS = 1 << 29  # rows x dimensions: 2 GiB of memory, 1.4 million rows of 384
VECTOR_ROWS = 1 << 14  # become ours at a time
REMEDY = (
    "write Parquet with id (int), embedding (a fixed-size list of float32) and, where there are any, category, "
    "headline and short_description (str)"
)
SPLIT = "split it into several files"
FLOAT32 = np.dtype(np.float32)
AGAIN = "mend it where it is made, and write it again"

_LOG = logging.getLogger(__name__)


def list_batches(folder: AnyPath) -> tuple[dict[str, list[AnyPath]], list[str]]:
    """Find the batches in a folder; one that does not exist has none.

    Returns
    -------
    batches
        Parts of each batch by its name, in the order of names: the file, or those in the folder of that name.
    others
        Names that end as those of batches do, and cannot be of any.

    Raises
    ------
    InputError
        A folder cannot be listed.
    """
    found = _visible(folder)
    batches = {path.stem: _parts(path) for path in found if _is_name(path.stem)}
    return batches, [path.name for path in found if path.stem not in batches]


def batch_parts(folder: AnyPath, batch: str) -> list[AnyPath]:
    """Files of a batch, by name.

    Raises
    ------
    InputError
        No such batch, or a folder without any file.
    """
    path = folder / f"{batch}{SUFFIX}"
    if not _is_name(batch):
        raise InputError(f"batch {batch!r}: expected {NAMES_IN_WORDS}, found another name; rename the file")
    if not path.exists():
        raise InputError(f"{path}: expected a batch of new rows, found none; leave the file there again")
    parts = _parts(path)
    if not parts:
        raise InputError(
            f"{path}: expected a file, or a folder of files *{SUFFIX}, found no such file in it; {AGAIN}"
        )
    return parts


def _is_name(name: str) -> bool:
    return bool(NAME.fullmatch(name)) and len(name) <= MAX_NAME


def _parts(path: AnyPath) -> list[AnyPath]:
    if isinstance(path, Path) and path.is_symlink():  # which is refused when it is read, wherever it leads
        return [path]
    return _visible(path) if path.is_dir() else [path]


def _visible(folder: AnyPath) -> list[AnyPath]:
    """Parquet files and folders by name, without those of programs that are writing one."""
    found = list_folder(folder)
    return [path for path in found if path.suffix == SUFFIX and not path.name.startswith((".", "_"))]


def read_part(
    path: AnyPath, *, retry_for_s: float = RETRY_FOR_S, log: logging.Logger = _LOG
) -> tuple[TrainSet, TrainEmbeddings]:
    """Read a file of new rows.

    Parameters
    ----------
    path
        A batch, or a part of one.
    retry_for_s
        For how many seconds to try again while the file is being written.
    log
        Where progress is reported.

    Returns
    -------
    TrainSet, TrainEmbeddings
        The rows, where what is missing is null, and their vectors.

    Raises
    ------
    InputError
        A file that cannot be read, or that holds anything but at least one row of `ROWS`, and a float32 vector of
        one width for each.
    """
    with local_file(path, SIZE_LIMIT) as file:
        (table, vectors), source = read_stable(
            file,
            _parse,
            remedy=REMEDY,
            size_limit=SIZE_LIMIT,
            follow_links=False,
            retry_for_s=retry_for_s,
            log=log,
        )
    source = dataclasses.replace(source, path=str(path), again=AGAIN)
    log.info("%s: %d rows of %d dimensions", source.path, *vectors.shape)
    return TrainSet(table, source), TrainEmbeddings(vectors, source)


def _parse(file: UpstreamFile) -> tuple[pa.Table, np.ndarray]:
    import pyarrow.parquet as pq

    with damage_told(file):
        content = pa.BufferReader(file.read())
        footer = pq.read_metadata(content)
        width = _width(file, footer.schema.to_arrow_schema())
        if footer.num_rows * width > MAX_NUMBERS:
            raise file.fault(
                f"at most {MAX_NUMBERS // width:,} rows of {width:,} dimensions", f"{footer.num_rows:,}", SPLIT
            )
        n_bytes = 2 * footer.num_rows * width * FLOAT32.itemsize  # a page may be larger than what it holds
        table = read_columns(file, content, footer, ROWS, optional=OPTIONAL, other_bytes=n_bytes)
        vectors = np.empty((footer.num_rows, width), FLOAT32)
        at = 0
        parquet = pq.ParquetFile(content, metadata=footer)
        for batch in parquet.iter_batches(VECTOR_ROWS, columns=[EMBEDDING], use_threads=False):
            vectors[at : at + batch.num_rows] = _vectors(file, at, batch[EMBEDDING], width)
            at += batch.num_rows
    return table, vectors


def _width(file: UpstreamFile, schema: pa.Schema) -> int:
    """Dimensions of the vectors, by the type of their column."""
    columns = schema.get_all_field_indices(EMBEDDING)
    if len(columns) != 1:
        raise file.fault(f"one column {EMBEDDING!r}", f"columns {schema.names[:MAX_NAMED]}")
    type_ = schema.field(columns[0]).type
    if not pa.types.is_fixed_size_list(type_) or not pa.types.is_floating(type_.value_type):
        raise file.fault(f"a fixed-size list of float32 in the column {EMBEDDING!r}", str(type_))
    if not 1 <= type_.list_size <= MAX_DIMENSIONS:
        raise file.fault(f"1 to {MAX_DIMENSIONS:,} dimensions in the column {EMBEDDING!r}", f"{type_.list_size:,}")
    return type_.list_size


def _vectors(file: UpstreamFile, at: int, column: pa.FixedSizeListArray, width: int) -> np.ndarray:
    """Vectors (m, width) of some rows, of which the first is the row `at`."""
    values = column.flatten()  # without the lists that are null
    if column.null_count:
        row = at + int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise file.fault(f"a vector in the field {EMBEDDING!r} of {row_in_words(row)}", "None")
    if values.null_count:
        row = at + int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0]) // width
        raise file.fault(f"numbers in the field {EMBEDDING!r} of {row_in_words(row)}", "None")
    return values.to_numpy().reshape(-1, width)
