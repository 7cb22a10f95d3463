"""The assets of the review loop, materialized over plain inputs: what they publish, tell, and leave alone."""

import html
import json
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from text_classification_viz.assets import reviews as asset
from text_classification_viz.assets.common import markdown_table
from text_classification_viz.assets.reviews import corrected_train_df, label_studio_tasks, reviewed_labels
from text_classification_viz.core.errors import InputError
from text_classification_viz.core.tables import OUTLIER_REPORT, REVIEWED_LABELS, TRAIN
from text_classification_viz.resources.results_io_manager import ResultsIOManager
from text_classification_viz.storage.publishing.data_root import DataRoot

HEADER = "id,class_label,decision,new_label,reviewer,reviewed_at,note"
TRAIN_DF = pa.Table.from_pylist(
    [
        {"id": 7, "category": "b", "class_label": "WEATHER", "headline": "Rain", "embedding_row": 0},
        {"id": 3, "category": "a", "class_label": "SPORT", "headline": "A goal", "embedding_row": 1},
        {"id": 5, "category": "b", "class_label": "WEATHER", "headline": None, "embedding_row": 2},
    ],
    schema=TRAIN,
)


def report_row(id_, rank, **fields):
    lists = {field.name: [] for field in OUTLIER_REPORT if pa.types.is_list(field.type)}
    row = {"id": id_, "rank": rank, "kind": "mislabelled", "score": 0.5, "class_label": "WEATHER"}
    return {
        **lists,
        **row,
        "suggested_label": "SPORT",
        "two_topics": 0.0,
        "reason": "",
        "label_conflict": False,
        "reviewed": False,
        **fields,
    }


@dataclass
class Loop:
    """A temporary DATA_ROOT, and the assets over given tables."""

    data_root: Path

    def review(self, name, *lines):
        (self.data_root / "reviews").mkdir(exist_ok=True)
        (self.data_root / "reviews" / name).write_text("\n".join([HEADER, *lines]), encoding="utf-8")

    def run(self, outlier_report=None, raise_on_error=True, **config):
        @dg.asset
        def train_df() -> pa.Table:
            return TRAIN_DF

        report = outlier_report or OUTLIER_REPORT.empty_table()

        @dg.asset(name="outlier_report")
        def given_report() -> pa.Table:
            return report

        root = DataRoot(self.data_root)
        return dg.materialize(
            [train_df, given_report, reviewed_labels, corrected_train_df, label_studio_tasks],
            resources={"data_root": root, "io_manager": ResultsIOManager(root.tables)},
            run_config={"ops": {"label_studio_tasks": {"config": config}}} if config else None,
            raise_on_error=raise_on_error,
        )

    def table(self, name):
        return pq.read_table(self.data_root / "visualization" / f"{name}.parquet")


@pytest.fixture
def loop(tmp_path):
    return Loop(tmp_path)


def metadata_of(result, asset):
    (materialization,) = result.asset_materializations_for_node(asset)
    return {name: value.value for name, value in materialization.metadata.items()}


def checks_of(result):
    return {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}


def test_without_reviews_the_training_set_passes_as_it_is(loop):
    result = loop.run()
    assert loop.table("reviewed_labels").num_rows == 0
    assert loop.table("reviewed_labels").schema.equals(REVIEWED_LABELS)
    assert loop.table("corrected_train_df").equals(TRAIN_DF)
    assert all(check.passed for check in checks_of(result).values())
    metadata = metadata_of(result, "reviewed_labels")
    assert (metadata["files"], metadata["file_names"]) == (0, "none")


