"""The neighbor search against the plainest one there is, and its published form."""

import logging

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.neighbor_lists import FLOAT32_SIMILARITY
from tests.support.synthetic import make_training_set
from text_classification_viz.core import tables
from text_classification_viz.core.errors import InputError
from text_classification_viz.core.neighbors import Neighbors, brute_force, find_neighbors, measure_recall


@pytest.fixture(scope="module")
def vectors():
    return make_training_set(n_rows=700, n_classes=8, n_dimensions=24, spread=1.5).vectors


def similarities_in_float64(vectors):
    """All pairs, with -inf for a row and itself."""
    exact = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    np.fill_diagonal(exact, -np.inf)
    return exact


def assert_never_self(found):
    assert not (found.rows == np.arange(len(found.rows))[:, None]).any()


def assert_no_neighbor_twice(found):
    assert all(len(set(row)) == len(row) for row in found.rows.tolist())


def test_neighbors_are_those_of_brute_force(vectors):
    found = find_neighbors(vectors, 20)
    exact = similarities_in_float64(vectors)
    nearest_first = np.sort(exact, axis=1)[:, ::-1][:, :20]
    assert found.rows.shape == found.similarities.shape == (700, 20)
    assert (found.rows.dtype, found.similarities.dtype) == (np.int32, np.float32)
    np.testing.assert_allclose(found.similarities, nearest_first, atol=FLOAT32_SIMILARITY)
    of_found = np.take_along_axis(exact, found.rows.astype(np.int64), axis=1)
    np.testing.assert_allclose(of_found, nearest_first, atol=FLOAT32_SIMILARITY)
    assert_never_self(found)
    assert_no_neighbor_twice(found)


def test_blocks_make_no_difference(vectors, monkeypatch):
    whole = find_neighbors(vectors, 20)
    monkeypatch.setattr(brute_force, "QUERY_BLOCK", 99)
    blocks = find_neighbors(vectors, 20)
    np.testing.assert_allclose(blocks.similarities, whole.similarities, atol=FLOAT32_SIMILARITY)
    assert (blocks.rows == whole.rows).mean() > 0.999  # but for ties in float32
    assert_never_self(blocks)


def test_nearest_first_and_within_range(vectors):
    vectors = np.concatenate([vectors, vectors[:50], -vectors[:50]])
    found = find_neighbors(vectors, 400)
    assert (np.diff(found.similarities, axis=1) <= 0).all()
    assert found.similarities.max() <= 1
    assert found.similarities.min() >= -1


def test_self_is_left_out_among_more_duplicates_than_neighbors(vectors):
    duplicates = np.repeat(vectors[:1], 40, axis=0)
    mixed = np.random.default_rng(0).permutation(np.concatenate([duplicates, vectors[1:100]]))
    found = find_neighbors(mixed, 10)
    assert_never_self(found)
    assert_no_neighbor_twice(found)
    is_duplicate = (mixed == vectors[0]).all(axis=1)
    assert is_duplicate[found.rows[is_duplicate]].all()
    np.testing.assert_allclose(found.similarities[is_duplicate], 1, atol=FLOAT32_SIMILARITY)
    assert measure_recall(mixed, found) == 1


def test_self_is_left_out_where_all_rows_are_one(vectors):
    found = find_neighbors(np.repeat(vectors[:1], 60, axis=0), 10)
    assert found.rows.shape == (60, 10)
    assert_never_self(found)
    assert_no_neighbor_twice(found)


def test_zero_vectors_are_like_nothing_else(vectors):
    with_zeros = np.concatenate([vectors[:50], np.zeros((3, vectors.shape[1]), np.float32)])
    found = find_neighbors(with_zeros, 5)
    assert_never_self(found)
    assert (found.similarities[-3:] == 0).all()
    assert np.isfinite(found.similarities).all()


@pytest.mark.parametrize("n_neighbors", [29, 30, 31, 1_000])
def test_neighbors_are_capped_at_all_other_rows(vectors, n_neighbors):
    found = find_neighbors(vectors[:30], n_neighbors)
    expected = np.array([[other for other in range(30) if other != row] for row in range(30)])
    np.testing.assert_array_equal(np.sort(found.rows, axis=1), expected)


