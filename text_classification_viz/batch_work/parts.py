"""A set of new rows in parts: each file is read, placed, judged and written by itself, wherever a worker runs.

Scope: the work on one part, and putting the parts together again. What is said of a row stands in
`core.new_rows`, and how parts are shared out in `core.workers`.

A part's result is one file, published whole under the part's number. Done twice, as after the death of a worker,
it is written twice with the same bytes; so there is one result for each row, whatever happened on the way.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from text_classification_viz.core import tables
from text_classification_viz.core.errors import InputError
from text_classification_viz.core.inputs import join_new_rows
from text_classification_viz.core.new_rows import LabelModel, describe_rows, place
from text_classification_viz.sources import read_part
from text_classification_viz.storage.publishing import AnyPath, open_published, published_file


@dataclass(frozen=True)
class Part:
    """A file of new rows, and where its result is to go."""

    source: AnyPath
    result: AnyPath


@dataclass(frozen=True)
class DonePart:
    """What is known of a part when its result is written, or why there is none.

    Attributes
    ----------
    n_rows, sha256
        Of the file that was read.
    warnings
        What is odd but usable, one sentence each.
    faults
        Lines of the error, if there was one; an exception would end the other parts' work as well.
    """

    n_rows: int = 0
    sha256: str = ""
    warnings: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class PartSettings:
    """What all parts share.

    Attributes
    ----------
    model
        Of labels, with the rows of the map.
    classes
        Table of `category` and `class_label`, one row for each class.
    duplicate_similarity, atypical_percentile
        As `describe_rows` takes them.
    seed
        As `place` takes it.
    """

    model: LabelModel
    classes: pa.Table
    duplicate_similarity: float
    atypical_percentile: float
    seed: int


class PartPlacer:
    """A worker that turns a file of new rows into a file of places and verdicts."""

    def __init__(self, settings: PartSettings) -> None:
        self._settings = settings

    def __call__(self, part: Part) -> DonePart:
        """Read, place, judge and write one part."""
        settings, landmarks = self._settings, self._settings.model.landmarks
        try:
            rows, embeddings = read_part(part.source)
            joined = join_new_rows(rows, embeddings, settings.classes, landmarks.vectors.shape[1])
            placement = place(joined.table["id"].to_numpy(), joined.vectors, landmarks, seed=settings.seed)
            described = describe_rows(
                joined.table,
                joined.vectors,
                placement,
                settings.model,
                duplicate_similarity=settings.duplicate_similarity,
                atypical_percentile=settings.atypical_percentile,
            )
            with published_file(part.result) as file:
                pq.write_table(described, file)
        except InputError as error:
            return DonePart(faults=error.args)
        return DonePart(described.num_rows, rows.source.sha256, joined.warnings)


def check_parts(parts: Sequence[Part], done: Sequence[DonePart]) -> None:
    """Raise InputError unless every part has its result, with as many rows as were read, and no id twice."""
    faults = [fault for part in done for fault in part.faults]
    if faults:
        raise InputError(*faults)
    ids = []
    for part, result in zip(parts, done, strict=True):
        of_part = _read(part, ["id"])["id"].to_numpy()
        if len(of_part) != result.n_rows:
            raise InputError(
                f"{part.result}: expected {result.n_rows:,} rows, as {part.source} has, found {len(of_part):,}; "
                "see to what else writes there, then run this again"
            )
        ids.append(of_part)
    every_id, counts = np.unique(np.concatenate(ids), return_counts=True)
    if (counts > 1).any():
        repeated = every_id[counts > 1]
        number = next(number for number, of_part in enumerate(ids) if repeated[0] in of_part)
        raise InputError(
            f"{parts[number].source}: expected ids that no other part of the batch has, found {len(repeated):,} "
            f"that one has, first id {repeated[0]}; remove the duplicates, then write the batch again"
        )


def placed_rows(parts: Sequence[Part], n_components: int) -> pa.RecordBatchReader:
    """The placed rows of all parts in their order, schema `tables.placed_schema`, a part at a time in memory."""
    schema = tables.placed_schema(n_components)

    def batches() -> Iterator[pa.RecordBatch]:
        for part in parts:
            yield from _read(part, schema.names).cast(schema).to_batches()

    return pa.RecordBatchReader.from_batches(schema, batches())


def described_rows(parts: Sequence[Part]) -> pa.Table:
    """What `rank_rows` needs of all parts, in their order."""
    evidence = {"tally_labels", "tally_counts", "neighbor_ids", "neighbor_labels", "neighbor_similarities"}
    return pa.concat_tables([_read(part, leave_out=evidence) for part in parts])


def sha256_of(done: Sequence[DonePart]) -> str:
    """SHA-256 of a batch: that of its file, or that of its parts' in their order."""
    if len(done) == 1:
        return done[0].sha256
    return hashlib.sha256("".join(part.sha256 for part in done).encode()).hexdigest()


def classes_of(train_df: pa.Table) -> pa.Table:
    """What each class is called, for `PartSettings`."""
    return train_df.group_by(["category", "class_label"]).aggregate([])


def _read(part: Part, names: Sequence[str] | None = None, leave_out: Collection[str] = ()) -> pa.Table:
    with open_published(part.result) as file:
        parquet = pq.ParquetFile(file)
        return parquet.read(names or [name for name in parquet.schema_arrow.names if name not in leave_out])
