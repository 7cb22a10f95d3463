"""Does vector i belong to row i: told on made-up rows of every order, and on upstream's real files."""

import numpy as np
import pyarrow as pa
import pytest

from tests.support.genuine_upstream import genuine_training_data, needs_genuine_files
from tests.support.synthetic import make_training_set
from text_classification_viz.core import tables
from text_classification_viz.core.inputs import alignment
from text_classification_viz.core.inputs.alignment import check_alignment
from text_classification_viz.core.inputs.training_data import join


def joined(training_set):
    """The `train_df` and the vectors of a training set whose vectors belong to its rows."""
    data = join(*training_set.upstream(), expected_dimensions=training_set.vectors.shape[1])
    return data.table, data.vectors


def with_twins(table, vectors, n_pairs):
    """Give the text and the vector of row i to the row i places from the end, for `n_pairs` rows."""
    rows, vectors = table.to_pylist(), vectors.copy()
    for row in range(n_pairs):
        rows[-1 - row] = {**rows[row], **{name: rows[-1 - row][name] for name in ("id", "embedding_row")}}
        vectors[-1 - row] = vectors[row]
    return pa.Table.from_pylist(rows, schema=tables.TRAIN), vectors


def without_equal_texts(table):
    headlines = pa.array([f"{row}" for row in range(table.num_rows)])
    return table.set_column(table.schema.get_field_index("headline"), table.schema.field("headline"), headlines)


def label_agreement_by_definition(labels, vectors, n_neighbors=alignment.AGREEMENT_NEIGHBORS):
    """Of all rows, one at a time, in float64."""
    shares = []
    for row, vector in enumerate(vectors.astype(np.float64)):
        similarities = vectors.astype(np.float64) @ vector
        similarities[row] = -np.inf
        nearest = np.argsort(similarities)[-n_neighbors:]
        shares.append((labels[nearest] == labels[row]).mean())
    return np.mean(shares)


def test_aligned_passes():
    result = check_alignment(*joined(make_training_set()))
    assert (result.equal_text_pairs, result.equal_vector_pairs) == (1, 1)
    assert result.label_agreement > 0.95
    assert result.texts_match and result.labels_match and result.passed


def test_figures_are_those_of_the_definition():
    training_set = make_training_set(n_rows=300, n_classes=3, spread=1.5)  # overlapping, unlike 1.0 or chance
    result = check_alignment(*joined(training_set))
    expected = label_agreement_by_definition(training_set.labels, training_set.vectors)
    assert 0.5 < expected < 0.95
    assert result.label_agreement == pytest.approx(expected, abs=1e-9)
    assert result.chance_agreement == pytest.approx(99 / 299, abs=0.01)


def test_shifted_by_one_fails_both_tests():
    table, vectors = joined(make_training_set())
    result = check_alignment(table, np.roll(vectors, 1, axis=0))
    assert not result.texts_match
    assert not result.labels_match
    assert not result.passed


def test_shuffled_without_equal_texts_fails_by_labels():
    table, vectors = joined(make_training_set())
    result = check_alignment(without_equal_texts(table), np.random.default_rng(1).permutation(vectors))
    assert result.equal_text_pairs == 0
    assert result.texts_match
    assert not result.passed


def test_sorted_by_class_and_shifted_fails_by_texts_alone():
    table, vectors = joined(make_training_set())
    order = np.argsort(table["category"].to_numpy(), kind="stable")
    result = check_alignment(table.take(order), np.roll(vectors[order], 1, axis=0))
    assert result.labels_match
    assert not result.texts_match
    assert not result.passed


@pytest.mark.parametrize("half", [slice(0, 120), slice(120, 240)])
def test_half_shifted_fails_by_texts(half):
    table, vectors = with_twins(*joined(make_training_set()), n_pairs=20)
    assert check_alignment(table, vectors).passed
    vectors[half] = np.roll(vectors[half], 1, axis=0)
    result = check_alignment(table, vectors)
    assert not result.texts_match
    assert not result.passed


def test_rounding_between_equal_texts_is_no_difference():
    table, vectors = with_twins(*joined(make_training_set()), n_pairs=20)
    vectors[-20:] += 1e-5
    result = check_alignment(table, vectors)
    assert result.equal_text_pairs == 20
    assert result.equal_vector_pairs == 20


def test_one_class_is_not_tested_but_passes():
    table, vectors = joined(make_training_set(n_classes=1))
    result = check_alignment(table, vectors)
    assert np.isnan(result.label_agreement)
    assert result.passed
    assert "label agreement not tested" in str(result)


