"""What each stage costs, ours beside the library that the recipe has for it.

    python -m benchmarks.stages [--runs 3] [--rows 34000 65536]

All stages run in one process, in turn, after a first time on few rows that compiles what is compiled; the tables
give medians. Seconds of one machine mean little by themselves: compare lines, or two versions in one run.
"""

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable

import numpy as np

from benchmarks.data import SIZES, WARM_UP_ROWS, labels_of, resized, training_data
from benchmarks.recipe import find_label_issues, tsne_map, umap_map
from benchmarks.report import print_environment, print_table
from text_classification_viz.core.inputs import TrainingData, check_alignment
from text_classification_viz.core.layouts import (
    build_fuzzy_graph,
    default_epochs,
    optimize,
    pca_start,
    tsne_layout,
    umap_layout,
)
from text_classification_viz.core.neighbors import Neighbors, find_neighbors
from text_classification_viz.core.outliers import outlier_report
from text_classification_viz.core.sampling import sample_per_class

UMAP_NEIGHBORS = 10
MIN_DIST = 0.1
UMAP_LEARN_EPOCHS = (500, 200)  # the notebook's, and umap-learn's own choice above 10,000 rows

Stages = dict[str, Callable[[], object]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="rounds (%(default)s)")
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES, help="default: as it is, 34,000 and 65,536")
    arguments = parser.parse_args()

    name, data = training_data()
    print_environment()
    time_stages(stages_of(resized(data, WARM_UP_ROWS)), 1)
    for n_rows in arguments.rows:
        rows = resized(data, n_rows)
        n, d = rows.vectors.shape
        seconds = time_stages(stages_of(rows), arguments.runs)
        print(f"{name}, {n:,} rows x {d}, {len(np.unique(labels_of(rows)))} classes, median of {arguments.runs}\n")
        print_table(
            ["stage", "wall s", "CPU s"],
            [
                [stage, *(f"{statistics.median(column):.2f}" for column in zip(*runs, strict=True))]
                for stage, runs in seconds.items()
            ],
        )


def stages_of(data: TrainingData) -> Stages:
    """The stages on these rows, each with what it is given already computed."""
    table, vectors, labels = data.table, data.vectors, labels_of(data)
    sample = sample_per_class(labels, table["id"].to_numpy())
    neighbors, sample_neighbors = find_neighbors(vectors), find_neighbors(vectors[sample])
    start = pca_start(vectors, n_components=2, seed=0)
    stages: Stages = {
        "alignment check": lambda: check_alignment(table, vectors),
        "nearest neighbors, k = 100": lambda: find_neighbors(vectors),
        "UMAP": lambda: umap_layout(vectors, neighbors, labels),
        "UMAP by umap-learn, our neighbors": lambda: umap_layout(
            vectors, neighbors, labels, optimizer="umap-learn"
        ),
        "UMAP by umap-learn, its own neighbors": lambda: umap_map(vectors),
        f"UMAP's graph, k = {UMAP_NEIGHBORS}": lambda: build_fuzzy_graph(neighbors, UMAP_NEIGHBORS),
        "UMAP's graph by umap-learn": lambda: umap_learn_graph(neighbors),
        "UMAP's optimizer alone": optimizer_alone(neighbors, start),
        **{
            f"umap-learn's optimizer alone, {epochs} epochs": umap_learn_optimizer_alone(
                vectors, neighbors, start, epochs
            )
            for epochs in UMAP_LEARN_EPOCHS
        },
        "t-SNE, sample, supervised": lambda: tsne_layout(vectors[sample], sample_neighbors, labels[sample]),
        "t-SNE, all rows, perplexity 30": lambda: tsne_layout(
            vectors, neighbors, labels, perplexity=30, supervision=0
        ),
        "t-SNE by openTSNE, its own neighbors": lambda: tsne_map(vectors),
        "outlier report": lambda: outlier_report(table, vectors, neighbors.rows, neighbors.similarities),
    }
    if importlib.util.find_spec("cleanlab"):
        stages["label issues by cleanlab, logistic regression"] = lambda: find_label_issues(vectors, labels)
    return stages


def optimizer_alone(neighbors: Neighbors, start: np.ndarray) -> Callable[[], object]:
    graph = build_fuzzy_graph(neighbors, UMAP_NEIGHBORS)
    n_epochs = default_epochs(graph.n_rows, "sequential")
    return lambda: optimize(graph, start, min_dist=MIN_DIST, n_epochs=n_epochs)


def umap_learn_optimizer_alone(
    vectors: np.ndarray, neighbors: Neighbors, start: np.ndarray, n_epochs: int
) -> Callable[[], object]:
    """On the same graph, which umap-learn makes to within rounding, and from the same start."""
    from umap.umap_ import find_ab_params, simplicial_set_embedding

    graph = umap_learn_graph(neighbors)
    a, b = find_ab_params(spread=1.0, min_dist=MIN_DIST)
    return lambda: simplicial_set_embedding(
        vectors,
        graph,
        n_components=2,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=5,
        n_epochs=n_epochs,
        init=start,
        random_state=np.random.RandomState(0),
        metric="cosine",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
        parallel=False,
    )


def umap_learn_graph(neighbors: Neighbors) -> object:
    from umap.umap_ import fuzzy_simplicial_set

    n, others = len(neighbors.rows), slice(0, UMAP_NEIGHBORS - 1)
    itself = np.arange(n, dtype=np.int32)[:, None]
    return fuzzy_simplicial_set(
        np.empty((n, 0)),  # only its length is asked for where the neighbors are given
        n_neighbors=UMAP_NEIGHBORS,
        random_state=None,
        metric="cosine",
        knn_indices=np.hstack([itself, neighbors.rows[:, others]]),
        knn_dists=np.pad(neighbors.cosine_distances[:, others], ((0, 0), (1, 0))),
    )[0]


def time_stages(stages: Stages, n_runs: int) -> dict[str, list[tuple[float, float]]]:
    """Wall and CPU seconds of each stage in each round."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in stages}
    for _ in range(n_runs):
        for name, stage in stages.items():
            wall, cpu = time.perf_counter(), time.process_time()
            stage()
            seconds[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return seconds


if __name__ == "__main__":
    main()
