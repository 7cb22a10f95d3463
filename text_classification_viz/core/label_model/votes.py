"""What the nearest neighbors say about a row's class.

Scope: the neighbors' view, from the labels and similarities of an ordered neighbor list. The linear
view stands in `ridge`.
"""

import numpy as np

from text_classification_viz.core.chunks import chunks

# The reach of the two votes, the temperature and the offset were chosen once on two corpora (34k news rows and
# 20 Newsgroups) with fresh label noise; the results are flat around them.
NEAR = 50
FAR = 100
TEMPERATURE = 0.1  # of cosine: a neighbor this much less similar than the nearest weighs 1/e
LOG_OFFSET = 0.01  # keeps the logarithm of a class without votes finite
BEYOND = 0.02  # of cosine: a class absent from the list is taken to begin this far past its end
FEW = 3


def neighbor_votes(neighbor_labels: np.ndarray, similarities: np.ndarray, n_classes: int) -> np.ndarray:
    """Four views of the classes around each row, side by side.

    Parameters
    ----------
    neighbor_labels
        Classes of the neighbors, nearest first, without the row itself: (n, k), integers below `n_classes`.
    similarities
        Their cosine similarities, (n, k), descending.

    Returns
    -------
    numpy.ndarray
        (n, 4 K). The weighted share of each class among the `NEAR` nearest; the logarithm of that among the
        `FAR` nearest; how similar the nearest one and, in the mean, the nearest `FEW` of each class are, less
        the similarity of the nearest neighbor of all. A shorter list is used as far as it goes.
    """
    views = [_views(neighbor_labels[rows], similarities[rows], n_classes) for rows in chunks(len(similarities))]
    return np.vstack(views)


def tally_nearest(neighbors: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """How many of the nearest `NEAR` rows have each label.

    Parameters
    ----------
    neighbors
        Rows (n, k), nearest first. A list that ends with its last row repeated, as one of `keep_rows` may, is
        counted up to there.
    labels
        Class of each row that may be a neighbor, integers below `n_classes`.
    n_classes
        K.

    Returns
    -------
    numpy.ndarray
        int (n, K).
    """
    nearest = neighbors[:, :NEAR]
    n_rows = len(nearest)
    counted = np.ones(nearest.shape, dtype=bool)
    counted[:, 1:] = nearest[:, 1:] != nearest[:, :-1]
    cells = n_classes * np.arange(n_rows)[:, None] + labels[nearest]
    return np.bincount(cells[counted], minlength=n_rows * n_classes).reshape(n_rows, n_classes)


def _views(neighbor_labels: np.ndarray, similarities: np.ndarray, n_classes: int) -> np.ndarray:
    """The views of a chunk of rows."""
    n_rows, k = similarities.shape
    k = min(k, FAR)
    gaps = similarities[:, :k] - similarities[:, :1].astype(np.float64)
    weights = np.exp(gaps / TEMPERATURE)
    absent = gaps[:, -1] - BEYOND
    # Where each neighbor's class stands in a flat table of all rows' classes.
    cells = n_classes * np.arange(n_rows)[:, None] + neighbor_labels[:, :k]

    def votes(steps: slice) -> np.ndarray:
        counts = np.bincount(cells[:, steps].ravel(), weights[:, steps].ravel(), minlength=n_rows * n_classes)
        return counts.reshape(n_rows, n_classes)

    near = votes(slice(NEAR))
    far = near + votes(slice(NEAR, None))
    nearest = np.repeat(absent, n_classes)
    nearest_few = nearest.copy()
    seen = np.zeros(n_rows * n_classes, dtype=np.int32)
    # A walk outwards: at each step a row meets one neighbor, so that no cell is met twice within a step.
    for step in range(k):
        counted = np.flatnonzero(seen[cells[:, step]] < FEW)
        cell = cells[counted, step]
        gap = gaps[counted, step] - absent[counted]
        nearest[cell] += np.where(seen[cell] < 1, gap, 0)
        nearest_few[cell] += gap / FEW
        seen[cell] += 1
    near_share, far_share = (view / view.sum(axis=1, keepdims=True) for view in (near, far))
    by_row = (n_rows, n_classes)
    return np.hstack(
        [near_share, np.log(far_share + LOG_OFFSET), nearest.reshape(by_row), nearest_few.reshape(by_row)]
    )
