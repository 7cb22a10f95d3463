"""The forms of `train_set`: a pickled list of dicts, Parquet, or JSON Lines.

Scope: from an open file to a table with the schema `TRAIN_SET`, each field of its type. Whether the rows
make sense together is for the gate to say. The texts of a pickle go to Arrow as the UTF-8 bytes they are. What
may be read of a column, and how much, stands in `text_columns`.
"""

from collections.abc import Callable
from itertools import product
from operator import itemgetter

import numpy as np
import pyarrow as pa

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.inputs import TRAIN_SET
from text_classification_viz.storage.reading import (
    BATCH_ROWS,
    COMMON_OPCODES,
    Grammar,
    PickleParser,
    TextColumns,
    UpstreamFile,
    damage_told,
    field_in_words,
    kind_of,
    parse_strict_json,
    read_columns,
    row_in_words,
)

FIELDS = "a plain int as id, plain str as category, str or None as headline and short_description"
REMEDIES = {
    "": f"write a list of dicts with {FIELDS}, and materialize {{key}} upstream again",
    ".parquet": f"write a Parquet file with {FIELDS}, and put it in the place of this one",
    ".jsonl": f"write one JSON object a line, in UTF-8, with {FIELDS}, and put the file in the place of this one",
}
GRAMMAR = Grammar(
    value="a list of dicts",
    opcodes=COMMON_OPCODES | {"EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS", "BINFLOAT"},
    globals=frozenset(),
    max_opcodes=None,
    max_marks=2,  # the list's and in it a dict's
    max_dict_items=256,  # fields of a row; upstream writes 4
    remedies={
        "datetime": "drop the field with a date or time, or make it a str, and write the file again",
        "pandas": "write a list of dicts of plain values in place of a pandas DataFrame or a value of pandas, or "
        "write Parquet or JSON Lines, with .parquet or .jsonl after the name",
    },
)
INT64 = np.iinfo(np.int64)
MAX_LINE_BYTES = 4 << 20  # of JSON, whose lists take 20 times the memory that they have bytes


def parse_pickle(file: UpstreamFile) -> pa.Table:
    """Give the table of a pickled list of dicts."""
    rows = _Rows(file, bytes, row_in_words)
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
        if not line.strip() and not file.remaining():  # a blank last line
            break
        try:
            # Some editors put a BOM before the first line.
            row = parse_strict_json(line.decode("utf-8" if index else "utf-8-sig"))
        except ValueError as error:
            if not line.endswith(b"\n"):
                raise file.cut_short(
                    f"a JSON object in UTF-8 on {_line(index)}", f"other text ({error})"
                ) from None
            raise file.fault(f"a JSON object in UTF-8 on {_line(index)}", f"other text ({error})") from None
        rows.add(row)
    return rows.table()


def parse_parquet(file: UpstreamFile) -> pa.Table:
    """Give the table of a Parquet file."""
    import pyarrow.parquet as pq

    with damage_told(file):
        content = pa.BufferReader(file.read())
        return read_columns(file, content, pq.read_metadata(content), TRAIN_SET)


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
        self._rows: list[tuple] = []  # that are not in the table yet
        self._table = TextColumns(file, TRAIN_SET)

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
        return self._fault(f"{field_in_words(field)} in the field {field.name!r} of", kind_of(value))

    def _check_other_fields(self, row: dict) -> None:
        """Let fields that nobody asked for pass if they are as plain as the others."""
        for name, value in row.items():
            if type(value) not in self._scalars:
                shown = name.decode(errors="replace") if isinstance(name, bytes) else name
                raise self._fault(f"a str, a number or None in the field {shown!r} of", kind_of(value))

    def _fault(self, expected: str, found: str) -> InputError:
        return self._file.fault(f"{expected} {self._place(self._table.n_rows + len(self._rows))}", found)


def _line(index: int) -> str:
    return f"line {index + 1:,}"


def _types(field: pa.Field, text: type) -> tuple[type, ...]:
    required = int if pa.types.is_integer(field.type) else text
    return (required, type(None)) if field.nullable else (required,)


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
