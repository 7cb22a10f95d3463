"""The least, the most and the oddest training sets, through the whole job: a sensible result, or a clear error."""

import json
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.graph import failure_of, make_graph
from tests.support.synthetic import TrainingSet, make_training_set
from text_classification_viz.core.inputs.upstream import TRAIN_SET

ODD_LABELS = (
    "new\nline", "tab\there", "q\"uo'te", "emoji 😀", "rtl \u202eabc", "$x^2$", "<script>alert(1)</script>", "a|b",
    "L" * 1_000, "Case", "CASE", "case ", " case",
)  # fmt: skip
EXTREME_IDS = (-(2**63), 2**63 - 1, 2**53 + 1)


def changed(training_set: TrainingSet, vectors=None, class_labels=None, **columns) -> TrainingSet:
    table = training_set.table
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), TRAIN_SET.field(name), pa.array(values))
    vectors = training_set.vectors if vectors is None else np.asarray(vectors, np.float32)
    return TrainingSet(table, vectors, class_labels or training_set.class_labels)


def failures(result) -> dict[str, str]:
    steps = [event.step_key for event in result.all_events if event.is_step_failure]
    return {step: failure_of(result, step).splitlines()[0] for step in steps}


def assert_map(graph, asset: str, n_rows: int) -> None:
    table = graph.defs.load_asset_value(asset)
    assert len(table) == n_rows
    assert np.isfinite(table[["x", "y"]]).all(axis=None)
    assert len(table[["x", "y"]].drop_duplicates()) == n_rows


@pytest.mark.parametrize("n_rows", [1, 2, 3])
@pytest.mark.slow
def test_few_rows_have_what_can_be_made_of_them(tmp_path, n_rows):
    graph = make_graph(tmp_path, make_training_set(n_rows, n_classes=min(n_rows, 2)))
    found = failures(graph.run(raise_on_error=False))
    assert found.pop("review_gain").startswith("review_gain: expected at least 10 rows in two classes")
    assert len(graph.defs.load_asset_value("corrected_train_df")) == n_rows
    if n_rows == 1:
        assert found == {
            "nearest_neighbors": "train_vectors: expected at least 2 rows to have neighbors, found 1; give a "
            "larger training set"
        }
        return
    if n_rows == 2:
        assert found == {
            "outlier_report": "train_df: expected at least 3 rows to compare with each other, found 2; give a "
            "larger training set"
        }
    else:
        assert found == {}
        assert len(graph.defs.load_asset_value("outlier_report")) == n_rows
    if n_rows > 2 or len(np.unique(np.load(graph.storage / "train_embeddings.npy"), axis=0)) == n_rows:
        assert_map(graph, "umap_projection", n_rows)
        assert_map(graph, "tsne_projection", n_rows)


def test_one_class_has_nothing_in_question(tmp_path):
    graph = make_graph(tmp_path, make_training_set(60, n_classes=1))
    found = failures(graph.run(raise_on_error=False))
    assert set(found) == {"review_gain"}
    assert "found 60 rows in 1; give a larger training set" in found["review_gain"]
    report = graph.defs.load_asset_value("outlier_report")
    assert len(report) == 60
    assert not report["kind"].isin(["mislabelled", "contested", "ambiguous"]).any()


SOUND = make_training_set(60)


@pytest.mark.parametrize(
    ("training_set", "message"),
    [
        pytest.param(
            changed(SOUND, np.repeat(SOUND.vectors[:1], 60, axis=0)), "found all 60 the same", id="one vector"
        ),
        pytest.param(changed(SOUND, np.zeros((60, 16))), "found all 60 zero", id="zeros"),
        pytest.param(
            changed(SOUND, headline=[""] * 60, short_description=[" \n\t"] * 60),
            "found None or white space in both for all 60 rows",
            id="no texts",
        ),
    ],
)
def test_nothing_to_tell_rows_apart_is_refused(tmp_path, training_set, message):
    graph = make_graph(tmp_path, training_set)
    found = failures(graph.run(raise_on_error=False))
    assert set(found) == {"training_data"}
    assert message in found["training_data"]
    assert not list((graph.data_root / "visualization").glob("*.parquet"))


@pytest.mark.parametrize("factor", [1e38, 1e-41], ids=["huge", "denormal"])
def test_lengths_at_the_ends_of_float32(tmp_path, factor):
    graph = make_graph(tmp_path, changed(SOUND, SOUND.vectors * np.float32(factor)))
    graph.run(selection=["train_df", "train_vectors"])
    vectors = graph.defs.load_asset_value("train_vectors")
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


