"""Upstream's validation rows in the graph: there, not there, half there, and broken."""

import json
import os
import time
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.graph import Graph, failure_of, make_graph, metadata_of
from tests.support.new_rows_samples import training_and_new
from tests.support.synthetic import TrainingSet
from text_classification_viz.automation import upstream_sensor
from text_classification_viz.core.tables import CLASS_MIX, NEW_ROWS_REPORT, placed_schema
from text_classification_viz.resources.upstream_io_manager import UpstreamIOManager

TRAINING, NEW = training_and_new()
VALIDATION = ("validation_projection", "validation_report", "validation_class_mix")
BUILT = ["validation_df", "validation_vectors", *VALIDATION]


def write_validation(storage: Path, new: TrainingSet = NEW) -> None:
    with (storage / "validation_set.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in new.table.to_pylist())
    np.save(storage / "validation_embeddings.npy", new.vectors)


def run_validation(graph: Graph) -> dg.ExecuteInProcessResult:
    return graph.run([*BUILT], raise_on_error=False)


def published(graph: Graph, asset: str) -> pa.Table:
    return pq.read_table(graph.data_root / "visualization" / f"{asset}.parquet")


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> tuple[Graph, dg.ExecuteInProcessResult]:
    """The whole job where upstream has no validation files."""
    graph = make_graph(tmp_path_factory.mktemp("without"), TRAINING)
    return graph, graph.run()


@pytest.fixture(scope="module")
def validated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Graph, dg.ExecuteInProcessResult]:
    """The whole job with validation files, of which six rows have a wrong label."""
    graph = make_graph(tmp_path_factory.mktemp("with"), TRAINING)
    categories = NEW.table["category"].to_pylist()
    for row in range(0, 60, 10):
        categories[row] = str((int(categories[row]) + 1) % 4)
    spoiled = NEW.table.set_column(1, "category", pa.array(categories))
    write_validation(graph.storage, TrainingSet(spoiled, NEW.vectors, NEW.class_labels))
    return graph, graph.run()


def test_without_files_all_else_is_made_and_the_reason_is_told(without):
    graph, result = without
    assert result.success
    made = {path.stem for path in (graph.data_root / "visualization").glob("*.parquet")}
    assert {"train_df", "umap_projection", "outlier_report"} <= made
    assert not made & set(BUILT)
    (evaluation,) = [
        evaluation
        for evaluation in result.get_asset_check_evaluations()
        if evaluation.asset_key == dg.AssetKey("validation_vectors")
    ]
    assert evaluation.description.startswith(
        "Nothing to validate: upstream has neither validation_set nor validation_embeddings."
    )
    skipped = [event.step_key for event in result.all_events if event.is_step_skipped]
    assert skipped == ["validation"]


def test_tables_have_their_columns_and_every_row_once(validated):
    graph, _ = validated
    ids = sorted(NEW.table["id"].to_pylist())
    schemas = (placed_schema(2), NEW_ROWS_REPORT, CLASS_MIX)
    for asset, schema in zip(VALIDATION, schemas, strict=True):
        table = published(graph, asset)
        assert table.schema.remove_metadata().equals(schema)
        if "id" in table.column_names:
            assert sorted(table["id"].to_pylist()) == ids


def test_wrong_labels_come_first(validated):
    graph, result = validated
    report = published(graph, "validation_report").to_pylist()
    wrong = {NEW.table["id"][row].as_py() for row in range(0, 60, 10)}
    assert {row["id"] for row in report[:6]} == wrong
    assert metadata_of(result, "validation_report")["rows_mislabelled"].value == 6
    assert "look_at_first" in metadata_of(result, "validation_report")


@pytest.mark.slow
def test_classes_are_counted_among_all_training_rows_where_the_map_shows_a_sample(tmp_path):
    graph = make_graph(tmp_path, TRAINING)
    write_validation(graph.storage)
    assert graph.run(umap_projection={"config": {"rows": "sample", "n_epochs": 30}}).success
    assert published(graph, "umap_projection").num_rows < TRAINING.table.num_rows
    mix = published(graph, "validation_class_mix")
    assert mix["training_rows"].to_pylist() == np.unique(TRAINING.labels, return_counts=True)[1].tolist()


def test_classes_of_one_mix_have_not_changed(validated):
    _, result = validated
    metadata = metadata_of(result, "validation_class_mix")
    assert metadata["classes_changed"].value == "none"
    assert metadata["classes_thinly_covered"].value == "none"


