"""Upstream's files: sound ones come back as they were, and each fault gets its own clear message."""

import bz2
import datetime
import errno
import gzip
import io
import json
import lzma
import os
import pickle
import re
import tempfile
import tracemalloc
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.preprocessing import LabelEncoder

from tests.support.genuine_pickles import (
    CLASS_LABELS,
    NUMPY_CORES,
    PROTOCOLS,
    READERS,
    ROWS,
    embeddings,
    fitted_encoder,
    label_transform,
    pickle_with,
)
from tests.support.genuine_upstream import STORAGE, needs_genuine_files
from text_classification_viz.core.errors import InputError
from text_classification_viz.core.inputs.upstream import TRAIN_SET
from text_classification_viz.sources.upstream_files import (
    SUFFIXES,
    find_upstream_file,
    has_upstream_file,
    hash_file,
    read_label_transform,
    read_train_embeddings,
    read_train_set,
)


@pytest.fixture
def storage(tmp_path):
    """A storage folder with three sound files."""
    (tmp_path / "train_set").write_bytes(pickle.dumps(ROWS, 4))
    (tmp_path / "train_embeddings").write_bytes(pickle.dumps(embeddings(), 4))
    (tmp_path / "label_transform").write_bytes(label_transform())
    return tmp_path


def read(storage, name, content):
    """Read bytes as the file `name`, in place of the sound one of that key."""
    key = name.partition(".")[0]
    (storage / key).unlink()
    (storage / name).write_bytes(content)
    return READERS[key](storage, retry_for_s=0)


def refusal(storage, name, content):
    """The message with which a file is refused, and which names it and says what to do."""
    with pytest.raises(InputError) as caught:
        read(storage, name, content)
    message = str(caught.value)
    assert re.fullmatch(rf"{re.escape(str(storage / name))}: expected .+, found .+; .+", message, re.DOTALL)
    return message


def rows_with(**fields):
    """The rows, with fields of the row 1 replaced; `...` leaves one out."""
    return [
        ROWS[0],
        {name: value for name, value in {**ROWS[1], **fields}.items() if value is not ...},
        ROWS[2],
    ]


