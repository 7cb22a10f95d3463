"""The UMAP layout, from neighbors that are already there.

Scope: settings, where points start, and the choice of the optimizer: ours, or umap-learn as the reference.
"""

import logging
import warnings
from typing import Literal

import numpy as np

from text_classification_viz.core.chunks import chunks
from text_classification_viz.core.errors import InputError
from text_classification_viz.core.layouts.fuzzy_graph import TARGET_WEIGHT_LIMIT, build_fuzzy_graph
from text_classification_viz.core.layouts.layout import LogStream, check_layout_input
from text_classification_viz.core.layouts.umap_neighbors import choose_neighbors
from text_classification_viz.core.layouts.umap_optimizer import optimize
from text_classification_viz.core.neighbors import Neighbors
from text_classification_viz.core.threads import one_thread

Optimizer = Literal["sequential", "umap-learn"]
UMAP_LEARN_EPOCHS = 500  # the notebook's number
# 200 of the sequential optimizer's make a map as good. Of few rows it takes more, which cost next to nothing.
SEQUENTIAL_EPOCHS = (200, 1_000)
EPOCHS_TIMES_ROWS = 2_000_000
# Of 100 and 200 epochs at 0.03 to 0.1, the least movement that gives up no quality, with a tenth of the rows new.
REFINING_EPOCHS, REFINING_RATE = 100, 0.05
FEWEST_ROWS: dict[Optimizer, int] = {"sequential": 2, "umap-learn": 8}  # its start needs more than there are axes

MAP_WIDTH = 10.0  # of the start along each axis, as in umap-learn
START_NOISE = 1e-4  # tells copies apart
START_DECIMALS = 4  # what machines add up differently lies far below
PCA_ROWS = 10_000  # rows that the axes of the start are computed from, and that are projected at a time
SECONDS_BETWEEN_LINES = 5.0


def umap_layout(
    vectors: np.ndarray,
    neighbors: Neighbors,
    labels: np.ndarray,
    *,
    n_components: int = 2,
    n_neighbors: int = 10,
    min_dist: float = 0.1,
    n_epochs: int | None = None,
    target_weight: float = 0.0,
    optimizer: Optimizer = "sequential",
    seed: int = 0,
    log: logging.Logger = logging.getLogger(__name__),
) -> np.ndarray:
    """Lay out rows by UMAP (McInnes, Healy and Melville 2018), from a PCA start.

    Parameters
    ----------
    vectors
        float32 (n, d), unit length.
    neighbors
        Their nearest neighbors, the rows themselves excluded; at least `n_neighbors` - 1 of each, or all
        other rows. With 1.5 `n_neighbors` of each, `umap_neighbors` has the choice that it wants.
    labels
        (n,) labels; used only where `target_weight` is above 0.
    n_components
        2 or 3.
    n_neighbors
        As in umap-learn, the row itself counts as the first. umap-learn has the nearest others, the sequential
        optimizer those that `umap_neighbors` chooses.
    min_dist
        Least distance between points of the map, in [0, 1].
    n_epochs
        Rounds of the optimizer; None for `default_epochs`.
    target_weight
        0: the labels play no part. Up to 1: weight of the labels in the graph, as umap-learn's; all above
        `TARGET_WEIGHT_LIMIT` count as that.
    optimizer
        ``sequential``: `umap_optimizer`. ``umap-learn``: the reference, on one thread, which the seed needs.
    seed
        The same input and seed give the same layout.
    log
        Where progress goes.

    Returns
    -------
    numpy.ndarray
        float32 (n, n_components).

    Raises
    ------
    InputError
        A parameter out of its range, too few rows, or fewer neighbors than asked for.
    """
    n = len(vectors)
    n_neighbors = _checked(
        vectors, neighbors, n_components, n_neighbors, min_dist, target_weight, FEWEST_ROWS[optimizer]
    )
    if n_epochs is None:
        n_epochs = default_epochs(n, optimizer)
    if n_epochs < 1:
        raise InputError(f"umap_projection: n_epochs: expected at least 1, found {n_epochs}")
    if optimizer == "umap-learn":
        return _umap_learn(
            vectors, neighbors, labels, n_components, n_neighbors, min_dist, n_epochs, target_weight, seed, log
        )
    graph = build_fuzzy_graph(choose_neighbors(neighbors, n_neighbors), n_neighbors, labels, target_weight)
    log.info(f"UMAP: {n:,} rows, {len(graph.weights):,} edges")
    start = pca_start(vectors, n_components, seed)
    return optimize(graph, start, min_dist=min_dist, n_epochs=n_epochs, seed=seed, log=log)


def refine_umap(
    start: np.ndarray,
    vectors: np.ndarray,
    neighbors: Neighbors,
    labels: np.ndarray,
    *,
    n_neighbors: int = 10,
    min_dist: float = 0.1,
    target_weight: float = 0.0,
    seed: int = 0,
    log: logging.Logger = logging.getLogger(__name__),
) -> np.ndarray:
    """Refine an earlier UMAP layout with the sequential optimizer, in `REFINING_EPOCHS` at `REFINING_RATE`.

    Parameters
    ----------
    start
        float (n, 2 or 3): coordinates to start from.
    vectors, neighbors, labels, n_neighbors, min_dist, target_weight, seed, log
        As in `umap_layout`.

    Returns
    -------
    numpy.ndarray
        float32, the shape of `start`.

    Raises
    ------
    InputError
        A parameter out of its range, too few rows, or fewer neighbors than asked for.
    """
    fewest = FEWEST_ROWS["sequential"]
    n_neighbors = _checked(vectors, neighbors, start.shape[1], n_neighbors, min_dist, target_weight, fewest)
    graph = build_fuzzy_graph(choose_neighbors(neighbors, n_neighbors), n_neighbors, labels, target_weight)
    log.info(f"UMAP: refining the earlier map of {len(vectors):,} rows")
    return optimize(
        graph, start, min_dist=min_dist, n_epochs=REFINING_EPOCHS, rate=REFINING_RATE, seed=seed, log=log
    )


