"""Whatever a genuine writer can produce comes back equal: to what `pickle` gives, or to what was written."""

import io
import json
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis.extra import numpy as npst

from tests.support.genuine_pickles import NUMPY_CORES, PROTOCOLS, fitted_encoder, label_transform, pickle_with
from tests.support.reader_verdict import place, plain, read, unpickled
from text_classification_viz.core.inputs.upstream import TRAIN_SET

pytestmark = pytest.mark.soak

protocols = st.sampled_from(PROTOCOLS)
numpy_cores = st.sampled_from(NUMPY_CORES)
texts = st.text(max_size=300)  # of every plane
finite = st.floats(allow_nan=False, allow_infinity=False)  # JSON has no others
ids = st.integers(-(2**63), 2**63 - 1)


@st.composite
def rows(draw: st.DrawFn) -> list[dict]:
    """Rows of which some share a text, which is then in the pickle once."""
    shared = st.sampled_from(draw(st.lists(texts, min_size=1, max_size=3)))
    text = texts | shared
    row = st.fixed_dictionaries(
        {"id": ids, "category": text, "headline": st.none() | text, "short_description": st.none() | text},
        optional={"link": st.none() | text | finite | st.booleans() | ids},
    )
    return draw(st.lists(row, min_size=1, max_size=20))


arrays = npst.arrays(
    np.float32, npst.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.floats(width=32)
)


@st.composite
def matrices(draw: st.DrawFn) -> np.ndarray:
    """In the order of rows, of columns, or as a part of another."""
    array = draw(arrays)
    return draw(st.sampled_from((array, np.asfortranarray(array), array[::-1, ::2], array.T)))


@st.composite
def classes(draw: st.DrawFn) -> np.ndarray:
    """Class names as text of one width or as objects, as scikit-learn keeps what it is given."""
    names = draw(st.lists(texts, min_size=1, max_size=10))
    return np.array(names, dtype=draw(st.sampled_from((str, object))))


def read_back(form: str, content: bytes) -> object:
    with tempfile.TemporaryDirectory() as folder:
        return plain(form.partition(".")[0], read(form, place(form, content, Path(folder))))


def same(form: str, content: bytes, expected: object) -> bool:
    """As text, so that 1, 1.0 and True differ."""
    return repr(read_back(form, content)) == repr(plain(form.partition(".")[0], expected))


@given(rows(), protocols)
def test_pickled_rows(value, protocol):
    content = pickle_with("numpy.core", value, protocol)
    assert same("train_set", content, unpickled(content))


@given(matrices(), numpy_cores, protocols)
def test_pickled_matrix(array, numpy_core, protocol):
    content = pickle_with(numpy_core, array, protocol)
    assert same("train_embeddings", content, unpickled(content))


@given(classes(), texts, st.dictionaries(texts, st.none() | texts), numpy_cores, protocols)
def test_pickled_labels(names, class_field, class_labels, numpy_core, protocol):
    content = label_transform(
        protocol=protocol,
        numpy_core=numpy_core,
        class_field=class_field,
        class_labels=class_labels,
        label_encoder=fitted_encoder(names),
    )
    assert same("label_transform", content, unpickled(content))


@given(rows(), st.sampled_from(("none", "snappy", "gzip", "zstd")), st.booleans())
def test_parquet_rows(value, compression, use_dictionary):
    file = io.BytesIO()
    pq.write_table(
        pa.Table.from_pylist(value, TRAIN_SET), file, compression=compression, use_dictionary=use_dictionary
    )
    assert same("train_set.parquet", file.getvalue(), value)


@given(rows(), st.booleans())
def test_json_rows(value, ensure_ascii):
    content = "".join(json.dumps(row, ensure_ascii=ensure_ascii) + "\n" for row in value)
    assert same("train_set.jsonl", content.encode(), value)


@given(matrices())
def test_npy_matrix(array):
    file = io.BytesIO()
    np.save(file, array)
    assert same("train_embeddings.npy", file.getvalue(), array)


@given(st.lists(texts, min_size=1, max_size=10), texts, st.dictionaries(texts, st.none() | texts), st.booleans())
def test_json_labels(names, class_field, class_labels, ensure_ascii):
    value = {"class_field": class_field, "class_labels": class_labels, "classes": names}
    content = json.dumps(value, ensure_ascii=ensure_ascii).encode()
    assert read_back("label_transform.json", content) == (class_field, class_labels, names)
