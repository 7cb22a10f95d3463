"""The forms of `train_set`: a pickled list of dicts, Parquet, or JSON Lines.

Belongs here: from an open file to a table with the schema `TRAIN_SET`, each field of its type. Whether the rows
make sense together is for the gate to say. The texts of a pickle go to Arrow as the UTF-8 bytes they are.

A small file can stand for many long rows, so rows and bytes of text are counted before memory is set aside for
them. What stays with Arrow, in whose reader of Parquet nothing can be counted that early: a page that says another
size than the footer does is decompressed before it is found out, up to 2 GiB for the one page, and a batch holds
up to 2 GiB of different texts. Arrow is also trusted not to crash on a file that is damaged on purpose.
"""

from collections.abc import Callable
from itertools import product
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.upstream import TRAIN_SET
from text_classification_viz.storage.pickle_parser import COMMON_OPCODES, Grammar, PickleParser, kind_of
from text_classification_viz.storage.stable_read import UpstreamFile
from text_classification_viz.storage.strict_json import parse_json

if TYPE_CHECKING:
    import pyarrow.parquet as pq

REMEDY = (
    "write a list of dicts with a plain int as id, plain str as category, str or None as headline and "
    "short_description, and materialize train_set upstream again"
)
GRAMMAR = Grammar(
    value="a list of dicts",
    opcodes=COMMON_OPCODES | {"EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS", "BINFLOAT"},
    globals=frozenset(),
    max_opcodes=None,
    max_marks=2,  # the list's and in it a dict's
    max_dict_items=256,  # fields of a row; upstream writes 4
)
INT64 = np.iinfo(np.int64)
MAX_ROWS = 1 << 24  # a row takes one byte of Parquet or less, and 14 of a pickle
# In all columns together: twice the largest file. A pickle can repeat a text for 2 bytes, Parquet for none.
MAX_TEXT_BYTES = 1 << 30
MAX_NAMED = 20  # columns in a message
BATCH_ROWS = 1 << 16  # become Arrow's at a time
MAX_LINE_BYTES = 4 << 20  # of JSON, whose lists take 20 times the memory that they have bytes


def parse_pickle(file: UpstreamFile) -> pa.Table:
    """Give the table of a pickled list of dicts."""
    rows = _Rows(file, bytes, _row)
    value = _RowsParser(file, rows).parse()
    if type(value) is not list:
        raise file.fault("a list of dicts", kind_of(value))
    return rows.table()


def parse_jsonl(file: UpstreamFile) -> pa.Table:
    """Give the table of a file with one JSON object a line."""
    rows = _Rows(file, str, _line)
    for index, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b"")):
        if len(line) > MAX_LINE_BYTES:
            raise file.fault(f"at most {MAX_LINE_BYTES:,} bytes on {_line(index)}", "more")
        try:
            row = parse_json(line.decode())
        except ValueError as error:
            raise file.fault(f"a JSON object in UTF-8 on {_line(index)}", f"other text ({error})") from None
        rows.add(row)
    return rows.table()


def parse_parquet(file: UpstreamFile) -> pa.Table:
    """Give the table of a Parquet file, whatever the widths of its integers and texts."""
    import pyarrow.parquet as pq

    table = _Table(file)
    try:
        content = pa.BufferReader(file.read())
        footer = pq.read_metadata(content)
        _check_footer(file, footer)
        # A dictionary holds a text once however many rows repeat it, so that their bytes can be counted.
        parquet = pq.ParquetFile(content, metadata=footer, read_dictionary=TRAIN_SET.names)
        for batch in parquet.iter_batches(BATCH_ROWS, columns=TRAIN_SET.names, use_threads=False):
            table.add([_cast(table, batch[field.name], field) for field in TRAIN_SET])
    # UnicodeDecodeError: damaged names of columns.
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise file.fault("a Parquet file", f"a damaged one ({error})") from None
    if table.n_rows != footer.num_rows:
        raise file.fault(f"{footer.num_rows:,} rows, as the footer says", f"{table.n_rows:,}")
    return table.finish()


class _RowsParser(PickleParser):
    """Hands each row over as soon as it is complete, so that no list of dicts is ever held."""

    def __init__(self, file: UpstreamFile, rows: "_Rows") -> None:
        super().__init__(file, GRAMMAR)
        self._rows = rows

    def append(self, target: list, items: list) -> None:
        for row in items:
            self._rows.add(row)

    def _empty_list(self) -> None:
        # A list may only be the outermost value, so that whatever is appended is a row.
        if self.stack or self.outer_stacks:
            raise self.refuse("rows of plain values", "a list inside a row")
        super()._empty_list()


class _Table:
    """Takes columns piece by piece, as long as all rows and all texts stay within the limits."""

    def __init__(self, file: UpstreamFile) -> None:
        self.file = file
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
        self._batches.append(pa.record_batch(columns, schema=TRAIN_SET))
        self.n_rows += len(columns[0])

    def finish(self) -> pa.Table:
        """Give all rows, or raise InputError where there are none."""
        if not self.n_rows:
            raise self.file.fault("at least one row", "none")
        return pa.Table.from_batches(self._batches).combine_chunks()