def test_decisions_are_applied_and_told(loop):
    loop.review(
        "b.csv", "7,WEATHER,relabel,SPORT,ann,2026-03-01T12:00:00Z,", "5,WEATHER,drop,,bob,2026-03-01T12:00:00Z,"
    )
    loop.review("a.csv", "3,SPORT,keep,,ann,2026-03-01T12:00:00Z,fine")
    result = loop.run()
    assert loop.table("corrected_train_df").select(["id", "category", "class_label"]).to_pylist() == [
        {"id": 7, "category": "a", "class_label": "SPORT"},
        {"id": 3, "category": "a", "class_label": "SPORT"},
    ]
    told = metadata_of(result, "reviewed_labels")
    assert (told["rows_keep"], told["rows_relabel"], told["rows_drop"]) == (1, 1, 1)
    assert (told["files"], told["file_names"]) == (2, "a.csv, b.csv")
    assert told["reviewers"] == "| reviewer | rows |\n| --- | --- |\n| ann | 2 |\n| bob | 1 |"
    told = metadata_of(result, "corrected_train_df")
    assert (told["rows_relabelled"], told["rows_dropped"], told["dagster/row_count"]) == (1, 1, 2)
    assert told["relabelled"] == "| from | to | rows |\n| --- | --- | --- |\n| WEATHER | SPORT | 1 |"
    assert told["dropped"] == "| class | rows |\n| --- | --- |\n| WEATHER | 1 |"
    assert all(check.passed for check in checks_of(result).values())


@pytest.mark.parametrize("text", ["it's", "a & b", "<b>", '"q"', "&#39;", "a|b", "[x](javascript:1)"])
def test_a_cell_of_a_table_shows_its_text(text):
    """Markdown and HTML give back what was escaped, once."""
    (line,) = markdown_table({"text": [text]}).value.splitlines()[2:]
    assert html.unescape(line) == f"| {text} |"
    assert not set("<[|") & set(line[2:-2])


def test_what_is_set_aside_or_in_conflict_is_told_and_warned_of(loop):
    loop.review(
        "a.csv",
        "404,SPORT,drop,,ann,2026-03-01T12:00:00Z,",
        "7,WEATHER,keep,,ann,2026-03-01T12:00:00Z,",
        "7,WEATHER,relabel,SPORT,bob,2026-03-01T13:00:00+01:00,",
        "7,WEATHER,drop,,b|b,2026-03-01T13:00:00Z,",
    )
    result = loop.run()
    assert loop.table("reviewed_labels")["decision"].to_pylist() == ["drop"]
    told = metadata_of(result, "reviewed_labels")
    assert told["set_aside"].splitlines()[2:] == [
        "| 404 | drop | ann | a.csv | line 2 | the training set has no such row |"
    ]
    assert told["conflicts"].splitlines()[2:] == [
        "| 7 | ann | keep | WEATHER | 2026-03-01 12:00:00 UTC |  |",
        "| 7 | bob | relabel | SPORT | 2026-03-01 12:00:00 UTC |  |",
        "| 7 | b&#124;b | drop |  | 2026-03-01 13:00:00 UTC | yes |",
    ]
    for name, count in {"reviews_apply": "rows_set_aside", "reviewers_agree": "rows_in_conflict"}.items():
        check = checks_of(result)[name]
        assert not check.passed
        assert check.severity == dg.AssetCheckSeverity.WARN
        assert check.metadata[count].value == told[count] == 1


def test_many_that_are_set_aside_are_told_in_short_and_in_print(loop, capfd):
    """Each line of the log is an event in Dagster's database, and a label is other people's text."""
    ids = [7, *range(100, 299)]
    loop.review("ada.csv", *(f"{id_},\x1b[31mRED,drop,,Ada,2026-01-01T00:00:00Z," for id_ in ids))
    assert loop.run().success
    told = [line for line in capfd.readouterr().err.splitlines() if "not applied" in line]
    assert len(told) == 51
    assert "and 150 more decisions are not applied" in told[-1]
    (changed,) = [line for line in told if "RED" in line]
    assert r"\x1b[31mRED" in changed


def test_a_broken_file_fails_and_leaves_the_last_good_table(loop):
    loop.review("a.csv", "3,SPORT,keep,,ann,2026-03-01T12:00:00Z,")
    loop.run()
    before = (loop.data_root / "visualization" / "reviewed_labels.parquet").read_bytes()
    loop.review("b.csv", "3,SPORT,keep,WEATHER,ann,2026-03-02T12:00:00Z,")
    result = loop.run(raise_on_error=False)
    (failure,) = [event for event in result.get_step_failure_events() if event.step_key == "reviewed_labels"]
    error = failure.step_failure_data.error
    assert "b.csv, line 2, new_label: expected nothing beside keep, found 'WEATHER'" in str(error)
    assert (loop.data_root / "visualization" / "reviewed_labels.parquet").read_bytes() == before
    assert not result.asset_materializations_for_node("corrected_train_df")


