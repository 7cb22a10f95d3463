"""How well maps show their vectors: ours against umap-learn's and openTSNE's, on several data sets and seeds.

    python -m benchmarks.quality [--seeds 5] [--data digits newsgroups reuters news]

Both run as in the recipe, with their own neighbors and start. All figures are over all points.
"""

import argparse
import statistics
from collections.abc import Callable
from dataclasses import astuple

import numpy as np

from benchmarks.data import DATA_SETS, DataSet, UnavailableError, load
from benchmarks.map_quality import FIGURES, map_qualities
from benchmarks.recipe import tsne_map, umap_map
from benchmarks.report import print_environment, print_table
from text_classification_viz.core.layouts import tsne_layout, umap_layout
from text_classification_viz.core.neighbors import Neighbors, find_neighbors

METHODS: dict[str, Callable[[DataSet, Neighbors, int], np.ndarray]] = {
    "umap-learn, 500 epochs": lambda data, _, seed: umap_map(data.vectors, seed, n_epochs=500),
    "umap-learn, 200 epochs": lambda data, _, seed: umap_map(data.vectors, seed, n_epochs=200),
    "UMAP, ours": lambda data, neighbors, seed: umap_layout(data.vectors, neighbors, data.labels, seed=seed),
    "openTSNE, 300 iterations": lambda data, _, seed: tsne_map(data.vectors, seed),
    "t-SNE, ours": lambda data, neighbors, seed: tsne_layout(
        data.vectors, neighbors, data.labels, perplexity=30, supervision=0, seed=seed
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="maps of each method, 2 at least (%(default)s)")
    parser.add_argument("--data", nargs="+", choices=DATA_SETS, default=list(DATA_SETS), help="default: all")
    arguments = parser.parse_args()
    print_environment()
    for name in arguments.data:
        try:
            data = load(name)
        except UnavailableError as reason:
            print(f"{name} skipped: {reason}\n")
        else:
            compare(data, range(arguments.seeds))


def compare(data: DataSet, seeds: range) -> None:
    """Print a table of mean ± standard deviation over the seeds, a line for each method."""
    neighbors = find_neighbors(data.vectors)
    layouts = [method(data, neighbors, seed) for method in METHODS.values() for seed in seeds]
    qualities = [astuple(quality) for quality in map_qualities(data.vectors, layouts, data.labels)]
    n, d = data.vectors.shape
    print(f"{data.name}, {n:,} rows x {d}, {len(np.unique(data.labels))} classes, {len(seeds)} seeds\n")
    print_table(
        ["method", *FIGURES],
        [
            [method, *map(_mean_and_deviation, zip(*qualities[start : start + len(seeds)], strict=True))]
            for method, start in zip(METHODS, range(0, len(qualities), len(seeds)), strict=True)
        ],
    )


def _mean_and_deviation(values: tuple[float, ...]) -> str:
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"


if __name__ == "__main__":
    main()
