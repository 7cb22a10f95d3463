"""The outlier report with people's decisions: settled rows stay settled, and all others are judged with them."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from tests.support.outlier_samples import (
    average_precision,
    flip_uniform,
    gaussian_classes,
    in_training_order,
    report_of,
    train_table,
)
from text_classification_viz.core.errors import InputError
from text_classification_viz.core.tables import OUTLIER_REPORT, REVIEWED_LABELS

N_ROWS, N_CLASSES = 600, 4
FIRST_ID = 1000  # of `train_table`
WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
LISTS = [field.name for field in OUTLIER_REPORT if pa.types.is_list(field.type)]


def reviews(given, *, keep=(), relabel=(), drop=()):
    """Decisions of ann, by row; `relabel` are pairs of row and new class."""
    decisions = [
        *((row, "keep", None) for row in keep),
        *((row, "relabel", f"class {new}") for row, new in relabel),
        *((row, "drop", None) for row in drop),
    ]
    rows = [
        {
            "id": FIRST_ID + row,
            "class_label": f"class {given[row]}",
            "decision": decision,
            "new_label": new_label,
            "reviewer": "ann",
            "reviewed_at": WHEN,
            "note": "whatever",
        }
        for row, decision, new_label in sorted(decisions)
    ]
    return pa.Table.from_pylist(rows, schema=REVIEWED_LABELS)


def relabeled(given, changes):
    """Labels after `changes`, pairs of row and new class."""
    labels = given.copy()
    for row, new in changes:
        labels[row] = new
    return labels


@pytest.fixture(scope="module")
def noisy():
    """Vectors, true labels, given labels, which are wrong, and the report without reviews."""
    vectors, labels = gaussian_classes(N_ROWS, N_CLASSES, noise=1.5)
    given, wrong = flip_uniform(labels, N_CLASSES, 0.1)
    return vectors, labels, given, wrong, report_of(vectors, given)


@pytest.fixture(scope="module")
def decided(noisy):
    """Decisions of every sort on some of the first rows of the report and on some of the last, and the report."""
    vectors, labels, given, wrong, before = noisy
    by_rank = before.table["id"].to_numpy() - FIRST_ID
    suspects = by_rank[: wrong.sum()]
    found, innocent = suspects[wrong[suspects]], by_rank[-100:]
    some = {
        "keep": [*suspects[~wrong[suspects]][:2], *found[:2], *innocent[:5]],
        "relabel": [(row, labels[row]) for row in found[2:17]],
        "drop": [*found[17:25], *innocent[5:10]],
    }
    return some, report_of(vectors, given, reviewed=reviews(given, **some))


def rows_of(some):
    return [*some["keep"], *(row for row, _ in some["relabel"]), *some["drop"]]


def test_no_reviews_change_nothing(noisy):
    vectors, _, given, _, report = noisy
    again = report_of(vectors, given, reviewed=REVIEWED_LABELS.empty_table())
    assert again.table.equals(report.table)
    assert again.label_counts.tobytes() == report.label_counts.tobytes()
    assert (again.classes, again.n_wrong_expected, again.kind_counts) == (
        report.classes,
        report.n_wrong_expected,
        report.kind_counts,
    )


def test_the_table_keeps_the_contract(decided):
    table = decided[1].table
    assert table.schema == OUTLIER_REPORT
    table.validate(full=True)
    assert table["rank"].to_pylist() == list(range(1, N_ROWS + 1))
    assert sorted(table["id"].to_pylist()) == list(range(FIRST_ID, FIRST_ID + N_ROWS))
    for field in OUTLIER_REPORT:
        assert field.nullable or table[field.name].null_count == 0


def test_open_rows_come_first_then_those_decided_and_last_those_dropped(decided):
    some, report = decided
    order = (report.table["id"].to_numpy() - FIRST_ID).tolist()
    n_dropped, n_decided = len(some["drop"]), len(rows_of(some))
    assert set(order[N_ROWS - n_dropped :]) == set(some["drop"])
    assert set(order[N_ROWS - n_decided :]) == set(rows_of(some))
    assert (np.diff(report.table["score"].to_numpy()) <= 0).all()
    assert report.table["score"].to_numpy()[: N_ROWS - n_decided].min() > 0


def test_decided_rows_are_settled(noisy, decided):
    given = noisy[2]
    some, report = decided
    rows = in_training_order(report)
    assert [at for at, row in enumerate(rows) if row["reviewed"]] == sorted(rows_of(some))
    for at in rows_of(some):
        assert (rows[at]["kind"], rows[at]["score"], rows[at]["suggested_label"]) == ("none", 0, None)
        assert rows[at]["class_label"] == f"class {given[at]}"
    # Before, they were not: it is the decision that settles them.
    kinds_before = {row["kind"] for at, row in enumerate(in_training_order(noisy[-1])) if at in rows_of(some)}
    assert "mislabelled" in kinds_before


def test_the_reason_tells_who_decided_what_and_when(noisy, decided):
    given = noisy[2]
    some, report = decided
    rows = in_training_order(report)
    by = "by ann on 2026-03-01."
    for at in some["keep"]:
        assert rows[at]["reason"] == f"class {given[at]} was confirmed {by}"
    for at, new in some["relabel"]:
        assert rows[at]["reason"] == f"class {given[at]} was changed to class {new} {by}"
    for at in some["drop"]:
        assert rows[at]["reason"] == f"The row was dropped {by}"
    assert not any("ann" in row["reason"] for row in rows if not row["reviewed"])
    assert all(row["reason"] for row in rows)


def test_expected_mistakes_are_among_the_open_rows(noisy, decided):
    some, report = decided
    assert report.n_wrong_expected == pytest.approx(report.table["score"].to_numpy().sum(), rel=1e-4)
    n_settled = noisy[3][rows_of(some)].sum() - 2  # the two that are confirmed, though they are wrong
    assert report.n_wrong_expected < noisy[-1].n_wrong_expected - n_settled / 2
    open_kinds = [row["kind"] for row in report.table.to_pylist() if not row["reviewed"]]
    for kind, count in report.kind_counts.items():
        assert kind == "none" or open_kinds.count(kind) == count


def test_a_relabelled_row_counts_with_its_new_label(noisy):
    """As if upstream had given the new labels and people had confirmed them."""
    vectors, labels, given, wrong, _ = noisy
    changes = [(row, labels[row]) for row in np.flatnonzero(wrong)[:30]]
    by_upstream = relabeled(given, changes)
    rows = [row for row, _ in changes]
    ours = report_of(vectors, given, reviewed=reviews(given, relabel=changes))
    theirs = report_of(vectors, by_upstream, reviewed=reviews(by_upstream, keep=rows))
    told = ["class_label", "reason"]  # which both are upstream's, or say what was done
    assert ours.table.drop_columns(told).equals(theirs.table.drop_columns(told))
    assert ours.label_counts.tobytes() == theirs.label_counts.tobytes()
    for our, their in zip(in_training_order(ours), in_training_order(theirs), strict=True):
        at = our["id"] - FIRST_ID
        assert our["class_label"] == f"class {given[at]}"
        assert at in rows or our["reason"] == their["reason"]


def test_neighbor_labels_and_tallies_are_those_in_force(noisy):
    vectors, labels, given, wrong, before = noisy
    changes = [(row, labels[row]) for row in np.flatnonzero(wrong)]
    report = report_of(vectors, given, reviewed=reviews(given, relabel=changes))
    similarities = vectors @ vectors.T
    np.fill_diagonal(similarities, -2)
    nearest = np.argsort(-similarities, axis=1)[:, :50]
    for at, row in list(enumerate(in_training_order(report)))[::7]:
        assert row["neighbor_labels"] == [f"class {label}" for label in labels[nearest[at, :5]]]
        counts = np.bincount(labels[nearest[at]], minlength=N_CLASSES)
        tally = dict(zip(row["tally_labels"], row["tally_counts"], strict=True))
        assert tally == {f"class {label}": count for label, count in enumerate(counts) if count}
        assert row["tally_counts"] == sorted(row["tally_counts"], reverse=True)
    assert report.n_wrong_expected < 0.3 * before.n_wrong_expected


def test_confirming_changes_no_evidence(noisy):
    vectors, _, given, _, before = noisy
    report = report_of(vectors, given, reviewed=reviews(given, keep=range(0, N_ROWS, 3)))
    evidence = ["id", *(name for name in LISTS if not name.startswith("candidate")), "duplicate_of"]
    now, then = (table.sort_by("id").select(evidence) for table in (report.table, before.table))
    assert now.equals(then)


def test_confirmed_labels_are_taken_as_right(noisy):
    vectors, _, given, _, before = noisy
    beside = ~np.eye(N_CLASSES, dtype=bool)
    assert before.label_counts[beside].sum() > 0.02 * N_ROWS
    report = report_of(vectors, given, reviewed=reviews(given, keep=range(N_ROWS)))
    assert report.label_counts[beside].sum() == 0  # though a tenth of the labels is wrong


def test_dropped_rows_have_no_evidence_and_are_nobodys_neighbors(noisy, decided):
    some, report = decided
    rows = in_training_order(report)
    dropped = {FIRST_ID + row for row in some["drop"]}
    assert any(dropped & set(row["neighbor_ids"]) for row in in_training_order(noisy[-1]))
    for row in rows:
        if row["id"] in dropped:
            assert all(row[name] == [] for name in LISTS)
            assert row["duplicate_of"] is None
            assert not row["label_conflict"]
        else:
            assert not dropped & set(row["neighbor_ids"])
            assert len(row["neighbor_ids"]) == 5
            assert sum(row["tally_counts"]) == 50
    texts = [(row["headline"], row["short_description"]) for row in rows]
    assert texts == [(row["headline"], row["short_description"]) for row in in_training_order(noisy[-1])]


def test_a_drop_is_as_if_the_row_had_never_been(noisy):
    vectors, _, given, _, _ = noisy
    vectors, given = vectors[:200], given[:200]
    drop = np.random.default_rng(0).permutation(200)[:40]
    rest = np.setdiff1d(np.arange(200), drop)
    ours = report_of(vectors, given, n_neighbors=199, reviewed=reviews(given, drop=drop))
    headlines = train_table(given)["headline"].take(rest).to_pylist()
    without = report_of(vectors[rest], given[rest], headlines=headlines, ids=FIRST_ID + rest, n_neighbors=199)
    assert ours.table.slice(0, 160).equals(without.table)
    assert ours.label_counts.tobytes() == without.label_counts.tobytes()
    assert ours.n_wrong_expected == without.n_wrong_expected


def test_decisions_resolve_a_conflict_of_duplicates():
    vectors, labels = gaussian_classes(200, N_CLASSES, noise=0.8)
    vectors[[3, 13]] = vectors[10]  # the three have different labels
    headlines = train_table(labels)["headline"].to_pylist()
    headlines[3] = headlines[13] = headlines[10]

    def groups(**decisions):
        reviewed = reviews(labels, **decisions)
        rows = in_training_order(report_of(vectors, labels, headlines=headlines, reviewed=reviewed))
        return [(rows[at]["duplicate_of"], rows[at]["label_conflict"]) for at in (3, 10, 13)]

    assert groups() == [(None, True), (1003, True), (1003, True)]
    same = labels[10]
    assert groups(relabel=[(3, same), (13, same)]) == [(None, False), (1003, False), (1003, False)]
    assert groups(drop=[10]) == [(None, True), (None, False), (1003, True)]
    assert groups(drop=[3]) == [(None, False), (None, True), (1010, True)]
    assert groups(drop=[3, 10]) == [(None, False)] * 3


def test_deciding_right_improves_the_ranking_of_what_is_left():
    gains = []
    for seed in (1, 2, 3):
        vectors, labels = gaussian_classes(N_ROWS, N_CLASSES, noise=2.2, seed=seed)
        given, wrong = flip_uniform(labels, N_CLASSES, 0.2, seed)
        decided = np.random.default_rng(100 + seed).random(N_ROWS) < 0.5
        right = {
            "keep": np.flatnonzero(decided & ~wrong),
            "relabel": [(row, labels[row]) for row in np.flatnonzero(decided & wrong)],
        }
        before, after = (
            -report_of(vectors, given, reviewed=reviewed).table.sort_by("id")["rank"].to_numpy()[~decided]
            for reviewed in (None, reviews(given, **right))
        )
        gains.append(average_precision(after, wrong[~decided]) - average_precision(before, wrong[~decided]))
    assert min(gains) > -0.005
    assert np.mean(gains) > 0.003


@pytest.mark.parametrize("how", ["dropped", "relabelled"])
def test_a_class_may_go(noisy, how):
    vectors, labels, given, _, _ = noisy
    gone = np.flatnonzero(given == 2)
    others = np.where(labels[gone] == 2, 0, labels[gone])
    decisions = {"drop": gone} if how == "dropped" else {"relabel": list(zip(gone, others, strict=True))}
    report = report_of(vectors, given, reviewed=reviews(given, **decisions))
    assert report.classes == ("class 0", "class 1", "class 3")
    assert report.label_counts.shape == (3, 3)
    rows = in_training_order(report)
    for row in rows:
        assert "class 2" not in [
            row["suggested_label"],
            *row["candidate_labels"],
            *row["neighbor_labels"],
            *row["tally_labels"],
        ]
    assert {at for at, row in enumerate(rows) if row["class_label"] == "class 2"} == set(gone)
    assert all(np.isfinite(report.table["score"].to_numpy()))


def test_one_class_may_remain(noisy):
    vectors, _, given, _, _ = noisy
    of_it, others = np.flatnonzero(given == 1), np.flatnonzero(given != 1)
    report = report_of(vectors, given, reviewed=reviews(given, keep=of_it[:5], drop=others))
    assert report.classes == ("class 1",)
    assert report.n_wrong_expected == 0
    assert report.table["score"].to_pylist() == [0] * N_ROWS
    order = report.table["id"].to_numpy() - FIRST_ID
    assert order.tolist() == [*of_it[5:], *of_it[:5], *others]  # open, confirmed, dropped


def test_all_rows_may_be_decided(noisy):
    vectors, labels, given, wrong, _ = noisy
    decisions = {
        "keep": np.flatnonzero(~wrong),
        "relabel": [(row, labels[row]) for row in np.flatnonzero(wrong)],
    }
    report = report_of(vectors, given, reviewed=reviews(given, **decisions))
    assert report.n_wrong_expected == 0
    assert set(report.table["kind"].to_pylist()) == {"none"}
    assert all(report.table["reviewed"].to_pylist())


def test_three_rows_must_be_left():
    vectors, labels = gaussian_classes(10, 2)
    report = report_of(vectors, labels, reviewed=reviews(labels, drop=range(7)))
    assert report.table["reviewed"].to_pylist() == [False] * 3 + [True] * 7
    with pytest.raises(InputError, match=r"reviewed_labels: expected at least 3 rows .* found 2; take back"):
        report_of(vectors, labels, reviewed=reviews(labels, drop=range(8)))


def test_the_same_reviews_give_the_same_bytes(noisy, decided):
    vectors, _, given, _, _ = noisy
    some, report = decided
    again = report_of(vectors, given, reviewed=reviews(given, **some))
    assert again.table.equals(report.table)
    assert again.label_counts.tobytes() == report.label_counts.tobytes()
