"""What changed between two runs: each change on rows made for it."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.graph import make_graph, metadata_of
from tests.support.synthetic import make_training_set, write_upstream
from text_classification_viz.core.maps.row_changes import compare_rows, count_changes, ids_with
from text_classification_viz.core.tables import ROW_CHANGES


def state(**rows):
    """Rows by id: (label, kind, x, y)."""
    return pa.Table.from_pylist(
        [
            {
                "id": int(id_[1:]),
                "class_label": label,
                "headline": None,
                "kind": kind,
                "x": x,
                "y": y,
                "changes": [],
            }
            for id_, (label, kind, x, y) in rows.items()
        ],
        schema=ROW_CHANGES,
    )


def changes_of(table):
    return {row["id"]: row["changes"] for row in table.to_pylist()}


BEFORE = state(
    r1=("A", "none", 0.0, 0.0),
    r2=("A", "mislabelled", 100.0, 0.0),
    r3=("B", "none", 0.0, 0.0),
    r4=("B", "none", 0.0, 0.0),
    r5=("B", "contested", None, None),
)


def test_every_change_is_told_of_the_rows_that_have_it():
    after = state(
        r1=("A", "contested", 0.0, 0.0),
        r2=("A", "none", 100.0, 0.0),
        r3=("C", "atypical", 3.0, 4.0),
        r5=("B", "mislabelled", 1.0, 1.0),
        r6=("A", "mislabelled", 1.0, 1.0),
        r7=("A", "none", 1.0, 1.0),
    )
    changed = compare_rows(BEFORE, after)
    assert changes_of(changed) == {
        1: ["newly suspected"],
        2: ["no longer suspected"],
        3: ["relabelled", "moved"],
        5: [],  # suspected before, and on no map that it could have moved on
        6: ["new", "newly suspected"],
        7: ["new"],
        4: ["gone"],
    }
    assert changed.schema == ROW_CHANGES
    moved = dict(zip(changed["id"].to_pylist(), changed["moved_percent"].to_pylist(), strict=True))
    assert moved[3] > 1
    assert moved[1] == 0
    assert [moved[id_] for id_ in (4, 5, 6)] == [None, None, None]
    assert count_changes(changed) == {
        "new": 2,
        "gone": 1,
        "relabelled": 1,
        "moved": 1,
        "newly suspected": 2,
        "no longer suspected": 1,
    }


def test_what_was_gone_is_forgotten_and_what_returns_is_new():
    without = compare_rows(BEFORE, BEFORE.slice(0, 4))
    assert ids_with(without, "gone").to_pylist() == [5]
    assert changes_of(compare_rows(without, BEFORE.slice(0, 4))) == {1: [], 2: [], 3: [], 4: []}
    assert changes_of(compare_rows(without, BEFORE))[5] == ["new", "newly suspected"]


def test_the_diameter_is_of_all_rows_that_were_on_the_map():
    after = state(r2=("A", "none", 100.0, 10.0))  # the one that is left
    (row,) = compare_rows(BEFORE, after).slice(0, 1).to_pylist()
    assert row["moved_percent"] == pytest.approx(100 * 10 / 97, rel=0.01)  # all but stray rows
    assert row["changes"] == ["no longer suspected", "moved"] or row["changes"] == ["moved", "no longer suspected"]


def test_from_a_map_of_a_single_point_nothing_has_moved():
    changed = compare_rows(state(r1=("A", "none", 2.0, 2.0)), state(r1=("A", "none", 3.0, 3.0)))
    assert changed.to_pylist()[0]["moved_percent"] is None
    assert changes_of(changed) == {1: []}


@pytest.mark.parametrize("empty", [0, 1])
def test_an_empty_side_makes_everything_new_or_gone(empty):
    sides = [BEFORE, BEFORE]
    sides[empty] = BEFORE.slice(0, 0)
    changed = compare_rows(*sides)
    expected = ["gone"] if empty else ["new"]
    assert all(changes[:1] == expected for changes in changes_of(changed).values())
    assert changed.num_rows == 5


@pytest.mark.slow
def test_a_refreshed_graph_tells_what_is_new_and_newly_suspected(tmp_path):
    everything = make_training_set(n_rows=1000)
    graph = make_graph(tmp_path, take(everything, slice(0, 990)))
    first = graph.run()
    assert metadata_of(first, "row_changes")["compared_with"].value == "nothing: there is no last run"

    labels = np.array(everything.table["category"].to_pylist(), dtype=object)
    labels[20] = str((int(labels[20]) + 1) % 4)
    at = everything.table.column_names.index("category")
    table = everything.table.set_column(at, "category", pa.array(labels.tolist()))
    write_upstream(
        graph.storage, take(type(everything)(table, everything.vectors, everything.class_labels), slice(10, 1000))
    )
    metadata = metadata_of(graph.run(), "row_changes")
    rows = graph.defs.load_asset_value("row_changes").set_index("id")["changes"]
    assert metadata["compared_with"].value == "the last run"
    assert [metadata[f"rows_{change}"].value for change in ("new", "gone", "relabelled")] == [10, 10, 1]
    relabeled = everything.table["id"][20].as_py()
    assert {"relabelled", "newly suspected"} <= set(rows[relabeled])
    assert str(relabeled) in metadata["newly_suspected"].value


@pytest.mark.slow
def test_a_last_table_that_cannot_be_read_is_replaced(tmp_path):
    graph = make_graph(tmp_path)
    graph.run()
    path = graph.data_root / "visualization" / "row_changes.parquet"
    sound = pq.read_table(path)
    for table in (None, pa.table({"id": [1]}), sound.drop(["kind"]), sound.replace_schema_metadata(None)):
        path.write_bytes(b"PAR1") if table is None else pq.write_table(table, path)
        told = metadata_of(graph.run(["row_changes"]), "row_changes")["compared_with"].value
        assert told.startswith("nothing: the last table cannot be read")
    assert metadata_of(graph.run(["row_changes"]), "row_changes")["compared_with"].value == "the last run"


def take(training_set, rows):
    table = training_set.table.take(np.arange(training_set.table.num_rows)[rows])
    return type(training_set)(table, training_set.vectors[rows], training_set.class_labels)
