"""Batches of new rows: what their files may hold, what workers make of their parts, and what starts runs."""

import json
import logging
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.checkout import PROJECT
from tests.support.graph import Graph, failure_of, make_graph
from tests.support.new_rows_samples import landmarks_of, training_and_new, write_batch
from tests.support.synthetic import TrainingSet
from text_classification_viz.assets.batches import BATCHES
from text_classification_viz.automation import incoming_sensor
from text_classification_viz.batch_work.parts import (
    DonePart,
    Part,
    PartPlacer,
    PartSettings,
    check_parts,
    described_rows,
    placed_rows,
)
from text_classification_viz.batch_work.workers import map_with_workers
from text_classification_viz.core.errors import InputError
from text_classification_viz.core.new_rows import LabelModel
from text_classification_viz.sources import incoming_file
from text_classification_viz.sources.incoming_file import batch_parts, list_batches, read_part
from text_classification_viz.storage.publishing.data_root import DataRoot

TRAINING, NEW = training_and_new()
LABELLED = pa.table({"category": list(TRAINING.class_labels), "class_label": list(TRAINING.class_labels.values())})


def vectors_column(vectors: np.ndarray, type_: pa.DataType) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel(), type_), vectors.shape[1])


class TestFiles:
    def test_a_batch_is_read_as_it_was_written(self, tmp_path):
        write_batch(tmp_path / "a.parquet", NEW)
        rows, embeddings = read_part(tmp_path / "a.parquet")
        assert rows.table.to_pylist() == NEW.table.to_pylist()
        np.testing.assert_array_equal(embeddings.array, NEW.vectors)

    def test_ids_and_vectors_are_enough(self, tmp_path):
        write_batch(tmp_path / "a.parquet", NEW, category=None, headline=None, short_description=None)
        rows, _ = read_part(tmp_path / "a.parquet")
        assert rows.table["id"].to_pylist() == NEW.table["id"].to_pylist()
        assert [rows.table[name].null_count for name in rows.table.column_names] == [0, *[len(NEW.labels)] * 3]

    def test_of_other_widths_and_in_row_groups(self, tmp_path):
        table = pa.table(
            {
                "embedding": vectors_column(NEW.vectors, pa.float64()),
                "id": NEW.table["id"].cast(pa.int32()),
                "category": NEW.table["category"].combine_chunks().dictionary_encode(),
                "other": pa.array([[1]] * len(NEW.labels)),
            }
        )
        pq.write_table(table, tmp_path / "a.parquet", row_group_size=7)
        rows, embeddings = read_part(tmp_path / "a.parquet")
        assert rows.table["category"].to_pylist() == NEW.table["category"].to_pylist()
        np.testing.assert_array_equal(embeddings.array, NEW.vectors)

    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            ({"id": None}, "expected one column 'id', found columns"),
            ({"embedding": None}, "expected one column 'embedding', found columns"),
            (
                {"embedding": pa.array([[0.5] * 16] * 60)},
                "expected a fixed-size list of float32 in the column 'embedding', found list<",
            ),
            (
                {"embedding": vectors_column(np.ones((60, 16), np.int32), pa.int32())},
                "expected a fixed-size list of float32 in the column 'embedding', found fixed_size_list<",
            ),
            (
                {"embedding": pa.array([[0.5] * 16] * 59 + [None], pa.list_(pa.float32(), 16))},
                r"expected a vector in the field 'embedding' of row 59 \(counted from 0\), found None",
            ),
            (
                {"embedding": pa.array([[0.5] * 16] * 40 + [[None] * 16] * 20, pa.list_(pa.float32(), 16))},
                r"expected numbers in the field 'embedding' of row 40 \(counted from 0\), found None",
            ),
            (
                {"embedding": pa.array([[]] * 60, pa.list_(pa.float32(), 0))},
                "expected 1 to 8,192 dimensions in the column 'embedding', found 0",
            ),
            ({"id": pa.array(["x"] * 60)}, "expected int in the column 'id', found string"),
            ({"headline": pa.array(range(60))}, "expected str or None in the column 'headline', found int64"),
            ({"id": pa.array([None, *range(59)])}, r"expected int in the field 'id' of row 0 .*, found None"),
        ],
    )
    def test_faults_name_the_column_or_the_row(self, tmp_path, columns, message):
        write_batch(tmp_path / "a.parquet", NEW, **columns)
        with pytest.raises(InputError, match=rf"a\.parquet: {message}.*; write Parquet with id"):
            read_part(tmp_path / "a.parquet", retry_for_s=0)

    def test_more_rows_than_memory_are_refused_before_they_are_read(self, tmp_path, monkeypatch):
        monkeypatch.setattr(incoming_file, "MAX_NUMBERS", 16 * 59)
        write_batch(tmp_path / "a.parquet", NEW)
        with pytest.raises(InputError, match=r"at most 59 rows of 16 dimensions, found 60; split it into several"):
            read_part(tmp_path / "a.parquet", retry_for_s=0)

    def test_damaged_anywhere_is_refused_or_read_as_numbers(self, tmp_path):
        """No byte of a file brings anything but rows or an InputError."""
        write_batch(tmp_path / "a.parquet", NEW)
        content = (tmp_path / "a.parquet").read_bytes()
        rng = np.random.default_rng(0)
        refused = 0
        for position in [*range(4), *range(len(content) - 8, len(content)), *rng.integers(len(content), size=150)]:
            damaged = bytearray(content)
            damaged[position] ^= 1 << rng.integers(8)
            (tmp_path / "a.parquet").write_bytes(damaged)
            try:
                rows, embeddings = read_part(tmp_path / "a.parquet", retry_for_s=0)
            except InputError:
                refused += 1
            else:
                assert rows.table.num_rows == len(embeddings.array) == 60
        assert refused > 10

    def test_nothing_behind_a_link_is_read(self, tmp_path):
        write_batch(tmp_path / "outside.parquet", NEW)
        (tmp_path / "incoming").mkdir()
        (tmp_path / "incoming" / "a.parquet").symlink_to(tmp_path / "outside.parquet")
        (tmp_path / "outside").mkdir()
        write_batch(tmp_path / "outside" / "part.parquet", NEW)
        (tmp_path / "incoming" / "b.parquet").symlink_to(tmp_path / "outside")
        for name in ("a", "b"):
            (part,) = batch_parts(tmp_path / "incoming", name)
            with pytest.raises(InputError, match=rf"{name}\.parquet: expected a file, found a link that is not"):
                read_part(part, retry_for_s=0)

    def test_a_folder_in_a_batch_is_to_be_moved_away(self, tmp_path):
        write_batch(tmp_path / "a.parquet" / "0.parquet" / "inner.parquet", NEW)
        (part,) = batch_parts(tmp_path, "a")
        with pytest.raises(
            InputError,
            match=r"a\.parquet/0\.parquet: expected a file, found a directory; move it away and put a file there",
        ):
            read_part(part)

    def test_which_files_are_batches(self, tmp_path):
        for name in ("b.parquet", "a-1.2.parquet", ".hidden.parquet", "_tmp.parquet", "a b.parquet", "c.csv"):
            (tmp_path / name).touch()
        for name in ("part-1.parquet", "part-0.parquet", "_SUCCESS", ".part-2.parquet"):
            (tmp_path / "d.parquet").mkdir(exist_ok=True)
            (tmp_path / "d.parquet" / name).touch()
        batches, others = list_batches(tmp_path)
        assert list(batches) == ["a-1.2", "b", "d"]
        assert [path.name for path in batches["d"]] == ["part-0.parquet", "part-1.parquet"]
        assert others == ["a b.parquet"]
        assert list_batches(tmp_path / "nowhere") == ({}, [])

    @pytest.mark.parametrize("name", ["../a", "a/b", "", ".", "a..b", "a" * 101, "a\nb"])
    def test_no_name_leads_out_of_the_folder(self, tmp_path, name):
        write_batch(tmp_path / "a.parquet", NEW)
        with pytest.raises(InputError, match="expected up to 100 letters, digits"):
            batch_parts(tmp_path / "incoming", name)

    def test_missing_and_empty_batches(self, tmp_path):
        (tmp_path / "empty.parquet").mkdir()
        with pytest.raises(InputError, match=r"gone\.parquet: expected a batch of new rows, found none"):
            batch_parts(tmp_path, "gone")
        with pytest.raises(InputError, match=r"empty\.parquet: expected .* found no such file in it"):
            batch_parts(tmp_path, "empty")


