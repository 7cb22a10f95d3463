"""The whole graph, run by Dagster on small data: what is published, what is told, and what a fault leaves."""

import hashlib
import json
import shutil
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.support.graph import Graph, failure_of, make_graph, metadata_of
from text_classification_viz.assets import projections, suspect_map
from text_classification_viz.assets.outlier_report import LABEL_COUNTS
from text_classification_viz.core import tables
from text_classification_viz.definitions import build_definitions

ROWS, CLASSES, DIMENSIONS = 240, 4, 16

PUBLISHED = (
    "train_df.parquet",
    "train_vectors.npy",
    "sampled_train_df.parquet",
    "nearest_neighbors.parquet",
    "umap_projection.parquet",
    "tsne_projection.parquet",
    "outlier_report.parquet",
    "class_overlap.parquet",
    "review_gain.parquet",
    "row_changes.parquet",
    "reviewed_labels.parquet",
    "corrected_train_df.parquet",
    "label_studio_tasks.json",
    "label_studio_config.xml",
    "triage_page.html",
    "projector.html",
    "class_overlap.png",
    "current.json",
    *(
        f"{picture}{ending}"
        for picture in ("umap_projection", "tsne_projection", "suspect_map")
        for ending in (".png", "_dark.png", ".svg")
    ),
)


@pytest.fixture(scope="module", autouse=True)
def _one_day():
    """Pictures carry the day, which may end between two runs that are compared."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (projections, suspect_map):
            patch.setattr(module, "today", lambda: "2026-01-31")
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Graph, dg.ExecuteInProcessResult]:
    """One full run that the tests of this module look at; none may change it."""
    graph = make_graph(tmp_path_factory.mktemp("graph"))
    return graph, graph.run()


@pytest.fixture
def copy_of_finished(finished: tuple[Graph, dg.ExecuteInProcessResult], tmp_path: Path) -> Graph:
    """The finished run's folders, copied, to spoil at will."""
    data_root, storage = tmp_path / "data", tmp_path / "upstream"
    shutil.copytree(finished[0].data_root, data_root)
    shutil.copytree(finished[0].storage, storage)
    return Graph(data_root, storage, build_definitions(data_root, storage))


def test_every_table_is_published_with_the_contract_s_columns(finished):
    graph, _ = finished
    folder = graph.data_root / "visualization"
    assert {file.name for file in folder.iterdir()} == set(PUBLISHED)
    schemas = {
        "train_df": tables.TRAIN,
        "sampled_train_df": tables.TRAIN,
        "nearest_neighbors": tables.nearest_neighbors_schema(100),
        "umap_projection": tables.projection_schema(2),
        "tsne_projection": tables.projection_schema(2),
        "outlier_report": tables.OUTLIER_REPORT,
        "class_overlap": tables.CLASS_OVERLAP,
        "review_gain": tables.REVIEW_GAIN,
        "row_changes": tables.ROW_CHANGES,
        "reviewed_labels": tables.REVIEWED_LABELS,
        "corrected_train_df": tables.TRAIN,
    }
    for name, schema in schemas.items():
        assert pq.read_schema(folder / f"{name}.parquet").remove_metadata().equals(schema), name


def test_row_counts_follow_the_settings(finished):
    graph, result = finished
    rows = {
        "train_df": ROWS,
        "train_vectors": ROWS,
        "sampled_train_df": 20 * CLASSES,
        "nearest_neighbors": ROWS,
        "umap_projection": ROWS,
        "tsne_projection": 20 * CLASSES,
        "outlier_report": ROWS,
        "class_overlap": CLASSES * (CLASSES - 1) // 2,
        "reviewed_labels": 0,
        "corrected_train_df": ROWS,
        "projector_logs": 20 * CLASSES,
    }
    for asset, count in rows.items():
        assert metadata_of(result, asset)["dagster/row_count"].value == count, asset
        if asset != "projector_logs":
            assert len(graph.defs.load_asset_value(asset)) == count, asset


def test_files_carry_code_version_config_and_upstream_hashes(finished):
    graph, _ = finished
    keys = {
        "train_set": "train_set.jsonl",
        "train_embeddings": "train_embeddings.npy",
        "label_transform": "label_transform.json",
    }
    hashes = {key: hashlib.sha256((graph.storage / name).read_bytes()).hexdigest() for key, name in keys.items()}
    for file in (graph.data_root / "visualization").glob("*.parquet"):
        stored = {key.decode(): json.loads(value) for key, value in pq.read_schema(file).metadata.items()}
        assert stored["upstream_sha256"] == hashes, file.name
        assert stored["code_version"], file.name
    stored = pq.read_schema(graph.data_root / "visualization" / "umap_projection.parquet").metadata
    assert json.loads(stored[b"config"])["n_epochs"] == 30
    with (graph.data_root / "visualization" / "train_vectors.npy").open("rb") as file:
        np.load(file)
        assert json.loads(np.load(file).tobytes())["upstream_sha256"] == hashes


