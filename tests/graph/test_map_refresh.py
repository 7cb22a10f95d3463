"""Maps of a training set that changes from run to run: what stays, what moves, and what starts afresh."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.synthetic import TrainingSet, make_training_set, write_upstream
from text_classification_viz.assets.projections import _last_map
from text_classification_viz.core.maps.continuation import RECORD, Fresh
from text_classification_viz.definitions import build_definitions
from text_classification_viz.storage.publishing.data_root import DataRoot

DATA = make_training_set(n_rows=400)
SAMPLE = {"sampled_train_df": {"config": {"samples_per_class": 30}}}
ALL_ROWS = {"tsne_projection": {"config": {"rows": "all"}}}
MAPS = ("umap_projection", "tsne_projection")
maps = pytest.mark.parametrize("asset", MAPS)


class Refreshes:
    """A DATA_ROOT whose upstream is rewritten between runs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.storage = folder, folder / "upstream"
        self.storage.mkdir(parents=True, exist_ok=True)
        self.defs = build_definitions(folder / "data", self.storage)

    def run(self, rows: slice, vectors: np.ndarray = DATA.vectors, **config: Any) -> dict[str, dict[str, Any]]:
        """Make maps of these rows, and give the metadata of each asset."""
        table = DATA.table.take(np.arange(400)[rows])
        write_upstream(self.storage, TrainingSet(table, vectors[rows], DATA.class_labels))
        result = self.defs.resolve_job_def("visualization_job").execute_in_process(
            run_config={"ops": {**SAMPLE, **config}},
            asset_selection=list(
                dg.AssetSelection.assets(*MAPS).upstream().resolve(self.defs.resolve_asset_graph())
            ),
        )
        assert all(evaluation.passed for evaluation in result.get_asset_check_evaluations())
        return {
            event.asset_key.to_user_string(): {
                name: value.value for name, value in event.materialization.metadata.items()
            }
            for event in result.get_asset_materialization_events()
        }

    def map(self, asset: str) -> pd.DataFrame:
        """The published map, by id."""
        return self.defs.load_asset_value(asset).set_index("id")

    def file(self, asset: str) -> Path:
        """The file that the map is published in."""
        return self.folder / "data" / "visualization" / f"{asset}.parquet"


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, Any]]]:
    """Folder and metadata of the first maps, of 380 rows; no test may change it."""
    folder = tmp_path_factory.mktemp("first")
    return folder, Refreshes(folder).run(slice(0, 380))


@pytest.fixture
def refreshes(first_run: tuple[Path, dict[str, dict[str, Any]]], tmp_path: Path) -> Refreshes:
    """The first maps, to be refreshed."""
    shutil.copytree(first_run[0], tmp_path / "copy")
    return Refreshes(tmp_path / "copy")


def known_rows_moved(before: pd.DataFrame, after: pd.DataFrame) -> np.ndarray:
    ids = before.index.intersection(after.index)
    return np.linalg.norm(after.loc[ids, ["x", "y"]] - before.loc[ids, ["x", "y"]], axis=1)


@maps
def test_first_map_is_made_afresh_and_the_same_rows_again_give_the_same_file(first_run, refreshes, asset):
    assert first_run[1][asset]["made"] == "afresh: there is no last map"
    before = refreshes.file(asset).read_bytes()
    again = refreshes.run(slice(0, 380))[asset]
    assert again["made"] == "the last map, new rows placed"
    assert (again["rows_new"], again["rows_gone"], again["median_displacement_percent"]) == (0, 0, 0)
    assert refreshes.file(asset).read_bytes() == before


def test_a_few_new_rows_leave_the_others_where_they_are(refreshes):
    before = {asset: refreshes.map(asset) for asset in MAPS}
    metadata = refreshes.run(slice(0, 400))
    for asset, old in before.items():
        new = refreshes.map(asset)
        assert metadata[asset]["rows_known"] + metadata[asset]["rows_new"] == len(new)
        assert (known_rows_moved(old, new) == 0).all()
        assert np.isfinite(new[["x", "y"]]).all(axis=None)
    assert metadata["umap_projection"]["rows_new"] == 20
    assert 0 < metadata["tsne_projection"]["rows_new"] <= 20


@pytest.mark.slow
def test_many_changes_refine_the_maps_and_are_settled_then(refreshes):
    refreshes.run(slice(0, 380), **ALL_ROWS)
    before = {asset: refreshes.map(asset) for asset in MAPS}
    metadata = refreshes.run(slice(40, 400), **ALL_ROWS)
    for asset, old in before.items():
        told = metadata[asset]
        assert told["made"] == "the last map, refined"
        assert (told["rows_known"], told["rows_new"], told["rows_gone"]) == (340, 20, 40)
        moved = known_rows_moved(old, refreshes.map(asset))
        extent = np.ptp(np.percentile(old[["x", "y"]], [1, 99], axis=0), axis=0).max()
        assert np.median(moved) / extent * 100 == pytest.approx(told["median_displacement_percent"], rel=0.1)
        assert 0 < told["median_displacement_percent"] < 10
    again = refreshes.run(slice(40, 400), **ALL_ROWS)
    assert {again[asset]["made"] for asset in MAPS} == {"the last map, new rows placed"}


