"""What the triage page is told: tables as JSON, small enough for a file that opens at once.

Scope: which rows the page has, and how they are written down; `web/data.js` reads it. Text is written once
(a neighbor is a number of a row), numbers as base64 of little-endian arrays, ids as text: JavaScript's numbers
end at 2^53.
"""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.sampling import sample_per_class
from text_classification_viz.core.tables import KIND_MEANINGS, OUTLIER_KINDS, SUSPECTS
from text_classification_viz.views.plots import COLORS

MAX_ROWS = 65_536
# Of MAX_ROWS, each for findings of other kinds and for rows without any: suspects alone are no map.
LEAST_OTHERS = 1 / 4
NONE = -1  # no row, no class


@dataclass(frozen=True)
class PageMap:
    """A map to show.

    Attributes
    ----------
    name, parameters
        What it is called, and how it was made.
    table
        Schema `projection_schema`; of three axes the first two are shown.
    """

    name: str
    parameters: str
    table: pa.Table


def triage_data(report: pa.Table, maps: Sequence[PageMap], max_rows: int = MAX_ROWS) -> dict[str, Any]:
    """Put down everything that the page shows.

    Of more than `max_rows` rows, the page has all suspects, those with another finding (of each kind the first,
    where there is no room for all), and a sample of the others that leaves each class its share. Neighbors that
    are not among them are there by headline and label alone.

    Parameters
    ----------
    report
        Schema `OUTLIER_REPORT`.
    maps
        To switch between; the first is shown first.
    max_rows
        Rows that are shown without sampling.

    Raises
    ------
    InputError
        No map was given.
    """
    if not maps:
        raise InputError("maps: expected at least one, found none; give the UMAP or the t-SNE projection")
    shown = report.take(_rows_shown(report, max_rows))
    texts = pa.concat_tables([shown, report.take(_rows_mentioned(report, shown))])
    ids = texts["id"]
    classes = pa.array(sorted(report["class_label"].unique().to_pylist()))
    reasons = pc.unique(shown["reason"])
    kinds = pa.array(OUTLIER_KINDS)
    neighbors = _flat(shown["neighbor_ids"])
    candidates, tally = _flat(shown["candidate_labels"]), _flat(shown["tally_labels"])
    return {
        "total": report.num_rows,
        "count": shown.num_rows,
        "findings": pc.sum(pc.not_equal(report["kind"], "none")).as_py() or 0,
        "classes": classes.to_pylist(),
        "colors": COLORS,
        "kinds": OUTLIER_KINDS,
        "meanings": list(KIND_MEANINGS.values()),
        "ids": pc.cast(ids, pa.string()).to_pylist(),
        "headlines": texts["headline"].to_pylist(),
        "descriptions": shown["short_description"].to_pylist(),
        "reasons": reasons.to_pylist(),
        "label": _packed(_codes(texts["class_label"], classes)),
        "suggestion": _packed(_codes(shown["suggested_label"], classes)),
        "kind": _packed(_codes(shown["kind"], kinds)),
        "reason": _packed(_codes(shown["reason"], reasons)),
        "rank": _packed(shown["rank"].to_numpy()),
        "score": _packed(shown["score"].to_numpy()),
        "two_topics": _packed(shown["two_topics"].to_numpy()),
        "reviewed": _packed(shown["reviewed"].to_numpy().astype(np.uint8)),
        "conflict": _packed(shown["label_conflict"].to_numpy().astype(np.uint8)),
        "duplicate_of": _packed(_codes(shown["duplicate_of"], ids)),
        "neighbors": _lists(shown["neighbor_ids"], _codes(neighbors, ids), _flat(shown["neighbor_similarities"])),
        "neighbor_labels": _packed(_codes(_flat(shown["neighbor_labels"]), classes)),
        "candidates": _lists(
            shown["candidate_labels"], _codes(candidates, classes), _flat(shown["candidate_probabilities"])
        ),
        "tally": _lists(shown["tally_labels"], _codes(tally, classes), _flat(shown["tally_counts"])),
        "maps": [_map(a_map, shown["id"]) for a_map in maps],
    }


