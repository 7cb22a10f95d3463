"""What changed from one run to the next, row by row.

Scope: comparing two states of the training set, its map and its report. The pictures of what moved belong
to `change_plot`.
"""

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from text_classification_viz.core.maps.continuation import diameter
from text_classification_viz.core.tables import ROW_CHANGES, SUSPECTS

CHANGES = ("new", "gone", "relabelled", "moved", "newly suspected", "no longer suspected")
MOVED_FROM = 1.0  # percent of the map's diameter: less is not seen


def describe_rows(outlier_report: pa.Table, projection: pa.Table) -> pa.Table:
    """The state of each row of the report, without any change yet: schema `ROW_CHANGES`, by id.

    Parameters
    ----------
    outlier_report
        Schema `OUTLIER_REPORT`.
    projection
        A map of some or all of these rows, by id; of three axes the first two count.
    """
    report = outlier_report.sort_by("id")
    place = pc.index_in(report["id"], projection["id"]).combine_chunks()
    n_rows = report.num_rows
    columns = {
        **{name: report[name] for name in ("id", "class_label", "headline", "kind")},
        **{axis: projection[axis].take(place) for axis in "xy"},
        "changes": pa.array([[]] * n_rows, pa.list_(pa.string())),
        "moved_percent": pa.nulls(n_rows, pa.float32()),
    }
    return pa.table(columns, schema=ROW_CHANGES)


def compare_rows(before: pa.Table, after: pa.Table) -> pa.Table:
    """Say of each row how it changed.

    Parameters
    ----------
    before, after
        States, schema `ROW_CHANGES`. Rows that were gone before do not count.

    Returns
    -------
    pyarrow.Table
        Schema `ROW_CHANGES`: the rows of `after`, and behind them those that are gone, by id each. `changes` are
        any of new, gone, relabelled, moved, newly suspected, no longer suspected.
    """
    before = before.filter(pc.invert(pc.is_in(before["id"], ids_with(before, "gone"))))
    gone = before.filter(pc.invert(pc.is_in(before["id"], after["id"])))
    known = pc.index_in(after["id"], before["id"]).combine_chunks()
    is_new = known.is_null().to_numpy(zero_copy_only=False)
    last = before.take(known)

    relabeled = _different(last["class_label"], after["class_label"])
    was_suspect, is_suspect = (_in(table["kind"], SUSPECTS) for table in (last, after))
    moved = _moved_percent(before, last, after)
    holds = {
        "new": is_new,
        "relabelled": relabeled & ~is_new,
        "moved": np.nan_to_num(moved) >= MOVED_FROM,
        "newly suspected": is_suspect & ~was_suspect,
        "no longer suspected": was_suspect & ~is_suspect & ~is_new,
    }
    changes = [
        [change for change, is_so in zip(holds, of_row, strict=True) if is_so]
        for of_row in np.column_stack(list(holds.values())).tolist()
    ]
    after = _with(after, changes, pa.array(moved.astype(np.float32), mask=np.isnan(moved)))
    gone = _with(gone, [["gone"]] * gone.num_rows, pa.nulls(gone.num_rows, pa.float32()))
    return pa.concat_tables([after, gone])


def count_changes(rows: pa.Table) -> dict[str, int]:
    """Number of rows with each change."""
    counts = Counter(change for changes in rows["changes"].to_pylist() for change in changes)
    return {change: counts[change] for change in CHANGES}


def ids_with(rows: pa.Table, change: str) -> pa.ChunkedArray:
    """Ids of the rows that have a change."""
    return rows["id"].filter(pa.array([change in changes for changes in rows["changes"].to_pylist()], pa.bool_()))


def _moved_percent(before: pa.Table, last: pa.Table, after: pa.Table) -> np.ndarray:
    """By how much each row moved, in percent of the diameter of the map as it was, (n,).

    NaN for a row that one of the maps lacks, and for all where the map was a single point.

    Parameters
    ----------
    before
        All rows as they were.
    last, after
        The rows of now, as they were and as they are.
    """
    was, place, is_now = (
        np.column_stack([rows[axis].to_numpy().astype(float) for axis in "xy"]) for rows in (before, last, after)
    )
    on_map = was[np.isfinite(was).all(axis=1)]
    scale = diameter(on_map) if len(on_map) else 0.0
    return 100 * np.linalg.norm(is_now - place, axis=1) / (scale or np.nan)


def _different(first: pa.ChunkedArray, second: pa.ChunkedArray) -> np.ndarray:
    return pc.not_equal(first, second).fill_null(False).to_numpy()


def _in(values: pa.ChunkedArray, wanted: tuple[str, ...]) -> np.ndarray:
    return pc.is_in(values, pa.array(wanted)).to_numpy()


def _with(rows: pa.Table, changes: list[list[str]], moved_percent: pa.Array) -> pa.Table:
    columns = {name: rows[name] for name in ROW_CHANGES.names}
    columns |= {"changes": pa.array(changes, pa.list_(pa.string())), "moved_percent": moved_percent}
    return pa.table(columns, schema=ROW_CHANGES)
