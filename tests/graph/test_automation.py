"""What starts runs: the sensor over real files, the schedule, and what the job holds."""

import errno
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from tests.support.synthetic import write_upstream
from text_classification_viz import automation
from text_classification_viz.automation import reviews_sensor, upstream_sensor
from text_classification_viz.definitions import build_definitions
from text_classification_viz.resources.upstream_io_manager import UpstreamIOManager
from text_classification_viz.storage.publishing.data_root import DataRoot

Tick = Callable[[Path, str | None], tuple[list[dg.RunRequest | dg.SkipReason], str | None]]


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    write_upstream(tmp_path)
    return tmp_path


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def tick(instance: dg.DagsterInstance) -> Tick:
    """One evaluation of the upstream sensor: what it yields, and the cursor that it leaves."""

    def evaluate(storage: Path, cursor: str | None) -> tuple[list[dg.RunRequest | dg.SkipReason], str | None]:
        context = dg.build_sensor_context(
            instance=instance,
            cursor=cursor,
            sensor_name="upstream_sensor",
            resources={"upstream_io_manager": UpstreamIOManager(storage)},
        )
        return list(upstream_sensor(context)), context.cursor

    return evaluate


def waiting_run(instance: dg.DagsterInstance, sensor: str) -> str:
    """A run in the queue, as of a sensor."""

    @dg.job
    def job() -> None:
        pass

    server = GrpcServerCodeLocationOrigin("127.0.0.1", 1, None, "here")
    return instance.create_run_for_job(
        job,
        status=dg.DagsterRunStatus.QUEUED,
        tags={"dagster/sensor_name": sensor},
        remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(server, "all"), "job"),
        job_code_origin=JobPythonOrigin("job", RepositoryPythonOrigin("python", ModuleCodePointer("m", "f"))),
    ).run_id


def rewrite(file: Path, text: str) -> None:
    """Write `text` with a time of change of its own: two writes may fall into one tick of the clock."""
    last = file.stat().st_mtime_ns
    file.write_text(text)
    os.utime(file, ns=(last + 1_000_000, last + 1_000_000))


def test_first_tick_starts_a_run_and_the_second_skips(tick, storage):
    (first,), cursor = tick(storage, None)
    assert isinstance(first, dg.RunRequest)
    (second,), _ = tick(storage, cursor)
    assert isinstance(second, dg.SkipReason)


def test_changed_file_starts_a_run_that_names_it(tick, storage):
    _, cursor = tick(storage, None)
    labels = storage / "label_transform.json"
    rewrite(labels, labels.read_text() + "\n")
    (request,), _ = tick(storage, cursor)
    assert request.tags["changed_upstream"] == "label_transform"


def test_file_written_again_with_the_same_bytes_is_no_change(tick, storage):
    _, cursor = tick(storage, None)
    labels = storage / "label_transform.json"
    rewrite(labels, labels.read_text())
    (skip,), _ = tick(storage, cursor)
    assert isinstance(skip, dg.SkipReason)


def test_return_to_an_earlier_content_runs_again_under_a_new_key(tick, storage):
    """Dagster ignores a run key that it has seen, so A, B, A needs three."""
    labels = storage / "label_transform.json"
    original = labels.read_text()
    keys, cursor = [], None
    for text in (original, original + "\n", original):
        rewrite(labels, text)
        (request,), cursor = tick(storage, cursor)
        keys.append(request.run_key)
    assert len(set(keys)) == 3


def test_missing_file_skips_with_the_reason_and_keeps_the_cursor(tick, storage):
    _, cursor = tick(storage, None)
    (storage / "train_set.jsonl").unlink()
    (skip,), after = tick(storage, cursor)
    assert "train_set" in skip.skip_message
    assert after == cursor