def jsonl(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def parquet(table):
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


class TestSoundFiles:
    @pytest.mark.parametrize("protocol", PROTOCOLS)
    def test_train_set(self, storage, protocol):
        content = pickle.dumps(ROWS, protocol)
        train_set = read(storage, "train_set", content)
        assert train_set.table.schema == TRAIN_SET
        assert train_set.table.to_pylist() == pickle.loads(content)
        assert train_set.source.path == str(storage / "train_set")
        assert train_set.source.sha256 == sha256(content).hexdigest()

    @pytest.mark.filterwarnings("ignore:numpy.core.numeric is deprecated")
    @pytest.mark.parametrize("core", NUMPY_CORES)
    @pytest.mark.parametrize("protocol", PROTOCOLS)
    @pytest.mark.parametrize("order", "CF")
    @pytest.mark.parametrize("shape", [(1, 1), (3, 4), (500, 384)])
    def test_train_embeddings(self, storage, protocol, core, order, shape):
        expected = np.asarray(embeddings(*shape), order=order)
        content = pickle_with(core, expected, protocol)
        assert (core + ".").encode() in content
        array = read(storage, "train_embeddings", content).array
        np.testing.assert_array_equal(array, pickle.loads(content))
        assert array.dtype == np.float32
        assert array.flags.c_contiguous and array.flags.aligned and array.flags.writeable

    @pytest.mark.parametrize("core", NUMPY_CORES)
    @pytest.mark.parametrize("protocol", PROTOCOLS)
    @pytest.mark.parametrize(
        "classes",
        [
            np.array(["A"]),
            np.array(["A", "B"]),
            np.array(["A", "B"], dtype=">U1"),
            np.array(["Kunst", "Küche 🌸", ""]),
            np.array(["A"], dtype=object),
            np.array(["Kunst", "Küche 🌸", ""], dtype=object),
        ],
    )
    def test_label_transform(self, storage, protocol, core, classes):
        content = label_transform(protocol=protocol, numpy_core=core, label_encoder=fitted_encoder(classes))
        assert (core + ".").encode() in content
        labels = read(storage, "label_transform", content)
        assert labels.class_field == "category"
        assert labels.class_labels == CLASS_LABELS
        assert labels.classes == tuple(classes.tolist())
        assert all(type(class_) is str for class_ in labels.classes)

    def test_class_labels_may_be_none(self, storage):
        assert read(storage, "label_transform", label_transform(class_labels=None)).class_labels is None

    def test_the_class_name_is_a_setting(self, storage):
        content = label_transform(class_name="elsewhere.labels.Transform")
        assert "set LABEL_TRANSFORM_CLASS" in refusal(storage, "label_transform", content)
        (storage / "label_transform").write_bytes(content)
        assert read_label_transform(storage, "elsewhere.labels.Transform").classes == ("A", "B")
        with pytest.raises(InputError, match=r"dotted name like package\.module\.Class, found 'Transform'"):
            read_label_transform(storage, "Transform")

    @pytest.mark.parametrize("id_", [0, 255, 256, 65_535, 65_536, -1, 2**31 - 1, 2**31, 2**63 - 1, -(2**63)])
    def test_ids_of_any_size(self, storage, id_):
        assert read(storage, "train_set", pickle.dumps(rows_with(id=id_), 4)).table["id"][1].as_py() == id_

    def test_other_fields_that_are_plain_are_ignored(self, storage):
        rows = rows_with(link="http://x", score=0.5, votes=3, draft=False, authors=None)
        assert read(storage, "train_set", pickle.dumps(rows, 4)).table.to_pylist() == ROWS

    def test_one_row(self, storage):
        assert read(storage, "train_set", pickle.dumps(ROWS[:1], 4)).table.to_pylist() == ROWS[:1]

    def test_an_array_of_more_than_4_gib_has_a_length_of_8_bytes(self, storage):
        expected = embeddings(100, 384)
        payload = expected.tobytes()
        short = b"B" + len(payload).to_bytes(4, "little")
        content = pickle.dumps(expected, 4)
        assert short in content
        content = content.replace(short, b"\x8e" + len(payload).to_bytes(8, "little"))
        np.testing.assert_array_equal(pickle.loads(content), expected)
        np.testing.assert_array_equal(read(storage, "train_embeddings", content).array, expected)

    def test_an_array_is_held_once(self, storage):
        expected = embeddings(10_000, 384)
        (storage / "train_embeddings").write_bytes(pickle.dumps(expected, 4))
        tracemalloc.start()
        try:
            array = read_train_embeddings(storage).array
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        np.testing.assert_array_equal(array, expected)
        assert peak < expected.nbytes + (4 << 20)


class TestOtherForms:
    def test_parquet(self, storage):
        content = parquet(pa.Table.from_pylist(ROWS, TRAIN_SET))
        train_set = read(storage, "train_set.parquet", content)
        assert train_set.table.equals(pa.Table.from_pylist(ROWS, TRAIN_SET))
        assert train_set.source.sha256 == sha256(content).hexdigest()

    def test_parquet_of_other_widths_and_encodings(self, storage):
        table = pa.table(
            {
                "short_description": pa.nulls(2),
                "headline": pa.array(["a", None], pa.large_string()),
                "category": pa.array(["A", "A"]).dictionary_encode(),
                "id": pa.array([1, 2], pa.uint16()),
                "vector": pa.array([[1.0], [2.0]]),
            }
        )
        assert read(storage, "train_set.parquet", parquet(table)).table.to_pylist() == [
            {"id": 1, "category": "A", "headline": "a", "short_description": None},
            {"id": 2, "category": "A", "headline": None, "short_description": None},
        ]

    def test_jsonl(self, storage):
        for content in (jsonl(ROWS), jsonl(ROWS).rstrip(b"\n"), jsonl(ROWS).replace(b"\n", b"\r\n")):
            train_set = read(storage, "train_set.jsonl", content)
            assert train_set.table.equals(pa.Table.from_pylist(ROWS, TRAIN_SET))
            assert train_set.source.sha256 == sha256(content).hexdigest()
            (storage / "train_set").touch()
            (storage / "train_set.jsonl").unlink()

    @pytest.mark.parametrize("order", "CF")
    def test_npy(self, storage, order):
        expected = np.asarray(embeddings(500, 384), order=order)
        array = read(storage, "train_embeddings.npy", npy(expected)).array
        np.testing.assert_array_equal(array, expected)
        assert array.flags.c_contiguous and array.flags.aligned and array.flags.writeable

    def test_json(self, storage):
        value = {"class_field": "category", "class_labels": CLASS_LABELS, "classes": ["A", "B"]}
        labels = read(storage, "label_transform.json", json.dumps(value).encode())
        assert (labels.class_field, labels.class_labels, labels.classes) == ("category", CLASS_LABELS, ("A", "B"))

    @pytest.mark.parametrize(
        "name", ["train_set.parquet", "train_set.jsonl", "train_embeddings.npy", "label_transform.json"]
    )
    def test_two_forms_of_one_key(self, storage, name):
        (storage / name).touch()
        key = name.partition(".")[0]
        with pytest.raises(InputError, match=f"{key} and {re.escape(name)}; remove"):
            READERS[key](storage)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"PAR1 and nothing more", "a Parquet file, found a damaged one"),
            (parquet(pa.Table.from_pylist(ROWS, TRAIN_SET))[:-20], "a Parquet file, found a damaged one"),
            (
                parquet(pa.Table.from_pylist(ROWS, TRAIN_SET)).replace(b"headline", b"head\xffine"),
                "a Parquet file, found a damaged one",
            ),
            (parquet(pa.Table.from_pylist([], TRAIN_SET)), "at least one row, found none"),
            (parquet(pa.table({"id": [1]})), r"one column 'category', found columns \['id'\]"),
            (
                parquet(pa.Table.from_pylist(ROWS, TRAIN_SET).set_column(0, "id", pa.array([1.5, 2.5, 3.5]))),
                "int in the column 'id', found double",
            ),
            (
                parquet(pa.Table.from_pylist(ROWS, TRAIN_SET).set_column(0, "id", pa.array([1, None, 3]))),
                r"int in the field 'id' of row 1 \(counted from 0\), found None",
            ),
            (
                parquet(
                    pa.Table.from_pylist(ROWS, TRAIN_SET).set_column(
                        0, "id", pa.array([1, 2, 2**64 - 1], pa.uint64())
                    )
                ),
                "int64 or UTF-8 in the column 'id', found .*18446744073709551615",
            ),
            (
                parquet(
                    pa.Table.from_pylist(ROWS, TRAIN_SET).set_column(
                        2, "headline", pa.array([b"a", b"\xff", b"c"]).view(pa.string())
                    )
                ),
                "int64 or UTF-8 in the column 'headline', found ",
            ),
        ],
    )
    def test_faults_of_parquet(self, storage, content, message):
        assert re.search(message, refusal(storage, "train_set.parquet", content))

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (jsonl(ROWS)[:-10], "a JSON object in UTF-8 on line 3"),
            (jsonl(ROWS[:1]) + b"\n" + jsonl(ROWS[1:]), "a JSON object in UTF-8 on line 2"),
            (jsonl(ROWS[:1]) + b"[" * 100_000, "a JSON object in UTF-8 on line 2"),
            (jsonl(ROWS[:1]) + b'{"id": "\xff"}', "a JSON object in UTF-8 on line 2"),
            (jsonl(ROWS[:1]) + b"[]\n", "a dict as line 2, found a list"),
            (jsonl(ROWS[:1]) + b"1" * 5_000 + b"\n", "a JSON object in UTF-8 on line 2"),
            (jsonl(rows_with(category=None)), "str in the field 'category' of line 2, found None"),
            (jsonl(rows_with(id=True)), "int in the field 'id' of line 2, found a bool"),
            (jsonl(rows_with(id=1.0)), "int in the field 'id' of line 2, found a float"),
            (jsonl(rows_with(id=2**63)), "an int of 64 bits in the field 'id' of line 2"),
            (jsonl(rows_with(headline="\ud800")), "valid UTF-8 in the field 'headline' of line 2"),
            (jsonl(rows_with(headline=...)), "the field 'headline' in line 2, found none"),
            (jsonl(rows_with(tags=["a"])), "a str, a number or None in the field 'tags' of line 2, found a list"),
        ],
    )
    def test_faults_of_jsonl(self, storage, content, message):
        assert message in refusal(storage, "train_set.jsonl", content)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"\x93NUMPY", "a .npy file"),
            (pickle.dumps(embeddings(), 4), "a .npy file"),
            (
                npy(embeddings())[:-1],
                "48 bytes for the shape (3, 4) of float32 (dtype <f4), found 47 after the header",
            ),
            (
                npy(embeddings()) + b"x",
                "48 bytes for the shape (3, 4) of float32 (dtype <f4), found 49 after the header",
            ),
            (npy(embeddings()).replace(b"(3, 4)", b"(3**9)"), "a .npy header, found one that does not parse"),
            (npy(embeddings()).replace(b"(3, 4), }  ", b"(3, 2**9)}"), "a .npy header"),
            (npy(embeddings()).replace(b"NUMPY\x01", b"NUMPY\x03"), "version (3, 0)"),
            (npy(embeddings()).replace(b"(3, 4), }       ", b"(9999999, 9999)}"), "399,959,960,004 bytes"),
            (npy(np.array([{}]), allow_pickle=True), "pickled objects, which are never loaded"),
            (npy(embeddings().astype(">f4")), "float32 (dtype <f4), found float32 (dtype >f4); write one array"),
            (npy(embeddings().astype("f8")), "float32 (dtype <f4), found float64 (dtype <f8); write one array"),
            (npy(embeddings().ravel()), "a 2-D array with rows and columns, found shape (12,)"),
            (npy(embeddings(0)), "a 2-D array with rows and columns, found shape (0, 4)"),
        ],
    )
    def test_faults_of_npy(self, storage, content, message):
        assert message in refusal(storage, "train_embeddings.npy", content)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"{", "a JSON object in UTF-8"),
            (b"[" * 100_000, "a JSON object in UTF-8"),
            (b'{"class_field": "\xff"}', "a JSON object in UTF-8"),
            (b"[]", "a JSON object, found a list"),
            (b"{}", "class_field of type str, found None"),
            (b'{"class_field": "c", "class_labels": [], "classes": ["A"]}', "class_labels of type dict or None"),
            (b'{"class_field": "c", "class_labels": {"A": 1}, "classes": ["A"]}', "class_labels['A'] of type str"),
            (b'{"class_field": "c", "classes": "A"}', "classes as a list, found a str"),
            (b'{"class_field": "c", "classes": ["A", 1]}', "classes[1] of type str, found a int"),
            (b'{"class_field": "c", "classes": ["\\ud800"]}', "classes[0] of type str"),
            (b'{"class_field": "c", "classes": []}', "at least one class"),
        ],
    )
    def test_faults_of_json(self, storage, content, message):
        assert message in refusal(storage, "label_transform.json", content)


