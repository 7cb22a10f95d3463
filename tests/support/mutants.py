"""Damaged files without end, number n always the same; run as `python -m tests.support.mutants FIRST END FOLDER`.

Scope: genuine files of every form, and what may happen to their bytes. The process prints a line a mutant,
so that whoever started it knows which one it died of. What counts as a defect is for `reader_verdict` to say.
"""

import io
import json
import pickle
import random
import sys
import traceback
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.genuine_pickles import (
    CLASS_LABELS,
    NUMPY_CORES,
    ROWS,
    embeddings,
    fitted_encoder,
    label_transform,
    pickle_with,
)
from tests.support.reader_verdict import FORMS, judge, warm_up
from text_classification_viz.core.inputs.upstream import TRAIN_SET

PROTOCOLS = (2, 4, 5)

# Bytes that mean something: opcodes of pickles, brackets and quotes, and the ends of what one byte can count.
TELLING = (
    b"\x00\x01\x7f\x80\xff.()}]]eusabRN\x81\x85\x86\x87\x88\x89\x8a\x8c\x8e\x93\x94\x95\x96CBKMJXGhqrjc{[:\"',\\\n"
)
HUGE = (
    *(number.to_bytes(8, "little") for number in (2**63 - 1, 2**64 - 1, 2**40, 2**32)),
    *(number.to_bytes(4, "little") for number in (2**31 - 1, 2**32 - 1, 2**30, 2**24)),
    b"\xff\xff",
    b"\xff\xff\xff\xff\x0f",  # 2^32 - 1 as Thrift counts in Parquet
    b"\xfe\xff\xff\xff\x0f",  # 2^31 - 1
    b"99999999999999999999",
    b"1e999",
)  # fmt: skip
EMPTY_FRAME = b"\x95\0\0\0\0\0\0\0\0"
NESTS = (b"(", b"[", b"{", b"]", b"}", b"](", b"\x85", b")\x85", b'{"a":', b"[[{", EMPTY_FRAME, b"\xec", b'"')


@cache
def genuine() -> dict[str, tuple[bytes, ...]]:
    """Files of each form as sound writers make them."""
    objects = fitted_encoder(np.array(["A", "B", "Küche 🌸"], dtype=object))
    fields = np.asarray(embeddings(), order="F")
    labels = {"class_field": "category", "class_labels": CLASS_LABELS, "classes": ["A", "B", "Küche 🌸"]}
    return {
        "train_set": tuple(pickle.dumps(ROWS, protocol) for protocol in PROTOCOLS),
        "train_embeddings": tuple(
            pickle_with(core, array, protocol)
            for core, array, protocol in product(NUMPY_CORES, (embeddings(), fields), PROTOCOLS)
        ),
        "label_transform": tuple(
            label_transform(protocol=protocol, numpy_core=core, **attributes)
            for core, protocol, attributes in product(NUMPY_CORES, PROTOCOLS, ({}, {"label_encoder": objects}))
        ),
        "train_set.parquet": tuple(_parquets(pa.Table.from_pylist(ROWS, TRAIN_SET))),
        "batch.parquet": tuple(_parquets(_batch())),
        "train_set.jsonl": (_jsonl(ensure_ascii=False), _jsonl(ensure_ascii=True)),
        "train_embeddings.npy": tuple(
            _npy(array, version) for array in (embeddings(), fields) for version in (1, 2)
        ),
        "label_transform.json": (json.dumps(labels).encode(), json.dumps(labels, ensure_ascii=False).encode()),
        "reviews.csv": (REVIEWS_CSV.encode(), REVIEWS_CSV.replace("\n", "\r\n").encode("utf-8-sig")),
        "reviews.json": (json.dumps([LABEL_STUDIO_TASK, LABEL_STUDIO_TASK]).encode(),),
    }


REVIEWS_CSV = """id,class_label,decision,new_label,reviewer,reviewed_at,note
3,SPORT,keep,,ann,2026-03-01T12:00:00Z,
7,WEATHER,relabel,SPORT,bob,2026-03-01T13:00:00Z,"it rained,
""hard"" ❤️"
-9,A,drop,,"ann, b",2026-03-01T13:00:00.123456+01:00,no text
"""
LABEL_STUDIO_TASK = {
    "id": 12,
    "data": {"id": 7, "class_label": "WEATHER", "headline": "Rain 🌧"},
    "annotations": [
        {
            "id": 4,
            "completed_by": {"id": 1, "email": "ann@example.org"},
            "was_cancelled": False,
            "created_at": "2026-03-01T12:00:00.123456Z",
            "result": [
                {"from_name": "label", "type": "choices", "value": {"choices": ["SPORT"]}},
                {"from_name": "note", "type": "textarea", "value": {"text": ["it rained", "hard"]}},
            ],
        },
        {
            "id": 5,
            "completed_by": 2,
            "created_at": "2026-03-01T12:00:00Z",
            "result": [
                {"from_name": "label", "value": {"choices": ["WEATHER"]}},
                {"from_name": "row", "value": {"choices": ["drop this row"]}},
            ],
        },
    ],
}


