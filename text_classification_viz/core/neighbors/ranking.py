"""What all searches share: scores that do not depend on who asks, the order of neighbors, leaving out oneself.

Neighbors stand nearest first, and equally near ones by row number.
"""

import numpy as np

LAST_KEY = np.iinfo(np.int64).max


def score_pairs(
    vectors: np.ndarray, first: np.ndarray, second: np.ndarray, others: np.ndarray | None = None
) -> np.ndarray:
    """float32 similarities of the rows `first` and `second` (int64, of one shape) of `vectors`.

    With `others`, `second` are rows of that. A matrix product rounds one and the same pair differently at
    different places of the matrix; this does not.
    """
    import faiss

    first, second = np.ascontiguousarray(first), np.ascontiguousarray(second)
    scores = np.empty(first.shape, np.float32)
    faiss.pairwise_indexed_inner_product(  # type: ignore[attr-defined]  # its stubs leave it out
        vectors.shape[1],
        first.size,
        faiss.swig_ptr(vectors),
        faiss.swig_ptr(first),
        faiss.swig_ptr(vectors if others is None else others),
        faiss.swig_ptr(second),
        faiss.swig_ptr(scores),
    )
    return np.clip(scores, -1, 1, out=scores)


def sort_keys(similarities: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """int64 keys whose ascending order is that of neighbors; NumPy sorts one key much faster than two.

    The bits of float32 read as an integer ascend with the value; of negative values, all but the sign is inverted.
    """
    bits = (similarities + np.float32(0)).view(np.int32)  # + 0 makes 0 of -0
    ascending = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    return (~ascending).astype(np.int64) << 32 | rows


def read_keys(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows (int32) and similarities (float32) that `sort_keys` was given."""
    ascending = ~(keys >> 32).astype(np.int32)
    bits = ascending ^ ((ascending >> 31) & 0x7FFFFFFF)
    return (keys & 0xFFFFFFFF).astype(np.int32), bits.view(np.float32)


def leave_out_self(found: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The lists (m, k + 1) that were found for m `rows` without the rows themselves, (m, k), in their order.

    Where duplicates crowded the row itself out, its list loses the last.
    """
    is_self = found == rows[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    return found[~is_self].reshape(len(found), -1)


def nearest_of(keys: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and similarities (n, k) of the k lowest of each row of `keys`, which has k columns or more."""
    if keys.shape[1] > k:
        keys = np.partition(keys, k - 1, axis=1)[:, :k]
    return read_keys(np.sort(keys, axis=1))


def nearest_candidates(
    row: np.ndarray, other: np.ndarray, score: np.ndarray, n_rows: int, k: int
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Which of `n_rows` rows have k candidates, bool (n_rows,), and the nearest k of each that has.

    Parameters
    ----------
    row
        Of each candidate, whose it is, below `n_rows` and below 2^16; in any order.
    other, score
        The candidate's row number and its float32 similarity.
    n_rows, k
        How many there are, and how many are wanted.
    """
    row = row.astype(np.uint16)  # NumPy sorts 16 bits by radix
    by_row = np.argsort(row, kind="stable")
    counts = np.bincount(row, minlength=n_rows)
    keys = np.full((len(counts), max(k, counts.max(initial=0))), LAST_KEY)
    keys[np.arange(keys.shape[1]) < counts[:, None]] = sort_keys(score, other)[by_row]
    enough = counts >= k
    return enough, nearest_of(keys[enough], k)
