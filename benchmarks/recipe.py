"""The recipe to beat: what an engineer runs today on the same three files, as one plain script.

    python -m benchmarks.recipe STORAGE OUT [--without-tsne] [--seed 0]

Vectors of 1,000 rows for TensorBoard's projector, umap-learn and openTSNE on all rows, cleanlab on the
cross-validated probabilities of a logistic regression, and two scatter plots. Nothing of this project is
imported. Settings that are not named are the libraries' own, each library searches its own neighbors, and
where a choice was open the faster one for the recipe was taken.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

PROJECTOR_ROWS = 1_000
# The 300 iterations of the notebook, early exaggeration included. openTSNE's own default is 250 + 500.
EXAGGERATED_ITERATIONS, ITERATIONS = 100, 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("storage", type=Path, help="train_set.parquet, train_embeddings.npy, label_transform.json")
    parser.add_argument("out", type=Path, help="folder of the results; made if it is missing")
    parser.add_argument("--without-tsne", action="store_true", help="leave t-SNE out")
    parser.add_argument("--seed", type=int, help="random_state of umap-learn, which then runs on one thread")
    arguments = parser.parse_args()

    import pandas as pd

    rows = pd.read_parquet(arguments.storage / "train_set.parquet")
    vectors = np.load(arguments.storage / "train_embeddings.npy")
    names = json.loads((arguments.storage / "label_transform.json").read_text())["class_labels"]
    labels = rows["category"].map(names).to_numpy(dtype=str)
    arguments.out.mkdir(parents=True, exist_ok=True)

    write_projector_run(arguments.out / "run", vectors, labels, rows["headline"].fillna("").tolist())
    save_map(arguments.out / "umap", umap_map(vectors, arguments.seed), labels)
    if not arguments.without_tsne:
        save_map(arguments.out / "tsne", tsne_map(vectors), labels)
    issues = find_label_issues(vectors, labels)
    rows.iloc[issues].to_csv(arguments.out / "label_issues.csv", index=False)


def write_projector_run(folder: Path, vectors: np.ndarray, labels: np.ndarray, headlines: list[str]) -> None:
    from torch.utils.tensorboard import SummaryWriter

    sample = np.random.default_rng(0).permutation(len(vectors))[:PROJECTOR_ROWS]
    with SummaryWriter(str(folder)) as writer:
        metadata = [[labels[row], headlines[row]] for row in sample]
        writer.add_embedding(vectors[sample], metadata=metadata, metadata_header=["label", "headline"])


def umap_map(vectors: np.ndarray, seed: int | None = None, n_epochs: int = 500) -> np.ndarray:
    from umap import UMAP

    n_jobs = -1 if seed is None else 1  # a seed allows one thread only
    umap = UMAP(n_neighbors=10, n_epochs=n_epochs, metric="cosine", random_state=seed, n_jobs=n_jobs)
    return umap.fit_transform(vectors)


def tsne_map(vectors: np.ndarray, seed: int | None = None) -> np.ndarray:
    from openTSNE import TSNE

    tsne = TSNE(
        perplexity=30,
        early_exaggeration_iter=EXAGGERATED_ITERATIONS,
        n_iter=ITERATIONS,
        metric="cosine",
        n_jobs=-1,
        random_state=seed,
    )
    return np.asarray(tsne.fit(vectors))


def find_label_issues(vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Rows that cleanlab finds mislabelled, worst first."""
    from cleanlab.filter import find_label_issues as find

    codes = np.unique(labels, return_inverse=True)[1]
    return find(codes, out_of_sample_probabilities(vectors, codes), return_indices_ranked_by="self_confidence")


def out_of_sample_probabilities(features: Any, labels: np.ndarray, *, inverse_penalty: float = 1.0) -> np.ndarray:
    """Class probabilities (n, K) of each row by a logistic regression fitted to the other folds."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from threadpoolctl import threadpool_limits

    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    model = LogisticRegression(C=inverse_penalty, max_iter=1_000)
    # Two threads of BLAS get in each other's way here: fourteen times the CPU seconds on two cores.
    with threadpool_limits(limits=1):
        return cross_val_predict(model, features, labels, cv=folds, method="predict_proba")


def save_map(path: Path, layout: np.ndarray, labels: np.ndarray) -> None:
    import matplotlib.pyplot as plt

    np.save(path.with_suffix(".npy"), layout)
    figure, axes = plt.subplots(figsize=(10, 10))
    for label in np.unique(labels):
        x, y = layout[labels == label].T
        axes.scatter(x, y, s=2, label=label)
    axes.legend(markerscale=5, fontsize="small")
    figure.savefig(path.with_suffix(".png"), dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main()