class TestFaultsOfFiles:
    @pytest.mark.parametrize("key", READERS)
    def test_missing(self, storage, key):
        (storage / key).unlink()
        with pytest.raises(InputError, match=f"found none; materialize {key} upstream first"):
            READERS[key](storage)

    @pytest.mark.parametrize("key", READERS)
    def test_a_link_that_leads_nowhere(self, storage, key):
        (storage / key).unlink()
        (storage / key).symlink_to(storage / "gone")
        with pytest.raises(InputError, match=f"found none; materialize {key} upstream first"):
            READERS[key](storage)

    def test_no_storage_folder(self, tmp_path):
        with pytest.raises(InputError, match=r"expected upstream's storage folder.*set UPSTREAM_STORAGE"):
            read_train_set(tmp_path / "nowhere")

    @pytest.mark.parametrize("key", READERS)
    def test_a_directory(self, storage, key):
        (storage / key).unlink()
        (storage / key).mkdir()
        with pytest.raises(InputError, match=f"{key}: expected a file, found a directory; move it away"):
            READERS[key](storage)

    @pytest.mark.parametrize("key", READERS)
    def test_a_fifo_does_not_block(self, storage, key):
        (storage / key).unlink()
        os.mkfifo(storage / key)
        with pytest.raises(InputError, match=f"{key}: expected a regular file, found a FIFO"):
            READERS[key](storage, retry_for_s=0)

    @pytest.mark.parametrize(
        "name",
        [key + suffix for key in READERS for suffix in SUFFIXES[key]],
    )
    def test_empty(self, storage, name):
        assert "expected a value, found an empty file: " in refusal(storage, name, b"")

    @pytest.mark.parametrize("key", READERS)
    def test_above_the_size_limit(self, storage, key):
        size = (storage / key).stat().st_size
        assert READERS[key](storage, size_limit=size).source.path == str(storage / key)
        with pytest.raises(
            InputError, match=f"expected at most {size - 1:,} bytes, found {size:,}; .*raise the limit"
        ):
            READERS[key](storage, size_limit=size - 1, retry_for_s=0)

    @pytest.mark.parametrize("key", READERS)
    def test_no_permission(self, key):
        # Not tmp_path, whose parents are closed to the user that root becomes here.
        with tempfile.TemporaryDirectory() as folder:
            storage = Path(folder)
            storage.chmod(0o755)
            (storage / key).write_bytes(b"secret")
            (storage / key).chmod(0)
            user = os.geteuid()
            try:
                if user == 0:
                    os.seteuid(65534)
                with pytest.raises(InputError, match=rf"{key}: .*found no permission; give that user read access"):
                    READERS[key](storage)
            finally:
                os.seteuid(user)

    @pytest.mark.parametrize("key", READERS)
    def test_truncated_anywhere(self, storage, key):
        content = (storage / key).read_bytes()
        for size in range(2, len(content)):
            (storage / key).write_bytes(content[:size])
            with pytest.raises(InputError, match=rf"byte {size}: it is truncated|of {size} bytes.*truncated"):
                READERS[key](storage, retry_for_s=0)

    @pytest.mark.parametrize("key", READERS)
    def test_bytes_after_the_end(self, storage, key):
        content = (storage / key).read_bytes()
        message = refusal(storage, key, content + b"xyz")
        assert f"found 3 bytes after its end at byte {len(content)}" in message

    @pytest.mark.parametrize("protocol", [0, 1])
    def test_protocols_0_and_1(self, storage, protocol):
        assert "protocol 2 to 5, found the first byte" in refusal(
            storage, "train_set", pickle.dumps(ROWS, protocol)
        )

    def test_a_protocol_of_the_future(self, storage):
        assert "protocol 2 to 5, found protocol 6" in refusal(storage, "train_set", b"\x80\x06].")

    def test_foreign_globals_are_named(self, storage):
        message = refusal(storage, "train_set", pickle.dumps([{"id": np.int64(1)}], 4))
        assert "of globals only none at all, found the foreign global 'numpy._core.multiarray.scalar'" in message
        message = refusal(storage, "train_embeddings", pickle.dumps(Path(), 4))
        assert "found the foreign global 'pathlib." in message

    def test_forbidden_opcodes_are_named(self, storage):
        assert "found the forbidden opcode 0x8f (b'\\x8f')" in refusal(
            storage, "train_set", pickle.dumps([{1}], 4)
        )


