"""UMAP's optimizer: stochastic gradient descent that walks a fuzzy graph edge by edge, the same way everywhere.

Scope: the walk and what it reads at each step. The graph stands in `fuzzy_graph`, where points start and
which settings people have in `umap`.

The gradients are umap-learn's. It differs in the order of the work and in four settings, which together make a map
of equal quality, from the same graph and start, in two fifths of the epochs and about a fourteenth of the time
(`benchmarks/README.md`):

- each edge is visited once, moves both ends, and draws negatives for both, so that a point is in the cache while
  its edges are walked; umap-learn visits it once from each end;
- the rate falls as half a cosine, which spends more of the epochs on the fine structure than a straight line;
- attraction is `ATTRACTION` times as strong, since it acts once where umap-learn's acts twice;
- gradients are read from a table over the squared distance, where umap-learn raises it to a power twice a step.

One thread, no fused operations and a generator of its own: the same graph, start and seed give the same bytes with
any setting of threads, and whatever the machine.
"""

import functools
import logging
from collections.abc import Callable

import numpy as np

from text_classification_viz.core.layouts.fuzzy_graph import FuzzyGraph

ATTRACTION = 1.7
NEGATIVES = 5  # drawn for each end of an edge, as umap-learn's negative_sample_rate
LARGEST_STEP = 4.0  # of a coordinate, before it is scaled by the rate; umap-learn's
REPULSION_SOFTENING = 1e-3  # keeps repulsion finite at distance 0; umap-learn's
LOG_BLOCKS = 4  # lines of progress

# The table has a cell for each exponent and the first bits of the mantissa of a float32 squared distance.
MANTISSA_BITS = 6
CELL_SHIFT = 23 - MANTISSA_BITS
EXPONENTS = (-20, 20)  # nearer and farther than these powers of two, the last cells serve
FLOAT32_BIAS = 127
FIRST_CELL = (EXPONENTS[0] + FLOAT32_BIAS) << MANTISSA_BITS
N_CELLS = (EXPONENTS[1] - EXPONENTS[0]) << MANTISSA_BITS


def optimize(
    graph: FuzzyGraph,
    start: np.ndarray,
    *,
    min_dist: float,
    n_epochs: int,
    rate: float = 1.0,
    seed: int = 0,
    log: logging.Logger = logging.getLogger(__name__),
) -> np.ndarray:
    """Lay out a fuzzy graph from a start.

    Parameters
    ----------
    graph
        Edges weaker than the strongest / `n_epochs`, which would never be visited, are left out.
    start
        float32 (n, 2 or 3), about 10 wide, no two points in one place.
    min_dist
        Least distance between points, in [0, 1].
    n_epochs
        Rounds; the strongest edge is visited in each, and a weaker one in proportion to its weight.
    rate
        How far points move at first; 1 to lay out, less to refine.
    seed
        Of the negatives that are drawn.
    log
        Where progress goes.

    Returns
    -------
    numpy.ndarray
        float32, the shape of `start`.
    """
    graph = graph.at_least(graph.weights.max() / n_epochs)
    edges_of = np.searchsorted(graph.heads, np.arange(graph.n_rows + 1))
    period = graph.weights.max() / graph.weights
    due = period.copy()
    attraction, repulsion = gradient_tables(*curve_parameters(min_dist))
    rates = (rate / 2 * (1 + np.cos(np.pi * np.arange(n_epochs) / n_epochs))).astype(np.float32)
    axes = tuple(np.ascontiguousarray(axis, dtype=np.float32).copy() for axis in start.T)
    walk = compiled_walk()
    state = np.random.default_rng(seed).integers(1, 2**32, dtype=np.uint32)  # xorshift never leaves 0
    for epochs in np.array_split(np.arange(n_epochs), min(LOG_BLOCKS, n_epochs)):
        next_state = walk(
            axes,
            edges_of,
            graph.tails,
            period,
            due,
            attraction,
            repulsion,
            rates,
            epochs[0],
            epochs[-1] + 1,
            state,
        )
        state = np.uint32(next_state)  # numba gives an int, for which it would compile a second time
        log.info(f"UMAP: epoch {epochs[-1] + 1} of {n_epochs}")
    return np.column_stack(axes)