def _rows_shown(report: pa.Table, max_rows: int) -> np.ndarray:
    if report.num_rows <= max_rows:
        return np.arange(report.num_rows)
    kinds = report["kind"].combine_chunks().dictionary_encode()
    is_suspect = pc.is_in(kinds, pa.array(SUSPECTS)).to_numpy(zero_copy_only=False)
    has_finding = pc.not_equal(report["kind"], "none").to_numpy()
    least_others = int(LEAST_OTHERS * max_rows)
    n_findings = max(max_rows - least_others - int(is_suspect.sum()), least_others)
    found = is_suspect | _first_of_each(kinds.indices.to_numpy(), has_finding & ~is_suspect, n_findings)
    others = np.flatnonzero(~has_finding)
    n_others = max(max_rows - int(found.sum()), least_others)
    labels = report["class_label"].to_numpy(zero_copy_only=False)[others]
    ids = report["id"].to_numpy()[others]
    share = min(1, n_others / max(len(others), 1))
    chosen = []
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        n_chosen = math.ceil(share * len(of_class))
        chosen.append(of_class[sample_per_class(labels[of_class], ids[of_class], n_chosen)])
    return np.union1d(np.flatnonzero(found), others[np.concatenate(chosen)] if chosen else others)


def _first_of_each(kinds: np.ndarray, wanted: np.ndarray, n_rows: int) -> np.ndarray:
    """At most `n_rows` of the `wanted` rows, bool (n,): of each of their kinds as many, the first of them."""
    rows = np.flatnonzero(wanted)
    by_kind = np.argsort(kinds[rows], kind="stable")
    sizes = np.bincount(kinds[rows])
    place_in_kind = np.empty(len(rows), np.int64)
    place_in_kind[by_kind] = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    first = np.zeros(len(wanted), bool)
    first[rows[np.argsort(place_in_kind, kind="stable")[:n_rows]]] = True
    return first


def _rows_mentioned(report: pa.Table, shown: pa.Table) -> pa.Array:
    """Rows of the report that others name and the page does not show, ascending."""
    named = pa.chunked_array([_flat(shown["neighbor_ids"]), shown["duplicate_of"].combine_chunks()])
    elsewhere = named.filter(pc.invert(pc.is_in(named, shown["id"].combine_chunks()))).unique()
    return pc.index_in(elsewhere.sort(), report["id"]).drop_null()


def _flat(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks().flatten()


def _codes(values: pa.Array | pa.ChunkedArray, vocabulary: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """int32 place of each value in the vocabulary, `NONE` where it has none."""
    return pc.fill_null(pc.index_in(values, vocabulary), NONE).to_numpy()


def _lists(column: pa.ChunkedArray, codes: np.ndarray, values: pa.Array) -> dict[str, Any]:
    """Lists as one array of codes and one of values, and where each list ends."""
    ends = np.cumsum(pc.list_value_length(column).to_numpy())
    return {
        "ends": _packed(ends.astype(np.int32)),
        "codes": _packed(codes),
        "values": _packed(values.to_numpy()),
    }


def _map(a_map: PageMap, ids: pa.ChunkedArray) -> dict[str, Any]:
    """Coordinates of each row, NaN where the map lacks it."""
    row_of = pc.index_in(ids, a_map.table["id"])
    axes = {axis: pc.take(a_map.table[axis], row_of).to_numpy().astype(np.float32) for axis in "xy"}
    return {
        "name": a_map.name,
        "parameters": a_map.parameters,
        "total": a_map.table.num_rows,
        **{axis: _packed(values) for axis, values in axes.items()},
    }


def _packed(values: np.ndarray) -> dict[str, str]:
    """Float32, or whole numbers in the smallest type that holds them."""
    whole = (np.uint8, np.uint16, np.int32)
    dtype = (
        next(d for d in whole if (values == values.astype(d)).all()) if values.dtype.kind != "f" else np.float32
    )
    little_endian = values.astype(np.dtype(dtype).newbyteorder("<"))
    return {"dtype": np.dtype(dtype).name, "base64": base64.b64encode(little_endian.tobytes()).decode()}