class TestFaultsOfPickles:
    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ({"id": 1}, "expected a list of dicts, found a dict"),
            ("rows", "expected a list of dicts, found a str"),
            (None, "expected a list of dicts, found None"),
            ([], "expected at least one row, found none"),
            ([ROWS[0], "row"], "a dict as row 1 (counted from 0), found a str"),
            ([ROWS[0], None], "a dict as row 1 (counted from 0), found None"),
            ([[ROWS[0]]], "rows of plain values, found a list inside a row"),
            (rows_with(id=...), "the field 'id' in row 1 (counted from 0), found none"),
            (rows_with(category=...), "the field 'category' in row 1 (counted from 0), found none"),
            (rows_with(headline=...), "the field 'headline' in row 1 (counted from 0), found none"),
            (
                rows_with(short_description=...),
                "the field 'short_description' in row 1 (counted from 0), found none",
            ),
            (rows_with(id=None), "int in the field 'id' of row 1 (counted from 0), found None"),
            (rows_with(id="7"), "int in the field 'id' of row 1 (counted from 0), found a str"),
            (rows_with(id=True), "int in the field 'id' of row 1 (counted from 0), found a bool"),
            (rows_with(id=1.0), "int in the field 'id' of row 1 (counted from 0), found a float"),
            (
                rows_with(id=2**63),
                "an int of 64 bits in the field 'id' of row 1 (counted from 0), found 9223372036854775808",
            ),
            (rows_with(category=None), "str in the field 'category' of row 1 (counted from 0), found None"),
            (rows_with(category=3), "str in the field 'category' of row 1 (counted from 0), found a int"),
            (rows_with(headline=3), "str or None in the field 'headline' of row 1 (counted from 0), found a int"),
            (
                rows_with(short_description={}),
                "str or None in the field 'short_description' of row 1 (counted from 0), found a dict",
            ),
            (
                rows_with(extra={}),
                "a str, a number or None in the field 'extra' of row 1 (counted from 0), found a dict",
            ),
            (rows_with(headline="\ud800"), "valid UTF-8 in the field 'headline' of row 1 (counted from 0)"),
        ],
    )
    def test_train_set(self, storage, value, message):
        assert message in refusal(storage, "train_set", pickle.dumps(value, 4))

    def test_a_fault_behind_a_thousand_rows_is_placed(self, storage):
        rows = [{**ROWS[0], "id": i} for i in range(2_500)]
        rows[2_345]["category"] = None
        assert "row 2,345 (counted from 0)" in refusal(storage, "train_set", pickle.dumps(rows, 4))

    def test_invalid_utf8(self, storage):
        content = pickle.dumps(ROWS, 4).replace("ü".encode(), b"\xff\xff")
        message = refusal(storage, "train_set", content)
        assert "valid UTF-8 in the field 'headline' of row 0 (counted from 0), found b'Spring of N\\xff" in message

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (embeddings().ravel(), "a 2-D array with rows and columns, found shape (12,)"),
            (embeddings()[None], "a 2-D array with rows and columns, found shape (1, 3, 4)"),
            (embeddings(0), "a 2-D array with rows and columns, found shape (0, 4)"),
            (embeddings(3, 0), "a 2-D array with rows and columns, found shape (3, 0)"),
            (
                embeddings().astype("f8"),
                "float32 (dtype <f4), found float64 (dtype <f8); write one array of shape (rows, dimensions) with",
            ),
            (embeddings().astype("f2"), "float32 (dtype <f4), found float16 (dtype <f2)"),
            (embeddings().astype(">f4"), "float32 (dtype <f4), found float32 (dtype >f4)"),
            (embeddings().astype("i4"), "float32 (dtype <f4), found int32 (dtype <i4)"),
            (embeddings() > 0, "float32 (dtype <f4), found bool (dtype |b1)"),
            (embeddings().astype("U5"), "float32 (dtype <f4), found str160 (dtype <U5)"),
            (embeddings().astype("c8"), "a dtype of plain numbers or texts, found dtype 'c8'"),
            (np.zeros((1, 1), "M8[s]"), "at most 2 marks open at a time, found more"),
            (np.zeros((1, 1), [("a", "f4")]), "found the forbidden opcode 0x7d"),
            (embeddings().tolist(), "found the forbidden opcode 0x5d"),
            (b"bytes", "an array as numpy pickles it, found bytes"),
            (None, "an array as numpy pickles it, found None"),
        ],
    )
    def test_train_embeddings(self, storage, value, message):
        assert message in refusal(storage, "train_embeddings", pickle.dumps(value, 4))

    @pytest.mark.parametrize(
        ("attributes", "message"),
        [
            ({"label_encoder": ...}, "attribute 'label_encoder', found none: it is not fitted; call label_"),
            ({"label_encoder": LabelEncoder()}, "'label_encoder.classes_', found none: it is not fitted; call"),
            ({"label_encoder": None}, "sklearn.preprocessing._label.LabelEncoder with attributes, found None"),
            ({"label_encoder": fitted_encoder(np.array([], "U1"))}, "at least one class, found none"),
            ({"label_encoder": fitted_encoder(np.array([1, 2]))}, "classes of type str, found dtype <i8"),
            ({"label_encoder": fitted_encoder(np.array(["A", 2], object))}, "classes[1] of type str, found a int"),
            ({"label_encoder": fitted_encoder(np.array([["A"]]))}, "a 1-D array as label_encoder.classes_, found"),
            ({"label_encoder": fitted_encoder(["A"])}, "an array as numpy pickles it, found a list"),
            ({"label_encoder": fitted_encoder(np.array(["\ud800"]))}, "classes in UTF-32"),
            ({"class_field": ...}, "class_field of type str, found None"),
            ({"class_field": 3}, "class_field of type str, found a int"),
            ({"class_field": "\ud800"}, "texts in UTF-8"),
            ({"class_labels": ["A"]}, "class_labels of type dict or None, found a list"),
            ({"class_labels": {"A": 3}}, "class_labels['A'] of type str or None, found a int"),
            ({"class_labels": {3: "A"}}, "dict keys of type str, found a key of type int"),
        ],
    )  # fmt: skip
    def test_label_transform(self, storage, attributes, message):
        assert message in refusal(storage, "label_transform", label_transform(**attributes))

    def test_label_transform_of_another_value(self, storage):
        content = pickle.dumps({"class_field": "category"}, 4)
        assert "LabelTransform with attributes, found a dict" in refusal(storage, "label_transform", content)


