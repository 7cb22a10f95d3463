"""What the two layout methods share: the check of their input, and their progress in the log."""

import io
import logging

import numpy as np

from text_classification_viz.core.chunks import are_all_equal
from text_classification_viz.core.errors import InputError
from text_classification_viz.core.neighbors import Neighbors


def check_layout_input(
    asset: str, vectors: np.ndarray, neighbors: Neighbors, n_components: int, min_rows: int
) -> None:
    """Raise InputError unless a layout of `n_components` axes can be made of these rows, `min_rows` at least."""
    if n_components not in (2, 3):
        raise InputError(f"{asset}: n_components: expected 2 or 3, found {n_components}")
    if len(vectors) < min_rows:
        raise InputError(
            f"{asset}: expected at least {min_rows} rows to lay out, found {len(vectors)}; "
            "use a larger train_set or a larger sample"
        )
    if vectors.shape[1] < n_components:
        raise InputError(
            f"{asset}: n_components: expected at most {vectors.shape[1]}, the dimensions of the vectors, found "
            f"{n_components}; lower it, or give vectors of more dimensions"
        )
    if are_all_equal(vectors):
        raise InputError(
            f"{asset}: expected vectors that differ, found all {len(vectors):,} the same; materialize "
            "train_embeddings upstream again"
        )
    if len(neighbors.rows) != len(vectors):
        raise InputError(
            f"{asset}: expected neighbors for each of the {len(vectors):,} rows, found them for "
            f"{len(neighbors.rows):,}; materialize nearest_neighbors again"
        )


class LogStream(io.TextIOBase):
    """A text stream that passes each line on to a log, for libraries that print their progress."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log

    def write(self, text: str) -> int:
        """Log `text` unless it is only white space and carriage returns."""
        if line := text.strip():
            self._log.info(line)
        return len(text)