def test_vectors_are_unit_length_and_memory_mapped(finished):
    vectors = finished[0].defs.load_asset_value("train_vectors")
    assert isinstance(vectors, np.memmap)
    assert vectors.shape == (ROWS, DIMENSIONS)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_catalog_shows_schema_thumbnail_and_path(finished):
    graph, result = finished
    metadata = metadata_of(result, "umap_projection")
    columns = [column.name for column in metadata["dagster/column_schema"].schema.columns]
    assert columns == ["id", "class_label", "x", "y"]
    assert metadata["map"].value.startswith("![map](data:image/png;base64,")
    assert len(metadata["map"].value) < 100_000
    assert Path(metadata["full_picture"].value).read_bytes().startswith(b"\x89PNG")
    assert metadata["path"].value == str(graph.data_root / "visualization" / "umap_projection.parquet")


def test_all_checks_pass_and_the_alignment_check_blocks(finished):
    graph, result = finished
    evaluations = {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}
    assert set(evaluations) == {
        "rows_and_vectors_belong_together",
        "recall_is_high",
        "umap_shows_neighborhoods",
        "tsne_shows_neighborhoods",
        "umap_places_training_rows",
        "tsne_places_training_rows",
        "report_ranks_every_row",
        "reviews_apply",
        "reviewers_agree",
    }
    assert all(evaluation.passed for evaluation in evaluations.values())
    check = graph.defs.get_assets_def("train_vectors").get_spec_for_check_key(
        dg.AssetCheckKey(dg.AssetKey("train_vectors"), "rows_and_vectors_belong_together")
    )
    assert check.blocking


def test_projector_run_is_complete_and_staging_is_empty(finished):
    graph, result = finished
    run = Path(metadata_of(result, "projector_logs")["run"].value)
    assert run.parent == graph.data_root / "embeddings" / "train"
    assert (run / "projector_config.pbtxt").exists()
    assert list(run.glob("events.out.tfevents.*"))
    assert (
        metadata_of(result, "projector_logs")["bookmarks"].value
        == "UMAP 2D, unsupervised; t-SNE 2D, supervised by label"
    )
    assert not list((graph.data_root / "embeddings" / ".staging").iterdir())


def test_same_input_gives_the_same_bytes(finished, tmp_path):
    again = make_graph(tmp_path)
    again.run()
    assert again.hashes() == finished[0].hashes()


def test_consumer_loads_dataframe_after_importing_defs(finished):
    umap = finished[0].defs.load_asset_value("umap_projection")
    assert isinstance(umap, pd.DataFrame)
    assert list(umap.columns) == ["id", "class_label", "x", "y"]
    assert umap["id"].is_unique
    assert np.isfinite(umap[["x", "y"]]).all(axis=None)


def test_class_with_fewer_rows_gives_what_it_has_and_the_metadata_says_so(copy_of_finished):
    result = copy_of_finished.run(sampled_train_df={"config": {"samples_per_class": 1_000}})
    assert metadata_of(result, "sampled_train_df")["dagster/row_count"].value == ROWS
    named = metadata_of(result, "sampled_train_df")["classes_with_fewer_rows"].value
    assert len(named.split(", ")) == CLASSES


def test_3d_all_rows_and_numeric_learning_rate_by_config(copy_of_finished):
    result = copy_of_finished.run(
        umap_projection={"config": {"n_components": 3, "rows": "sample", "n_epochs": 20}},
        tsne_projection={"config": {"rows": "all", "learning_rate": 50, "n_iter": 60}},
        projector_logs={"config": {"rows": "all"}},
    )
    assert copy_of_finished.defs.load_asset_value("umap_projection").columns.tolist() == [
        "id",
        "class_label",
        "x",
        "y",
        "z",
    ]
    assert len(copy_of_finished.defs.load_asset_value("tsne_projection")) == ROWS
    metadata = metadata_of(result, "projector_logs")
    assert metadata["bookmarks"].value == "t-SNE 2D, supervised by label"
    assert metadata["maps_left_out"].value == "UMAP"


def spoil_shuffled(storage: Path) -> None:
    vectors = np.load(storage / "train_embeddings.npy")
    np.save(storage / "train_embeddings.npy", np.roll(vectors, 1, axis=0))


def spoil_missing(storage: Path) -> None:
    (storage / "train_set.jsonl").unlink()