@pytest.mark.slow
def test_small_changes_add_up(refreshes):
    made = [refreshes.run(slice(0, 380 - gone))["umap_projection"]["made"] for gone in (20, 40, 60)]
    assert made == ["the last map, new rows placed", "the last map, refined", "the last map, new rows placed"]


@pytest.mark.parametrize(
    ("asset", "config", "reason"),
    [
        ("umap_projection", {"min_dist": 0.3}, "the last map was made with other settings (min_dist)"),
        ("umap_projection", {"n_components": 3}, "the last map was made with other settings (n_components)"),
        ("tsne_projection", {"rows": "all"}, "the last map was made with other settings (rows)"),
        ("tsne_projection", {"supervision": 0}, "the last map was made with other settings (supervision)"),
        ("umap_projection", {"align_to_previous": False}, "align_to_previous is off"),
        ("tsne_projection", {"align_to_previous": False}, "align_to_previous is off"),
    ],
)
@pytest.mark.slow
def test_other_settings_start_afresh_and_say_so(refreshes, asset, config, reason):
    metadata = refreshes.run(slice(0, 400), **{asset: {"config": config}})[asset]
    assert metadata["made"] == f"afresh: {reason}"
    assert "rows_known" not in metadata


@pytest.mark.slow
def test_a_fresh_map_does_not_depend_on_the_last_one(refreshes, tmp_path):
    config = {"umap_projection": {"config": {"align_to_previous": False}}}
    other = Refreshes(tmp_path / "other")
    refreshes.run(slice(0, 400), **config)
    other.run(slice(0, 400), **config)
    file = "umap_projection"
    assert refreshes.file(file).read_bytes() == other.file(file).read_bytes()


def test_vectors_of_another_width_start_afresh(refreshes):
    wider = np.pad(DATA.vectors, ((0, 0), (0, 8)))
    metadata = refreshes.run(slice(0, 380), vectors=wider)["umap_projection"]
    assert metadata["made"] == "afresh: the last map shows vectors of 16 dimensions, now 24"


@pytest.mark.parametrize("damage", [b"", b"PAR1 and nothing more PAR1"])
@pytest.mark.slow
def test_map_that_cannot_be_read_is_made_afresh(refreshes, damage):
    before = refreshes.map("umap_projection")
    refreshes.file("umap_projection").write_bytes(damage)
    made = refreshes.run(slice(0, 380))["umap_projection"]["made"]
    assert made.startswith("afresh: the last map cannot be read")
    assert (known_rows_moved(before, refreshes.map("umap_projection")) == 0).all()


def with_record(table: pa.Table, change: Callable[[dict[str, Any]], Any]) -> pa.Table:
    metadata = dict(table.schema.metadata)
    return table.replace_schema_metadata({**metadata, RECORD: json.dumps(change(json.loads(metadata[RECORD])))})


OTHER_MAPS: dict[str, Callable[[pa.Table], pa.Table]] = {
    "no metadata": lambda table: table.replace_schema_metadata(None),
    "no lineage": lambda table: table.replace_schema_metadata({RECORD: table.schema.metadata[RECORD]}),
    "a record that is a list": lambda table: with_record(table, lambda record: [1]),
    "a record that lacks a field": lambda table: with_record(table, lambda record: {"settings": {}}),
    "more rows than it says": lambda table: pa.concat_tables([table, table]),
    "no rows": lambda table: table.slice(0, 0),
    "no coordinates": lambda table: table.drop(["x"]),
    "a coordinate that is no number": lambda table: table.set_column(
        2, table.schema.field(2), [pa.array([np.nan] * len(table), table.schema.field(2).type)]
    ),
}


@pytest.mark.parametrize("other", OTHER_MAPS)
def test_map_of_another_form_is_made_afresh(refreshes, other):
    """As another version would leave, or whoever wrote the file without us."""
    file = refreshes.file("umap_projection")
    pq.write_table(OTHER_MAPS[other](pq.read_table(file)), file)
    decided = _last_map("umap_projection", DataRoot(refreshes.folder / "data"), align_to_previous=True)
    assert isinstance(decided, Fresh)
    assert "the last map" in decided.reason


def test_map_with_a_field_that_a_later_version_adds_goes_on(refreshes):
    file = refreshes.file("umap_projection")
    pq.write_table(with_record(pq.read_table(file), lambda record: {**record, "later": 1}), file)
    known = _last_map("umap_projection", DataRoot(refreshes.folder / "data"), align_to_previous=True)
    assert known.ids.tolist() == refreshes.map("umap_projection").index.tolist()


@maps
def test_quality_is_in_the_metadata_to_be_plotted_over_time(first_run, asset):
    metadata = first_run[1][asset]
    assert 0.8 < metadata["trustworthiness"] <= 1
    assert 0.2 < metadata["neighbors_kept"] <= 1
    assert metadata["label_purity"] > 0.98
    assert metadata["label_purity_of_vectors"] > 0.98
