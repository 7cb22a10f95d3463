import logging
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from tests.support.outlier_samples import (
    flip_uniform,
    gaussian_classes,
    in_training_order,
    report_of,
    train_table,
    unit,
)
from text_classification_viz.core.errors import InputError
from text_classification_viz.core.neighbors import find_neighbors
from text_classification_viz.core.outliers import outlier_report
from text_classification_viz.core.tables import OUTLIER_KINDS, OUTLIER_REPORT

N_CLASSES = 4


@pytest.fixture(scope="module")
def noisy():
    """Vectors, true labels, given labels, and the report on them."""
    vectors, labels = gaussian_classes(800, N_CLASSES, noise=1.0)
    given, wrong = flip_uniform(labels, N_CLASSES, 0.1)
    return vectors, labels, given, wrong, report_of(vectors, given)


def test_the_table_keeps_the_contract(noisy):
    table = noisy[-1].table
    assert table.schema == OUTLIER_REPORT
    assert table["rank"].to_pylist() == list(range(1, 801))
    assert sorted(table["id"].to_pylist()) == list(range(1000, 1800))
    assert set(table["kind"].to_pylist()) <= set(OUTLIER_KINDS)
    scores = table["score"].to_numpy()
    assert scores.min() >= 0
    assert scores.max() <= 1
    assert (np.diff(scores) <= 0).all()
    assert not any(table["reviewed"].to_pylist())
    table.validate(full=True)


def test_wrong_labels_come_first_with_the_right_suggestion(noisy):
    _, labels, _, wrong, report = noisy
    first = report.table.slice(0, wrong.sum()).to_pylist()
    assert np.mean([wrong[row["id"] - 1000] for row in first]) > 0.95
    mislabelled = [row for row in first if row["kind"] == "mislabelled"]
    assert len(mislabelled) > 0.5 * wrong.sum()
    questioned = [row["suggested_label"] is not None for row in first if wrong[row["id"] - 1000]]
    assert np.mean(questioned) > 0.9
    assert np.mean([row["suggested_label"] == f"class {labels[row['id'] - 1000]}" for row in mislabelled]) > 0.97


def test_the_summary_agrees_with_the_table(noisy):
    report = noisy[-1]
    assert {kind: count for kind, count in report.kind_counts.items() if count} == dict(
        Counter(report.table["kind"].to_pylist())
    )
    assert report.classes == tuple(f"class {c}" for c in range(N_CLASSES))
    np.testing.assert_allclose(report.label_counts.sum(axis=0), np.bincount(noisy[2]))
    assert report.n_wrong_expected == pytest.approx(report.table["score"].to_numpy().sum(), rel=1e-4)


def test_a_suggestion_differs_from_the_label_and_stands_where_the_label_is_questioned(noisy):
    for row in noisy[-1].table.to_pylist():
        if row["kind"] in {"mislabelled", "contested", "ambiguous"}:
            assert row["suggested_label"] in row["candidate_labels"]
        assert row["suggested_label"] != row["class_label"]
        if row["kind"] == "contested":
            assert row["class_label"] not in row["candidate_labels"]
        if row["kind"] in {"ambiguous", "none"}:
            assert row["class_label"] in row["candidate_labels"]
        if row["kind"] == "ambiguous":
            assert len(row["candidate_labels"]) >= 2


def test_the_evidence_is_the_five_nearest_rows(noisy):
    vectors, _, given, _, report = noisy
    found = find_neighbors(vectors, 5)
    for row in report.table.to_pylist()[::50]:
        at = row["id"] - 1000
        assert row["neighbor_ids"] == (1000 + found.rows[at]).tolist()
        assert row["neighbor_labels"] == [f"class {given[neighbor]}" for neighbor in found.rows[at]]
        np.testing.assert_allclose(row["neighbor_similarities"], found.similarities[at], rtol=1e-6)
        assert row["class_label"] == f"class {given[at]}"


def test_the_same_input_gives_the_same_bytes(noisy):
    vectors, _, given, _, report = noisy
    again = report_of(vectors, given)
    assert again.table.equals(report.table)
    assert serialized(again.table) == serialized(report.table)
    assert again.label_counts.tobytes() == report.label_counts.tobytes()


def test_memory_mapped_vectors_give_the_same_report(noisy, tmp_path):
    vectors, _, given, _, report = noisy
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    assert report_of(mapped, given).table.equals(report.table)


def test_progress_is_logged(noisy, caplog):
    vectors, _, given, _, _ = noisy
    with caplog.at_level(logging.INFO):
        report_of(vectors, given)
    assert "noise model: round 5 of" in caplog.text
    assert "mislabelled" in caplog.text


def test_one_text_under_two_labels_is_shown_as_a_conflict():
    vectors, labels = gaussian_classes(200, N_CLASSES, noise=0.8)
    vectors[[3, 13]] = vectors[10]  # rows 10 and 3 have different labels, 10 and 13 too
    headlines = train_table(labels)["headline"].to_pylist()
    headlines[3] = headlines[13] = headlines[10]
    rows = in_training_order(report_of(vectors, labels, headlines=headlines))
    assert [rows[at]["duplicate_of"] for at in (3, 10, 13)] == [None, 1003, 1003]
    assert [row["id"] for row in rows if row["label_conflict"]] == [1003, 1010, 1013]
    assert all(rows[at]["kind"] in {"mislabelled", "contested", "near_duplicate"} for at in (3, 10, 13))