def _batch() -> pa.Table:
    """The rows of `train_set` with vectors, as a batch of new rows has them."""
    vectors = np.resize(embeddings(), (len(ROWS), 3)).astype(np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    return pa.Table.from_pylist(ROWS, TRAIN_SET).append_column("embedding", column)


def _parquets(table: pa.Table) -> Iterator[bytes]:
    """Each compression with dictionaries and data pages of version 1, then the other encodings and layouts."""
    options: list[dict] = [{"compression": name} for name in ("none", "snappy", "gzip", "brotli", "zstd", "lz4")]
    options += [
        {"compression": compression, "use_dictionary": False, "data_page_version": version, "column_encoding": how}
        for compression, version in (("none", "1.0"), ("zstd", "2.0"))
        for how in (
            {"id": "DELTA_BINARY_PACKED", "category": "DELTA_BYTE_ARRAY", "headline": "DELTA_LENGTH_BYTE_ARRAY"},
            {"id": "BYTE_STREAM_SPLIT", "category": "PLAIN", "headline": "DELTA_BYTE_ARRAY"},
        )
    ]
    options += [
        {"store_schema": False, "compression": "none"},
        {"row_group_size": 1, "write_page_checksum": True, "write_page_index": True},
    ]
    for option in options:
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, **option)
        yield sink.getvalue().to_pybytes()
    for wide in (
        table.set_column(2, "headline", table["headline"].cast(pa.large_string())),
        table.set_column(1, "category", table["category"].dictionary_encode()),
    ):
        sink = pa.BufferOutputStream()
        pq.write_table(wide, sink)
        yield sink.getvalue().to_pybytes()


def _jsonl(*, ensure_ascii: bool) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=ensure_ascii) + "\n" for row in ROWS).encode()


def _npy(array: np.ndarray, version: int) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, (version, 0))
    return file.getvalue()


def mutant(number: int) -> tuple[str, bytes]:
    """Give the form and the bytes of a mutant."""
    form = FORMS[number % len(FORMS)]
    rng = random.Random(number)
    content = rng.choice(genuine()[form])
    for _ in range(rng.choice((1, 1, 1, 2, 4))):  # of several damages, one is nearly always refused
        content = rng.choice(DAMAGES)(rng, form, bytearray(content)) or content
    return form, bytes(content)


def _bit(rng: random.Random, _form: str, content: bytearray) -> bytearray:
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return content


def _byte(rng: random.Random, _form: str, content: bytearray) -> bytearray:
    content[rng.randrange(len(content))] = rng.choice(TELLING)
    return content


def _inserted(rng: random.Random, _form: str, content: bytearray) -> bytearray:
    start = rng.randrange(len(content) + 1)
    content[start:start] = bytes(rng.choices(TELLING, k=rng.randint(1, 4)))
    return content


def _cut(rng: random.Random, _form: str, content: bytearray) -> bytearray:
    return content[: rng.randrange(len(content))]


def _left_out(rng: random.Random, _form: str, content: bytearray) -> bytearray:
    del content[_piece(rng, content)]
    return content


def _repeated(rng: random.Random, _form: str, content: bytearray) -> bytearray:
    start = rng.randrange(len(content) + 1)
    content[start:start] = content[_piece(rng, content)] * rng.choice((1, 1, 1, 2, 1_000))
    return content


def _spliced(rng: random.Random, form: str, content: bytearray) -> bytearray:
    """The beginning of one file and the end of another, which is of the same form most times."""
    other = rng.choice(genuine()[form if rng.randrange(4) else rng.choice(FORMS)])
    return content[: rng.randrange(len(content))] + other[rng.randrange(len(other)) :]


def _huge(rng: random.Random, _form: str, content: bytearray) -> bytearray:
    start, length = rng.randrange(len(content)), rng.choice(HUGE)
    content[start : start + len(length)] = length
    return content


def _nested(rng: random.Random, _form: str, content: bytearray) -> bytearray:
    start = rng.randrange(len(content) + 1)
    content[start:start] = rng.choice(NESTS) * rng.choice((2, 10, 1_000, 100_000))
    return content


def _piece(rng: random.Random, content: bytearray) -> slice:
    start = rng.randrange(len(content))
    return slice(start, start + rng.choice((1, 4, 16, 64)))


# What changes little comes more often, because less of it is refused at once.
DAMAGES = 2 * (_bit, _byte, _left_out, _repeated, _huge) + (_inserted, _spliced, _cut, _nested)


def _judge_all(first: int, end: int, folder: Path) -> None:
    warm_up(genuine(), folder)
    for number in range(first, end):
        form, content = mutant(number)
        try:
            verdict = judge(form, content, folder)
            line = [verdict.outcome, verdict.memory, verdict.seconds]
        except Exception:
            line = ["defect", traceback.format_exc()]
        print(json.dumps([number, form, *line]), flush=True)


if __name__ == "__main__":
    _judge_all(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