def test_tasks_for_label_studio(loop):
    rows = [report_row(7, 2), report_row(5, 1, reviewed=True), report_row(3, 3, class_label="SPORT")]
    report = pa.Table.from_pylist(rows, schema=OUTLIER_REPORT)
    result = loop.run(report, max_tasks=1)
    folder = loop.data_root / "visualization"
    tasks = json.loads((folder / "label_studio_tasks.json").read_text(encoding="utf-8"))
    assert [task["data"]["id"] for task in tasks] == [7]
    view = ET.parse(folder / "label_studio_config.xml")
    assert [choice.get("value") for choice in view.find("Choices[@name='label']")] == ["SPORT", "WEATHER"]
    told = metadata_of(result, "label_studio_tasks")
    assert told["dagster/row_count"] == 1
    assert told["tasks"] == str(folder / "label_studio_tasks.json")
    assert told["labeling_interface"] == str(folder / "label_studio_config.xml")
    assert str(loop.data_root / "reviews") in told["how_to_import"]


def test_a_label_studio_export_comes_back(loop):
    report = pa.Table.from_pylist([report_row(7, 1), report_row(5, 2)], schema=OUTLIER_REPORT)
    loop.run(report)
    tasks = json.loads((loop.data_root / "visualization" / "label_studio_tasks.json").read_text(encoding="utf-8"))
    for number, task in enumerate(tasks, 1):
        accepted = {"result": task["predictions"][0]["result"], "completed_by": 1}
        task |= {"id": number, "annotations": [accepted | {"created_at": "2026-03-01T12:00:00.000000Z"}]}
    (loop.data_root / "reviews").mkdir()
    (loop.data_root / "reviews" / "export.json").write_text(json.dumps(tasks), encoding="utf-8")
    loop.run(report)
    assert loop.table("corrected_train_df")["class_label"].to_pylist() == ["SPORT"] * 3
    assert loop.table("reviewed_labels")["reviewer"].to_pylist() == ["annotator 1"] * 2


def test_store_that_fails_amid_the_check_is_not_taken_for_there_being_no_decisions(loop, monkeypatch):
    def fail(*_):
        raise InputError("s3://bucket/reviewed_labels: expected to read it, found no answer; see to the store")

    monkeypatch.setattr(asset, "read_result", fail)
    result = loop.run(raise_on_error=False)
    (failure,) = [event for event in result.get_step_failure_events() if event.step_key == "reviewed_labels"]
    assert "expected to read it, found no answer" in str(failure.step_failure_data.user_failure_data.description)


def test_folder_of_reviews_that_is_gone_takes_back_nothing(loop):
    """As where a share is not mounted; an empty folder is how decisions are taken back."""
    loop.review("a.csv", "7,WEATHER,drop,,ann,2026-03-01T12:00:00Z,")
    loop.run()
    reviews = loop.data_root / "reviews"
    reviews.rename(loop.data_root / "elsewhere")
    result = loop.run(raise_on_error=False)
    (failure,) = [event for event in result.get_step_failure_events() if event.step_key == "reviewed_labels"]
    assert "expected the folder of the 1 decisions that are in force, found none" in str(
        failure.step_failure_data.error
    )
    assert loop.table("corrected_train_df").num_rows == 2
    reviews.mkdir()
    loop.run()
    assert loop.table("corrected_train_df").num_rows == 3


def test_files_that_are_not_read_are_told(loop, capfd):
    loop.review("a.csv", "7,WEATHER,drop,,ann,2026-03-01T12:00:00Z,")
    for name in ("b.csv.txt", "c.xlsx", ".hidden", "~$c.xlsx"):
        (loop.data_root / "reviews" / name).write_bytes(b"")
    result = loop.run()
    assert metadata_of(result, "reviewed_labels")["files_ignored"] == 2
    told = capfd.readouterr().err
    assert "b.csv.txt: not read, for its name does not end in .csv or .json" in told
    assert "c.xlsx: not read" in told


def test_what_is_no_folder_of_reviews_is_refused(loop):
    (loop.data_root / "reviews").write_text("")
    result = loop.run(raise_on_error=False)
    (failure,) = [event for event in result.get_step_failure_events() if event.step_key == "reviewed_labels"]
    assert "expected a folder that can be listed, found 'Not a directory'" in str(failure.step_failure_data.error)