class TestFindingAndHashing:
    def test_find_gives_whichever_form_there_is(self, storage):
        assert find_upstream_file(storage, "train_set") == storage / "train_set"
        (storage / "train_set").rename(storage / "train_set.parquet")
        assert find_upstream_file(storage, "train_set") == storage / "train_set.parquet"

    @pytest.mark.parametrize("size", [1, 2**20 - 1, 2**20, 2**20 + 1, 3 * 2**20])
    def test_hash(self, tmp_path, size):
        content = np.random.default_rng(size).bytes(size)
        (tmp_path / "file").write_bytes(content)
        assert hash_file(tmp_path / "file") == sha256(content).hexdigest()

    def test_file_of_holes_is_refused_before_it_is_read(self, tmp_path):
        """It takes no disk, and hours to read."""
        with (tmp_path / "train_embeddings").open("wb") as file:
            file.truncate(1 << 40)
        with pytest.raises(InputError, match="at most 17,179,869,184 bytes, found 1,099,511,627,776"):
            hash_file(tmp_path / "train_embeddings", retry_for_s=0)


@needs_genuine_files
class TestRealFiles:
    def test_train_set(self):
        content = (STORAGE / "train_set").read_bytes()
        train_set = read_train_set(STORAGE)
        assert train_set.table.num_rows == 16_944
        assert train_set.table.to_pylist() == [
            {name: row[name] for name in TRAIN_SET.names} for row in pickle.loads(content)
        ]
        assert train_set.source.sha256 == sha256(content).hexdigest()

    @pytest.mark.filterwarnings("ignore:numpy.core")
    def test_train_embeddings(self):
        content = (STORAGE / "train_embeddings").read_bytes()
        embeddings = read_train_embeddings(STORAGE)
        assert embeddings.array.shape == (16_944, 384)
        np.testing.assert_array_equal(embeddings.array, pickle.loads(content))
        assert embeddings.source.sha256 == sha256(content).hexdigest()

    def test_label_transform(self):
        labels = read_label_transform(STORAGE)
        assert labels.class_field == "category"
        assert labels.classes == tuple("ABCDEFGHIJ")
        assert labels.class_labels is not None
        assert list(labels.class_labels) == list("ABCDEFGHIJ")
        assert labels.class_labels["G"] == "G: US Politics"
        assert labels.source.sha256 == hash_file(STORAGE / "label_transform")


