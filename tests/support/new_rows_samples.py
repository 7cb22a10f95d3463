"""A small training set on a map, and new rows for it whose place and label are known.

Scope: data for the tests of placing, of validation and of batches.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.synthetic import TrainingSet, make_training_set
from text_classification_viz.core.inputs.training_data import join
from text_classification_viz.core.inputs.upstream import TRAIN_SET
from text_classification_viz.core.layouts.umap import umap_layout
from text_classification_viz.core.neighbors import find_neighbors
from text_classification_viz.core.new_rows import Landmarks
from text_classification_viz.core.tables import TRAIN

N_HELD_OUT = 60


def split(training_set: TrainingSet, held_out: np.ndarray) -> tuple[TrainingSet, TrainingSet]:
    """The rows that are not held out, and those that are."""

    def part(rows: np.ndarray) -> TrainingSet:
        return TrainingSet(training_set.table.take(rows), training_set.vectors[rows], training_set.class_labels)

    return part(np.flatnonzero(~held_out)), part(np.flatnonzero(held_out))


def training_and_new(
    n_rows: int = 300, spread: float = 0.5, seed: int = 0, **shape: int
) -> tuple[TrainingSet, TrainingSet]:
    """Rows of the same clusters, `N_HELD_OUT` of them new. The pair of equal rows is in the training set."""
    whole = make_training_set(n_rows, spread=spread, seed=seed, **shape)
    twins = np.flatnonzero((whole.vectors == whole.vectors[0]).all(axis=1))
    others = np.setdiff1d(np.arange(n_rows), twins)
    held_out = np.zeros(n_rows, dtype=bool)
    held_out[np.random.default_rng(seed).choice(others, N_HELD_OUT, replace=False)] = True
    return split(whole, held_out)


def landmarks_of(training_set: TrainingSet, n_components: int = 2) -> Landmarks:
    """The training rows on a map of theirs."""
    data = join(*training_set.upstream(), expected_dimensions=training_set.vectors.shape[1])
    neighbors = find_neighbors(data.vectors, 100)
    layout = umap_layout(data.vectors, neighbors, training_set.labels, n_components=n_components)
    projection = pa.table(
        [data.table["id"], data.table["class_label"], *layout.T],
        names=["id", "class_label", *"xyz"[:n_components]],
    )
    return Landmarks.of(data.table, data.vectors, neighbors, projection)


def new_rows_table(new: TrainingSet) -> pa.Table:
    """Schema `tables.NEW_ROWS`."""
    return new.table.append_column("class_label", pa.array(new.labels)).select(
        [name for name in TRAIN.names if name != "embedding_row"]
    )


def write_batch(path: Path, new: TrainingSet, **columns: object) -> None:
    """Write new rows as a batch; `columns` replaces some of them, and leaves out those that are None."""
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(new.vectors.ravel()), new.vectors.shape[1])
    table = {name: new.table[name] for name in TRAIN_SET.names} | {"embedding": vectors} | columns
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({name: column for name, column in table.items() if column is not None}), path)
