"""The loop from the report to people and back: suspects, decisions, a corrected training set, and what is left."""

import csv
import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.support.graph import Graph, failure_of, make_graph, metadata_of
from tests.support.synthetic import TrainingSet, make_training_set

ROWS, MISTAKES = 400, 24
REVIEWED_AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
COLUMNS = ("id", "class_label", "decision", "new_label", "reviewer", "reviewed_at", "note")
LOOP = ["reviewed_labels", "outlier_report", "class_overlap", "corrected_train_df", "label_studio_tasks"]


def with_mistakes(right: TrainingSet) -> TrainingSet:
    """The training set with the next class given to some rows."""
    categories = np.array(right.table["category"].to_pylist(), dtype=object)
    wrong = np.random.default_rng(0).permutation(ROWS)[:MISTAKES]
    categories[wrong] = [str((int(category) + 1) % len(right.class_labels)) for category in categories[wrong]]
    at = right.table.column_names.index("category")
    return dataclasses.replace(right, table=right.table.set_column(at, "category", pa.array(categories.tolist())))


class Reviewer:
    """Somebody who knows the right labels, opens the report and works it off from the top."""

    def __init__(self, graph: Graph, right: TrainingSet) -> None:
        self.graph, self.folder = graph, graph.data_root / "reviews"
        self.folder.mkdir()
        self.right_label = dict(zip(right.table["id"].to_pylist(), right.labels.tolist(), strict=True))

    def open_rows(self) -> pd.DataFrame:
        report = self.graph.defs.load_asset_value("outlier_report")
        return report[~report["reviewed"]].sort_values("rank")

    def decide(self, rows: pd.DataFrame, name: str, drop: int | None = None) -> Path:
        """Write a CSV file of decisions on these rows, one of which may be dropped."""
        path = self.folder / f"{name}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            for minute, row in enumerate(rows.itertuples()):
                right = self.right_label[row.id]
                decision = "drop" if row.id == drop else "keep" if right == row.class_label else "relabel"
                writer.writerow(
                    {
                        "id": row.id,
                        "class_label": row.class_label,
                        "decision": decision,
                        "new_label": right if decision == "relabel" else "",
                        "reviewer": name,
                        "reviewed_at": (REVIEWED_AT + timedelta(minutes=minute)).isoformat(),
                        "note": 'a note with a comma, a "quote"\nand a second line',
                    }
                )
        return path

    def annotate(self, n_tasks: int) -> list[int]:
        """Decide on the first Label Studio tasks, as its JSON export tells it, and give the rows' ids."""
        tasks = json.loads((self.graph.data_root / "visualization" / "label_studio_tasks.json").read_text())
        for number, task in enumerate(tasks[:n_tasks], 1):
            label = self.right_label[task["data"]["id"]]
            choice = {
                "from_name": "label", "to_name": "headline", "type": "choices", "value": {"choices": [label]}
            }  # fmt: skip
            task |= {"id": number, "annotations": [
                {"id": number, "completed_by": {"id": 7, "email": "ada@example.org"}, "was_cancelled": False,
                 "created_at": "2026-02-01T09:00:00.000000Z", "updated_at": "2026-02-01T09:01:00.000000Z",
                 "result": [choice]}
            ]}  # fmt: skip
        (self.folder / "export.json").write_text(json.dumps(tasks[:n_tasks]))
        return [task["data"]["id"] for task in tasks[:n_tasks]]


@pytest.fixture
def loop(tmp_path: Path) -> tuple[Graph, Reviewer, TrainingSet]:
    right = make_training_set(n_rows=ROWS)
    graph = make_graph(tmp_path, with_mistakes(right))
    graph.run(selection=["train_df", "train_vectors", "nearest_neighbors", *LOOP])
    return graph, Reviewer(graph, right), right