def test_one_class_that_is_shifted_still_fails_by_texts():
    table, vectors = joined(make_training_set(n_classes=1))
    assert not check_alignment(table, np.roll(vectors, 1, axis=0)).passed


def of_two_classes(training_set, *sizes):
    labels = training_set.labels
    rows = [np.flatnonzero(labels == label)[:size] for label, size in zip(np.unique(labels), sizes, strict=True)]
    return np.concatenate(rows)


@pytest.mark.parametrize("n_few", [5, 10, 20])
def test_a_class_of_few_rows_beside_a_large_one_is_heard(n_few):
    n_rows = 2_000
    training_set = make_training_set(n_rows=2 * n_rows, n_classes=2)
    kept = of_two_classes(training_set, n_rows - n_few, n_few)
    table, vectors = joined(training_set)
    table, vectors = without_equal_texts(table).take(kept), vectors[kept]
    result = check_alignment(table, vectors)
    assert result.passed
    assert result.label_agreement > 0.6
    assert result.chance_agreement == pytest.approx(0.5, abs=0.01)
    assert not check_alignment(table, np.random.default_rng(0).permutation(vectors)).passed


def test_two_rows_beside_all_others_are_too_few_to_tell():
    training_set = make_training_set(n_rows=200, n_classes=2)
    kept = of_two_classes(training_set, 58, 2)
    table, vectors = joined(training_set)
    result = check_alignment(table.take(kept), vectors[kept])
    assert np.isnan(result.label_agreement)
    assert result.passed


@pytest.mark.parametrize("n_rows", [1, 2, 10, alignment.MIN_ROWS - 1])
def test_few_rows_are_not_tested_but_pass(n_rows):
    table, vectors = joined(make_training_set(n_rows=n_rows, n_classes=min(n_rows, 4)))
    result = check_alignment(table, vectors)
    assert np.isnan(result.label_agreement)
    assert result.passed


def test_fewest_rows_that_are_tested():
    table, vectors = joined(make_training_set(n_rows=alignment.MIN_ROWS))
    assert check_alignment(table, vectors).labels_match
    assert not check_alignment(table, np.roll(vectors, 1, axis=0)).labels_match


def test_many_equal_rows_are_no_misalignment():
    table, vectors = with_twins(*joined(make_training_set()), n_pairs=100)
    vectors[:100] = vectors[-100:] = vectors[0]
    assert check_alignment(table, vectors).texts_match


def test_same_seed_same_figures_and_more_rows_than_are_sampled():
    table, vectors = joined(make_training_set(n_rows=alignment.AGREEMENT_ROWS + 500))
    first = check_alignment(table, vectors, seed=3)
    assert first == check_alignment(table, vectors, seed=3)
    assert first.passed
    assert not check_alignment(table, np.roll(vectors, 1, axis=0), seed=3).labels_match


def test_message_gives_the_figures():
    table, vectors = joined(make_training_set())
    text = str(check_alignment(table, np.roll(vectors, 1, axis=0)))
    assert text.startswith("0 of 1 pairs with equal text have equal vectors; nearest neighbors agree on the label")
    assert "with shuffled labels in 2" in text


@pytest.fixture(scope="module")
def real():
    """The genuine `train_df` and its vectors."""
    data = genuine_training_data()
    return data.table, data.vectors


@needs_genuine_files
def test_real_files_are_aligned(real):
    result = check_alignment(*real)
    print(f"\naligned: {result}")
    assert result.equal_text_pairs > 0
    assert result.equal_vector_pairs == result.equal_text_pairs
    assert result.label_agreement > 0.5
    assert result.passed


@needs_genuine_files
def test_real_files_shifted_by_one_fail_both_tests(real):
    table, vectors = real
    result = check_alignment(table, np.roll(vectors, 1, axis=0))
    print(f"\nshifted by one: {result}")
    assert result.equal_vector_pairs == 0
    assert not result.texts_match
    assert not result.labels_match


@needs_genuine_files
def test_real_files_with_a_tenth_shifted_fail_by_texts(real):
    table, vectors = real
    vectors = vectors.copy()
    tenth = slice(5_000, 5_000 + len(vectors) // 10)
    vectors[tenth] = np.roll(vectors[tenth], 1, axis=0)
    result = check_alignment(table, vectors)
    print(f"\na tenth shifted: {result}")
    assert not result.texts_match
