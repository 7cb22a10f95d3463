"""Walking over many rows a few thousand at a time.

Scope: the cut, and the one question that needs nothing else. What is done with a chunk is its caller's
business.
"""

import numpy as np

# Memory-mapped vectors are never copied whole, and what is computed of a chunk stays in a processor's cache.
CHUNK_ROWS = 1024


def chunks(stop: int, size: int | None = None, *, start: int = 0) -> list[slice]:
    """Slices of at most `size` rows, or `CHUNK_ROWS`, that together cover those from `start` to `stop`."""
    size = size or CHUNK_ROWS
    return [slice(first, min(first + size, stop)) for first in range(start, stop, size)]


def are_all_equal(rows: np.ndarray) -> bool:
    """Whether all rows (n, d) are the same, told without an array of their size."""
    return all((rows[some] == rows[:1]).all() for some in chunks(len(rows)))