@pytest.mark.slow
def test_odd_labels_and_ids_arrive_exactly(tmp_path):
    sound = make_training_set(8 * len(ODD_LABELS), n_classes=len(ODD_LABELS))
    class_labels = {str(class_): label for class_, label in enumerate(ODD_LABELS)}
    ids = [*EXTREME_IDS, *range(3, sound.table.num_rows)]
    graph = make_graph(tmp_path, changed(sound, class_labels=class_labels, id=ids))
    assert graph.run().success
    folder = graph.data_root / "visualization"
    for asset in ("train_df", "umap_projection", "outlier_report"):
        table = pq.read_table(folder / f"{asset}.parquet")
        assert set(table["class_label"].to_pylist()) == set(ODD_LABELS), asset
        assert set(table["id"].to_pylist()) == set(ids), asset
    page = (folder / "triage_page.html").read_text(encoding="utf-8")
    data = json.loads(page.partition('type="application/json"')[2].partition(">")[2].partition("</script>")[0])
    assert data["classes"] == sorted(ODD_LABELS)
    assert set(map(str, EXTREME_IDS)) <= set(data["ids"])
    assert "<script>alert(1)" not in page


@pytest.mark.parametrize("n_dimensions", [2, 1_024])
@pytest.mark.slow
def test_few_and_many_dimensions(tmp_path, n_dimensions):
    graph = make_graph(tmp_path, make_training_set(60, n_classes=2, n_dimensions=n_dimensions))
    assert graph.run().success
    assert_map(graph, "umap_projection", 60)
    assert (graph.defs.load_asset_value("outlier_report")["kind"] == "none").mean() > 0.5


@pytest.mark.soak
@pytest.mark.slow
def test_wide_vectors_and_many_classes(tmp_path, trials, tell):
    """Of the report's time most goes with rows x classes squared."""
    n_dimensions, n_classes = trials(512, 4_096), trials(40, 1_000)
    graph = make_graph(tmp_path, crowded(4 * n_classes, n_classes, n_dimensions))
    job = graph.defs.resolve_job_def("visualization_job")
    everything = [key.to_user_string() for key in job.asset_layer.executable_asset_keys]
    start = time.process_time()
    # Of a thousand classes the gain of a review takes five times as long as the report, and has nothing new.
    assert graph.run(selection=[asset for asset in everything if asset != "review_gain"]).success
    seconds = time.process_time() - start
    report = graph.defs.load_asset_value("outlier_report")
    assert report["class_label"].nunique() == n_classes
    assert not report["kind"].isin(["mislabelled", "contested"]).any()
    assert_map(graph, "umap_projection", 4 * n_classes)
    tell(
        f"limits: {n_classes:,} classes of 4 rows each, {n_dimensions:,} dimensions: all but the gain in "
        f"{seconds:.0f} CPU s"
    )


def crowded(n_rows: int, n_classes: int, n_dimensions: int) -> TrainingSet:
    """Clusters around more centres than there can be topics, far apart in so many dimensions."""
    rng = np.random.default_rng(0)
    classes = rng.permutation(np.arange(n_rows) % n_classes)
    centers = rng.standard_normal((n_classes, n_dimensions))
    return changed(
        make_training_set(n_rows),
        centers[classes] + rng.standard_normal((n_rows, n_dimensions)) / 2,
        {str(class_): f"class {class_}" for class_ in range(n_classes)},
        category=list(map(str, classes)),
        headline=[f"Number {row}" for row in range(n_rows)],  # no two texts are equal
    )


@pytest.mark.slow
def test_class_of_one_row_is_a_class(tmp_path):
    categories = SOUND.table["category"].to_pylist()
    categories[10] = "alone"
    class_labels = {**SOUND.class_labels, "alone": "ALONE"}
    graph = make_graph(tmp_path, changed(SOUND, class_labels=class_labels, category=categories))
    assert failures(graph.run(raise_on_error=False)) == {}
    report = graph.defs.load_asset_value("outlier_report")
    assert report["class_label"].value_counts()["ALONE"] == 1
    alone = report[report["class_label"] == "ALONE"].iloc[0]
    assert alone["kind"] in ("mislabelled", "contested")  # nothing else says that there is such a class
    assert "ALONE" in set(graph.defs.load_asset_value("sampled_train_df")["class_label"])


