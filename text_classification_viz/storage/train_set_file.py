"""The forms of `train_set`: a pickled list of dicts, Parquet, or JSON Lines.

Belongs here: from an open file to a table with the schema `TRAIN_SET`, each field of its type. Whether the rows
make sense together is for the gate to say. The texts of a pickle go to Arrow as the UTF-8 bytes they are.
"""

import json
from collections.abc import Callable
from itertools import product
from operator import itemgetter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.upstream import TRAIN_SET
from text_classification_viz.storage.pickle_parser import COMMON_OPCODES, Grammar, PickleParser, kind_of
from text_classification_viz.storage.stable_read import UpstreamFile

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
# In a column, as Arrow's string type has it; a pickle can repeat a text for 2 bytes.
MAX_TEXT_BYTES = (1 << 31) - 1


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
    for index, line in enumerate(file):
        try:
            row = json.loads(line.decode())
        # RecursionError: brackets in brackets, a thousand deep.
        except (ValueError, RecursionError) as error:
            raise file.fault(f"a JSON object in UTF-8 on {_line(index)}", f"other text ({error})") from None
        rows.add(row)
    return rows.table()


def parse_parquet(file: UpstreamFile) -> pa.Table:
    """Give the table of a Parquet file, whatever the widths of its integers and texts."""
    import pyarrow.parquet as pq

    content = pa.BufferReader(file.read())
    try:
        schema = pq.read_schema(content)
        for field in TRAIN_SET.names:
            if len(schema.get_all_field_indices(field)) != 1:
                raise file.fault(f"one column {field!r}", f"columns {schema.names}")
        table = pq.read_table(content, columns=TRAIN_SET.names)
    # UnicodeDecodeError: damaged names of columns.
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise file.fault("a Parquet file", f"a damaged one ({error})") from None
    return pa.table([_cast(file, table[field.name], field) for field in TRAIN_SET], schema=TRAIN_SET)


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
        self._rows: list[tuple] = []

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

    def table(self) -> pa.Table:
        """Give all rows with the schema `TRAIN_SET`, or raise InputError."""
        if not self._rows:
            raise self._file.fault("at least one row", "none")
        columns = [
            _column(self._file, [row[index] for row in self._rows], field, self._place)
            for index, field in enumerate(TRAIN_SET)
        ]
        return pa.table(columns, schema=TRAIN_SET)

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
        return self._file.fault(f"{expected} {self._place(len(self._rows))}", found)


def _row(index: int) -> str:
    return f"row {index:,} (counted from 0)"


def _line(index: int) -> str:
    return f"line {index + 1:,}"


def _types(field: pa.Field, text: type) -> tuple[type, ...]:
    required = int if pa.types.is_integer(field.type) else text
    return (required, type(None)) if field.nullable else (required,)


def _in_words(field: pa.Field) -> str:
    return ("int" if pa.types.is_integer(field.type) else "str") + (" or None" if field.nullable else "")


def _column(file: UpstreamFile, values: list, field: pa.Field, place: Callable[[int], str]) -> pa.Array:
    """Make a column of values that have the right Python types; Arrow checks the UTF-8 and the range of ints."""
    if field.type == pa.string() and sum(map(len, filter(None, values))) > MAX_TEXT_BYTES:
        raise file.fault(f"at most {MAX_TEXT_BYTES:,} bytes of text in the field {field.name!r}", "more")
    try:
        return pa.array(values, field.type)
    except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):
        bad = next(index for index, value in enumerate(values) if not _fits(value))
        raise file.fault(
            f"{'an int of 64 bits' if field.type == pa.int64() else 'valid UTF-8'} in the field {field.name!r} "
            f"of {place(bad)}",
            repr(values[bad])[:80],
        ) from None


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


def _cast(file: UpstreamFile, column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    if not len(column):
        raise file.fault("at least one row", "none")
    if not _is_like(column.type, field):
        raise file.fault(f"{_in_words(field)} in the column {field.name!r}", str(column.type))
    if column.null_count and not field.nullable:
        place = _row(pc.index(column.is_null(), pa.scalar(True)).as_py())
        raise file.fault(f"{_in_words(field)} in the field {field.name!r} of {place}", "None")
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