def test_map_is_drawn_and_shown(validated):
    graph, result = validated
    metadata = metadata_of(result, "validation_projection")
    assert metadata["map"].value.startswith("![map](data:image/png;base64,")
    for name in ("validation_projection.png", "validation_projection_dark.png", "validation_projection.svg"):
        assert (graph.data_root / "visualization" / name).stat().st_size > 5_000


def test_lineage_is_of_both_sets(validated):
    graph, _ = validated
    hashes = json.loads(published(graph, "validation_report").schema.metadata[b"upstream_sha256"])
    assert set(hashes) == {
        "train_set",
        "train_embeddings",
        "label_transform",
        "validation_set",
        "validation_embeddings",
    }


def test_review_job_leaves_validation_alone(without):
    graph, _ = without
    assert graph.defs.resolve_job_def("review_job").execute_in_process().success


class TestFaults:
    @pytest.fixture
    def graph(self, validated: tuple[Graph, Any]) -> Graph:
        graph, _ = validated
        write_validation(graph.storage)
        return graph

    def refused(self, graph: Graph) -> str:
        """The message, where nothing has changed."""
        before = graph.hashes()
        message = failure_of(run_validation(graph), "validation_data")
        assert graph.hashes() == before
        return message

    def test_set_without_vectors(self, graph):
        (graph.storage / "validation_embeddings.npy").unlink()
        message = self.refused(graph)
        assert "validation_embeddings: expected a file" in message
        assert "materialize validation_embeddings upstream first" in message

    def test_vectors_of_another_set(self, graph):
        np.save(graph.storage / "validation_embeddings.npy", NEW.vectors[::-1])
        message = self.refused(graph)
        assert "expected vector i to belong to row i" in message
        assert "materialize validation_embeddings upstream again, from this validation_set" in message

    def test_number_of_vectors(self, graph):
        np.save(graph.storage / "validation_embeddings.npy", NEW.vectors[1:])
        assert "validation_set.jsonl, found 59; materialize validation_embeddings upstream again" in self.refused(
            graph
        )

    def test_class_that_no_encoder_knows(self, graph):
        rows = NEW.table.to_pylist()
        rows[0]["category"] = "99"
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (graph.storage / "validation_set.jsonl").write_text(lines)
        message = self.refused(graph)
        assert "validation_set.jsonl: category: expected one of the 4 classes" in message

    def test_not_a_number(self, graph):
        vectors = NEW.vectors.copy()
        vectors[5, 2] = np.inf
        np.save(graph.storage / "validation_embeddings.npy", vectors)
        assert "found NaN or infinity in 1 rows, first [5]; materialize validation_embeddings" in self.refused(
            graph
        )

    def test_width_of_another_model(self, graph):
        write_validation(graph.storage, TrainingSet(NEW.table, NEW.vectors[:, :8].copy(), NEW.class_labels))
        result = graph.run([*BUILT], raise_on_error=False)
        message = failure_of(result, "validation")
        assert "validation_vectors: expected 16 dimensions, as train_vectors has, found 8" in message


def test_sensor_sees_validation_files_come_change_and_go(tmp_path):
    graph = make_graph(tmp_path, TRAINING)

    def tick(cursor: str | None) -> tuple[set[str], str | None]:
        """The keys that changed, if a run is started, and the cursor."""
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(
                instance=instance,
                cursor=cursor,
                sensor_name="upstream_sensor",
                resources={"upstream_io_manager": UpstreamIOManager(graph.storage)},
            )
            (found,) = list(upstream_sensor(context))
            tags = found.tags if isinstance(found, dg.RunRequest) else {}
            changed = tags.get("changed_upstream", "").split(", ")
            return set(changed) - {""}, context.cursor

    _, cursor = tick(None)
    assert tick(cursor)[0] == set()
    write_validation(graph.storage)
    changed, cursor = tick(cursor)
    assert changed == {"validation_set", "validation_embeddings"}
    rewritten = graph.storage / "validation_embeddings.npy"
    np.save(rewritten, NEW.vectors[::-1])
    os.utime(rewritten, (time.time() + 60,) * 2)  # the clock of a file system may be coarse
    changed, cursor = tick(cursor)
    assert changed == {"validation_embeddings"}
    (graph.storage / "validation_set.jsonl").unlink()
    assert tick(cursor)[0] == set()  # half there: told by the reason for which it skips
    (graph.storage / "validation_embeddings.npy").unlink()
    assert tick(cursor)[0] == {"validation_set", "validation_embeddings"}