class TestFaultsOutsideTheRows:
    @pytest.mark.parametrize("name", ["train_set", "train_set.jsonl", "train_set.parquet"])
    @pytest.mark.parametrize(("packer", "called"), [(gzip, "gzip"), (lzma, "xz"), (bz2, "bzip2")])
    def test_a_compressed_file_is_named_as_one(self, storage, name, packer, called):
        message = refusal(storage, name, packer.compress(pickle.dumps(ROWS, 4)))
        assert f"found one by {called}; decompress it" in message

    def test_a_date_and_a_data_frame_say_what_to_write(self, storage):
        message = refusal(storage, "train_set", pickle.dumps(rows_with(published=datetime.date(2020, 1, 2)), 4))
        assert "'datetime.date'" in message
        assert "; drop the field with a date or time, or make it a str" in message
        (storage / "train_set").write_bytes(b"")
        message = refusal(storage, "train_set", pickle.dumps(pd.DataFrame(ROWS), 4))
        assert "; write a list of dicts of plain values in place of a pandas DataFrame" in message

    def test_a_file_of_another_suffix_is_named(self, storage):
        (storage / "train_set").rename(storage / "train_set.pkl")
        with pytest.raises(InputError, match=r"found only train_set\.pkl; give it the one of these names"):
            read_train_set(storage)

    @pytest.mark.parametrize("name", ["train_set.jsonl", "train_set.parquet"])
    def test_open_forms_are_not_told_to_become_a_pickle(self, storage, name):
        content = io.BytesIO()
        rows = rows_with(category=None)
        if name.endswith(".jsonl"):
            content.write(jsonl(rows))
        else:
            pq.write_table(pa.Table.from_pylist(rows), content)
        message = refusal(storage, name, content.getvalue())
        assert "list of dicts" not in message
        assert "in the place of this one" in message

    def test_bom_and_blank_last_line_are_no_fault(self, storage):
        train_set = read(storage, "train_set.jsonl", b"\xef\xbb\xbf" + jsonl(ROWS) + b"\n")
        assert train_set.table.num_rows == len(ROWS)
        labels = {"class_field": "category", "class_labels": None, "classes": ["A", "B"]}
        content = b"\xef\xbb\xbf" + json.dumps(labels).encode() + b"\n\n"
        assert read(storage, "label_transform.json", content).classes == ("A", "B")

    @pytest.mark.parametrize("name", ["train_set", "train_set.jsonl", "train_set.parquet"])
    def test_a_file_cut_short_may_still_be_being_written(self, storage, name):
        content = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(ROWS), content)
        whole = {
            "train_set": pickle.dumps(ROWS, 4),
            "train_set.jsonl": jsonl(ROWS),
            "train_set.parquet": content.getvalue(),
        }[name]
        message = refusal(storage, name, whole[:-10])
        assert "still being written; it was written to " in message
        assert "wait until its writer has finished, then run this again; if that does not help, write" in message
        os.utime(storage / name, (1e9, 1e9))
        with pytest.raises(InputError, match=r"still being written; wait until its writer has finished") as caught:
            read_train_set(storage)
        assert "written to " not in str(caught.value)

    def test_a_folder_that_does_not_answer_is_told_in_words(self, storage, monkeypatch):
        def refuse(*_):
            raise OSError(errno.ESTALE, "Stale file handle")

        monkeypatch.setattr(Path, "iterdir", refuse)
        with pytest.raises(InputError, match=r"found 'Stale file handle'; set UPSTREAM_STORAGE"):
            has_upstream_file(storage, "validation_set")