def test_two_rows_are_one_anothers_neighbor(vectors):
    np.testing.assert_array_equal(find_neighbors(vectors[:2]).rows, [[1], [0]])


@pytest.mark.parametrize("n_rows", [0, 1])
def test_fewer_than_two_rows_are_refused(vectors, n_rows):
    with pytest.raises(InputError, match=f"train_vectors: expected at least 2 rows .* found {n_rows}"):
        find_neighbors(vectors[:n_rows])


@pytest.mark.parametrize("n_neighbors", [0, -3])
def test_less_than_one_neighbor_is_refused(vectors, n_neighbors):
    with pytest.raises(InputError, match=f"n_neighbors: expected at least 1, found {n_neighbors}"):
        find_neighbors(vectors, n_neighbors)


def test_memory_map_that_is_read_only_will_do(vectors, tmp_path):
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    np.testing.assert_array_equal(find_neighbors(mapped, 5).rows, find_neighbors(vectors, 5).rows)


def test_progress_is_logged(vectors, caplog, monkeypatch):
    monkeypatch.setattr(brute_force, "QUERY_BLOCK", 300)
    with caplog.at_level(logging.INFO):
        find_neighbors(vectors, 5, log=logging.getLogger("the run"))
    assert [record.getMessage() for record in caplog.records] == [
        "nearest neighbors: 300 of 700 rows",
        "nearest neighbors: 600 of 700 rows",
        "nearest neighbors: 700 of 700 rows",
    ]


def test_distances_are_those_of_unit_vectors(vectors):
    found = find_neighbors(np.concatenate([vectors, vectors[:5]]), 10)
    np.testing.assert_allclose(found.cosine_distances, 1 - found.similarities, atol=1e-7)
    apart = vectors[0] - vectors[found.rows[0, 5]]
    assert found.cosine_distances[0, 5] == pytest.approx(apart @ apart / 2, abs=1e-6)
    assert (found.cosine_distances >= 0).all()


def test_recall_of_the_exact_neighbors_is_one(vectors):
    assert measure_recall(vectors, find_neighbors(vectors, 15)) == 1


def test_recall_of_wrong_neighbors_is_low(vectors):
    right = find_neighbors(vectors, 15)
    wrong = (np.arange(700)[:, None] + np.arange(1, 16)) % 700
    assert measure_recall(vectors, Neighbors(wrong.astype(np.int32), right.similarities)) < 0.05


def test_recall_tells_the_share_that_is_right(vectors):
    right, others = find_neighbors(vectors, 10), find_neighbors(vectors, 400)
    rows = np.hstack([right.rows[:, :7], others.rows[:, -3:]])
    assert measure_recall(vectors, Neighbors(rows, right.similarities)) == pytest.approx(0.7, abs=1e-6)


def test_recall_counts_self_as_wrong(vectors):
    right = find_neighbors(vectors, 10)
    rows = np.hstack([right.rows[:, :9], np.arange(700, dtype=np.int32)[:, None]])
    assert measure_recall(vectors, Neighbors(rows, right.similarities)) == pytest.approx(0.9, abs=1e-6)


def test_published_form_goes_there_and_back(vectors, tmp_path):
    found = find_neighbors(vectors, 20)
    table = found.to_table()
    assert table.schema.equals(tables.nearest_neighbors_schema(20))
    assert table["embedding_row"].to_pylist() == list(range(700))
    assert table["neighbors"][3].as_py() == found.rows[3].tolist()
    pq.write_table(table, tmp_path / "nearest_neighbors.parquet", row_group_size=128)
    chunks = pa.concat_tables([table.slice(0, 300), table.slice(300)])
    for form in (table, chunks, pq.read_table(tmp_path / "nearest_neighbors.parquet")):
        back = Neighbors.from_table(form)
        assert (back.rows.dtype, back.similarities.dtype) == (np.int32, np.float32)
        np.testing.assert_array_equal(back.rows, found.rows)
        np.testing.assert_array_equal(back.similarities, found.similarities)


def test_slice_of_the_published_form_gives_its_own_rows(vectors):
    found = find_neighbors(vectors, 20)
    part = Neighbors.from_table(found.to_table().slice(100, 50))
    np.testing.assert_array_equal(part.rows, found.rows[100:150])
