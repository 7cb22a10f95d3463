"""The gate: the joined table on known input, and one message for each fault of the three files together."""

import logging

import numpy as np
import pyarrow as pa
import pytest

from tests.support.synthetic import make_training_set
from text_classification_viz.core import tables
from text_classification_viz.core.errors import InputError
from text_classification_viz.core.inputs.training_data import join
from text_classification_viz.core.inputs.upstream import (
    TRAIN_SET,
    LabelTransform,
    Source,
    TrainEmbeddings,
    TrainSet,
)

ROWS = [
    {"id": 7, "category": "b", "headline": "Rain in May", "short_description": "It rained."},
    {"id": 3, "category": "a", "headline": "A goal", "short_description": None},
    {"id": 5, "category": "b", "headline": None, "short_description": "Snow as well."},
    {"id": 9, "category": "a", "headline": "A second goal", "short_description": "And a third."},
]
VECTORS = [[1, 0, 0], [0, 1, 0], [0.6, 0.8, 0], [0, 0, -1]]
CLASS_LABELS = {"a": "SPORT", "b": "WEATHER"}


@pytest.fixture
def train_set():
    return train_set_of(ROWS)


@pytest.fixture
def embeddings():
    return embeddings_of(VECTORS)


@pytest.fixture
def labels():
    return labels_of()


def train_set_of(rows):
    return TrainSet(pa.Table.from_pylist(rows, schema=TRAIN_SET), Source("storage/train_set", "1" * 64))


def embeddings_of(vectors):
    return TrainEmbeddings(np.array(vectors, np.float32), Source("storage/train_embeddings", "2" * 64))


def labels_of(class_labels=CLASS_LABELS, classes=("a", "b"), class_field="category"):
    return LabelTransform(class_field, class_labels, classes, Source("storage/label_transform", "3" * 64))


def changed(row, **fields):
    """ROWS with fields of one row replaced."""
    return [{**old, **fields} if number == row else old for number, old in enumerate(ROWS)]


def message_of(train_set, embeddings, labels):
    with pytest.raises(InputError) as fault:
        join(train_set, embeddings, labels, expected_dimensions=3)
    return str(fault.value)


def test_rows_are_joined_in_embedding_order(train_set, embeddings, labels):
    data = join(train_set, embeddings, labels, expected_dimensions=3)
    assert data.table.schema.equals(tables.TRAIN)
    assert data.table.to_pylist() == [
        {**row, "class_label": CLASS_LABELS[row["category"]], "embedding_row": position}
        for position, row in enumerate(ROWS)
    ]
    np.testing.assert_allclose(data.vectors, VECTORS, atol=1e-7)
    assert data.vectors.dtype == np.float32
    assert data.warnings == ()


def test_table_in_several_chunks_joins_as_one(train_set, embeddings, labels):
    whole = join(train_set, embeddings, labels, expected_dimensions=3).table
    chunks = pa.concat_tables([train_set.table.slice(0, 1), train_set.table.slice(1)])
    assert chunks["id"].num_chunks == 2
    assert join(TrainSet(chunks, train_set.source), embeddings, labels, expected_dimensions=3).table.equals(whole)


def test_class_that_no_row_has_is_no_fault(train_set, embeddings):
    labels = labels_of({**CLASS_LABELS, "c": "CHESS"}, ("a", "b", "c"))
    table = join(train_set, embeddings, labels, expected_dimensions=3).table
    assert set(table["class_label"].to_pylist()) == {"SPORT", "WEATHER"}


def test_label_that_is_no_class_is_no_fault(train_set, embeddings):
    data = join(train_set, embeddings, labels_of({**CLASS_LABELS, "z": None}), expected_dimensions=3)
    assert data.warnings == ()


def test_synthetic_training_set_passes_without_a_warning():
    data = join(*make_training_set().upstream(), expected_dimensions=16)
    assert data.warnings == ()
    assert data.table.num_rows == len(data.vectors) == 240


