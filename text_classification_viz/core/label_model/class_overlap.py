"""Which classes run into each other: pairs to merge, or to define more sharply.

Scope: the pairs of classes, measured by the neighbor graph and by the noise model. Their picture stands
in `class_overlap_plot`, single rows are the business of `outliers`.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from text_classification_viz.core.chunks import chunks
from text_classification_viz.core.tables import CLASS_OVERLAP

HARDLY_TOLD_APART = 0.5  # a row's neighbors carry the other class's label half as often as its own class's
OFTEN_MISTAKEN = 0.02  # share of the smaller class's rows that is expected under the wrong label of the two


@dataclass(frozen=True)
class ClassOverlap:
    """How K classes run into each other.

    Attributes
    ----------
    classes
        Names of the classes, (K,).
    neighbor_shares
        Share of the neighbors of each class's rows (row) that has each label (column), (K, K).
    transition
        Share of each true class (row) that is given each label (column), (K, K), by the noise model.
    pairs
        Schema `core.tables.CLASS_OVERLAP`, one row for each pair, those to look at first first.
    """

    classes: np.ndarray
    neighbor_shares: np.ndarray
    transition: np.ndarray
    pairs: pa.Table


def measure_class_overlap(
    classes: np.ndarray, labels: np.ndarray, neighbor_labels: np.ndarray, label_counts: np.ndarray
) -> ClassOverlap:
    """Measure how far each pair of classes runs into each other, by two measures that can disagree.

    The overlap of the classes a and b is e_ab / sqrt(e_aa e_bb), with e_ab the number of neighbors with label b
    of the rows with label a, in the mean of both directions. Where a and b are strewn over the same texts, each e
    is proportional to the product of the two classes' sizes and the overlap is 1, whatever these are; it is 0
    where no row of a is a neighbor of one of b. It says that the texts are alike.

    The noise model says instead how many labels were mistaken for each other, which may be few among alike texts
    and many among texts that the vectors tell apart. Pairs are ordered by the sum of their ranks in both.

    Parameters
    ----------
    classes
        Names of the K classes, (K,).
    labels
        Label of each row as a position in `classes`, (n,); each class has a row at least.
    neighbor_labels
        Labels of the neighbors of each row, (n, k); -1 for a neighbor that does not count.
    label_counts
        Rows to expect of each true class (row) with each label (column), (K, K), by the noise model.
    """
    n_classes = len(classes)
    counted = np.zeros(n_classes**2, np.int64)
    for rows in chunks(len(labels)):
        cells = (n_classes * labels[rows, None] + neighbor_labels[rows])[neighbor_labels[rows] >= 0]
        counted += np.bincount(cells, minlength=n_classes**2)
    counts = counted.reshape(n_classes, n_classes).astype(float)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    sizes = np.bincount(labels, minlength=n_classes)
    transition = label_counts / np.maximum(label_counts.sum(axis=1, keepdims=True), np.finfo(float).tiny)

    a, b = np.triu_indices(n_classes, k=1)
    between, within = (counts[a, b] + counts[b, a]) / 2, np.sqrt(counts[a, a] * counts[b, b])
    # Of a class whose rows have no neighbors among themselves, such as one of a single row, nothing can be said.
    overlap = np.minimum(1, np.divide(between, within, out=np.zeros(len(a)), where=within > 0))
    mistaken = label_counts[a, b] + label_counts[b, a]
    order = np.lexsort([-overlap, _rank(overlap) + _rank(mistaken)])
    a, b, overlap, mistaken = a[order], b[order], overlap[order], mistaken[order]

    often = mistaken >= OFTEN_MISTAKEN * np.minimum(sizes[a], sizes[b])
    advice = np.select([overlap >= HARDLY_TOLD_APART, often], ["merge", "define more sharply"], "")
    pairs = pa.table(
        {
            "class_a": classes[a],
            "class_b": classes[b],
            "overlap": overlap,
            "share_b_near_a": shares[a, b],
            "share_a_near_b": shares[b, a],
            "share_of_a_labelled_b": transition[a, b],
            "share_of_b_labelled_a": transition[b, a],
            "rows_mistaken": mistaken,
            "advice": pa.array(advice.astype(object), pa.string(), mask=advice == ""),
        },
        schema=CLASS_OVERLAP,
    )
    return ClassOverlap(classes, shares, transition, pairs)


def _rank(values: np.ndarray) -> np.ndarray:
    """0 for the largest; equal values share a rank."""
    return np.searchsorted(np.sort(-values), -values)
