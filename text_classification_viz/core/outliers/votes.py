"""What the nearest neighbours say about a row's class.

Belongs here: the neighbours' view, from the labels and similarities of an ordered neighbour list. The linear
view stands in `ridge`.
"""

import numpy as np

# The reach of the two votes, the temperature and the offset were chosen once on two corpora (34k news rows and
# 20 Newsgroups) with fresh label noise; the results are flat around them.
NEAR = 50
FAR = 100
TEMPERATURE = 0.1  # of cosine: a neighbour this much less similar than the nearest weighs 1/e
LOG_OFFSET = 0.01  # keeps the logarithm of a class without votes finite
BEYOND = 0.02  # of cosine: a class absent from the list is taken to begin this far past its end
FEW = 3


def neighbor_votes(neighbor_labels: np.ndarray, similarities: np.ndarray, n_classes: int) -> np.ndarray:
    """Four views of the classes around each row, side by side.

    Parameters
    ----------
    neighbor_labels
        Classes of the neighbours, nearest first, without the row itself: (n, k), integers below `n_classes`.
    similarities
        Their cosine similarities, (n, k), descending.

    Returns
    -------
    numpy.ndarray
        (n, 4 K). The weighted share of each class among the `NEAR` nearest; the logarithm of that among the
        `FAR` nearest; how similar the nearest one and, in the mean, the nearest `FEW` of each class are, less
        the similarity of the nearest neighbour of all. A shorter list is used as far as it goes.
    """
    n_rows, k = similarities.shape
    k = min(k, FAR)
    rows = np.arange(n_rows)
    gaps = similarities[:, :k] - similarities[:, :1]
    absent = gaps[:, -1] - BEYOND

    votes = np.zeros((n_rows, n_classes))
    seen = np.zeros((n_rows, n_classes), dtype=np.int32)
    nearest = np.repeat(absent[:, None].astype(np.float64), n_classes, axis=1)
    nearest_few = nearest.copy()
    # A walk outwards: at each step a row meets one neighbour, so that no cell is met twice within a step.
    for step in range(k):
        cell = rows, neighbor_labels[:, step]
        gap = gaps[:, step]
        votes[cell] += np.exp(gap / TEMPERATURE)
        nearest[cell] += np.where(seen[cell] < 1, gap - absent, 0)
        nearest_few[cell] += np.where(seen[cell] < FEW, (gap - absent) / FEW, 0)
        seen[cell] += 1
        if step + 1 == min(NEAR, k):
            near_share = votes / votes.sum(axis=1, keepdims=True)
    far_share = votes / votes.sum(axis=1, keepdims=True)
    return np.hstack([near_share, np.log(far_share + LOG_OFFSET), nearest, nearest_few])
