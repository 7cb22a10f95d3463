"""Every way to search neighbors against brute force, on data that is hard for it, and the choice among them."""

import logging
import sys

import dagster as dg
import faiss
import numpy as np
import pytest

from tests.support.neighbor_lists import FLOAT32_SIMILARITY, assert_sound, count_brute_force
from tests.support.synthetic import make_training_set
from text_classification_viz.assets import neighbors as asset
from text_classification_viz.core.errors import InputError
from text_classification_viz.core.neighbors import (
    Method,
    Neighbors,
    all_pairs,
    brute_force,
    choose_method,
    find,
    find_neighbors,
    measure_recall,
    torch_search,
)
from text_classification_viz.core.neighbors.ranking import nearest_of, read_keys, score_pairs, sort_keys
from text_classification_viz.core.neighbors.torch_search import search_with_torch

PAIRS = [Method.FLOAT32_PAIRS, Method.INT8_PAIRS]
LOG = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def vectors():
    return make_training_set(n_rows=900, n_classes=8, n_dimensions=48, spread=1.5).vectors


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Several bands, blocks that end in the middle of one, and a sample that is not all rows."""
    for name, size in {"SAMPLE": 200, "ROW_BLOCK": 50, "COLUMN_BLOCK": 70, "BAND": 256}.items():
        monkeypatch.setattr(all_pairs, name, size)
    monkeypatch.setattr(torch_search, "QUERY_BLOCK", 128)


@pytest.fixture(params=[*PAIRS, "torch on the CPU"])
def search(request):
    """A function (vectors, k) -> Neighbors."""
    if request.param in PAIRS:
        return lambda vectors, k: find_neighbors(vectors, k, method=request.param)
    return lambda vectors, k: Neighbors(*search_with_torch(vectors, min(k, len(vectors) - 1), "cpu", LOG))


@pytest.fixture
def brute_force_rows(monkeypatch):
    """How many rows the search over all pairs left to brute force, call by call."""
    return count_brute_force(monkeypatch, brute_force)


def unit(array):
    return (array / np.linalg.norm(array, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("k", [1, 15, 100])
def test_nearly_all_neighbors_of_brute_force_are_found(search, vectors, k):
    found, expected = search(vectors, k), find_neighbors(vectors, k, method=Method.BRUTE_FORCE)
    assert_sound(found, vectors, k)
    assert (found.rows == expected.rows).all(axis=1).mean() > 0.98
    assert measure_recall(vectors, found) > 0.999


def test_float32_pairs_are_those_of_brute_force_to_the_last_bit(vectors):
    found = find_neighbors(vectors, 20, method=Method.FLOAT32_PAIRS)
    expected = find_neighbors(vectors, 20, method=Method.BRUTE_FORCE)
    np.testing.assert_array_equal(found.rows, expected.rows)
    np.testing.assert_array_equal(found.similarities, expected.similarities)


@pytest.mark.parametrize("method", PAIRS)
def test_few_rows_are_left_to_brute_force(vectors, method, brute_force_rows):
    find_neighbors(vectors, 20, method=method)
    assert sum(brute_force_rows) < 0.05 * len(vectors)


@pytest.mark.parametrize("method", list(Method)[:3])
def test_threads_make_no_difference(vectors, method):
    n_threads = faiss.omp_get_max_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            faiss.omp_set_num_threads(threads)
            results.append(find_neighbors(vectors, 30, method=method))
    finally:
        faiss.omp_set_num_threads(n_threads)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0].rows, other.rows)
        np.testing.assert_array_equal(results[0].similarities, other.similarities)


@pytest.mark.parametrize("method", PAIRS)
def test_order_of_the_rows_makes_no_difference(vectors, method):
    by_similarity = vectors[np.argsort(vectors @ vectors[0])]
    assert measure_recall(by_similarity, find_neighbors(by_similarity, 30, method=method)) > 0.999


@pytest.mark.parametrize("method", list(Method)[:3])
def test_equal_neighbors_stand_by_row_number(vectors, method):
    pairs = np.repeat(vectors[:150], 4, axis=0)  # rows 4 i to 4 i + 3 are equal
    found = find_neighbors(pairs, 8, method=method)
    nearest_but_itself = [[4 * (row // 4) + step for step in range(4) if row % 4 != step] for row in range(600)]
    np.testing.assert_array_equal(found.rows[:, :3], nearest_but_itself)
    groups = found.rows[:, 3:7].reshape(-1, 4)
    np.testing.assert_array_equal(groups, groups[:, :1] + np.arange(4))


def test_duplicates_that_outnumber_the_neighbors(search, vectors):
    mixed = np.random.default_rng(0).permutation(
        np.concatenate([np.repeat(vectors[:1], 300, axis=0), vectors[1:]])
    )
    found = search(mixed, 20)
    assert_sound(found, mixed, 20)
    is_duplicate = (mixed == vectors[0]).all(axis=1)
    assert is_duplicate[found.rows[is_duplicate]].all()
    assert measure_recall(mixed, found) > 0.999


@pytest.mark.parametrize("method", PAIRS)
def test_crowds_of_duplicates_are_left_to_brute_force(vectors, method, brute_force_rows):
    mixed = np.concatenate([np.repeat(vectors[:1], 500, axis=0), vectors[1:401]])
    find_neighbors(mixed, 5, method=method)
    assert 500 <= sum(brute_force_rows) < 550


def test_all_rows_equal(search, vectors):
    assert_sound(search(np.repeat(vectors[:1], 300, axis=0), 10), np.repeat(vectors[:1], 300, axis=0), 10)


def test_zero_vectors(search, vectors):
    with_zeros = np.concatenate([vectors[:300], np.zeros((40, vectors.shape[1]), np.float32)])
    found = search(with_zeros, 10)
    assert_sound(found, with_zeros, 10)
    assert (found.similarities[-40:] == 0).all()
    assert_sound(search(np.zeros_like(vectors), 5), np.zeros_like(vectors), 5)


@pytest.mark.parametrize("n_dimensions", [1, 2, 3, 7, 4_096])
def test_any_number_of_dimensions(search, n_dimensions):
    vectors = unit(np.random.default_rng(0).normal(size=(300, n_dimensions)))
    assert_sound(search(vectors, 10), vectors, 10)


@pytest.mark.parametrize("n_dimensions", [2, 4_096])
@pytest.mark.parametrize("method", PAIRS)
def test_recall_where_int8_is_at_its_worst(method, n_dimensions):
    """In two dimensions neighbors are closer than int8 can tell; in many, all similarities are nearly equal."""
    vectors = unit(np.random.default_rng(0).normal(size=(500, n_dimensions)))
    assert measure_recall(vectors, find_neighbors(vectors, 20, method=method)) > 0.98


@pytest.mark.parametrize("n_neighbors", [298, 299, 300, 5_000])
def test_all_other_rows_are_neighbors(search, vectors, n_neighbors):
    k = min(n_neighbors, 299)
    found = search(vectors[:300], n_neighbors)
    assert_sound(found, vectors[:300], k)


@pytest.mark.parametrize("n_rows", [2, 3, 49, 50, 51, 199, 200, 201, 256, 257])
def test_sizes_around_those_of_blocks(search, vectors, n_rows):
    k = min(5, n_rows - 1)
    found = search(vectors[:n_rows], 5)
    assert_sound(found, vectors[:n_rows], k)
    expected = find_neighbors(vectors[:n_rows], 5, method=Method.BRUTE_FORCE)
    assert (found.rows == expected.rows).mean() > 0.99


def test_memory_map_that_is_read_only(search, vectors, tmp_path):
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    np.testing.assert_array_equal(search(mapped, 5).rows, search(vectors, 5).rows)


@pytest.mark.parametrize("method", PAIRS)
def test_progress_is_logged_by_bands(vectors, method, caplog):
    with caplog.at_level(logging.INFO):
        find_neighbors(vectors[:600], 5, method=method)
    assert [record.getMessage() for record in caplog.records][:3] == [
        "nearest neighbors: 256 of 600 rows",
        "nearest neighbors: 512 of 600 rows",
        "nearest neighbors: 600 of 600 rows",
    ]


def test_keys_sort_as_similarity_and_row():
    rng = np.random.default_rng(0)
    similarities = rng.choice(np.linspace(-1, 1, 41).astype(np.float32), (30, 200))
    similarities[:, ::17] = -0.0
    rows = np.argsort(rng.random((30, 200)), axis=1) + 2**31 - 200  # the largest row numbers there can be
    keys = sort_keys(similarities, rows)
    order = np.lexsort((rows, -similarities))
    np.testing.assert_array_equal(np.argsort(keys, axis=1), order)
    for found, expected in zip(read_keys(keys), (rows, similarities), strict=True):
        np.testing.assert_array_equal(found, expected)
    for found, expected in zip(nearest_of(keys, 12), (rows, similarities), strict=True):
        np.testing.assert_array_equal(found, np.take_along_axis(expected, order[:, :12], axis=1))


def test_scores_do_not_depend_on_who_asks(vectors):
    first, second = np.random.default_rng(0).integers(0, 900, (2, 5_000))
    scores = score_pairs(vectors, first, second)
    np.testing.assert_array_equal(score_pairs(vectors, second, first), scores)
    moved = np.concatenate([vectors[:3], vectors])
    np.testing.assert_array_equal(score_pairs(moved, first + 3, second + 3), scores)
    np.testing.assert_allclose(scores, (vectors[first] * vectors[second]).sum(axis=1), atol=FLOAT32_SIMILARITY)


@pytest.mark.parametrize(
    ("n_rows", "method"),
    [
        (2, Method.BRUTE_FORCE),
        (find.ALL_PAIRS_FROM - 1, Method.BRUTE_FORCE),
        (find.ALL_PAIRS_FROM, Method.FLOAT32_PAIRS),
        (find.TORCH_FROM - 1, Method.FLOAT32_PAIRS),
        (find.TORCH_FROM, Method.INT8_PAIRS),
        (find.LISTS_FROM - 1, Method.INT8_PAIRS),
        (find.LISTS_FROM, Method.INT8_LISTS),
        (1_000_000, Method.INT8_LISTS),
    ],
)
@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_method_by_size_without_asking_torch(n_rows, method, device, monkeypatch):
    monkeypatch.setattr(find, "GPU_FILES", ())
    monkeypatch.setitem(sys.modules, "torch", None)  # an import would fail
    assert choose_method(n_rows, device) == method
    assert method.device == "cpu"


@pytest.mark.parametrize(
    ("n_rows", "device", "method"),
    [
        (find.TORCH_FROM, "auto", Method.CUDA),
        (find.TORCH_FROM - 1, "auto", Method.FLOAT32_PAIRS),
        (find.TORCH_FROM, "cpu", Method.INT8_PAIRS),
        (2, "cuda", Method.CUDA),
    ],
)
def test_method_where_there_is_a_gpu(n_rows, device, method, monkeypatch, tmp_path):
    monkeypatch.setattr(find, "GPU_FILES", (str(tmp_path),))
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert choose_method(n_rows, device) == method


def test_driver_of_which_torch_knows_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(find, "GPU_FILES", (str(tmp_path),))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert choose_method(find.TORCH_FROM) == Method.INT8_PAIRS


def test_gpu_is_asked_for_and_there_is_none(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(
        InputError, match="device: expected a GPU that torch can use, found none; choose auto or cpu"
    ):
        choose_method(100, "cuda")


def test_neighbors_on_a_gpu(vectors):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("torch finds no GPU")
    found = find_neighbors(vectors, 20, method=Method.CUDA)
    assert_sound(found, vectors, 20)
    assert measure_recall(vectors, found) > 0.999


@pytest.mark.parametrize(("tolerated_recall", "n_warnings"), [(0.9, 0), (1.1, 1)])
def test_asset_tells_how_it_searched_and_warns_of_low_recall(
    vectors, tolerated_recall, n_warnings, monkeypatch, capfd
):
    monkeypatch.setattr(asset, "LOW_RECALL", tolerated_recall)
    monkeypatch.setattr(find, "ALL_PAIRS_FROM", 500)
    with dg.build_asset_context() as context:
        result = asset.nearest_neighbors(context, asset.NeighborsConfig(n_neighbors=10, device="cpu"), vectors)
    assert result.metadata["method"] == "all pairs, float32"
    assert result.metadata["device"] == "cpu"
    assert result.metadata["recall"] == 1
    assert capfd.readouterr().err.count("of the true ones were found") == n_warnings