def _checked(
    vectors: np.ndarray,
    neighbors: Neighbors,
    n_components: int,
    n_neighbors: int,
    min_dist: float,
    target_weight: float,
    fewest_rows: int,
) -> int:
    """Check what all UMAP layouts take; return `n_neighbors`, or as many as so few rows can have."""
    n = len(vectors)
    check_layout_input("umap_projection", vectors, neighbors, n_components, fewest_rows)
    if n_neighbors < 2:
        raise InputError(f"umap_projection: n_neighbors: expected at least 2, found {n_neighbors}")
    if not 0 <= min_dist <= 1:
        raise InputError(f"umap_projection: min_dist: expected 0 to 1, found {min_dist}")
    if not 0 <= target_weight <= 1:
        raise InputError(f"umap_projection: target_weight: expected 0 to 1, found {target_weight}")
    n_neighbors = min(n_neighbors, max(n - 1, 2))  # n - 1 is umap-learn's own limit, and two rows have each other
    if neighbors.rows.shape[1] < n_neighbors - 1:
        raise InputError(
            f"umap_projection: n_neighbors: expected at most {neighbors.rows.shape[1] + 1}, the neighbors "
            f"that nearest_neighbors holds and the row itself, found {n_neighbors}; raise n_neighbors there"
        )
    return n_neighbors


def default_epochs(n_rows: int, optimizer: Optimizer) -> int:
    """Rounds after which a map of `n_rows` rows has settled."""
    if optimizer == "umap-learn":
        return UMAP_LEARN_EPOCHS
    fewest, most = SEQUENTIAL_EPOCHS
    return min(max(EPOCHS_TIMES_ROWS // n_rows, fewest), most)


def pca_start(vectors: np.ndarray, n_components: int, seed: int) -> np.ndarray:
    """First principal components of the rows, each axis `MAP_WIDTH` wide, float32 (n, n_components).

    As good a map comes of it as of umap-learn's spectral start, whose eigensolver is not repeatable where rows
    are exact copies (scipy 1.17 draws vectors without a seed there).
    """
    from scipy.linalg import eigh

    rng = np.random.default_rng(seed)
    n, d = vectors.shape
    with one_thread():  # others would gain nothing here
        some = vectors[np.sort(rng.permutation(n)[:PCA_ROWS])].astype(np.float64)
        some -= some.mean(axis=0)
        components = eigh(some.T @ some, subset_by_index=[d - n_components, d - 1])[1][:, ::-1]
        strongest = components[np.abs(components).argmax(axis=0), np.arange(n_components)]
        components *= np.sign(strongest)
        blocks = [vectors[rows].astype(np.float64) @ components for rows in chunks(n, PCA_ROWS)]
        projected = np.concatenate(blocks)
    projected -= projected.mean(axis=0)
    projected = (projected * (MAP_WIDTH / np.abs(projected).max())).round(START_DECIMALS)
    projected += rng.normal(scale=START_NOISE, size=projected.shape)
    low, high = projected.min(axis=0), projected.max(axis=0)
    return (MAP_WIDTH * (projected - low) / (high - low)).astype(np.float32)


def _umap_learn(
    vectors: np.ndarray,
    neighbors: Neighbors,
    labels: np.ndarray,
    n_components: int,
    n_neighbors: int,
    min_dist: float,
    n_epochs: int,
    target_weight: float,
    seed: int,
    log: logging.Logger,
) -> np.ndarray:
    """Lay out rows with umap-learn; the parameters are those of `umap_layout`, checked."""
    log.info(f"UMAP: {len(vectors):,} rows, loading umap-learn and compiling (some 10 seconds)")
    from umap import UMAP

    itself = np.arange(len(vectors), dtype=np.int32)[:, None]
    nearest = np.hstack([itself, neighbors.rows[:, : n_neighbors - 1]])
    distances = np.pad(neighbors.cosine_distances[:, : n_neighbors - 1], ((0, 0), (1, 0)))
    model = UMAP(
        n_components=n_components,
        n_neighbors=n_neighbors,
        min_dist=min_dist,
        n_epochs=n_epochs,
        metric="cosine",
        precomputed_knn=(nearest, distances),
        init="pca",  # see pca_start
        disconnection_distance=np.inf,  # else rows whose neighbors are all their opposites get no place
        target_weight=min(target_weight, TARGET_WEIGHT_LIMIT),
        random_state=seed,
        n_jobs=1,
        tqdm_kwds={
            "disable": False,
            "file": LogStream(log),
            "mininterval": SECONDS_BETWEEN_LINES,
            "bar_format": "UMAP: epoch {n_fmt} of {total_fmt}, {remaining} left",
        },
    )
    target = np.unique(labels, return_inverse=True)[1] if target_weight > 0 else None
    with warnings.catch_warnings():
        # The index would serve to place new rows later; and that a seed means one thread is what we want.
        warnings.filterwarnings("ignore", message="precomputed_knn.*knn_search_index")
        layout = model.fit_transform(vectors, target)
    return np.ascontiguousarray(layout, dtype=np.float32)