def test_decisions_settle_rows_correct_the_table_and_outlive_a_broken_file(loop):
    graph, reviewer, right = loop
    given = graph.defs.load_asset_value("train_df").set_index("id")["class_label"]
    right_label = pd.Series(reviewer.right_label)
    wrong = given[given != right_label[given.index]].index

    # The report puts the wrong labels first, and says why in words.
    first = reviewer.open_rows().head(MISTAKES)
    assert len(wrong.intersection(first["id"])) >= MISTAKES - 2
    top = first.iloc[0]
    assert top["reason"].startswith(f"Labeled {top['class_label']}; of its 50 nearest rows ")
    assert f"are {top['suggested_label']}" in top["reason"]

    # One reviewer takes the first twelve and drops one of them; another takes the next six, in Label Studio.
    dropped = int(first["id"].iloc[3])
    reviewer.decide(first.head(12), "grace", drop=dropped)
    graph.run(selection=LOOP)
    annotated = reviewer.annotate(6)
    assert not set(annotated) & set(first["id"].head(12))
    result = graph.run(selection=LOOP)
    decided = {*first["id"].head(12), *annotated}

    report = graph.defs.load_asset_value("outlier_report")
    settled = report[report["reviewed"]]
    assert set(settled["id"]) == decided
    assert settled["rank"].min() == ROWS - len(decided) + 1
    assert set(settled["kind"]) == {"none"}
    assert settled["suggested_label"].isna().all()
    assert metadata_of(result, "outlier_report")["rows_reviewed"].value == len(decided)
    reasons = settled.set_index("id")["reason"]
    assert reasons[dropped] == "The row was dropped by grace on 2026-01-31."
    assert reasons[annotated[0]].endswith("by ada@example.org on 2026-02-01.")
    open_rows = report[~report["reviewed"]]
    assert len(wrong.difference(list(decided)).intersection(open_rows["id"].head(MISTAKES - len(decided)))) >= 4
    assert not any(dropped in neighbors for neighbors in open_rows["neighbor_ids"])

    # The corrected table: right labels with their categories, the dropped row gone, all else as it was.
    corrected = graph.defs.load_asset_value("corrected_train_df").set_index("id")
    category_of = {label: category for category, label in right.class_labels.items()}
    assert set(given.index) - set(corrected.index) == {dropped}
    for id_, row in corrected.iterrows():
        label = right_label[id_] if id_ in decided else given[id_]
        assert (row["class_label"], row["category"]) == (label, category_of[label])
    relabeled = [id_ for id_ in decided if given[id_] != right_label[id_] and id_ != dropped]
    metadata = metadata_of(result, "corrected_train_df")
    assert metadata["rows_relabelled"].value == len(relabeled)
    assert metadata["rows_dropped"].value == 1
    vectors = graph.defs.load_asset_value("train_vectors")
    kept = np.flatnonzero(np.isin(right.table["id"].to_numpy(), corrected.index))
    np.testing.assert_allclose(vectors[corrected["embedding_row"]], right.vectors[kept], atol=1e-6)

    # A file that somebody breaks: the run says which line, and every table stays as it was, byte for byte.
    before = graph.hashes()
    broken = reviewer.decide(first.iloc[12:16], "grace later")
    broken.write_text(broken.read_text(encoding="utf-8").replace("relabel", "rename"), encoding="utf-8")
    failed = graph.run(selection=LOOP, raise_on_error=False)
    message = failure_of(failed, "reviewed_labels")
    assert f"{broken}, line 2, decision: expected one of keep, relabel, drop, found 'rename'" in message
    assert not failed.get_asset_materialization_events()
    assert graph.hashes() == before

    # Mended, it counts: a note of two lines does not shift the lines, and nothing decided before is lost.
    broken.write_text(broken.read_text(encoding="utf-8").replace("rename", "relabel"), encoding="utf-8")
    graph.run(selection=LOOP)
    reviewed = graph.defs.load_asset_value("reviewed_labels")
    assert set(reviewed["id"]) == decided | set(first["id"].iloc[12:16])
    assert set(reviewed["note"].dropna()) == {'a note with a comma, a "quote"\nand a second line'}


def test_reviewers_who_differ_and_rows_that_have_moved_on_are_told_and_do_not_stop_the_run(loop):
    graph, reviewer, _ = loop
    first = reviewer.open_rows().head(3)
    reviewer.decide(first, "grace")
    path = reviewer.decide(first.head(1), "zoe", drop=int(first["id"].iloc[0]))
    path.write_text(path.read_text(encoding="utf-8").replace("2026-01-31", "2026-02-28"), encoding="utf-8")
    gone = first.iloc[1:2].assign(id=999_999)
    reviewer.right_label[999_999] = first["class_label"].iloc[1]
    reviewer.decide(gone, "mary")
    result = graph.run(selection=LOOP)
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert not checks["reviewers_agree"].passed
    assert not checks["reviews_apply"].passed
    assert {check.severity for check in checks.values() if not check.passed} == {dg.AssetCheckSeverity.WARN}
    metadata = metadata_of(result, "reviewed_labels")
    assert "mary.csv" in metadata["set_aside"].value
    assert "no such row" in metadata["set_aside"].value
    assert "zoe" in metadata["conflicts"].value
    reviewed = graph.defs.load_asset_value("reviewed_labels").set_index("id")
    assert reviewed.loc[first["id"].iloc[0], "decision"] == "drop"
    assert 999_999 not in reviewed.index
