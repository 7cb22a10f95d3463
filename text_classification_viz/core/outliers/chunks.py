"""Walking over many rows a few thousand at a time.

Belongs here: the cut. What is done with a chunk is its caller's business.
"""

from collections.abc import Iterator

# Memory-mapped vectors are never copied whole, and what is computed of a chunk stays in a processor's cache.
CHUNK_ROWS = 1024


def chunks(n_rows: int) -> Iterator[slice]:
    """Slices of at most `CHUNK_ROWS` rows that together cover `n_rows`."""
    return (slice(start, min(start + CHUNK_ROWS, n_rows)) for start in range(0, n_rows, CHUNK_ROWS))
