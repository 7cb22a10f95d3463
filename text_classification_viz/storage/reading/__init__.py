"""Reading files that may be damaged, hostile, or still being written.

Scope: pickles parsed as data (`pickle_parser`, `numpy_pickle`), files that change while they are read
(`stable_read`), strict JSON and columns of text. What a file means is known in `sources`.
"""

from text_classification_viz.storage.reading.numpy_pickle import (
    ARRAY_GLOBALS,
    ARRAY_OPCODES,
    DTYPE_CODE,
    RawArray,
    check_shape,
    raw_array,
)
from text_classification_viz.storage.reading.pickle_parser import (
    COMMON_OPCODES,
    Call,
    Global,
    Grammar,
    PickleParser,
    kind_of,
)
from text_classification_viz.storage.reading.stable_read import (
    CHUNK,
    RETRY_FOR_S,
    WAIT_AND_RETRY,
    UpstreamFile,
    read_stable,
)
from text_classification_viz.storage.reading.strict_json import parse_strict_json
from text_classification_viz.storage.reading.text_columns import (
    BATCH_ROWS,
    MAX_NAMED,
    TextColumns,
    damage_told,
    field_in_words,
    read_columns,
    row_in_words,
)

__all__ = [
    "ARRAY_GLOBALS",
    "ARRAY_OPCODES",
    "BATCH_ROWS",
    "CHUNK",
    "COMMON_OPCODES",
    "DTYPE_CODE",
    "MAX_NAMED",
    "RETRY_FOR_S",
    "WAIT_AND_RETRY",
    "Call",
    "Global",
    "Grammar",
    "PickleParser",
    "RawArray",
    "TextColumns",
    "UpstreamFile",
    "check_shape",
    "damage_told",
    "field_in_words",
    "kind_of",
    "parse_strict_json",
    "raw_array",
    "read_columns",
    "read_stable",
    "row_in_words",
]
