"""UMAP's optimizer: the compiled walk against the plain one, gradients against their formula, the same again."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.support.checkout import PROJECT
from tests.support.synthetic import make_training_set
from text_classification_viz.core.layouts import umap_optimizer
from text_classification_viz.core.layouts.fuzzy_graph import FuzzyGraph, build_fuzzy_graph
from text_classification_viz.core.layouts.umap_optimizer import (
    ATTRACTION,
    REPULSION_SOFTENING,
    curve_parameters,
    gradient_tables,
    optimize,
    walk_edges,
)
from text_classification_viz.core.neighbors import find_neighbors


def small_graph(n_rows=60):
    return build_fuzzy_graph(find_neighbors(make_training_set(n_rows=n_rows, spread=2.5).vectors), 8)


def start_of(graph, n_components=2):
    return np.random.default_rng(1).uniform(0, 10, (graph.n_rows, n_components)).astype(np.float32)


@pytest.mark.parametrize("n_components", [2, 3])
def test_compiled_walk_gives_the_bytes_of_the_plain_one(n_components, monkeypatch):
    graph = small_graph()
    start = start_of(graph, n_components)
    compiled = optimize(graph, start, min_dist=0.1, n_epochs=20)
    monkeypatch.setattr(umap_optimizer, "compiled_walk", lambda: walk_edges)
    plain = optimize(graph, start, min_dist=0.1, n_epochs=20)
    assert compiled.dtype == plain.dtype == np.float32
    assert compiled.tobytes() == plain.tobytes()
    assert np.abs(compiled - start).max() > 1


@pytest.mark.parametrize("min_dist", [0.0, 0.1, 0.5, 1.0])
def test_curve_parameters_are_those_of_umap_learn(min_dist):
    from umap.umap_ import find_ab_params

    assert curve_parameters(min_dist) == pytest.approx(find_ab_params(1.0, min_dist), abs=1e-6)


@pytest.mark.parametrize("min_dist", [0.0, 0.1, 1.0])
def test_tables_hold_the_gradients_of_umap(min_dist):
    """Of log(1 + a d^2b) and of -log(1 - 1 / (1 + a d^2b)), by the difference quotient in float64."""
    a, b = curve_parameters(min_dist)
    attraction, repulsion = gradient_tables(a, b)
    squared = np.geomspace(2.0**-9, 2.0**9, 1_000)
    cells = (squared.astype(np.float32).view(np.int32) >> 17) - umap_optimizer.FIRST_CELL
    distances = np.sqrt(squared)
    step = 1e-5 * distances

    def slope(potential):
        return (potential(distances + step) - potential(distances - step)) / (2 * step)

    pulling = slope(lambda d: np.log(1 + a * d ** (2 * b)))
    pushing = slope(lambda d: np.log(1 - 1 / (1 + a * d ** (2 * b))))
    softened = squared / (REPULSION_SOFTENING + squared)
    # a cell is 1/64 wide, so its middle is within 1/128 of the squared distance
    np.testing.assert_allclose(attraction[cells] * distances, -ATTRACTION * pulling, rtol=0.012)
    np.testing.assert_allclose(repulsion[cells] * distances, pushing * softened, rtol=0.025)


def test_ends_of_an_edge_move_together_and_rows_without_one_stay():
    graph = FuzzyGraph(4, *(np.array(ends, np.int32) for ends in ([0], [1])), np.ones(1, np.float32))
    start = np.array([[0, 0], [10, 0], [3, 40], [7, -40]], np.float32)
    moved = optimize(graph, start, min_dist=0.1, n_epochs=200)
    np.testing.assert_array_equal(moved[2:], start[2:])
    assert np.linalg.norm(moved[0] - moved[1]) < 2


def test_weaker_edges_are_visited_in_proportion():
    due = np.array([1, 2, 4], np.float32)  # weights 1, 1/2, 1/4
    visits = np.zeros(3)
    tables = np.zeros((2, umap_optimizer.N_CELLS), np.float32)
    axes = (np.arange(4, dtype=np.float32), np.zeros(4, np.float32))
    period = due.copy()
    for epoch in range(100):
        before = due.copy()
        edges_of, tails = np.array([0, 3, 3, 3, 3]), np.array([1, 2, 3])
        walk_edges(
            axes, edges_of, tails, period, due, *tables, np.zeros(100, np.float32), epoch, epoch + 1, np.uint32(1)
        )
        visits += due > before
    np.testing.assert_array_equal(visits, [99, 49, 24])


def test_lower_rate_moves_points_less():
    graph = small_graph(240)
    settled = optimize(graph, start_of(graph), min_dist=0.1, n_epochs=200)
    far, near = (
        np.median(
            np.linalg.norm(optimize(graph, settled, min_dist=0.1, n_epochs=100, rate=rate) - settled, axis=1)
        )
        for rate in (1.0, 0.05)
    )
    assert 0 < near < far / 3


def test_start_is_left_as_it_is():
    graph = small_graph()
    start = start_of(graph)
    before = start.copy()
    optimize(graph, start, min_dist=0.1, n_epochs=5)
    np.testing.assert_array_equal(start, before)


def test_other_processes_with_other_threads_give_the_same_bytes():
    program = (
        "import hashlib, sys; from tests.support.synthetic import make_training_set\n"
        "from text_classification_viz.core.neighbors import find_neighbors\n"
        "from text_classification_viz.core.layouts.umap import umap_layout\n"
        "data = make_training_set(n_rows=400, spread=2.5)\n"
        "layout = umap_layout(data.vectors, find_neighbors(data.vectors, 40), data.labels)\n"
        "assert not {'umap', 'pynndescent'} & set(sys.modules)\n"
        "print(hashlib.sha256(layout.tobytes()).hexdigest())"
    )

    def hash_with(threads):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
        run = subprocess.run(
            [sys.executable, "-c", program],
            cwd=PROJECT,
            env={**os.environ, **dict.fromkeys(names, threads)},
            capture_output=True,
            text=True,
            check=True,
        )
        return run.stdout.strip()

    first, second = hash_with("1"), hash_with("2")
    assert first == second
    assert len(first) == hashlib.sha256().digest_size * 2