def curve_parameters(min_dist: float) -> tuple[float, float]:
    """Fit a and b of 1 / (1 + a d^2b), how near two points of a map are, as umap-learn does with spread 1.

    The curve is to be 1 up to `min_dist` and exp(-(d - min_dist)) beyond it.
    """
    from scipy.optimize import curve_fit

    distances = np.linspace(0, 3, 300)
    nearness = np.where(distances < min_dist, 1, np.exp(-(distances - min_dist)))
    (a, b), _ = curve_fit(lambda d, a, b: 1 / (1 + a * d ** (2 * b)), distances, nearness)
    return a, b


def gradient_tables(a: float, b: float) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of attraction and repulsion, to be multiplied by the difference of two points' coordinates.

    float32 (`N_CELLS`,) each, at the middle of each cell of the squared distance. Source: umap-learn,
    `layouts.py`, `_optimize_layout_euclidean_single_epoch`.
    """
    middles = ((np.arange(N_CELLS) + FIRST_CELL) << CELL_SHIFT) + (1 << CELL_SHIFT - 1)
    squared = middles.astype(np.int32).view(np.float32).astype(np.float64)
    power = squared**b
    attraction = -2 * a * b * power / squared / (1 + a * power)
    repulsion = 2 * b / ((REPULSION_SOFTENING + squared) * (1 + a * power))
    return (ATTRACTION * attraction).astype(np.float32), repulsion.astype(np.float32)


def walk_edges(
    axes: tuple[np.ndarray, ...],
    edges_of: np.ndarray,
    tails: np.ndarray,
    period: np.ndarray,
    due: np.ndarray,
    attraction: np.ndarray,
    repulsion: np.ndarray,
    rates: np.ndarray,
    first_epoch: int,
    end_epoch: int,
    state: np.uint32,
) -> np.uint32:
    """Walk all edges in each epoch, those that are due move their ends; slow unless compiled by numba.

    Parameters
    ----------
    axes
        A float32 (n,) of coordinates for each axis; changed in place.
    edges_of
        (n + 1,): the edges of the head i are those from edges_of[i] to edges_of[i + 1].
    tails
        (m,) other end of each edge.
    period, due
        float32 (m,) epochs between two visits of an edge, and the epoch of its next one; `due` is changed.
    attraction, repulsion
        `gradient_tables`.
    rates
        float32, of each epoch.
    state
        Of the xorshift generator (Marsaglia 2003), not 0; the new one is returned.
    """
    n_rows, n_axes = len(axes[0]), len(axes)  # by number: numba unrolls that, and not a loop over the tuple
    high, low = np.float32(LARGEST_STEP), np.float32(-LARGEST_STEP)
    for epoch in range(first_epoch, end_epoch):
        rate = rates[epoch]
        for head in range(n_rows):
            for edge in range(edges_of[head], edges_of[head + 1]):
                if due[edge] > epoch:
                    continue
                due[edge] += period[edge]
                tail = tails[edge]
                squared = np.float32(0)
                for a in range(n_axes):
                    gap = axes[a][head] - axes[a][tail]
                    squared += gap * gap
                if squared > 0:
                    cell = int(np.float32(squared).view(np.int32) >> CELL_SHIFT) - FIRST_CELL
                    coefficient = attraction[min(max(cell, 0), N_CELLS - 1)]
                    for a in range(n_axes):
                        step = max(min(coefficient * (axes[a][head] - axes[a][tail]), high), low) * rate
                        axes[a][head] += step
                        axes[a][tail] -= step
                for draw in range(2 * NEGATIVES):
                    end = head if draw % 2 == 0 else tail
                    state = np.uint32(state ^ (state << 13))
                    state = np.uint32(state ^ (state >> 17))
                    state = np.uint32(state ^ (state << 5))
                    other = np.int64((np.uint64(state) * np.uint64(n_rows)) >> np.uint64(32))
                    if other == end:
                        continue
                    squared = np.float32(0)
                    for a in range(n_axes):
                        gap = axes[a][end] - axes[a][other]
                        squared += gap * gap
                    if squared > 0:
                        cell = int(np.float32(squared).view(np.int32) >> CELL_SHIFT) - FIRST_CELL
                        coefficient = repulsion[min(max(cell, 0), N_CELLS - 1)]
                        for a in range(n_axes):
                            axes[a][end] += (
                                max(min(coefficient * (axes[a][end] - axes[a][other]), high), low) * rate
                            )
    return state


@functools.cache
def compiled_walk() -> Callable[..., np.uint32]:
    """Give `walk_edges` as a function of numba's, which compiles it for this machine at the first call."""
    from numba import njit

    return njit(walk_edges)
