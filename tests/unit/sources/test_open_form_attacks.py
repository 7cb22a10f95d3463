"""Crafted files in the open forms: refused with a message, with no code run and little memory used."""

import io
import json
import os
import pickle
import subprocess
import sys
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.checkout import PROJECT
from tests.support.genuine_pickles import READERS, ROWS, embeddings
from tests.support.memory import IS_TOLD
from tests.support.watch import watched
from text_classification_viz.core.errors import MAX_LINE, InputError
from text_classification_viz.core.inputs.upstream import TRAIN_SET
from text_classification_viz.core.tables import REVIEWED_LABELS
from text_classification_viz.sources import reviews, train_set_file
from text_classification_viz.sources.reviews import read_reviews
from text_classification_viz.storage.reading import text_columns

HEADER = ",".join(REVIEWED_LABELS.names)
KEEP = "3,SPORT,keep,,ann,2026-03-01T12:00:00Z,"


def npy(descr="'<f4'", order="False", shape="(1, 2)", payload=b"AAAAAAAA", version=1, length=None, after=""):
    header = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, {after}}}\n".encode()
    width = 2 if version == 1 else 4
    n_bytes = len(header) if length is None else length
    return b"\x93NUMPY" + bytes([version, 0]) + n_bytes.to_bytes(width, "little") + header + payload


def objects_npy() -> bytes:
    class Bomb:
        def __reduce__(self):
            return os.system, ("touch pwned",)

    file = io.BytesIO()
    np.save(file, np.array([Bomb()], dtype=object), allow_pickle=True)
    return file.getvalue()


def table(**columns) -> pa.Table:
    return pa.table({**{name: [row[name] for row in ROWS] for name in TRAIN_SET.names}, **columns})


def parquet(value: pa.Table, **options) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(value, sink, **options)
    return sink.getvalue().to_pybytes()


def repeated(text: str, n_rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n_rows, np.int32)), pa.array([text]))


def bomb(text: str, n_rows: int, **options) -> bytes:
    columns = {name: repeated("A", n_rows) for name in TRAIN_SET.names[1:]}
    ids = pa.array(np.arange(n_rows))
    return parquet(pa.table({"id": ids, **columns, "headline": repeated(text, n_rows)}), **options)


def extension(name: bytes, data: bytes) -> bytes:
    """A file whose Arrow schema names an extension type that a vulnerable version would unpickle."""
    field = pa.field(
        "headline", pa.string(), metadata={b"ARROW:extension:name": name, b"ARROW:extension:metadata": data}
    )
    return parquet(pa.Table.from_pylist(ROWS, TRAIN_SET).cast(TRAIN_SET.set(2, field)))


SOUND_PARQUET = parquet(pa.Table.from_pylist(ROWS, TRAIN_SET))
OPTIONAL_HEADLINE = b"\x25\x02\x18\x08headline"  # in the footer, which counts the levels of one and not the other
REQUIRED_HEADLINE = b"\x25\x00\x18\x08headline"
CODE = b"cos\nsystem\n(Vtouch pwned\ntR."
ROW = json.dumps(ROWS[0])

