"""Inverted lists against brute force: what they may miss, what they must not, and what is left to brute force."""

import logging

import faiss
import numpy as np
import pytest

from tests.support.neighbor_lists import assert_sound, count_brute_force
from tests.support.synthetic import make_training_set
from text_classification_viz.core.neighbors import (
    Method,
    Neighbors,
    brute_force,
    find_neighbors,
    inverted_lists,
    measure_recall,
)
from text_classification_viz.core.neighbors.inverted_lists import search_inverted_lists

LOG = logging.getLogger(__name__)


def unit(array):
    return (array / np.linalg.norm(array, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def clustered():
    """6,000 rows in 12 clusters that run into each other."""
    return make_training_set(n_rows=6_000, n_classes=12, n_dimensions=48, spread=1.5).vectors


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Several bands, cells cut by bands and into blocks, and references that are not all rows."""
    sizes = {"BAND": 700, "ROW_BLOCK": 50, "COLUMN_BLOCK": 30, "REFERENCE_ROWS": 256}
    for name, size in sizes.items():
        monkeypatch.setattr(inverted_lists, name, size)


@pytest.fixture(params=[True, False], ids=["int8", "float32"])
def search(request):
    """A function (vectors, k) -> Neighbors."""
    return lambda vectors, k: Neighbors(
        *search_inverted_lists(vectors, min(k, len(vectors) - 1), int8=request.param, log=LOG)
    )


@pytest.fixture
def brute_force_rows(monkeypatch):
    """How many rows were searched by brute force, call by call; the first are those that tell the probes."""
    return count_brute_force(monkeypatch, inverted_lists, brute_force)


def cells_looked_into(caplog, vectors, k):
    """How many cells each row looked into, and how many there are, as the log tells."""
    with caplog.at_level(logging.INFO):
        search_inverted_lists(vectors, k, int8=True, log=LOG)
    (told,) = [record.getMessage() for record in caplog.records if "looks into" in record.getMessage()]
    return tuple(int(word.replace(",", "")) for word in told.split() if word.replace(",", "").isdigit())


@pytest.mark.parametrize("k", [1, 15, 100])
def test_recall_of_all_rows(search, clustered, k):
    found, exact = search(clustered, k), find_neighbors(clustered, k, method=Method.BRUTE_FORCE)
    assert_sound(found, clustered, k)
    hits = [len(np.intersect1d(*rows)) for rows in zip(found.rows, exact.rows, strict=True)]
    assert np.mean(hits) / k > 0.97
    assert measure_recall(clustered, found) > 0.97


def test_not_all_cells_are_looked_into(clustered, caplog):
    n_probes, n_cells = cells_looked_into(caplog, clustered, 15)
    assert n_cells == 154  # twice the square root of 6,000
    assert 1 < n_probes < n_cells / 2


def test_one_cell_is_enough_where_clusters_lie_apart(caplog, monkeypatch):
    monkeypatch.setattr(inverted_lists, "CELLS_PER_ROOT", 0.1)
    vectors = make_training_set(n_rows=2_500, n_classes=5, n_dimensions=16, spread=0.1).vectors
    assert cells_looked_into(caplog, vectors, 20) == (1, 5)


def test_groups_find_themselves(search):
    """600 groups of five rows, each nearer to the others of its group than to any other; few are in two cells."""
    rng = np.random.default_rng(0)
    centers = unit(rng.normal(size=(600, 32)))
    vectors = unit(np.repeat(centers, 5, axis=0) + 0.02 * rng.normal(size=(3_000, 32)))
    found = search(vectors, 4)
    assert (found.rows // 5 == np.arange(3_000)[:, None] // 5).mean() > 0.98


def test_threads_make_no_difference(search, clustered):
    n_threads = faiss.omp_get_max_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            faiss.omp_set_num_threads(threads)
            results.append(search(clustered[:3_000], 30))
    finally:
        faiss.omp_set_num_threads(n_threads)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0].rows, other.rows)
        np.testing.assert_array_equal(results[0].similarities, other.similarities)


def test_bands_and_blocks_make_no_difference(clustered, monkeypatch):
    expected = search_inverted_lists(clustered, 20, int8=True, log=LOG)
    for name, size in {"BAND": 5_000, "ROW_BLOCK": 333, "COLUMN_BLOCK": 1_000}.items():
        monkeypatch.setattr(inverted_lists, name, size)
    for found, of_small_blocks in zip(
        search_inverted_lists(clustered, 20, int8=True, log=LOG), expected, strict=True
    ):
        np.testing.assert_array_equal(found, of_small_blocks)


def test_few_rows_are_left_to_brute_force(clustered, brute_force_rows):
    search_inverted_lists(clustered, 20, int8=True, log=LOG)
    assert brute_force_rows[0] == inverted_lists.PROBED_ROWS
    assert sum(brute_force_rows[1:]) < 0.02 * len(clustered)


def test_equal_neighbors_stand_by_row_number(clustered):
    vectors = np.repeat(clustered[:500], 4, axis=0)  # rows 4 i to 4 i + 3 are equal
    found, _ = search_inverted_lists(vectors, 8, int8=True, log=LOG)
    rows = np.arange(2_000)
    nearest = [[4 * (row // 4) + step for step in range(4) if row % 4 != step] for row in rows]
    np.testing.assert_array_equal(found[:, :3], nearest)


def test_crowds_of_duplicates_are_left_to_brute_force(search, clustered, brute_force_rows):
    mixed = np.concatenate([np.repeat(clustered[:1], 400, axis=0), clustered[1:2_001]])
    found = search(mixed, 5)
    assert_sound(found, mixed, 5)
    assert 400 <= sum(brute_force_rows[1:]) < 450
    assert (found.rows[:400] < 400).all()


def test_duplicates_that_outnumber_the_neighbors(search, clustered):
    mixed = np.random.default_rng(0).permutation(np.repeat(clustered[:60], 30, axis=0))
    found = search(mixed, 20)
    assert_sound(found, mixed, 20)
    assert (mixed[found.rows] == mixed[:, None]).all()


def test_all_rows_equal_or_zero(search, clustered):
    for vectors in (np.repeat(clustered[:1], 300, axis=0), np.zeros((300, 16), np.float32)):
        assert_sound(search(vectors, 10), vectors, 10)


def test_zero_vectors_among_others(search, clustered):
    vectors = np.concatenate([np.zeros((40, clustered.shape[1]), np.float32), clustered[:500]])
    found = search(vectors, 10)
    assert_sound(found, vectors, 10)
    assert (found.similarities[:40] == 0).all()


@pytest.mark.parametrize("n_rows", [2, 3, 4, 5, 49, 50, 51, 699, 700, 701])
def test_few_rows(search, clustered, n_rows):
    vectors = clustered[:n_rows]
    found = search(vectors, 5)
    assert_sound(found, vectors, min(5, n_rows - 1))
    assert measure_recall(vectors, found) > 0.97


@pytest.mark.parametrize("k", [298, 299])
def test_all_other_rows_are_neighbors(search, clustered, k):
    assert_sound(search(clustered[:300], k), clustered[:300], k)


@pytest.mark.parametrize("n_dimensions", [1, 2, 3, 1_024])
def test_any_number_of_dimensions(search, n_dimensions):
    vectors = unit(np.random.default_rng(0).normal(size=(600, n_dimensions)))
    found = search(vectors, 10)
    assert_sound(found, vectors, 10)


def test_memory_map_that_is_read_only(clustered, tmp_path):
    np.save(tmp_path / "vectors.npy", clustered[:1_000])
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    found, _ = search_inverted_lists(mapped, 5, int8=True, log=LOG)
    expected, _ = search_inverted_lists(clustered[:1_000], 5, int8=True, log=LOG)
    np.testing.assert_array_equal(found, expected)
