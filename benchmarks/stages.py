"""What each stage costs on the training set that was published last: `make bench`, after `make demo`.

Every stage runs once for warmth, then in turn with the others; the table gives medians. Seconds of one machine
mean little by themselves: compare shares, or two versions in one run.
"""

import resource
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np

from text_classification_viz import defs
from text_classification_viz.core.alignment import check_alignment
from text_classification_viz.core.neighbors import Neighbors, find_neighbors
from text_classification_viz.core.outliers import outlier_report
from text_classification_viz.core.sampling import sample_per_class
from text_classification_viz.core.tsne import tsne_layout
from text_classification_viz.core.umap import umap_layout

RUNS = 3
PACKAGES = ("numpy", "faiss-cpu", "umap-learn", "opentsne", "numba", "scipy")


def main() -> None:
    import pyarrow as pa

    table = defs.load_asset_value("train_df", python_type=pa.Table)
    vectors = np.array(defs.load_asset_value("train_vectors"))
    neighbors = Neighbors.from_table(defs.load_asset_value("nearest_neighbors", python_type=pa.Table))
    labels = table["class_label"].to_numpy(zero_copy_only=False).astype(str)
    sample = sample_per_class(labels)
    sample_neighbors = find_neighbors(vectors[sample])

    stages: dict[str, Callable[[], object]] = {
        "alignment check": lambda: check_alignment(table, vectors),
        "nearest neighbours, k = 100": lambda: find_neighbors(vectors),
        "UMAP, all rows": lambda: umap_layout(vectors, neighbors, labels),
        "t-SNE, sample": lambda: tsne_layout(vectors[sample], sample_neighbors, labels[sample]),
        "t-SNE, all rows": lambda: tsne_layout(vectors, neighbors, labels),
        "outlier report": lambda: outlier_report(table, vectors, neighbors.rows, neighbors.similarities),
    }
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in stages}
    for run in range(RUNS + 1):
        for name, stage in stages.items():
            wall, cpu = time.perf_counter(), time.process_time()
            stage()
            if run > 0:
                seconds[name].append((time.perf_counter() - wall, time.process_time() - cpu))

    print(f"{table.num_rows:,} rows x {vectors.shape[1]}, {len(np.unique(labels))} classes, median of {RUNS} runs")
    print(", ".join(f"{package} {version(package)}" for package in PACKAGES))
    print("\n| stage | wall s | CPU s |\n|---|---|---|")
    for name, runs in seconds.items():
        wall, cpu = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"| {name} | {wall:.2f} | {cpu:.2f} |")
    print(
        f"\npeak memory of the whole process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB"
    )


if __name__ == "__main__":
    main()
