"""The gate: joins and checks what upstream made, so that every later stage works on one sound training table.

Scope: checks that need more than one upstream file, or the whole of one. What a single file may look
like is the business of the readers in `storage`.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from text_classification_viz.core import tables
from text_classification_viz.core.chunks import are_all_equal
from text_classification_viz.core.errors import InputError
from text_classification_viz.core.inputs.upstream import (
    MAX_LABEL,
    LabelTransform,
    Source,
    TrainEmbeddings,
    TrainSet,
)

CLASS_FIELD = "category"
UNIT_LENGTH_TOLERANCE = 1e-3
NAMED_AT_MOST = 5  # rows, ids or classes that a message names before it says "and N more"
# Memory goes with the first squared, and time with rows x the second squared.
MAX_DIMENSIONS, MAX_CLASSES = 8_192, 1_000


@dataclass(frozen=True)
class TrainingData:
    """The joined training set.

    Attributes
    ----------
    table
        Schema `tables.TRAIN`, in embedding row order.
    vectors
        float32 (n, d), unit length; a row that upstream left all zero stays all zero.
    warnings
        What is odd but usable, one sentence each.
    """

    table: pa.Table
    vectors: np.ndarray
    warnings: tuple[str, ...]


def join(
    train_set: TrainSet,
    embeddings: TrainEmbeddings,
    labels: LabelTransform,
    *,
    expected_dimensions: int = 384,
    log: logging.Logger = logging.getLogger(__name__),
) -> TrainingData:
    """Join rows, vectors and labels, or say what is wrong with them.

    Parameters
    ----------
    train_set, embeddings, labels
        The three upstream values. The array of `embeddings` is scaled to unit length in place.
    expected_dimensions
        Width that the embedding model is known to give; another width is worth a warning.
    log
        Where warnings go as they are found.

    Raises
    ------
    InputError
        Duplicate ids, no text in any row, NaN or infinite vectors, the same vector in all rows, rows and
        vectors that differ in number, over `MAX_DIMENSIONS` or `MAX_CLASSES`, a class without a label, duplicate
        classes, a category that is not among the classes.
    """
    table = train_set.table
    _check_lengths(train_set, embeddings)
    _check_width(embeddings)
    _check_ids(train_set)
    _check_texts(train_set)
    _check_finite(embeddings)
    _check_different(embeddings)
    label_of, label_warnings = _labels_by_class(labels)
    class_labels = _label_rows(train_set, labels, label_of)

    warnings = [*label_warnings, *_scale_to_unit_length(embeddings)]
    width = embeddings.array.shape[1]
    if width != expected_dimensions:
        warnings.append(
            f"{embeddings.source.path}: vectors have {width} dimensions where {expected_dimensions} were "
            "expected; if the embedding model has changed, set expected_dimensions to its width"
        )
    for warning in warnings:
        log.warning(warning)

    columns = {**{name: table[name] for name in table.column_names}, "class_label": class_labels}
    columns["embedding_row"] = pa.array(np.arange(table.num_rows, dtype=np.int64))
    joined = pa.table([columns[name] for name in tables.TRAIN.names], schema=tables.TRAIN)
    return TrainingData(joined, embeddings.array, tuple(warnings))


def join_new_rows(
    rows: TrainSet,
    embeddings: TrainEmbeddings,
    classes: pa.Table,
    n_dimensions: int,
    *,
    log: logging.Logger = logging.getLogger(__name__),
) -> TrainingData:
    """Join rows that are to be placed on the map of the training rows, or say what is wrong with them.

    Parameters
    ----------
    rows, embeddings
        New rows, of whose fields all but the id may be null, and their vectors, which are scaled in place.
    classes
        `category` and `class_label` of each class. A row of another class is labeled by its category.
    n_dimensions
        Width of the training rows' vectors.
    log
        Where warnings go as they are found.

    Returns
    -------
    TrainingData
        The table has the schema `tables.NEW_ROWS`.

    Raises
    ------
    InputError
        Duplicate ids, NaN or infinite vectors, vectors of another width than the training rows', over
        `MAX_CLASSES` classes, or one of over `MAX_LABEL` characters.
    """
    width = embeddings.array.shape[1]
    if width != n_dimensions:
        raise InputError(
            f"{embeddings.source.path}: expected vectors of {n_dimensions:,} dimensions, as the training rows', "
            f"found {width:,}; embed the new rows with the model of the training rows, or materialize those again"
        )
    _check_ids(rows)
    _check_finite(embeddings)
    warnings = _scale_to_unit_length(embeddings)
    categories = rows.table["category"]
    _check_categories(rows.source, categories)
    known = pc.index_in(categories, classes["category"])
    unknown = pc.unique(categories.filter(pc.and_(pc.is_null(known), pc.is_valid(categories)))).to_pylist()
    if unknown:
        warnings.append(
            f"{rows.source.path}: category: no training row has {_name_some(list(map(repr, unknown)))}; the rows "
            "are labeled so, and reported as of a new class"
        )
    for warning in warnings:
        log.warning(warning)
    columns = {name: rows.table[name] for name in rows.table.column_names}
    columns["class_label"] = pc.coalesce(classes["class_label"].combine_chunks().take(known), categories)
    table = pa.table([columns[name] for name in tables.NEW_ROWS.names], schema=tables.NEW_ROWS)
    return TrainingData(table, embeddings.array, tuple(warnings))


def _check_lengths(train_set: TrainSet, embeddings: TrainEmbeddings) -> None:
    rows, vectors = train_set.table.num_rows, len(embeddings.array)
    if rows != vectors:
        raise InputError(
            f"{embeddings.source.path}: expected one vector for each of the {rows:,} rows of "
            f"{train_set.source.path}, found {vectors:,}; materialize {embeddings.source.key} upstream again, "
            f"from this {train_set.source.key}"
        )


def _check_width(embeddings: TrainEmbeddings) -> None:
    width = embeddings.array.shape[1]
    if width > MAX_DIMENSIONS:
        raise InputError(
            f"{embeddings.source.path}: expected vectors of at most {MAX_DIMENSIONS:,} dimensions, found "
            f"{width:,}; reduce them upstream, as by their principal components"
        )


def _check_ids(train_set: TrainSet) -> None:
    ids = train_set.table["id"]
    if pc.count_distinct(ids).as_py() == len(ids):
        return
    rows_by_id: dict[int, list[int]] = {}
    for row, id_ in enumerate(ids.to_pylist()):
        rows_by_id.setdefault(id_, []).append(row)
    repeated = [f"id {id_} in rows {rows[:3]}" for id_, rows in rows_by_id.items() if len(rows) > 1]
    raise InputError(
        f"{train_set.source.path}: expected unique ids, found {_name_some(repeated)}; remove the duplicates, "
        f"then {train_set.source.remedy}"
    )


def _check_texts(train_set: TrainSet) -> None:
    texts = [train_set.table[field] for field in ("headline", "short_description")]
    if not any(map(_has_text, texts)):
        found = "None" if all(text.null_count == len(text) for text in texts) else "None or white space"
        raise InputError(
            f"{train_set.source.path}: expected text in headline or short_description, found {found} in both "
            f"for all {train_set.table.num_rows:,} rows; check the field names that upstream writes"
        )


def _has_text(column: pa.ChunkedArray) -> bool:
    """Whether any row has more than white space."""
    is_blank = pc.or_(pc.equal(column, ""), pc.utf8_is_space(column)).fill_null(True)
    return not pc.all(is_blank).as_py()


def _check_finite(embeddings: TrainEmbeddings) -> None:
    bad = np.flatnonzero(~np.isfinite(embeddings.array).all(axis=1))
    if len(bad):
        raise InputError(
            f"{embeddings.source.path}: expected finite numbers, found NaN or infinity in {len(bad):,} rows, "
            f"first {bad[:NAMED_AT_MOST].tolist()}; {embeddings.source.remedy}"
        )


def _check_different(embeddings: TrainEmbeddings) -> None:
    """An embedder that is broken gives one vector, often zero, for all texts, of which nothing can be made."""
    vectors = embeddings.array
    if len(vectors) > 1 and are_all_equal(vectors):
        found = f"all {len(vectors):,} the same" if vectors[0].any() else f"all {len(vectors):,} zero"
        raise InputError(
            f"{embeddings.source.path}: expected vectors that differ, found {found}; materialize "
            f"{embeddings.source.key} upstream again"
        )


def _scale_to_unit_length(embeddings: TrainEmbeddings) -> list[str]:
    """Scale every vector to length 1 in place and say which were not; zero vectors have no direction."""
    # In float64, whose range holds the square of any float32, and without a copy of the whole array.
    norms = np.sqrt(np.einsum("ij,ij->i", embeddings.array, embeddings.array, dtype=np.float64))[:, None]
    zero = np.flatnonzero(norms == 0)
    off = np.flatnonzero((np.abs(norms - 1) > UNIT_LENGTH_TOLERANCE) & (norms != 0))
    np.divide(embeddings.array, norms, out=embeddings.array, where=norms != 0)
    warnings = []
    if len(zero):
        warnings.append(
            f"{embeddings.source.path}: {len(zero):,} vectors are all zero, first rows "
            f"{zero[:NAMED_AT_MOST].tolist()}; they are like nothing else and land anywhere on the map"
        )
    if len(off):
        warnings.append(
            f"{embeddings.source.path}: {len(off):,} vectors are not of unit length, first rows "
            f"{off[:NAMED_AT_MOST].tolist()}; they were scaled to it"
        )
    return warnings


def _labels_by_class(labels: LabelTransform) -> tuple[dict[str, str], list[str]]:
    """Map each class of the encoder to its label; without any labels the classes name themselves."""
    path = labels.source.path
    if labels.class_field != CLASS_FIELD:
        raise InputError(
            f"{path}: class_field: expected {CLASS_FIELD!r}, the field of train_set that is read, found "
            f"{labels.class_field!r}; rename the field upstream"
        )
    if not labels.classes:
        raise InputError(
            f"{path}: label_encoder.classes_: expected at least one class, found none; fit the label encoder "
            "upstream and materialize label_transform again"
        )
    repeated = [repr(class_) for class_, count in Counter(labels.classes).items() if count > 1]
    if repeated:
        raise InputError(
            f"{path}: label_encoder.classes_: expected distinct classes, found {_name_some(repeated)} more "
            "than once; fit the label encoder upstream again"
        )
    if not labels.class_labels:
        warning = f"{path}: class_labels is empty, so the class ids are shown as labels"
        return {class_: class_ for class_ in labels.classes}, [warning]
    label_of = {class_: labels.class_labels.get(class_) for class_ in labels.classes}
    unnamed = [repr(class_) for class_, label in label_of.items() if not label]
    if unnamed:
        raise InputError(
            f"{path}: class_labels: expected a label for each class, found none for {_name_some(unnamed)}; "
            "add it upstream and materialize label_transform again"
        )
    shared = [repr(label) for label, count in Counter(label_of.values()).items() if count > 1]
    if shared:
        raise InputError(
            f"{path}: class_labels: expected a label of its own for each class, found {_name_some(shared)} "
            "for several; tell them apart upstream and materialize label_transform again"
        )
    return {class_: str(label) for class_, label in label_of.items()}, []


def _label_rows(train_set: TrainSet, labels: LabelTransform, label_of: dict[str, str]) -> pa.ChunkedArray:
    categories = train_set.table[CLASS_FIELD]
    positions = pc.index_in(categories, pa.array(list(label_of), pa.string()))
    if positions.null_count:
        rows = np.flatnonzero(pc.is_null(positions).to_numpy())
        unknown = sorted({repr(categories[int(row)].as_py()) for row in rows})
        raise InputError(
            f"{train_set.source.path}: {CLASS_FIELD}: expected one of the {len(label_of)} classes of "
            f"{labels.source.path}, found {_name_some(unknown)} in {len(rows):,} rows, first "
            f"{rows[:NAMED_AT_MOST].tolist()}; materialize label_transform upstream again, from this "
            f"{train_set.source.key}"
        )
    _check_categories(train_set.source, categories)
    return pa.chunked_array([pa.array(list(label_of.values()), pa.string()).take(positions.combine_chunks())])


def _check_categories(source: Source, categories: pa.ChunkedArray) -> None:
    n_classes = pc.count_distinct(categories).as_py()
    if n_classes > MAX_CLASSES:
        raise InputError(
            f"{source.path}: {CLASS_FIELD}: expected at most {MAX_CLASSES:,} classes, found {n_classes:,}; join "
            "classes, or leave out those of few rows"
        )
    longest = pc.max(pc.utf8_length(categories)).as_py() or 0
    if longest > MAX_LABEL:
        raise InputError(
            f"{source.path}: {CLASS_FIELD}: expected classes of at most {MAX_LABEL:,} characters, found one of "
            f"{longest:,}; shorten it, then {source.remedy}"
        )


def _name_some(items: Sequence[str]) -> str:
    named = ", ".join(items[:NAMED_AT_MOST])
    more = len(items) - NAMED_AT_MOST
    return f"{named} and {more:,} more" if more > 0 else named
