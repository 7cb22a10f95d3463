"""What starts runs: the sensor over real files, the schedule, and what the job holds."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from synthetic import write_upstream

from text_classification_viz.automation import reviews_sensor, upstream_sensor
from text_classification_viz.definitions import build_definitions
from text_classification_viz.storage.data_root import DataRoot
from text_classification_viz.storage.upstream_io_manager import UpstreamIOManager


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    write_upstream(tmp_path)
    return tmp_path


def tick(storage: Path, cursor: str | None) -> tuple[list[dg.RunRequest | dg.SkipReason], str | None]:
    """One evaluation of the sensor: what it yields, and the cursor that it leaves."""
    context = dg.build_sensor_context(cursor=cursor, resources={"upstream_io_manager": UpstreamIOManager(storage)})
    return list(upstream_sensor(context)), context.cursor


def rewrite(file: Path, text: str) -> None:
    """Write `text` with a time of change of its own: two writes may fall into one tick of the clock."""
    last = file.stat().st_mtime_ns
    file.write_text(text)
    os.utime(file, ns=(last + 1_000_000, last + 1_000_000))


def test_first_tick_starts_a_run_and_the_second_skips(storage):
    (first,), cursor = tick(storage, None)
    assert isinstance(first, dg.RunRequest)
    (second,), _ = tick(storage, cursor)
    assert isinstance(second, dg.SkipReason)


def test_changed_file_starts_a_run_that_names_it(storage):
    _, cursor = tick(storage, None)
    labels = storage / "label_transform.json"
    rewrite(labels, labels.read_text() + "\n")
    (request,), _ = tick(storage, cursor)
    assert request.tags["changed_upstream"] == "label_transform"


def test_file_written_again_with_the_same_bytes_is_no_change(storage):
    _, cursor = tick(storage, None)
    labels = storage / "label_transform.json"
    rewrite(labels, labels.read_text())
    (skip,), _ = tick(storage, cursor)
    assert isinstance(skip, dg.SkipReason)


def test_return_to_an_earlier_content_runs_again_under_a_new_key(storage):
    """Dagster ignores a run key that it has seen, so A, B, A needs three."""
    labels = storage / "label_transform.json"
    original = labels.read_text()
    keys, cursor = [], None
    for text in (original, original + "\n", original):
        rewrite(labels, text)
        (request,), cursor = tick(storage, cursor)
        keys.append(request.run_key)
    assert len(set(keys)) == 3


def test_missing_file_skips_with_the_reason_and_keeps_the_cursor(storage):
    _, cursor = tick(storage, None)
    (storage / "train_set.jsonl").unlink()
    (skip,), after = tick(storage, cursor)
    assert "train_set" in skip.skip_message
    assert after == cursor


def test_reviews_start_a_run_when_a_file_is_new_changed_or_gone_and_not_otherwise(tmp_path):
    reviews = tmp_path / "reviews"

    def starts_run(cursor: str | None) -> tuple[bool, str | None]:
        context = dg.build_sensor_context(cursor=cursor, resources={"data_root": DataRoot(tmp_path)})
        (outcome,) = reviews_sensor(context)
        return isinstance(outcome, dg.RunRequest), context.cursor

    started, cursor = starts_run(None)
    assert not started  # no folder: nobody has decided anything
    reviews.mkdir()
    file = reviews / "ada.csv"
    file.write_text("id")
    (reviews / ".ada.csv.tmp").write_text("half")
    started, cursor = starts_run(cursor)
    assert started
    assert not starts_run(cursor)[0]
    rewrite(file, "id,")
    started, cursor = starts_run(cursor)
    assert started
    file.unlink()
    started, cursor = starts_run(cursor)
    assert started
    assert not starts_run(cursor)[0]


def test_what_reviews_start_is_all_that_hangs_on_them_and_no_map(storage):
    defs = build_definitions(storage / "data", storage)
    keys = {key.to_user_string() for key in defs.resolve_job_def("review_job").asset_layer.executable_asset_keys}
    assert {"reviewed_labels", "outlier_report", "class_overlap", "corrected_train_df"} <= keys
    assert not keys & {"train_df", "train_vectors", "nearest_neighbors", "umap_projection", "tsne_projection"}


def test_job_holds_all_our_assets_and_none_of_upstream(storage):
    defs = build_definitions(storage / "data", storage)
    keys = {
        key.to_user_string() for key in defs.resolve_job_def("visualization_job").asset_layer.executable_asset_keys
    }
    assert keys == {
        "train_df",
        "train_vectors",
        "sampled_train_df",
        "nearest_neighbors",
        "umap_projection",
        "tsne_projection",
        "outlier_report",
        "projector_logs",
        "reviewed_labels",
        "corrected_train_df",
        "class_overlap",
        "review_gain",
        "label_studio_tasks",
        "row_changes",
        "suspect_map",
        "triage_page",
    }


@pytest.mark.parametrize(("cron", "expected"), [("", "0 6 * * 1"), ("30 2 * * *", "30 2 * * *")])
def test_schedule_is_weekly_unless_the_environment_says_otherwise(cron, expected):
    code = (
        "from text_classification_viz import defs;"
        "print(defs.resolve_schedule_def('visualization_schedule').cron_schedule)"
    )
    environment = {**os.environ, "VISUALIZATION_CRON": cron}
    printed = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == expected