@dataclass(frozen=True)
class Slowly:
    """A worker that kills its own process at one item, the first time."""

    folder: Path

    def __call__(self, item: int) -> tuple[int, int]:
        marker = self.folder / "died"
        if item == 3 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        (self.folder / f"{item}.done").touch()
        return item, item**2


@pytest.fixture(scope="module")
def settings() -> PartSettings:
    return PartSettings(LabelModel.fit(landmarks_of(TRAINING)), LABELLED, 0.95, 99.0, 0)


@dataclass(frozen=True)
class DiesOnce:
    """A `PartPlacer` whose process is killed when it has written its part, the first time."""

    shared: tuple[PartSettings, Path]

    def __call__(self, part: Part) -> DonePart:
        settings, marker = self.shared
        done = PartPlacer(settings)(part)
        if part.source.stem == "part-2" and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return done


def write_parts(folder: Path, n_parts: int = 5) -> list[Path]:
    for number, rows in enumerate(np.array_split(np.arange(len(NEW.labels)), n_parts)):
        part = TrainingSet(NEW.table.take(rows), NEW.vectors[rows], NEW.class_labels)
        write_batch(folder / f"part-{number}.parquet", part)
    return sorted(folder.glob("*.parquet"))


def parts_of(sources: list[Path], results: Path) -> list[Part]:
    results.mkdir()
    return [Part(source, results / f"{number}.parquet") for number, source in enumerate(sources)]


