"""The t-SNE layout: openTSNE on neighbors that are already there, supervised as the Embedding Projector does.

Scope: affinities, their supervision, where points start and for how long openTSNE runs.
"""

import logging
from typing import TYPE_CHECKING

import numpy as np

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.layouts.layout import check_layout_input
from text_classification_viz.core.layouts.umap import umap_layout
from text_classification_viz.core.neighbors import Neighbors
from text_classification_viz.core.threads import one_thread

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

NEIGHBORS_PER_PERPLEXITY = 3  # van der Maaten (2014), Accelerating t-SNE using tree-based algorithms
MAX_EXAGGERATION_EPOCHS = 250  # openTSNE's default
# A UMAP layout already has what early exaggeration is for, so that a third of the iterations makes a better map
# (benchmarks/README.md). It does not weigh labels as t-SNE's supervision does, so supervised maps start from PCA.
SUPERVISED_ITERATIONS, UNSUPERVISED_ITERATIONS, REFINING_ITERATIONS = 300, 100, 30
START_SPREAD = 20.0  # standard deviation of a UMAP start; maps of 10,000 rows and more end at 20 to 30
UMAP_NEIGHBORS = 10
# Cells of the interpolation grid: openTSNE's own, 50 at least and of width 1, cost half as much again.
GRID = {"min_num_intervals": 20, "ints_in_interval": 1.5}
FEWEST_ROWS_FOR_FFT = 2_500  # fewer cost less by Barnes-Hut; openTSNE changes at 10,000, three times too late
FEWEST_ROWS_FOR_THREADS = 5_000  # fewer are done before threads have started
ITERATIONS_BETWEEN_LINES = 50
SMALLEST_FACTOR = 1e-7  # the projector's margin around 0 and 1, bh_tsne.ts