@pytest.mark.parametrize("call", ["iterdir", "stat", "lstat"])
def test_storage_that_does_not_answer_skips_with_the_reason(tick, storage, monkeypatch, call):
    genuine = getattr(Path, call)

    def refuse(path: Path, *arguments: Any, **options: Any) -> Any:
        if storage in (path, path.parent):
            raise OSError(errno.ESTALE, "Stale file handle")
        return genuine(path, *arguments, **options)

    monkeypatch.setattr(Path, call, refuse)
    (skip,), _ = tick(storage, None)
    assert isinstance(skip, dg.SkipReason)
    assert str(storage) in skip.skip_message
    assert "Errno" not in skip.skip_message


def test_changes_while_a_run_is_waiting_have_their_turn_when_it_has_begun_or_gone(tick, storage, instance):
    labels = storage / "label_transform.json"
    _, cursor = tick(storage, None)
    run_id = waiting_run(instance, "upstream_sensor")
    waiting_run(instance, "another_sensor")
    for _ in range(3):
        rewrite(labels, labels.read_text() + "\n")
        (skip,), cursor = tick(storage, cursor)
        assert "waiting" in skip.skip_message
    instance.delete_run(run_id)
    assert isinstance(tick(storage, cursor)[0][0], dg.RunRequest)


@pytest.mark.soak
def test_upstream_that_flaps_has_a_run_for_each_content_and_none_twice(tick, storage, trials, tell):
    """Each tick finds files as they were, changed, back again, written anew with the same bytes, half, or gone."""
    rng, n_ticks = random.Random(0), trials(100, 1_000)
    files = [storage / name for name in ("train_set.jsonl", "train_embeddings.npy", "label_transform.json")]
    versions = {file: [file.read_bytes() + b"\n" * number for number in range(3)] for file in files}
    there = {file: contents[0] for file, contents in versions.items()}
    clock, cursor, ran, keys, n_skipped = files[0].stat().st_mtime_ns, None, None, [], 0
    for _ in range(n_ticks):
        for file in rng.sample(files, rng.choice((0, 0, 1, 2))):
            whole = rng.choice(versions[file])
            there[file] = rng.choice((whole, whole, whole[: len(whole) // 2], None))
            file.unlink(missing_ok=True)
            if there[file] is not None:
                file.write_bytes(there[file])
                clock += 1_000_000
                os.utime(file, ns=(clock, clock))
        (outcome,), cursor = tick(storage, cursor)
        if None not in there.values() and there != ran:
            assert isinstance(outcome, dg.RunRequest)
            keys.append(outcome.run_key)
            ran = dict(there)
        else:
            assert isinstance(outcome, dg.SkipReason)
            n_skipped += 1
    assert len(set(keys)) == len(keys)
    assert n_skipped > n_ticks / 10
    tell(f"sensor: {n_ticks:,} ticks while upstream flaps: {len(keys)} runs, none missed or twice")


def test_review_file_that_goes_away_while_the_sensor_looks_is_no_failure(tmp_path, instance, monkeypatch):
    (tmp_path / "reviews").mkdir()
    monkeypatch.setattr(automation, "review_files", lambda folder: [folder / "gone.csv"])
    context = dg.build_sensor_context(
        instance=instance, sensor_name="reviews_sensor", resources={"data_root": DataRoot(tmp_path)}
    )
    (skip,) = reviews_sensor(context)
    assert "gone.csv" in skip.skip_message


def test_reviews_start_a_run_when_a_file_is_new_changed_or_gone_and_not_otherwise(tmp_path, instance):
    reviews = tmp_path / "reviews"

    def starts_run(cursor: str | None) -> tuple[bool, str | None]:
        context = dg.build_sensor_context(
            instance=instance,
            cursor=cursor,
            sensor_name="reviews_sensor",
            resources={"data_root": DataRoot(tmp_path)},
        )
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
    run_id = waiting_run(instance, "reviews_sensor")
    file.write_text("id")
    started, cursor = starts_run(cursor)
    assert not started
    instance.delete_run(run_id)
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
        "current_state",
        "review_gain",
        "label_studio_tasks",
        "row_changes",
        "suspect_map",
        "triage_page",
        "validation_df",
        "validation_vectors",
        "validation_projection",
        "validation_report",
        "validation_class_mix",
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