# Faults of several files, or of the whole of one: the message names file, expected, found and remedy.


def test_duplicate_id(embeddings, labels):
    message = message_of(train_set_of(changed(2, id=7)), embeddings, labels)
    assert message.startswith("storage/train_set: expected unique ids, found id 7 in rows [0, 2]; remove")


def test_many_duplicate_ids_are_not_all_named(labels):
    twice = [{**ROWS[0], "id": row // 2} for row in range(2_000)]
    message = message_of(train_set_of(twice), embeddings_of(np.eye(1, 3).repeat(2_000, axis=0)), labels)
    assert "id 4 in rows [8, 9] and 995 more; remove" in message


def test_no_text_in_any_row(embeddings, labels):
    rows = [{**row, "headline": None, "short_description": None} for row in ROWS]
    message = message_of(train_set_of(rows), embeddings, labels)
    assert message.startswith("storage/train_set: expected text in headline or short_description, found None in")
    assert "all 4 rows; check the field names" in message


def test_one_text_field_alone_is_enough(embeddings, labels):
    rows = [{**row, "headline": None} for row in ROWS]
    table = join(train_set_of(rows), embeddings, labels, expected_dimensions=3).table
    assert table["headline"].null_count == 4


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_or_infinity(train_set, labels, bad):
    vectors = np.array(VECTORS)
    vectors[[1, 3], 2] = bad
    message = message_of(train_set, embeddings_of(vectors), labels)
    assert message.startswith("storage/train_embeddings: expected finite numbers, found NaN or infinity in 2 rows")
    assert "first [1, 3]; materialize train_embeddings upstream again" in message


def test_all_zero_row_is_a_warning_and_stays_zero(train_set, labels, caplog):
    data = join(train_set, embeddings_of([*VECTORS[:3], [0, 0, 0]]), labels, expected_dimensions=3)
    (warning,) = data.warnings
    assert warning.startswith("storage/train_embeddings: 1 vectors are all zero, first rows [3]; ")
    np.testing.assert_array_equal(data.vectors[3], 0)
    assert [record.getMessage() for record in caplog.records] == [warning]


def test_row_of_another_length_is_a_warning_and_is_scaled(train_set, labels, caplog):
    data = join(train_set, embeddings_of([*VECTORS[:3], [0, 3, -4]]), labels, expected_dimensions=3)
    (warning,) = data.warnings
    assert warning.startswith("storage/train_embeddings: 1 vectors are not of unit length, first rows [3]; ")
    np.testing.assert_allclose(data.vectors[3], [0, 0.6, -0.8], rtol=1e-6)
    assert [record.getMessage() for record in caplog.records] == [warning]


@pytest.mark.parametrize("length", [1e30, 1e-30])
def test_length_whose_square_float32_cannot_hold_is_scaled_all_the_same(train_set, labels, length):
    vectors = [*VECTORS[:3], [0, 0.6 * length, -0.8 * length]]
    data = join(train_set, embeddings_of(vectors), labels, expected_dimensions=3)
    np.testing.assert_allclose(data.vectors[3], [0, 0.6, -0.8], rtol=1e-6)
    assert "1 vectors are not of unit length" in data.warnings[0]


def test_rounding_of_upstream_is_no_warning(train_set, labels):
    data = join(train_set, embeddings_of(np.array(VECTORS) * 1.0001), labels, expected_dimensions=3)
    assert data.warnings == ()
    np.testing.assert_allclose(np.linalg.norm(data.vectors, axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("vectors", [VECTORS[:3], [*VECTORS, [1, 0, 0]]])
def test_rows_and_vectors_differ_in_number(train_set, labels, vectors):
    message = message_of(train_set, embeddings_of(vectors), labels)
    assert message == (
        "storage/train_embeddings: expected one vector for each of the 4 rows of storage/train_set, found "
        f"{len(vectors)}; materialize train_embeddings upstream again, from this train_set"
    )


def test_another_width_is_a_warning(train_set, embeddings, labels, caplog):
    data = join(train_set, embeddings, labels)
    (warning,) = data.warnings
    assert warning.startswith("storage/train_embeddings: vectors have 3 dimensions where 384 were expected; ")
    assert "set expected_dimensions" in warning
    assert [record.getMessage() for record in caplog.records] == [warning]


def test_category_that_is_no_class(embeddings, labels):
    message = message_of(train_set_of(changed(1, category="z")), embeddings, labels)
    assert message.startswith(
        "storage/train_set: category: expected one of the 2 classes of storage/label_transform, found 'z' in "
        "1 rows, first [1]; materialize label_transform upstream again"
    )


def test_class_without_a_label(train_set, embeddings):
    for class_labels in ({"a": "SPORT"}, {"a": "SPORT", "b": None}, {"a": "SPORT", "b": ""}):
        message = message_of(train_set, embeddings, labels_of(class_labels))
        assert message == (
            "storage/label_transform: class_labels: expected a label for each class, found none for 'b'; add it "
            "upstream and materialize label_transform again"
        )


@pytest.mark.parametrize("class_labels", [None, {}])
def test_no_labels_at_all_is_a_warning_and_ids_serve(train_set, embeddings, class_labels, caplog):
    data = join(train_set, embeddings, labels_of(class_labels), expected_dimensions=3)
    assert data.table["class_label"].to_pylist() == ["b", "a", "b", "a"]
    (warning,) = data.warnings
    assert warning.startswith("storage/label_transform: class_labels is empty")
    assert [record.getMessage() for record in caplog.records] == [warning]


def test_label_of_two_classes(train_set, embeddings):
    message = message_of(train_set, embeddings, labels_of({"a": "NEWS", "b": "NEWS"}))
    assert message.startswith("storage/label_transform: class_labels: expected a label of its own for each class")
    assert "found 'NEWS' for several; tell them apart upstream" in message


def test_duplicate_classes(train_set, embeddings):
    message = message_of(train_set, embeddings, labels_of(classes=("a", "b", "a")))
    assert message.startswith(
        "storage/label_transform: label_encoder.classes_: expected distinct classes, found 'a'"
    )
    assert message.endswith("; fit the label encoder upstream again")


def test_encoder_that_is_not_fitted(train_set, embeddings):
    message = message_of(train_set, embeddings, labels_of(classes=()))
    assert message.startswith(
        "storage/label_transform: label_encoder.classes_: expected at least one class, found"
    )
    assert "fit the label encoder upstream" in message


def test_class_in_another_field(train_set, embeddings):
    message = message_of(train_set, embeddings, labels_of(class_field="section"))
    assert message.startswith("storage/label_transform: class_field: expected 'category'")
    assert "found 'section'; rename the field upstream" in message


def test_all_warnings_come_together_in_the_log_that_is_given(train_set, caplog):
    log = logging.getLogger("the run")
    data = join(train_set, embeddings_of([[2, 0, 0], [0, 0, 0], *VECTORS[2:]]), labels_of(None), log=log)
    assert [warning.split(": ")[1].split(";")[0] for warning in data.warnings] == [
        "class_labels is empty, so the class ids are shown as labels",
        "1 vectors are all zero, first rows [1]",
        "1 vectors are not of unit length, first rows [0]",
        "vectors have 3 dimensions where 384 were expected",
    ]
    assert [(record.name, record.getMessage()) for record in caplog.records] == [
        ("the run", warning) for warning in data.warnings
    ]


def test_first_fault_found_leaves_the_vectors_as_they_are(labels):
    embeddings = embeddings_of(np.array(VECTORS) * 2)
    before = embeddings.array.copy()
    message_of(train_set_of(changed(1, category="z")), embeddings, labels)
    np.testing.assert_array_equal(embeddings.array, before)