def spoil_nan(storage: Path) -> None:
    vectors = np.load(storage / "train_embeddings.npy")
    vectors[7, 3] = np.nan
    np.save(storage / "train_embeddings.npy", vectors)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (spoil_shuffled, ["expected vector i to belong to row i", "materialize train_embeddings upstream again"]),
        (spoil_missing, ["train_set", "materialize"]),
        (spoil_nan, ["train_embeddings.npy", "NaN or infinity in 1 rows", "[7]"]),
    ],
)
def test_fault_says_what_to_do_and_leaves_the_last_good_result(copy_of_finished, spoil, expected):
    before = copy_of_finished.hashes()
    spoil(copy_of_finished.storage)
    result = copy_of_finished.run(raise_on_error=False)
    assert not result.success
    message = failure_of(result, "training_data")
    for part in expected:
        assert part in message
    assert "Traceback" not in message.splitlines()[0]
    assert copy_of_finished.hashes() == before
    assert not result.get_asset_materialization_events()


def test_misalignment_is_recorded_as_a_failed_blocking_check(copy_of_finished):
    spoil_shuffled(copy_of_finished.storage)
    result = copy_of_finished.run(raise_on_error=False)
    (evaluation,) = [
        evaluation
        for evaluation in result.get_asset_check_evaluations()
        if evaluation.asset_key == dg.AssetKey("train_vectors")
    ]
    assert evaluation.check_name == "rows_and_vectors_belong_together"
    assert evaluation.blocking
    assert not evaluation.passed


@pytest.mark.slow
def test_misaligned_pair_can_be_published_on_request(copy_of_finished):
    spoil_shuffled(copy_of_finished.storage)
    result = copy_of_finished.run(training_data={"config": {"require_alignment": False}})
    evaluation = next(e for e in result.get_asset_check_evaluations() if "belong" in e.check_name)
    assert not evaluation.passed
    assert evaluation.severity == dg.AssetCheckSeverity.WARN


def test_report_of_an_earlier_version_is_to_be_made_again(copy_of_finished):
    path = copy_of_finished.data_root / "visualization" / "outlier_report.parquet"
    report = pq.read_table(path)
    metadata = {key: value for key, value in report.schema.metadata.items() if key != LABEL_COUNTS}
    pq.write_table(report.replace_schema_metadata(metadata), path)
    before = copy_of_finished.hashes()
    result = copy_of_finished.run(["class_overlap"], raise_on_error=False)
    assert "by an earlier version; materialize outlier_report again" in failure_of(result, "class_overlap")
    assert copy_of_finished.hashes() == before


def test_inputs_from_different_upstream_files_are_refused(copy_of_finished):
    """A stage that would join tables of two upstream versions fails and names the stale one."""
    rows = (copy_of_finished.storage / "train_set.jsonl").read_text().splitlines()
    first = json.loads(rows[0])
    first["headline"] = "A new headline"
    (copy_of_finished.storage / "train_set.jsonl").write_text("\n".join([json.dumps(first), *rows[1:]]) + "\n")
    copy_of_finished.run(selection=["train_df", "train_vectors"])
    before = copy_of_finished.hashes()
    result = copy_of_finished.run(selection=["umap_projection"], raise_on_error=False)
    message = failure_of(result, "umap_projection")
    assert "nearest_neighbors: expected both to come from the same train_set" in message
    assert "materialize the older of the two again" in message
    assert copy_of_finished.hashes() == before


@pytest.mark.parametrize(
    ("asset", "config", "named"),
    [
        ("umap_projection", {"n_neighbors": 1}, "n_neighbors"),
        ("tsne_projection", {"learning_rate": "fast"}, "learning_rate"),
        ("tsne_projection", {"perplexity": 90.0, "rows": "all"}, "perplexity"),
        ("nearest_neighbors", {"n_neighbors": 0}, "n_neighbors"),
        ("sampled_train_df", {"samples_per_class": -1}, "samples_per_class"),
    ],
)
@pytest.mark.slow
def test_settings_out_of_range_fail_and_name_the_field(copy_of_finished, asset, config, named):
    before = copy_of_finished.hashes()
    result = copy_of_finished.run(raise_on_error=False, **{asset: {"config": config}})
    assert not result.success
    failures = [event for event in result.all_events if event.is_step_failure and event.step_key == asset]
    assert named in str(failures[0].step_failure_data.error)
    assert copy_of_finished.hashes()[f"{asset}.parquet"] == before[f"{asset}.parquet"]


def test_unknown_setting_is_refused_at_launch(finished):
    with pytest.raises(dg.DagsterInvalidConfigError, match="n_neighbor_rows"):
        finished[0].run(umap_projection={"config": {"n_neighbor_rows": 5}})