@pytest.mark.slow
def test_some_vectors_of_zeros_are_rows_like_others(tmp_path):
    """As an embedder gives for an empty text; they have no direction, and so no neighbor nearer than others."""
    vectors = SOUND.vectors.copy()
    vectors[[5, 6, 7]] = 0
    graph = make_graph(tmp_path, changed(SOUND, vectors))
    assert failures(graph.run(raise_on_error=False)) == {}
    assert len(graph.defs.load_asset_value("outlier_report")) == 60
    table = graph.defs.load_asset_value("umap_projection")
    assert np.isfinite(table[["x", "y"]]).all(axis=None)


def test_ids_as_texts_are_refused(tmp_path):
    graph = make_graph(tmp_path, SOUND)
    (graph.storage / "train_set.jsonl").unlink()
    ids = [f"row-{id_}" for id_ in SOUND.table["id"].to_pylist()]
    table = SOUND.table.drop(["id"]).append_column("id", pa.array(ids))
    pq.write_table(table, graph.storage / "train_set.parquet")
    found = failures(graph.run(raise_on_error=False))
    assert set(found) == {"training_data"}
    assert "train_set.parquet: expected int in the column 'id', found string" in found["training_data"]


@pytest.mark.slow
def test_texts_of_a_megabyte_and_control_characters(tmp_path):
    """They arrive whole, the long one on the page once, and cannot break out of it."""
    odd = ["x" * 1_000_000, "a\0b", "\x1b[31mred", "\u2028line", "</script><b>"]
    texts = [*odd, *SOUND.table["headline"].to_pylist()[len(odd) :]]
    graph = make_graph(tmp_path, changed(SOUND, headline=texts))
    assert failures(graph.run(raise_on_error=False)) == {}
    assert set(texts) <= set(graph.defs.load_asset_value("train_df")["headline"])
    page = (graph.data_root / "visualization" / "triage_page.html").read_text(encoding="utf-8")
    assert page.count(odd[0]) == 1
    assert len(page) < 2_000_000
    assert "</script><b>" not in page


def test_what_would_take_too_long_or_too_much_is_refused(tmp_path):
    """All that hangs on them takes time with rows x classes squared, and memory with dimensions squared."""
    many = crowded(1_001, 1_001, 8)
    long = {**SOUND.class_labels, "0": "L" * 1_001}
    wide = changed(SOUND, np.random.default_rng(0).standard_normal((60, 8_193)))
    for number, (training_set, message) in enumerate(
        [
            (many, "category: expected at most 1,000 classes, found 1,001"),
            (
                changed(SOUND, class_labels=long),
                "classes and labels of at most 1,000 characters, found one of 1,001",
            ),
            (wide, "vectors of at most 8,192 dimensions, found 8,193"),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = failures(make_graph(folder, training_set).run(raise_on_error=False))
        assert set(found) == {"training_data"}
        assert message in found["training_data"]


@pytest.mark.slow
def test_long_text_that_is_everybodys_neighbor_is_not_copied_to_all(tmp_path):
    others = np.random.default_rng(0).standard_normal((60, 64))
    vectors = np.eye(64)[0] + others / np.linalg.norm(others, axis=1, keepdims=True)
    vectors[0] = np.eye(64)[0]
    texts = ["word " * 100_000, *SOUND.table["headline"].to_pylist()[1:]]
    graph = make_graph(tmp_path, changed(SOUND, vectors, headline=texts))
    graph.run(selection=None, raise_on_error=False, training_data={"config": {"require_alignment": False}})
    report = graph.defs.load_asset_value("outlier_report")
    shown = [headline for headlines in report["neighbor_headlines"] for headline in headlines]
    assert shown.count(texts[0][:300]) > 1
    assert max(map(len, shown)) == 300


@pytest.mark.slow
def test_label_that_xml_cannot_hold_fails_the_export_alone(tmp_path):
    labels = {**SOUND.class_labels, "0": "nul\0"}
    graph = make_graph(tmp_path, changed(SOUND, class_labels=labels))
    found = failures(graph.run(raise_on_error=False))
    assert set(found) == {"label_studio_tasks"}
    assert "nul" in found["label_studio_tasks"]
    assert "nul\0" in set(graph.defs.load_asset_value("outlier_report")["class_label"])
