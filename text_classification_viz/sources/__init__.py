"""Where rows, vectors, label names, new rows and decisions come from.

Scope: one module per file that somebody else writes: what it may hold, and a clear error for everything else.
"""

from text_classification_viz.sources.incoming_file import NAMES_IN_WORDS, batch_parts, list_batches, read_part
from text_classification_viz.sources.reviews import ignored_files, read_reviews, review_files
from text_classification_viz.sources.upstream_files import (
    UPSTREAM_CLASS,
    check_unchanged,
    find_upstream_file,
    has_upstream_file,
    hash_file,
    read_label_transform,
    read_train_embeddings,
    read_train_set,
    stamp_of_upstream_file,
)

__all__ = [
    "NAMES_IN_WORDS",
    "UPSTREAM_CLASS",
    "batch_parts",
    "check_unchanged",
    "find_upstream_file",
    "has_upstream_file",
    "hash_file",
    "ignored_files",
    "list_batches",
    "read_label_transform",
    "read_part",
    "read_reviews",
    "read_train_embeddings",
    "read_train_set",
    "review_files",
    "stamp_of_upstream_file",
]