def test_a_row_has_the_first_kind_that_applies():
    vectors, labels = gaussian_classes(300, N_CLASSES, noise=0.8)
    vectors[8] = vectors[4]
    given = labels.copy()
    given[20] = (labels[20] + 1) % N_CLASSES
    headlines = train_table(labels)["headline"].to_pylist()
    headlines[8] = headlines[4]
    headlines[20] = headlines[30] = "❤️"
    rows = in_training_order(report_of(vectors, given, headlines=headlines, atypical_fraction=0))
    assert rows[8]["kind"] == "near_duplicate"
    assert rows[4]["kind"] == "none"  # the one that is copied stays
    assert rows[30]["kind"] == "uninformative"
    assert rows[20]["kind"] in {"mislabelled", "contested"}  # a wrong label goes before missing words


def test_the_atypical_fraction_is_what_is_asked_for():
    vectors, labels = gaussian_classes(500, N_CLASSES, noise=0.8)
    vectors[7] = unit(np.random.default_rng(5).normal(size=(1, vectors.shape[1])))[0]
    none = report_of(vectors, labels, atypical_fraction=0).kind_counts["atypical"]
    some = report_of(vectors, labels, atypical_fraction=0.1)
    assert none == 0
    assert 40 <= some.kind_counts["atypical"] <= 50
    assert in_training_order(some)[7]["kind"] in {"atypical", "mislabelled", "contested"}


def test_one_class_leaves_the_kinds_that_are_not_about_labels():
    vectors, _ = gaussian_classes(300, 3, noise=0.8)
    vectors[1] = vectors[0]
    headlines = train_table(np.zeros(300, dtype=int))["headline"].to_pylist()
    headlines[1], headlines[2] = headlines[0], ""
    report = report_of(vectors, np.zeros(300, dtype=int), headlines=headlines)
    rows = in_training_order(report)
    assert report.n_wrong_expected == 0
    assert report.label_counts.tolist() == [[300]]
    assert (
        report.kind_counts["mislabelled"] + report.kind_counts["contested"] + report.kind_counts["ambiguous"] == 0
    )
    assert report.kind_counts["atypical"] > 0
    assert rows[1]["duplicate_of"] == 1000
    assert rows[2]["kind"] == "uninformative"
    assert rows[5]["candidate_labels"] == ["class 0"]


@pytest.mark.parametrize("n_neighbors", [1, 4, 100])
def test_short_neighbor_lists_are_used_as_far_as_they_go(n_neighbors):
    vectors, labels = gaussian_classes(400, N_CLASSES, noise=0.8)
    given, wrong = flip_uniform(labels, N_CLASSES, 0.08)
    report = report_of(vectors, given, n_neighbors=n_neighbors)
    first = report.table["id"].to_numpy()[: wrong.sum()] - 1000
    assert wrong[first].mean() > 0.9
    assert len(report.table["neighbor_ids"][0]) == min(n_neighbors, 5)


def test_a_class_with_one_row_and_a_handful_of_rows_are_reported():
    vectors, labels = gaussian_classes(60, 3, noise=0.8)
    labels[0] = 3
    assert report_of(vectors, labels).label_counts.shape == (4, 4)
    three = report_of(vectors[:3], np.array([0, 1, 0]))
    assert three.table.num_rows == 3
    assert three.table.schema == OUTLIER_REPORT


def test_rows_that_are_all_the_same_are_one_group():
    vectors = unit(np.ones((50, 6)))
    report = report_of(vectors, np.arange(50) % 2, headlines=["the same few words"] * 50)
    assert report.kind_counts["atypical"] == 0
    assert all(report.table["label_conflict"].to_pylist())
    assert set(report.table["duplicate_of"].to_pylist()) == {None, 1000}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"table": lambda table: table.slice(0, 2), "rows": 2}, "train_df: expected at least 3 rows"),
        ({"table": lambda table: table.take(list(range(29, -1, -1)))}, "embedding_row: expected 0 to 29"),
        ({"table": lambda table: table.slice(0, 29)}, "found 29 rows"),
        ({"neighbors": lambda rows: rows[:, :3]}, "nearest_neighbors: expected neighbors and similarities"),
        ({"neighbors": lambda rows: rows + 30}, "column neighbors: expected rows from 0 to 29"),
        ({"settings": {"coverage": 1.5}}, "coverage: expected a number from 0 to 1, found 1.5"),
        ({"settings": {"atypical_fraction": float("nan")}}, "atypical_fraction: expected"),
    ],
)
def test_inputs_that_do_not_fit_are_named(change, message):
    vectors, labels = gaussian_classes(30, 3)
    found = find_neighbors(vectors, 5)
    same = lambda value: value  # noqa: E731
    n_rows = change.get("rows", 30)
    with pytest.raises(InputError, match=message):
        outlier_report(
            change.get("table", same)(train_table(labels)),
            vectors[:n_rows],
            change.get("neighbors", same)(found.rows),
            found.similarities,
            **change.get("settings", {}),
        )


def serialized(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()
