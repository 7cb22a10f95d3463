"""The asset checks on tables that they must not let pass."""

import dagster as dg
import pyarrow as pa
import pytest

from text_classification_viz import checks

TRAIN_DF = pa.table({"id": [1, 2, 3], "class_label": ["A", "B", "A"]})
MAP = {"id": [3, 1], "class_label": ["A", "A"], "x": [0.0, 1.0], "y": [2.0, 3.0]}


@pytest.mark.parametrize(
    ("check", "asset"),
    [
        (checks.umap_places_training_rows, "umap_projection"),
        (checks.tsne_places_training_rows, "tsne_projection"),
    ],
)
@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({}, None),
        ({"id": [3, 9]}, "unknown_ids"),
        ({"id": [3, 3]}, "repeated_ids"),
        ({"class_label": ["A", "B"]}, "other_labels"),
        ({"y": [2.0, float("inf")]}, "not_finite"),
    ],
)
def test_map_of_other_rows_or_nowhere(check, asset, columns, found):
    result = check(**{asset: pa.table({**MAP, **columns}), "train_df": TRAIN_DF})
    assert result.passed == (found is None)
    assert {name for name, count in result.metadata.items() if count.value} == ({found} if found else set())


@pytest.mark.parametrize(
    ("ids", "ranks", "passed"),
    [
        ([2, 3, 1], [1, 2, 3], True),
        ([2, 3, 3], [1, 2, 3], False),
        ([2, 3], [1, 2], False),
        ([2, 3, 1], [1, 2, 2], False),
        ([2, 3, 1], [0, 1, 2], False),
    ],
)
def test_report_without_every_row_or_rank(ids, ranks, passed):
    report = pa.table({"id": ids, "rank": ranks})
    assert checks.report_ranks_every_row(outlier_report=report, train_df=TRAIN_DF).passed == passed


@pytest.mark.parametrize(("recall", "passed"), [(1.0, True), (0.98, True), (0.979, False)])
def test_low_recall_warns(recall, passed):
    result = checks.check_recall(recall)
    assert result.passed == passed
    assert result.severity == dg.AssetCheckSeverity.WARN