ATTACKS = {
    "train_embeddings.npy": {
        "objects": objects_npy(),
        "header of 4 GiB": npy(version=2, length=2**32 - 1),
        "header of 64 KiB": npy(length=65_535),
        "nesting": npy(shape="(" * 4_000 + ")" * 4_000),
        "signs": npy(shape="-" * 9_000 + "1"),
        "huge int": npy(shape="(" + "9" * 5_000 + ", 1)"),
        "call": npy(shape="__import__('os').system('touch pwned')"),
        "name": npy(order="exit"),
        "structured": npy(descr="[('a', '<f4')]"),
        "subarray": npy(descr="('<f4', (2,))"),
        "void": npy(descr="'|V8'"),
        "datetime": npy(descr="'<M8[s]'"),
        "commas": npy(descr="'f4,O'"),
        "repeats": npy(descr="'(1000000,1000000)f4'"),
        "item size": npy(descr="'<U9999999999'"),
        "negative": npy(shape="(-1, -2)"),
        "overflow": npy(shape="(4294967296, 4294967296)"),
        "63 bits": npy(shape="(9999999999999999999, 1)"),
        "many dimensions": npy(shape="(" + "1, " * 65 + ")"),
        "bools": npy(shape="(True, 2)"),
        "floats": npy(shape="(1.0, 2.0)"),
        "order": npy(order="1"),
        "key twice": npy(after="'shape': (2, 1), "),
        "other key": npy(after="'x': 1, "),
        "bytes after the end": npy(payload=b"A" * 9),
        "truncated": npy(payload=b"A" * 7),
        "version 3": npy(version=3),
        "zip": b"PK\x03\x04" + b"\0" * 100,
        "pickle": pickle.dumps(embeddings(), 4),
    },
    "train_set.parquet": {
        "text repeated into gigabytes": bomb("x" * 1_000_000, 2_000),
        "rows without end": parquet(
            pa.table({"id": pa.nulls(1 << 25, pa.int8()), **{n: pa.nulls(1 << 25) for n in TRAIN_SET.names[1:]}})
        ),
        "prefix repeated": parquet(
            table(headline=["x" * 10_000] * 3),
            use_dictionary=False,
            column_encoding={"headline": "DELTA_BYTE_ARRAY"},
        ),
        "zeros": parquet(table(headline=["\0" * 400_000_000] * 3), compression="zstd", use_dictionary=False),
        "invalid UTF-8": parquet(table(headline=pa.array([b"a", b"\xff", b"c"]).view(pa.string()))),
        "bytes": parquet(table(headline=[b"a", b"b", b"c"])),
        "lists": parquet(table(headline=[["a"], [], None])),
        "structs": parquet(table(id=[{"id": 1}] * 3)),
        "floats": parquet(table(id=[1.0, 2.0, 3.0])),
        "column twice": parquet(pa.table([*table().columns, table()["id"]], names=[*TRAIN_SET.names, "id"])),
        # pyarrow 26 ends the process when it is asked for such a column's metadata.
        "counts of another schema": SOUND_PARQUET.replace(OPTIONAL_HEADLINE, REQUIRED_HEADLINE),
        "footer encrypted": SOUND_PARQUET[:-4] + b"PARE",
        "footer beyond the file": SOUND_PARQUET[:-8] + (2**32 - 1).to_bytes(4, "little") + b"PAR1",
        "footer of noise": b"PAR1" + b"\xff" * 1_000 + (1_000).to_bytes(4, "little") + b"PAR1",
        "pages of noise": SOUND_PARQUET[:4] + b"\xff" * 300 + SOUND_PARQUET[304:],
    },
    "train_set.jsonl": {
        "nesting": b"[" * 100_000,
        "nesting in a field": b'{"id": ' + b"[" * 100_000,
        "a million digits": b'{"id": ' + b"9" * 1_000_000 + b"}",
        "NaN": ROW.replace("{", '{"x": NaN, ', 1).encode(),
        "infinity": ROW.replace("{", '{"x": -Infinity, ', 1).encode(),
        "1e999": ROW.replace("{", '{"x": 1e999, ', 1).encode(),
        "name twice": ROW.replace("{", '{"id": 5, ', 1).encode(),
        "lone surrogate": json.dumps({**ROWS[0], "headline": "\ud800"}).encode(),
        "UTF-16": ROW.encode("utf-16"),
        "NUL": ROW.encode().replace(b"{", b"{\0", 1),
        "line of 100 MB": b'{"id": "' + b"x" * 100_000_000,
        "lists without end": b"[" + b"[]," * 2_000_000,
        "control characters": json.dumps({**ROWS[0], "\x1b[2J\nforged": []}).encode(),
    },
    "label_transform.json": {
        "nesting": b"[" * 100_000,
        "a million digits": b"9" * 1_000_000,
        "NaN": b'{"class_field": NaN}',
        "1e999": b'{"class_field": 1e999}',
        "name twice": b'{"class_field": "c", "classes": ["A"], "classes": ["B"]}',
        "lone surrogate": b'{"class_field": "\\ud800", "classes": ["A"]}',
        "UTF-16": '{"class_field": "c", "classes": ["A"]}'.encode("utf-16"),
        "above the limit": b" " * (1 << 20) + b"{}",
        "long name": json.dumps({"class_field": "c", "class_labels": {"\x1b" * 50_000: 1}}).encode(),
    },
    "reviews.csv": {
        "a million columns": HEADER.encode() + b",x" * 1_000_000,
        "field above the limit": f"{HEADER}\n{KEEP}".encode() + b"x" * 200_000,
        "quote without end": f'{HEADER}\n{KEEP}"'.encode() + b"x" * 1_000_000,
        "UTF-16": HEADER.encode("utf-16"),
        "NUL": f"{HEADER}\n{KEEP}\0".encode(),
        "control characters": f"{HEADER}\n3,SPORT,\x1b[2J\u202e,,ann,2026-03-01T12:00:00Z,".encode(),
        "faults without end": f"{HEADER}\n".encode() + b"x\n" * 1_000_000,
        "above the limit": b"\n" * (reviews.SIZE_LIMIT + 1),
    },
    "reviews.json": {
        "nesting": b"[" * 100_000,
        "a million digits": b"[" + b"9" * 1_000_000 + b"]",
        "NaN": b"[NaN]",
        "1e999": b"[1e999]",
        "name twice": b'[{"id": 1, "id": 2}]',
        "hostile id": json.dumps([{"id": "\x1b[2J\nforged: expected\n" * 10_000}]).encode(),
        "nesting in the reviewer": b'[{"data": {}, "annotations": [{"result": [], "completed_by": '
        + b'{"id": ' * 900
        + b"1"
        + b"}" * 900
        + b"}]}]",
    },
}  # fmt: skip
CASES = [(name, attack) for name, attacks in ATTACKS.items() for attack in attacks]