@pytest.fixture(scope="module")
def started_ray() -> Iterator[None]:
    """Ray, started once for all tests; its workers can import what stands here."""
    ray = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(PROJECT), prepend=os.pathsep)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        enough = {"num_cpus": 2, "_memory": 4 << 30}  # for Ray's bookkeeping, whatever is free
        ray.init(**enough, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        assert ray.cluster_resources()["memory"] == 4 << 30
        yield
        ray.shutdown()


class TestParts:
    def test_together_say_what_the_whole_says(self, tmp_path, settings):
        whole = parts_of(write_parts(tmp_path / "one", 1), tmp_path / "whole")
        cut = parts_of(write_parts(tmp_path / "many"), tmp_path / "cut")
        for parts in (whole, cut):
            check_parts(parts, list(map(PartPlacer(settings), parts)))
        assert placed_rows(cut, 2).read_all().equals(placed_rows(whole, 2).read_all())
        assert described_rows(cut).equals(described_rows(whole))

    @pytest.mark.ray
    @pytest.mark.usefixtures("started_ray")
    def test_two_workers_of_ray_write_the_same_bytes(self, tmp_path, settings):
        sources = write_parts(tmp_path / "many")
        here, there = parts_of(sources, tmp_path / "here"), parts_of(sources, tmp_path / "there")
        done_here = list(map_with_workers(PartPlacer, settings, here))
        done_there = list(map_with_workers(PartPlacer, settings, there, n_workers=2))
        assert done_there == done_here
        for one, other in zip(here, there, strict=True):
            assert one.result.read_bytes() == other.result.read_bytes()

    @pytest.mark.ray
    @pytest.mark.usefixtures("started_ray")
    @pytest.mark.slow
    def test_worker_killed_in_the_middle_loses_nothing_and_doubles_nothing(self, tmp_path, settings):
        parts = parts_of(write_parts(tmp_path / "many"), tmp_path / "results")
        shared = settings, tmp_path / "died"
        done = list(map_with_workers(DiesOnce, shared, parts, n_workers=2))
        assert (tmp_path / "died").exists()
        check_parts(parts, done)
        assert placed_rows(parts, 2).read_all()["id"].to_pylist() == NEW.table["id"].to_pylist()
        assert [result.n_rows for result in done] == [12] * 5

    @pytest.mark.ray
    @pytest.mark.usefixtures("started_ray")
    @pytest.mark.slow
    def test_results_come_in_the_order_of_the_items_whoever_dies(self, tmp_path):
        found = list(map_with_workers(Slowly, tmp_path, list(range(8)), n_workers=2))
        assert found == [(item, item**2) for item in range(8)]
        assert (tmp_path / "died").exists()

    def test_faults_of_all_parts_are_told_and_nothing_is_taken(self, tmp_path, settings):
        sources = write_parts(tmp_path / "many")
        sources[1].write_bytes(b"PAR1 and nothing more")
        vectors = NEW.vectors[:12, :8].copy()
        write_batch(sources[3], TrainingSet(NEW.table.slice(0, 12), vectors, NEW.class_labels))
        parts = parts_of(sources, tmp_path / "results")
        done = list(map(PartPlacer(settings), parts))
        with pytest.raises(InputError) as caught:
            check_parts(parts, done)
        first, second = str(caught.value).splitlines()
        assert "part-1.parquet: expected a Parquet file, found a damaged one" in first
        assert "part-3.parquet: expected vectors of 16 dimensions, as the training rows', found 8" in second

    def test_id_in_two_parts_is_refused(self, tmp_path, settings):
        sources = write_parts(tmp_path / "many")
        write_batch(sources[4], TrainingSet(NEW.table.slice(12, 3), NEW.vectors[12:15], NEW.class_labels))
        parts = parts_of(sources, tmp_path / "results")
        done = list(map(PartPlacer(settings), parts))
        first = min(NEW.table["id"].slice(12, 3).to_pylist())
        with pytest.raises(InputError, match=rf"part-1\.parquet: expected ids .* found 3 .* first id {first}"):
            check_parts(parts, done)

    def test_result_that_lost_rows_is_refused(self, tmp_path, settings):
        parts = parts_of(write_parts(tmp_path / "many"), tmp_path / "results")
        done = list(map(PartPlacer(settings), parts))
        pq.write_table(pq.read_table(parts[2].result).slice(1), parts[2].result)
        with pytest.raises(InputError, match=r"2\.parquet: expected 12 rows, as .*part-2.parquet has, found 11"):
            check_parts(parts, done)

    def test_without_ray_several_workers_are_refused(self, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "ray", None)
        with pytest.raises(InputError, match=r"expected the package ray.*text_classification_viz\[ray\]"):
            list(map_with_workers(lambda shared: abs, None, [1, 2], n_workers=2))

    def test_machine_without_room_for_one_worker_is_no_reason_to_wait_for_ever(self, monkeypatch):
        ray = pytest.importorskip("ray")
        ended = []
        for name, value in {
            "is_initialized": lambda: False,
            "init": lambda **options: None,
            "cluster_resources": lambda: {"CPU": 2.0, "memory": 500.0 * 2**20},
            "shutdown": lambda: ended.append(True),
        }.items():
            monkeypatch.setattr(ray, name, value)
        with pytest.raises(InputError, match="expected 1,024 MiB of memory for each worker of Ray, found 500 MiB"):
            list(map_with_workers(lambda shared: abs, None, [1, 2], n_workers=2))
        assert ended

    def test_cluster_that_does_not_answer_is_named(self, monkeypatch):
        ray = pytest.importorskip("ray")
        monkeypatch.setattr(ray, "is_initialized", lambda: False)
        monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
        with pytest.raises(InputError, match=r"RAY_ADDRESS: expected .* answers at 127\.0\.0\.1:1, found none"):
            list(map_with_workers(lambda shared: abs, None, [1, 2], n_workers=2))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    graph = make_graph(tmp_path_factory.mktemp("batches"), TRAINING)
    graph.run()
    return graph


def place_batch(graph: Graph, name: str, raise_on_error: bool = True, **config: Any) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(BATCHES.name, [name])
        return graph.defs.resolve_job_def("batch_job").execute_in_process(
            instance=instance,
            partition_key=name,
            run_config={"ops": {"batch": {"config": config}}},
            raise_on_error=raise_on_error,
        )


class TestAssets:
    def read(self, graph: Graph, asset: str, name: str) -> pa.Table:
        return pq.read_table(graph.data_root / "visualization" / asset / f"{name}.parquet")

    def test_folder_of_files_and_one_file_make_the_same_tables(self, finished):
        incoming = finished.data_root / "incoming"
        write_batch(incoming / "one.parquet", NEW)
        write_parts(incoming / "many.parquet")
        for name in ("one", "many"):
            place_batch(finished, name)
        for asset in ("batch_projection", "batch_report", "batch_class_mix"):
            one, many = (self.read(finished, asset, name) for name in ("one", "many"))
            assert one.replace_schema_metadata().equals(many.replace_schema_metadata())
        assert self.read(finished, "batch_projection", "one")["id"].to_pylist() == NEW.table["id"].to_pylist()
        assert (finished.data_root / "visualization" / "batch_projection" / "one.png").stat().st_size > 10_000
        assert list((finished.data_root / ".scratch").iterdir()) == []

    def test_lineage_names_the_batch_and_all_that_the_map_came_from(self, finished):
        import hashlib

        path = finished.data_root / "incoming" / "lineage.parquet"
        write_batch(path, NEW)
        place_batch(finished, "lineage", atypical_percentile=98.0)
        metadata = self.read(finished, "batch_report", "lineage").schema.metadata
        hashes = json.loads(metadata[b"upstream_sha256"])
        assert hashes["incoming/lineage"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert set(hashes) == {"incoming/lineage", "train_set", "train_embeddings", "label_transform"}
        assert json.loads(metadata[b"config"])["atypical_percentile"] == 98.0

    def test_unknown_category_is_reported_and_told(self, finished):
        categories = pa.array(["brand new", *NEW.table["category"].to_pylist()[1:]])
        write_batch(finished.data_root / "incoming" / "surprise.parquet", NEW, category=categories)
        result = place_batch(finished, "surprise")
        report = self.read(finished, "batch_report", "surprise").to_pylist()
        assert [row["class_label"] for row in report if row["kind"] == "new_class"] == ["brand new"]
        (event, *_) = result.get_asset_materialization_events()
        assert "no training row has 'brand new'" in event.materialization.metadata["warnings"].value

    @pytest.mark.parametrize(
        ("categories", "message"),
        [
            (["L" * 1_001] * 60, "expected classes of at most 1,000 characters, found one of 1,001; shorten it"),
            ([f"class {number}" for number in range(1_001)], "expected at most 1,000 classes, found 1,001"),
        ],
    )
    def test_labels_without_bound_are_refused(self, finished, categories, message):
        rows = np.resize(np.arange(60), len(categories))
        new = TrainingSet(NEW.table.take(rows), NEW.vectors[rows], NEW.class_labels)
        path = finished.data_root / "incoming" / "labels.parquet"
        write_batch(path, new, id=pa.array(range(len(rows))), category=pa.array(categories))
        assert f"category: {message}" in failure_of(place_batch(finished, "labels", raise_on_error=False), "batch")

    def test_bad_batch_leaves_its_last_good_result(self, finished):
        path = finished.data_root / "incoming" / "spoiled.parquet"
        write_batch(path, NEW)
        place_batch(finished, "spoiled")
        tables = finished.data_root / "visualization"
        files = [
            file for asset in ("projection", "report", "class_mix") for file in tables.glob(f"batch_{asset}/*")
        ]
        before = {file: file.read_bytes() for file in files}
        write_batch(path, NEW, id=pa.array([7] * len(NEW.labels)))
        message = failure_of(place_batch(finished, "spoiled", raise_on_error=False), "batch")
        assert message == (
            f"{path}: expected unique ids, found id 7 in rows [0, 1, 2]; remove the duplicates, then mend it "
            "where it is made, and write it again"
        )
        assert {file: file.read_bytes() for file in files} == before

    def test_visualization_job_makes_no_batches(self, finished):
        keys = finished.defs.resolve_job_def("visualization_job").asset_layer.executable_asset_keys
        assert not {"batch_projection", "batch_report"} & {key.to_user_string() for key in keys}


Tick = Callable[[str | None], dg.SensorResult | dg.SkipReason]


@pytest.fixture
def tick(tmp_path: Path) -> Tick:
    def evaluate(cursor: str | None) -> dg.SensorResult | dg.SkipReason:
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(
                instance=instance, cursor=cursor, resources={"data_root": DataRoot(tmp_path)}
            )
            return incoming_sensor(context)

    return evaluate


class TestSensor:
    def test_starts_a_run_for_each_new_or_changed_batch(self, tmp_path, tick):
        assert isinstance(tick(None), dg.SkipReason)
        for name in ("a", "b"):
            write_batch(tmp_path / "incoming" / f"{name}.parquet", NEW)
        first = tick(None)
        assert [request.partition_key for request in first.run_requests] == ["a", "b"]
        (added,) = first.dynamic_partitions_requests
        assert (added.partitions_def_name, added.partition_keys) == ("batches", ["a", "b"])
        assert isinstance(tick(first.cursor), dg.SkipReason)

        write_batch(tmp_path / "incoming" / "b.parquet", NEW, headline=None)
        second = tick(first.cursor)
        assert [request.partition_key for request in second.run_requests] == ["b"]
        (tmp_path / "incoming" / "a.parquet").unlink()
        assert isinstance(tick(second.cursor), dg.SkipReason)

    def test_a_part_more_changes_a_batch_of_parts(self, tmp_path, tick):
        parts = write_parts(tmp_path / "incoming" / "a.parquet")
        first = tick(None)
        parts[-1].unlink()
        assert [request.partition_key for request in tick(first.cursor).run_requests] == ["a"]

    def test_many_batches_have_their_turn_one_tick_after_another(self, tmp_path, tick, monkeypatch):
        monkeypatch.setattr("text_classification_viz.automation.BATCHES_AT_ONCE", 2)
        (tmp_path / "incoming").mkdir()
        for name in "abcde":
            (tmp_path / "incoming" / f"{name}.parquet").touch()
        cursor, started = None, []
        while not isinstance(found := tick(cursor), dg.SkipReason):
            started.append([request.partition_key for request in found.run_requests])
            cursor = found.cursor
        assert started == [["a", "b"], ["c", "d"], ["e"]]