def tsne_layout(
    vectors: np.ndarray,
    neighbors: Neighbors,
    labels: np.ndarray,
    *,
    n_components: int = 2,
    perplexity: float = 5.0,
    supervision: float = 25.0,
    n_iter: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
    log: logging.Logger = logging.getLogger(__name__),
) -> np.ndarray:
    """Lay out rows by t-SNE (van der Maaten and Hinton 2008), from their UMAP layout, or from PCA if supervised.

    Parameters
    ----------
    vectors
        float32 (n, d), unit length.
    neighbors
        Their nearest neighbors, the rows themselves excluded; at least three per unit of perplexity, or all
        other rows.
    labels
        (n,) labels; used only where `supervision` is above 0.
    n_components
        2 or 3. Three axes need Barnes-Hut, which is slow on many rows.
    perplexity
        Effective number of neighbors, above 1.
    supervision
        In percent, 0 to 100: how much rows of one label attract each other, see `supervise`. Above 0, that
        labels lie apart on the map is no evidence that the vectors tell them apart.
    n_iter
        Iterations; None for `default_iterations`. Of a supervised map, the first third, at most 250, is run with
        early exaggeration.
    learning_rate
        Step size; None is openTSNE's automatic choice, n / exaggeration.
    seed
        The same input and seed give the same layout, with any number of threads.
    log
        Where progress goes.

    Returns
    -------
    numpy.ndarray
        float32 (n, n_components).

    Raises
    ------
    InputError
        A parameter out of its range, too few rows, or fewer neighbors than the perplexity needs.
    """
    if n_iter is not None and n_iter < 3:
        raise InputError(f"tsne_projection: n_iter: expected at least 3, found {n_iter}")
    affinities = _affinities(vectors, neighbors, labels, n_components, perplexity, supervision, learning_rate)
    if n_iter is None:
        n_iter = default_iterations(supervision)
    if supervision > 0:
        exaggerated = min(n_iter // 3, MAX_EXAGGERATION_EPOCHS)
        start = _pca_start(vectors, n_components, seed)
        return _fit(vectors, affinities, start, n_components, exaggerated, n_iter, learning_rate, seed, log)
    start = _umap_start(vectors, neighbors, labels, n_components, seed, log)
    return _fit(vectors, affinities, start, n_components, 0, n_iter, learning_rate, seed, log)


def refine_tsne(
    start: np.ndarray,
    vectors: np.ndarray,
    neighbors: Neighbors,
    labels: np.ndarray,
    *,
    perplexity: float = 5.0,
    supervision: float = 25.0,
    learning_rate: float | None = None,
    seed: int = 0,
    log: logging.Logger = logging.getLogger(__name__),
) -> np.ndarray:
    """Refine an earlier t-SNE layout, in `REFINING_ITERATIONS`.

    Parameters
    ----------
    start
        float (n, 2 or 3): coordinates to start from.
    vectors, neighbors, labels, perplexity, supervision, learning_rate, seed, log
        As in `tsne_layout`.

    Returns
    -------
    numpy.ndarray
        float32, the shape of `start`.

    Raises
    ------
    InputError
        A parameter out of its range, too few rows, or fewer neighbors than the perplexity needs.
    """
    n_components = start.shape[1]
    affinities = _affinities(vectors, neighbors, labels, n_components, perplexity, supervision, learning_rate)
    return _fit(vectors, affinities, start, n_components, 0, REFINING_ITERATIONS, learning_rate, seed, log)


def _affinities(
    vectors: np.ndarray,
    neighbors: Neighbors,
    labels: np.ndarray,
    n_components: int,
    perplexity: float,
    supervision: float,
    learning_rate: float | None,
) -> "csr_matrix":
    """Check what all t-SNE layouts take, and give the joint probabilities P, (n, n)."""
    n = len(vectors)
    check_layout_input("tsne_projection", vectors, neighbors, n_components, min_rows=n_components)  # as PCA needs
    if not perplexity > 1:
        raise InputError(f"tsne_projection: perplexity: expected above 1, found {perplexity}")
    if not 0 <= supervision <= 100:
        raise InputError(f"tsne_projection: supervision: expected 0 to 100 percent, found {supervision}")
    if learning_rate is not None and not learning_rate > 0:
        raise InputError(f"tsne_projection: learning_rate: expected above 0, found {learning_rate}")
    k = min(int(NEIGHBORS_PER_PERPLEXITY * perplexity), n - 1)
    if neighbors.rows.shape[1] < k:
        raise InputError(
            f"tsne_projection: perplexity: {perplexity} needs {k} neighbors a row, found "
            f"{neighbors.rows.shape[1]}; raise n_neighbors of nearest_neighbors or lower the perplexity"
        )
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    # Copied, for scipy sorts the rows of the matrix that is made of them in place. Cosine distances, squared by
    # the affinities, as in openTSNE and scikit-learn with metric="cosine".
    nearest = PrecomputedNeighbors(neighbors.rows[:, :k].copy(), neighbors.cosine_distances[:, :k])
    affinities = PerplexityBasedNN(knn_index=nearest, perplexity=perplexity, n_jobs=_n_jobs(n)).P
    return supervise(affinities, labels, supervision) if supervision > 0 else affinities


def _fit(
    vectors: np.ndarray,
    affinities: "csr_matrix",
    start: np.ndarray,
    n_components: int,
    exaggerated: int,
    n_iter: int,
    learning_rate: float | None,
    seed: int,
    log: logging.Logger,
) -> np.ndarray:
    """Run openTSNE for `n_iter` iterations, the first `exaggerated` of them with early exaggeration."""
    from openTSNE import TSNE
    from openTSNE.affinity import PrecomputedAffinities

    logging.getLogger("openTSNE.tsne").setLevel(logging.ERROR)  # it warns of every start that is a map

    def report(iteration: int, error: float, _: np.ndarray) -> None:
        log.info(f"t-SNE: iteration {iteration} of this phase, KL divergence {error:.3f}")

    n, n_jobs = len(vectors), _n_jobs(len(vectors))
    layout = TSNE(
        n_components=n_components,
        early_exaggeration_iter=exaggerated,
        n_iter=n_iter - exaggerated,
        learning_rate="auto" if learning_rate is None else learning_rate,
        initialization=start,
        negative_gradient_method="fft" if n_components == 2 and n >= FEWEST_ROWS_FOR_FFT else "bh",
        **GRID,
        n_jobs=n_jobs,
        random_state=seed,
        callbacks=report,
        callbacks_every_iters=ITERATIONS_BETWEEN_LINES,
    ).fit(vectors, affinities=PrecomputedAffinities(affinities))
    return np.ascontiguousarray(layout, dtype=np.float32)


def _n_jobs(n_rows: int) -> int:
    """Threads for openTSNE. A row of the gradient is one thread's, so the bytes do not depend on their number."""
    return -1 if n_rows >= FEWEST_ROWS_FOR_THREADS else 1


def default_iterations(supervision: float) -> int:
    """Iterations after which a map has settled."""
    return SUPERVISED_ITERATIONS if supervision > 0 else UNSUPERVISED_ITERATIONS


def _pca_start(vectors: np.ndarray, n_components: int, seed: int) -> np.ndarray:
    """The start that openTSNE makes for itself, which depends on the number of threads there."""
    from openTSNE.initialization import pca

    with one_thread():
        return pca(vectors, n_components, random_state=seed)


def _umap_start(
    vectors: np.ndarray,
    neighbors: Neighbors,
    labels: np.ndarray,
    n_components: int,
    seed: int,
    log: logging.Logger,
) -> np.ndarray:
    """The UMAP layout of the rows, around the origin and `START_SPREAD` wide."""
    n_neighbors = min(UMAP_NEIGHBORS, neighbors.rows.shape[1] + 1)
    layout = umap_layout(
        vectors, neighbors, labels, n_components=n_components, n_neighbors=n_neighbors, seed=seed, log=log
    )
    layout = (layout - layout.mean(axis=0)).astype(np.float64)
    return layout * (START_SPREAD / layout.std())


def supervise(affinities: "csr_matrix", labels: np.ndarray, supervision: float) -> "csr_matrix":
    """Weight t-SNE affinities by labels, with the Embedding Projector's formula.

    With f = supervision / 100, N rows, same_i rows of i's label and other_i = N - same_i, P_ij is multiplied
    by min(1/N + f / same_i, 1 - 1e-7) if the labels are equal and by max(1/N - f / other_i, 1e-7) if they
    differ, then made symmetric (the weights are not, for classes of unequal size) and normalized to sum 1.
    Source: tensorboard, `plugins/projector/vz_projector/bh_tsne.ts`.

    Parameters
    ----------
    affinities
        (n, n) sparse joint probabilities P.
    labels
        (n,) label of each row.
    supervision
        In percent, 0 to 100.

    Returns
    -------
    scipy.sparse.csr_matrix
        (n, n), symmetric, summing to 1.
    """
    from scipy.sparse import coo_matrix

    n = len(labels)
    f = supervision / 100
    _, classes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    same = sizes[classes]
    factor_same = np.minimum(1 / n + f / same, 1 - SMALLEST_FACTOR)
    factor_other = np.maximum(1 / n - f / np.maximum(n - same, 1), SMALLEST_FACTOR)
    entries = coo_matrix(affinities)
    i, j = entries.row, entries.col
    factors = np.where(classes[i] == classes[j], factor_same[i], factor_other[i])
    weighted = coo_matrix((entries.data * factors, (i, j)), shape=(n, n)).tocsr()
    symmetric = weighted + weighted.T
    return symmetric / symmetric.sum()
