"""Lists that lost rows: as a fresh search among the rest would give them, as far as they reach."""

import numpy as np
import pytest

from tests.support.outlier_samples import gaussian_classes, unit
from text_classification_viz.core.neighbors import Neighbors, find_neighbors, keep_rows

N_ROWS = 300


@pytest.fixture(scope="module")
def vectors():
    return gaussian_classes(N_ROWS, 4)[0]


def draw_rows(n_kept, seed=0, n_rows=N_ROWS):
    return np.sort(np.random.default_rng(seed).permutation(n_rows)[:n_kept])


def remaining(neighbors, kept):
    """How many of each kept row's neighbors are kept, (m,)."""
    kept_set = set(kept.tolist())
    return np.array([sum(other in kept_set for other in neighbors.rows[row].tolist()) for row in kept])


@pytest.mark.parametrize("n_kept", [290, 150, 40])
@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_left_of_a_list_is_what_a_fresh_search_finds_first(vectors, n_kept, seed):
    found, kept = find_neighbors(vectors, 20), draw_rows(n_kept, seed)
    lists, fresh = keep_rows(found, kept, vectors[kept]), find_neighbors(vectors[kept], 20)
    n_left = remaining(found, kept)
    assert (n_left < 20).any()
    assert lists.rows.shape == lists.similarities.shape == (n_kept, 20)
    for row, length in enumerate(n_left):
        length = length if length >= 10 else 20  # a list that lost over half is searched anew
        assert lists.rows[row, :length].tolist() == fresh.rows[row, :length].tolist()
        assert lists.similarities[row, :length].tolist() == fresh.similarities[row, :length].tolist()


@pytest.mark.parametrize("n_kept", [280, 200])
def test_a_shortened_list_ends_with_its_last_row_repeated(vectors, n_kept):
    found, kept = find_neighbors(vectors, 20), draw_rows(n_kept)
    lists, n_left = keep_rows(found, kept, vectors[kept]), remaining(found, kept)
    for row, length in enumerate(n_left.tolist()):
        if 10 <= length < 20:
            assert set(lists.rows[row, length:].tolist()) == {lists.rows[row, length - 1]}
            assert set(lists.similarities[row, length:].tolist()) == {lists.similarities[row, length - 1]}
    assert len(np.unique(n_left[n_left >= 10])) > 5
    assert (n_left < 10).any() == (n_kept == 200)


@pytest.mark.parametrize("k", [6, 20])
def test_nobody_is_left_with_fewer_than_five_different_neighbors(vectors, k):
    kept = draw_rows(100)
    found = find_neighbors(vectors, k)
    assert remaining(found, kept).min() < 5
    lists = keep_rows(found, kept, vectors[kept])
    assert min(len(set(row)) for row in lists.rows.tolist()) >= 5


def test_complete_lists_stay_complete(vectors):
    found, kept = find_neighbors(vectors[:80], 79), draw_rows(31, n_rows=80)
    lists, fresh = keep_rows(found, kept, vectors[kept]), find_neighbors(vectors[kept], 79)
    assert lists.rows.shape == (31, 30)
    np.testing.assert_array_equal(lists.rows, fresh.rows)
    np.testing.assert_array_equal(lists.similarities, fresh.similarities)


def test_all_kept_changes_nothing(vectors):
    found = find_neighbors(vectors, 20)
    lists = keep_rows(found, np.arange(N_ROWS), vectors)
    assert lists.rows.tobytes() == found.rows.tobytes()
    assert lists.similarities.tobytes() == found.similarities.tobytes()


def test_the_lists_that_are_given_stay_as_they_are(vectors):
    found, kept = find_neighbors(vectors, 20), draw_rows(20)
    rows, similarities = found.rows.copy(), found.similarities.copy()
    keep_rows(found, kept, vectors[kept])
    np.testing.assert_array_equal(found.rows, rows)
    np.testing.assert_array_equal(found.similarities, similarities)


def test_types_are_those_of_a_search(vectors):
    found, kept = find_neighbors(vectors, 20), draw_rows(100)
    lists = keep_rows(found, kept, vectors[kept])
    assert isinstance(lists, Neighbors)
    assert (lists.rows.dtype, lists.similarities.dtype) == (found.rows.dtype, found.similarities.dtype)


def test_a_row_that_loses_all_its_neighbors_gets_new_ones():
    rng = np.random.default_rng(0)
    heaps = unit(np.repeat(np.eye(2, 16), 30, axis=0) + 0.02 * rng.normal(size=(60, 16)))
    found = find_neighbors(heaps, 10)
    assert (found.rows[:30] < 30).all()  # neighbors stand in one's own heap
    kept = np.array([7, *range(30, 60)])
    lists, fresh = keep_rows(found, kept, heaps[kept]), find_neighbors(heaps[kept], 10)
    assert len(set(lists.rows[0].tolist())) == 10
    np.testing.assert_array_equal(lists.rows[0], fresh.rows[0])
    np.testing.assert_array_equal(lists.similarities[0], fresh.similarities[0])
    np.testing.assert_array_equal(lists.rows[1:], found.rows[30:] - 29)  # the others have lost nobody


def test_no_row_stands_in_its_own_list(vectors):
    found = find_neighbors(vectors, 5)
    for n_kept in (2, 3, 10, 100):
        kept = draw_rows(n_kept)
        lists = keep_rows(found, kept, vectors[kept])
        assert (lists.rows != np.arange(n_kept)[:, None]).all()
        assert lists.rows.min() >= 0
        assert lists.rows.max() < n_kept


def test_of_two_rows_each_is_the_others_neighbor(vectors):
    kept = np.array([3, 250])
    lists = keep_rows(find_neighbors(vectors, 5), kept, vectors[kept])
    assert lists.rows.tolist() == [[1], [0]]
    np.testing.assert_allclose(lists.similarities.ravel(), vectors[3] @ vectors[250], rtol=1e-5)