class _Rows:
    """Checks rows one by one and turns them into a table.

    Parameters
    ----------
    file
        Where they come from, for messages.
    text
        The type that texts and the names of fields have: str, or bytes for UTF-8.
    place
        Names the row of an index, for messages.
    """

    def __init__(self, file: UpstreamFile, text: type, place: Callable[[int], str]) -> None:
        self._file = file
        self._place = place
        self._names = [field.encode() if text is bytes else field for field in TRAIN_SET.names]
        self._values_of = itemgetter(*self._names)
        self._scalars = {text, int, float, bool, type(None)}
        self._types = [_types(field, text) for field in TRAIN_SET]
        self._type_combinations = set(product(*self._types))
        self._rows: list[tuple] = []  # that are not in the table yet
        self._table = _Table(file)

    def add(self, row: object) -> None:
        """Take the next row, or raise InputError."""
        if type(row) is not dict:
            raise self._fault("a dict as", kind_of(row))
        try:
            values = self._values_of(row)
        except KeyError as error:
            name = self._names.index(error.args[0])
            raise self._fault(f"the field {TRAIN_SET.names[name]!r} in", "none") from None
        if tuple(map(type, values)) not in self._type_combinations:
            raise self._wrong_type(values)
        if len(row) > len(values):
            self._check_other_fields(row)
        self._rows.append(values)
        if len(self._rows) == BATCH_ROWS:
            self._to_table()

    def table(self) -> pa.Table:
        """Give all rows with the schema `TRAIN_SET`, or raise InputError."""
        if self._rows:
            self._to_table()
        return self._table.finish()

    def _to_table(self) -> None:
        columns = zip(*self._rows, strict=True)
        self._table.add([self._column(values, field) for values, field in zip(columns, TRAIN_SET, strict=True)])
        self._rows = []

    def _column(self, values: tuple, field: pa.Field) -> pa.Array:
        """Make a column of values that have the right types; Arrow checks the UTF-8 and the range of ints."""
        if field.type == pa.string():
            self._table.count_text(sum(map(len, filter(None, values))))
        try:
            return pa.array(values, field.type)
        except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):
            bad = next(index for index, value in enumerate(values) if not _fits(value))
            raise self._file.fault(
                f"{'an int of 64 bits' if field.type == pa.int64() else 'valid UTF-8'} in the field "
                f"{field.name!r} of {self._place(self._table.n_rows + bad)}",
                repr(values[bad])[:80],
            ) from None

    def _wrong_type(self, values: tuple) -> InputError:
        field, value = next(
            (field, value)
            for field, value, types in zip(TRAIN_SET, values, self._types, strict=True)
            if type(value) not in types
        )
        return self._fault(f"{_in_words(field)} in the field {field.name!r} of", kind_of(value))

    def _check_other_fields(self, row: dict) -> None:
        """Let fields that nobody asked for pass if they are as plain as the others."""
        for name, value in row.items():
            if type(value) not in self._scalars:
                shown = name.decode(errors="replace") if isinstance(name, bytes) else name
                raise self._fault(f"a str, a number or None in the field {shown!r} of", kind_of(value))

    def _fault(self, expected: str, found: str) -> InputError:
        return self._file.fault(f"{expected} {self._place(self._table.n_rows + len(self._rows))}", found)


def _row(index: int) -> str:
    return f"row {index:,} (counted from 0)"


def _line(index: int) -> str:
    return f"line {index + 1:,}"


def _types(field: pa.Field, text: type) -> tuple[type, ...]:
    required = int if pa.types.is_integer(field.type) else text
    return (required, type(None)) if field.nullable else (required,)


def _in_words(field: pa.Field) -> str:
    return ("int" if pa.types.is_integer(field.type) else "str") + (" or None" if field.nullable else "")


def _fits(value: object) -> bool:
    try:
        match value:
            case bytes():
                value.decode()
            case str():
                value.encode()
            case int():
                return INT64.min <= value <= INT64.max
    except UnicodeError:
        return False
    return True


def _check_footer(file: UpstreamFile, footer: "pq.FileMetaData") -> None:
    """Raise InputError unless a Parquet file says that it has the columns, and no more than can be read."""
    schema = footer.schema.to_arrow_schema()
    for field in TRAIN_SET:
        if len(schema.get_all_field_indices(field.name)) != 1:
            raise file.fault(f"one column {field.name!r}", f"columns {schema.names[:MAX_NAMED]}")
        if not _is_like(type_ := schema.field(field.name).type, field):
            raise file.fault(f"{_in_words(field)} in the column {field.name!r}", str(type_))
    if not footer.num_rows:
        raise file.fault("at least one row", "none")
    if footer.num_rows > MAX_ROWS:
        raise file.fault(f"at most {MAX_ROWS:,} rows", f"{footer.num_rows:,}")
    # Of all columns: asked for one whose entry is damaged, pyarrow 26 ends the process.
    n_bytes = sum(footer.row_group(index).total_byte_size for index in range(footer.num_row_groups))
    if n_bytes > MAX_TEXT_BYTES:
        raise file.fault(f"at most {MAX_TEXT_BYTES:,} bytes of columns, decompressed", f"{n_bytes:,}")


def _cast(table: _Table, column: pa.Array, field: pa.Field) -> pa.Array:
    file = table.file
    if column.null_count and not field.nullable:
        place = _row(table.n_rows + pc.index(column.is_null(), pa.scalar(True)).as_py())
        raise file.fault(f"{_in_words(field)} in the field {field.name!r} of {place}", "None")
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
