"""Samples with known answers that the tests of the outlier report share."""

import numpy as np
import pyarrow as pa

from text_classification_viz.core.neighbors import find_neighbors
from text_classification_viz.core.outliers import OutlierReport, outlier_report
from text_classification_viz.core.tables import TRAIN


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def gaussian_classes(n_rows, n_classes, *, noise=1.0, n_dims=32, seed=0):
    """Classes around random directions on the sphere; `noise` is the length of what is added to the direction."""
    rng = np.random.default_rng(seed)
    centers = unit(rng.normal(size=(n_classes, n_dims)))
    labels = np.arange(n_rows) % n_classes
    vectors = unit(centers[labels] + noise * rng.normal(size=(n_rows, n_dims)) / np.sqrt(n_dims))
    return vectors, labels.astype(np.int32)


def flip_uniform(labels, n_classes, rate, seed=0):
    """Give a share of the rows any other label; also returns which rows."""
    rng = np.random.default_rng(seed)
    flipped = rng.random(len(labels)) < rate
    steps = rng.integers(1, n_classes, len(labels))
    return np.where(flipped, (labels + steps) % n_classes, labels).astype(np.int32), flipped


def flip_confusable(labels, target_of, rate, seed=0):
    """Give a share of the rows the label that `target_of` (K,) names for their class."""
    flipped = np.random.default_rng(seed).random(len(labels)) < rate
    return np.where(flipped, np.asarray(target_of)[labels], labels).astype(np.int32), flipped


def average_precision(scores, positive):
    hits = positive[np.argsort(-scores, kind="stable")]
    return (np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean()


def auroc(scores, positive):
    ranks = np.argsort(np.argsort(scores, kind="stable"))
    n_positive, n_negative = positive.sum(), (~positive).sum()
    return (ranks[positive].sum() - n_positive * (n_positive - 1) / 2) / (n_positive * n_negative)


def train_table(labels, headlines=None, ids=None) -> pa.Table:
    """A training table; by default the texts differ in words, not in numbers."""
    n_rows = len(labels)
    headlines = [f"a plain headline {_spell(row)}" for row in range(n_rows)] if headlines is None else headlines
    names = [f"class {label}" for label in labels]
    return pa.table(
        {
            "id": np.arange(1000, 1000 + n_rows) if ids is None else ids,
            "category": names,
            "class_label": names,
            "headline": headlines,
            "short_description": [None] * n_rows,
            "embedding_row": np.arange(n_rows),
        },
        schema=TRAIN,
    )


def report_of(vectors, labels, *, headlines=None, ids=None, n_neighbors=100, **settings) -> OutlierReport:
    found = find_neighbors(vectors, n_neighbors)
    table = train_table(labels, headlines, ids)
    return outlier_report(table, vectors, found.rows, found.similarities, **settings)


def in_training_order(report: OutlierReport) -> list[dict]:
    """Rows of the report in the order of their ids, which `train_table` gives by row."""
    return report.table.sort_by("id").to_pylist()


def _spell(row):
    return "".join(chr(ord("a") + int(digit)) for digit in str(row))