def read(folder, name, content):
    (folder / name).write_bytes(content)
    old = (folder / name).stat().st_mtime - 60
    os.utime(folder / name, (old, old))  # settled, so that nobody waits for its writer
    key = name.partition(".")[0]
    with watched() as events:
        try:
            return read_reviews(folder) if key == "reviews" else READERS[key](folder, retry_for_s=0)
        finally:
            assert events == []


@pytest.fixture(scope="module", autouse=True)
def _warm(tmp_path_factory):
    """What the readers import, they import before they are watched."""
    folder = tmp_path_factory.mktemp("warm")
    (folder / "reviews.csv").write_text(f"{HEADER}\n{KEEP}\n")
    assert len(read_reviews(folder)) == 1
    (folder / "train_set.parquet").write_bytes(SOUND_PARQUET)
    assert READERS["train_set"](folder).table.to_pylist() == ROWS


@pytest.mark.parametrize(("name", "attack"), CASES)
def test_an_attack_is_refused_and_no_code_runs(tmp_path, monkeypatch, name, attack):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"expected .*found ") as caught:
        read(tmp_path, name, ATTACKS[name][attack])
    assert not os.path.lexists("pwned")
    lines = str(caught.value).split("\n")
    assert len(lines) <= 11
    assert all(line.isprintable() and len(line) <= 10 * MAX_LINE for line in lines)
    assert name in lines[0]


def test_an_extension_type_that_was_once_unpickled_is_plain_text(tmp_path):
    """CVE-2023-47248: Arrow before 14.0.1 called what the schema names; `read` sees whether anything runs."""
    content = extension(b"arrow.py_extension_type", CODE)
    assert read(tmp_path, "train_set.parquet", content).table.to_pylist() == ROWS


def test_figure(tell):
    tell(f"attacks on the open forms, all refused: {dict(Counter(name for name, _ in CASES))}")


@pytest.mark.skipif(not IS_TOLD, reason="memory is measured through /proc")
def test_bombs_of_parquet_take_little_memory(tmp_path):
    """Each in a process of its own, whose peak holds what Arrow sets aside as well."""
    code = (
        "import sys, pathlib, pyarrow.parquet\n"
        "from tests.support.memory import resident\n"
        "from text_classification_viz.sources.upstream_files import read_train_set\n"
        "before = resident('VmHWM')\n"
        "try: read_train_set(pathlib.Path(sys.argv[1]), retry_for_s=0)\n"
        "except ValueError: print(resident('VmHWM') - before)\n"
    )
    for attack in ("text repeated into gigabytes", "rows without end", "zeros"):
        (tmp_path / "train_set.parquet").write_bytes(ATTACKS["train_set.parquet"][attack])
        command = [sys.executable, "-c", code, tmp_path]
        taken = int(subprocess.check_output(command, cwd=PROJECT))
        assert taken < 128 << 20, attack


def test_rows_and_texts_are_counted_across_batches(tmp_path, monkeypatch):
    for module in (text_columns, train_set_file):
        monkeypatch.setattr(module, "BATCH_ROWS", 2)
    assert read(tmp_path, "train_set.parquet", SOUND_PARQUET).table.to_pylist() == ROWS
    monkeypatch.setattr(text_columns, "MAX_ROWS", 2)
    with pytest.raises(InputError, match="at most 2 rows"):
        read(tmp_path, "train_set.parquet", SOUND_PARQUET)
    (tmp_path / "train_set.parquet").unlink()
    with pytest.raises(InputError, match="at most 2 rows"):
        read(tmp_path, "train_set", pickle.dumps(ROWS, 4))
