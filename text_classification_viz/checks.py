"""Asset checks: what a consumer may rely on, whatever the settings were.

Some are evaluated inside the step that makes the asset, and only described here: the alignment, because a pair
that fails must not be published; recall and the quality of maps, because the step has the vectors at hand.
"""

import dataclasses

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from text_classification_viz.core.inputs import Alignment
from text_classification_viz.core.maps import MapQuality

LOW_RECALL = 0.98
LOW_TRUSTWORTHINESS = 0.75  # points strewn at random have 0.5, maps of news and of newsgroups 0.9 and more
LOW_NEIGHBORS_KEPT = 0.05  # of 17,000 rows, points strewn at random keep 0.001, maps of news 0.15 and more
LOW_SHARE_OF_PURITY = 0.8  # of what the vectors have

ALIGNMENT_CHECK, VALIDATION_ALIGNMENT_CHECK = (
    dg.AssetCheckSpec(
        "rows_and_vectors_belong_together",
        asset=asset,
        blocking=True,
        description="Rows with equal text have equal vectors, and nearest neighbors share labels more often than "
        "chance has it. Upstream shuffles without a seed, so new rows beside older vectors fit in every length "
        "and type, and make nonsense of all that follows.",
    )
    for asset in ("train_vectors", "validation_vectors")
)


def check_pair(check: dg.AssetCheckSpec, alignment: Alignment, is_required: bool) -> dg.AssetCheckResult:
    """Tell whether vector i seems to belong to row i; measured by the gate itself."""
    return dg.AssetCheckResult(
        passed=alignment.passed,
        check_name=check.name,
        asset_key=check.asset_key,
        severity=dg.AssetCheckSeverity.ERROR if is_required else dg.AssetCheckSeverity.WARN,
        description=str(alignment),
        metadata={
            name: value
            for name, value in dataclasses.asdict(alignment).items()
            if value == value  # NaN, which the catalog cannot hold: not tested
        },
    )


def no_pair(check: dg.AssetCheckSpec, reason: str) -> dg.AssetCheckResult:
    """Pass where there is nothing to compare: Dagster wants a result of each check, and its web UI shows why."""
    return dg.AssetCheckResult(passed=True, check_name=check.name, asset_key=check.asset_key, description=reason)


REVIEWS_APPLY_CHECK = dg.AssetCheckSpec(
    "reviews_apply",
    asset="reviewed_labels",
    description="Each decision speaks of a row that the training set has, and of the label that it has now.",
)
REVIEWERS_AGREE_CHECK = dg.AssetCheckSpec(
    "reviewers_agree",
    asset="reviewed_labels",
    description="No two reviewers want different labels for a row.",
)


def warn_of(check: dg.AssetCheckSpec, found: str, count: int) -> dg.AssetCheckResult:
    """Warn where anything was found, and tell how many."""
    return dg.AssetCheckResult(
        check_name=check.name, passed=not count, severity=dg.AssetCheckSeverity.WARN, metadata={found: count}
    )


RECALL_CHECK = dg.AssetCheckSpec(
    "recall_is_high",
    asset="nearest_neighbors",
    description=f"The search finds at least {LOW_RECALL:.0%} of the true nearest neighbors.",
)


def check_recall(recall: float) -> dg.AssetCheckResult:
    """Warn where the search misses too many neighbors; measured by the asset itself."""
    return dg.AssetCheckResult(
        check_name=RECALL_CHECK.name,
        passed=recall >= LOW_RECALL,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"recall": recall},
    )


SHOWS_NEIGHBORHOODS = (
    f"Trustworthiness is at least {LOW_TRUSTWORTHINESS:g}, {LOW_NEIGHBORS_KEPT:.0%} of a row's nearest neighbors "
    "are near it on the map, and neighbors on the map share labels at least "
    f"{LOW_SHARE_OF_PURITY:.0%} as often as neighbors by the vectors do."
)
UMAP_QUALITY_CHECK = dg.AssetCheckSpec(
    "umap_shows_neighborhoods", asset="umap_projection", description=SHOWS_NEIGHBORHOODS
)
TSNE_QUALITY_CHECK = dg.AssetCheckSpec(
    "tsne_shows_neighborhoods", asset="tsne_projection", description=SHOWS_NEIGHBORHOODS
)


def check_quality(quality: MapQuality) -> dg.AssetCheckResult:
    """Warn where a map shows little of what the vectors say; measured by the asset itself."""
    return dg.AssetCheckResult(
        passed=quality.trustworthiness >= LOW_TRUSTWORTHINESS
        and quality.neighbors_kept >= LOW_NEIGHBORS_KEPT
        and quality.label_purity >= LOW_SHARE_OF_PURITY * quality.label_purity_of_vectors,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=dataclasses.asdict(quality),
    )


def _check_map(projection: pa.Table, train_df: pa.Table) -> dg.AssetCheckResult:
    rows = pc.index_in(projection["id"], train_df["id"])
    unknown = rows.null_count
    repeated = len(rows) - pc.count_distinct(projection["id"]).as_py()
    labels = train_df["class_label"].take(rows.combine_chunks())
    relabeled = pc.sum(pc.not_equal(labels, projection["class_label"])).as_py() or 0
    axes = [projection[axis].to_numpy() for axis in projection.column_names[2:]]
    astray = int((~np.isfinite(axes)).any(axis=0).sum())
    found = {
        "unknown_ids": unknown,
        "repeated_ids": repeated,
        "other_labels": relabeled,
        "not_finite": astray,
    }
    return dg.AssetCheckResult(passed=not any(found.values()), metadata=found)


PLACES_TRAINING_ROWS = "Each id is one of train_df, once and with its label, at finite coordinates."


@dg.asset_check(
    asset="umap_projection",
    additional_ins={"train_df": dg.AssetIn()},
    description=PLACES_TRAINING_ROWS,
)
def umap_places_training_rows(umap_projection: pa.Table, train_df: pa.Table) -> dg.AssetCheckResult:
    """Compare the UMAP map with the training set."""
    return _check_map(umap_projection, train_df)


@dg.asset_check(
    asset="tsne_projection",
    additional_ins={"train_df": dg.AssetIn()},
    description=PLACES_TRAINING_ROWS,
)
def tsne_places_training_rows(tsne_projection: pa.Table, train_df: pa.Table) -> dg.AssetCheckResult:
    """Compare the t-SNE map with the training set."""
    return _check_map(tsne_projection, train_df)


@dg.asset_check(
    asset="outlier_report",
    additional_ins={"train_df": dg.AssetIn()},
    description="One row for each row of train_df, ranked 1 to n with no rank twice.",
)
def report_ranks_every_row(outlier_report: pa.Table, train_df: pa.Table) -> dg.AssetCheckResult:
    """Compare ids and ranks with the training set's."""
    ids = np.sort(outlier_report["id"].to_numpy())
    ranks = np.sort(outlier_report["rank"].to_numpy())
    same_ids = np.array_equal(ids, np.sort(train_df["id"].to_numpy()))
    all_ranks = np.array_equal(ranks, np.arange(1, train_df.num_rows + 1))
    return dg.AssetCheckResult(
        passed=same_ids and all_ranks, metadata={"ids_match": same_ids, "ranks_are_1_to_n": all_ranks}
    )


asset_checks = [
    umap_places_training_rows,
    tsne_places_training_rows,
    report_ranks_every_row,
]
