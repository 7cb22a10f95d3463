"""Which rows a map ties together: a plain form of the rule, hubs, ties across, and lists that leave no choice."""

import math

import numpy as np
import pytest

from tests.support.synthetic import make_training_set
from text_classification_viz.core.layouts.umap_neighbors import choose_neighbors
from text_classification_viz.core.neighbors import Neighbors, find_neighbors


def plain_choice(neighbors, n_neighbors):
    """The rule as its docstring has it, a row and a set at a time."""
    held = neighbors.rows.shape[1]
    distance = 1 - neighbors.similarities.astype(float)
    radius = distance[:, min(n_neighbors, held) - 1]
    n_kept = math.ceil(1.2 * n_neighbors)
    near = [set(row[:n_kept].tolist()) for row in neighbors.rows]
    chosen = []
    for row, others in enumerate(neighbors.rows.tolist()):
        considered = range(min(math.ceil(1.5 * n_neighbors), held))
        scaled = {place: distance[row, place] ** 2 / (radius[row] * radius[others[place]]) for place in considered}
        kept = sorted(sorted(considered, key=scaled.get)[:n_kept])
        by_shared = sorted(kept, key=lambda place: -len(near[row] & near[others[place]]))
        chosen.append([others[place] for place in sorted(by_shared[: n_neighbors - 1])])
    return chosen


def lists_of(rows, similarities=None):
    rows = np.array(rows, np.int32)
    if similarities is None:
        similarities = np.tile(np.linspace(0.9, 0.8, rows.shape[1]), (len(rows), 1))
    return Neighbors(rows, np.array(similarities, np.float32))


@pytest.mark.parametrize("n_neighbors", [2, 3, 5, 10, 11, 26, 40, 41])
def test_the_choice_is_that_of_a_plain_form(n_neighbors):
    neighbors = find_neighbors(make_training_set(n_rows=150, spread=2.5).vectors, 40)
    chosen = choose_neighbors(neighbors, n_neighbors)
    assert chosen.rows.tolist() == plain_choice(neighbors, n_neighbors)
    for row, others in enumerate(chosen.rows):
        places = np.flatnonzero(np.isin(neighbors.rows[row], others))
        np.testing.assert_array_equal(chosen.similarities[row], neighbors.similarities[row, places])
    assert (np.diff(chosen.similarities, axis=1) <= 0).all()


def test_a_tie_across_gives_way_to_a_row_of_the_same_surroundings():
    """Two groups of six; the nearest of row 0 is row 6 of the other group, which shares no neighbor with it."""
    groups = [[other for other in range(6) if other != row] for row in range(6)]
    groups += [[other + 6 for other in group] for group in groups]
    lists = lists_of([[6, 1, 2, 3, 4], *groups[1:]])
    chosen = choose_neighbors(lists, 4)
    assert chosen.rows[0].tolist() == [1, 2, 3]
    assert lists.rows[0, :3].tolist() == [6, 1, 2]


def test_a_hub_counts_as_farther():
    """Row 1 is the nearest of row 0, but has others far nearer. No two lists share a row."""
    rows = np.arange(1, 31 * 5 + 1).reshape(31, 5) % 31
    similarities = np.tile([0.52, 0.5, 0.5, 0.5, 0.5], (31, 1))
    assert choose_neighbors(lists_of(rows, similarities), 3).rows[0].tolist() == [1, 2]
    similarities[1] = 0.95
    assert choose_neighbors(lists_of(rows, similarities), 3).rows[0].tolist() == [2, 3]


@pytest.mark.parametrize("n_neighbors", [2, 5, 13])
def test_lists_without_a_choice_stay_as_they_are(n_neighbors):
    neighbors = find_neighbors(make_training_set(n_rows=60).vectors, n_neighbors - 1)
    chosen = choose_neighbors(neighbors, n_neighbors)
    np.testing.assert_array_equal(chosen.rows, neighbors.rows)
    np.testing.assert_array_equal(chosen.similarities, neighbors.similarities)


def test_copies_keep_each_other():
    """More copies than a list holds, all at distance 0 of each other."""
    vectors = make_training_set(n_rows=90).vectors
    vectors = np.concatenate([vectors, np.repeat(vectors[:1], 30, axis=0)])
    copies = np.array([0, *range(89, 120)])  # the last row of a training set is a copy of its first
    chosen = choose_neighbors(find_neighbors(vectors, 20), 10)
    assert np.isin(chosen.rows[copies], copies).all()
    assert all(len(set(others) - {row}) == 9 for row, others in enumerate(chosen.rows.tolist()))


def test_rows_beyond_one_block_are_compared_with_the_right_lists():
    """The same rows in another order have the same ties."""
    vectors = make_training_set(n_rows=400, spread=2.5).vectors[1:]  # whose last is a copy of the first
    order = np.random.default_rng(0).permutation(399)
    plain, shuffled = (choose_neighbors(find_neighbors(v, 20), 10) for v in (vectors, vectors[order]))
    for new, old in enumerate(order):
        assert set(order[shuffled.rows[new]]) == set(plain.rows[old])
