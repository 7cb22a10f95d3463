"""Tables of ids and texts, from files that may be damaged or made to harm.

Scope: taking columns piece by piece within limits, and reading them from Parquet. Which columns a file has
to have stands with its forms (`train_set_file`, `incoming_file`).

A small file can stand for many long rows, so rows and bytes of text are counted before memory is set aside for
them. What stays with Arrow, in whose reader of Parquet nothing can be counted that early: a page that says another
size than the footer does is decompressed before it is found out, up to 2 GiB for the one page, and a batch holds
up to 2 GiB of different texts. Arrow is also trusted not to crash on a file that is damaged on purpose.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from text_classification_viz.storage.reading.stable_read import UpstreamFile

if TYPE_CHECKING:
    import pyarrow.parquet as pq

MAX_ROWS = 1 << 24  # a row takes one byte of Parquet or less, and 14 of a pickle
# In all columns together: twice the largest file. A pickle can repeat a text for 2 bytes, Parquet for none.
MAX_TEXT_BYTES = 1 << 30
MAX_NAMED = 20  # columns in a message
BATCH_ROWS = 1 << 16  # become Arrow's at a time


class TextColumns:
    """Takes columns of a schema piece by piece, as long as all rows and all texts stay within the limits."""

    def __init__(self, file: UpstreamFile, schema: pa.Schema) -> None:
        self.file = file
        self.schema = schema
        self.n_rows = 0
        self._text_bytes = 0
        self._batches: list[pa.RecordBatch] = []

    def count_text(self, n_bytes: int) -> None:
        """Raise InputError if texts that are to be added would be too many."""
        self._text_bytes += n_bytes
        if self._text_bytes > MAX_TEXT_BYTES:
            raise self.file.fault(f"at most {MAX_TEXT_BYTES:,} bytes of text", "more")

    def add(self, columns: list[pa.Array]) -> None:
        """Take the next rows, whose texts have been counted, or raise InputError if there are too many."""
        if self.n_rows + len(columns[0]) > MAX_ROWS:
            raise self.file.fault(f"at most {MAX_ROWS:,} rows", "more")
        self._batches.append(pa.record_batch(columns, schema=self.schema))
        self.n_rows += len(columns[0])

    def finish(self) -> pa.Table:
        """Give all rows, or raise InputError where there are none."""
        if not self.n_rows:
            raise self.file.fault("at least one row", "none")
        return pa.Table.from_batches(self._batches).combine_chunks()


@contextmanager
def damage_told(file: UpstreamFile) -> Iterator[None]:
    """Turn what Arrow says of a file that is no Parquet, or damaged, into an InputError."""
    try:
        yield
    # UnicodeDecodeError: damaged names of columns.
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise file.cut_short("a Parquet file", f"a damaged one ({error})") from None


def read_columns(
    file: UpstreamFile,
    content: pa.BufferReader,
    footer: "pq.FileMetaData",
    schema: pa.Schema,
    *,
    optional: Collection[str] = (),
    other_bytes: int = 0,
) -> pa.Table:
    """Read columns of ids and texts from a Parquet file, whatever the widths of its integers and texts.

    Parameters
    ----------
    file
        Whose `content` and `footer` these are, for messages.
    schema
        Columns of the table; each is to be in the file once.
    optional
        Columns that need not be there; all null then.
    other_bytes
        That columns beside those may have, decompressed.

    Raises
    ------
    InputError
        A column that is missing or has another type, no rows or too many, a null where none may be, or text that
        is no UTF-8. What Arrow raises is left to `damage_told`.
    """
    import pyarrow.parquet as pq

    names = _check_footer(file, footer, schema, optional, other_bytes)
    table = TextColumns(file, schema)
    # A dictionary holds a text once however many rows repeat it, so that their bytes can be counted.
    parquet = pq.ParquetFile(content, metadata=footer, read_dictionary=names)
    for batch in parquet.iter_batches(BATCH_ROWS, columns=names, use_threads=False):
        table.add(
            [
                _cast(table, batch[field.name], field)
                if field.name in names
                else pa.nulls(batch.num_rows, field.type)
                for field in schema
            ]
        )
    if table.n_rows != footer.num_rows:
        raise file.fault(f"{footer.num_rows:,} rows, as the footer says", f"{table.n_rows:,}")
    return table.finish()


def field_in_words(field: pa.Field) -> str:
    """The type of a field, as people who write Python call it."""
    return ("int" if pa.types.is_integer(field.type) else "str") + (" or None" if field.nullable else "")


def row_in_words(index: int) -> str:
    """The row of an index, for messages."""
    return f"row {index:,} (counted from 0)"


def _check_footer(
    file: UpstreamFile, footer: "pq.FileMetaData", schema: pa.Schema, optional: Collection[str], other_bytes: int
) -> list[str]:
    """Names of the columns to read; InputError unless the file says that it has them, and no more than may be."""
    found = footer.schema.to_arrow_schema()
    names = []
    for field in schema:
        columns = found.get_all_field_indices(field.name)
        if not columns and field.name in optional:
            continue
        if len(columns) != 1:
            raise file.fault(f"one column {field.name!r}", f"columns {found.names[:MAX_NAMED]}")
        if not _is_like(type_ := found.field(field.name).type, field):
            raise file.fault(f"{field_in_words(field)} in the column {field.name!r}", str(type_))
        names.append(field.name)
    if not footer.num_rows:
        raise file.fault("at least one row", "none")
    if footer.num_rows > MAX_ROWS:
        raise file.fault(f"at most {MAX_ROWS:,} rows", f"{footer.num_rows:,}")
    # Of all columns: asked for one whose entry is damaged, pyarrow 26 ends the process.
    n_bytes = sum(footer.row_group(index).total_byte_size for index in range(footer.num_row_groups))
    if n_bytes > MAX_TEXT_BYTES + other_bytes:
        raise file.fault(
            f"at most {MAX_TEXT_BYTES + other_bytes:,} bytes of columns, decompressed", f"{n_bytes:,}"
        )
    return names


def _cast(table: TextColumns, column: pa.Array, field: pa.Field) -> pa.Array:
    file = table.file
    if column.null_count and not field.nullable:
        place = row_in_words(table.n_rows + pc.index(column.is_null(), pa.scalar(True)).as_py())
        raise file.fault(f"{field_in_words(field)} in the field {field.name!r} of {place}", "None")
    if pa.types.is_dictionary(column.type):
        lengths = pc.binary_length(column.dictionary).take(column.indices)
        table.count_text(pc.sum(lengths).as_py() or 0)
        column = column.dictionary_decode()
    try:
        cast = column.cast(field.type)
        cast.validate(full=True)
    except pa.ArrowInvalid as error:
        raise file.fault(f"int64 or UTF-8 in the column {field.name!r}", str(error)) from None
    return cast


def _is_like(type_: pa.DataType, field: pa.Field) -> bool:
    """Whether a column of this type can be cast to the field's."""
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    if pa.types.is_integer(field.type):
        return pa.types.is_integer(type_)
    is_text = pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_)
    return is_text or (field.nullable and pa.types.is_null(type_))
