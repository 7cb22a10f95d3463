"""The whole graph on the genuine files of the upstream project, where they are at hand."""

import pytest

from tests.support.genuine_upstream import STORAGE, needs_genuine_files
from text_classification_viz.definitions import build_definitions

ROWS, CLASSES = 16_944, 10

pytestmark = [pytest.mark.slow, needs_genuine_files]


@pytest.fixture(scope="module")
def defs(tmp_path_factory: pytest.TempPathFactory):
    defs = build_definitions(tmp_path_factory.mktemp("real"), STORAGE)
    few_epochs = {"ops": {"umap_projection": {"config": {"n_epochs": 20}}}}
    assert defs.resolve_job_def("visualization_job").execute_in_process(run_config=few_epochs).success
    return defs


@pytest.mark.parametrize(
    ("asset", "rows"),
    [
        ("train_df", ROWS),
        ("train_vectors", ROWS),
        ("nearest_neighbors", ROWS),
        ("umap_projection", ROWS),
        ("outlier_report", ROWS),
        ("sampled_train_df", 100 * CLASSES),
        ("tsne_projection", 100 * CLASSES),
    ],
)
def test_rows(defs, asset, rows):
    assert len(defs.load_asset_value(asset)) == rows


def test_sample_has_a_hundred_of_each_class(defs):
    counts = defs.load_asset_value("sampled_train_df")["class_label"].value_counts()
    assert counts.to_dict() == dict.fromkeys(counts.index, 100)
    assert len(counts) == CLASSES


def test_map_keeps_classes_together(defs):
    """Neighbors on the map agree on the class far more often than the 20 % that chance has."""
    from sklearn.neighbors import NearestNeighbors

    umap = defs.load_asset_value("umap_projection")
    places, labels = umap[["x", "y"]].to_numpy(), umap["class_label"].to_numpy()
    neighbors = NearestNeighbors(n_neighbors=11).fit(places).kneighbors(places, return_distance=False)[:, 1:]
    assert (labels[neighbors] == labels[:, None]).mean() > 0.6


def test_rows_that_the_notebook_wondered_about(defs):
    report = defs.load_asset_value("outlier_report").set_index("id")
    assert report.loc[8063, "kind"] in ("mislabelled", "contested")
    assert report.loc[8063, "suggested_label"] == "F: Fashion"
    assert {"E: Relationship", "J: Parenting"} & set(report.loc[11520, "candidate_labels"])
    assert report.loc[51394, "suggested_label"] == "D: Diversity"
