"""`reviewed_labels`, `corrected_train_df` and `label_studio_tasks`: the way of a label to people and back."""

import json
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import dagster as dg
import pyarrow as pa
from pydantic import Field

from text_classification_viz.assets.common import COMMON, markdown_table
from text_classification_viz.checks import REVIEWERS_AGREE_CHECK, REVIEWS_APPLY_CHECK, warn_of
from text_classification_viz.core.errors import InputError, printable
from text_classification_viz.core.reviews import (
    Conflict,
    SetAside,
    apply_reviews,
    label_studio_config,
    label_studio_tasks_of,
    settle,
)
from text_classification_viz.core.tables import DECISIONS
from text_classification_viz.resources import DamagedResult, NotPublished, clear_failures, read_result
from text_classification_viz.sources import ignored_files, read_reviews, review_files
from text_classification_viz.storage.publishing import DataRoot

ROWS_SHOWN = 50


@dg.asset(
    description="What people decided about labels, from the CSV and JSON files in DATA_ROOT/reviews: the newest "
    "decision on each row, compared with the training set as it is now.",
    kinds={"pyarrow", "parquet"},
    code_version="1",
    check_specs=[REVIEWS_APPLY_CHECK, REVIEWERS_AGREE_CHECK],
    dagster_type=pa.Table,  # beside a check, Dagster reads no type from the annotation
    **COMMON,
)
@clear_failures()
def reviewed_labels(
    context: dg.AssetExecutionContext, data_root: dg.ResourceParam[DataRoot], train_df: pa.Table
) -> dg.MaterializeResult:
    """Read the review files and let the newest decisions stand."""
    files, ignored = review_files(data_root.reviews), ignored_files(data_root.reviews)
    if not data_root.reviews.exists():
        _check_none_were_there(data_root)
    for path in ignored[:ROWS_SHOWN]:
        context.log.warning(printable(f"{path}: not read, for its name does not end in .csv or .json"))
    reviews = settle(read_reviews(data_root.reviews), train_df)
    for set_aside in reviews.set_aside[:ROWS_SHOWN]:
        context.log.warning(printable(f"{set_aside.decision.place}: not applied, because {set_aside.reason}"))
    if len(reviews.set_aside) > ROWS_SHOWN:
        context.log.warning(f"and {len(reviews.set_aside) - ROWS_SHOWN:,} more decisions are not applied")
    decisions = Counter(reviews.table["decision"].to_pylist())
    reviewers = dict(Counter(reviews.table["reviewer"].to_pylist()).most_common(ROWS_SHOWN))
    return dg.MaterializeResult(
        value=reviews.table,
        metadata={
            **{f"rows_{decision}": decisions[decision] for decision in DECISIONS},
            "reviewers": markdown_table({"reviewer": list(reviewers), "rows": list(reviewers.values())}),
            "files": len(files),
            "files_ignored": len(ignored),
            "file_names": dg.MetadataValue.text(printable(", ".join(file.name for file in files)) or "none"),
            "rows_set_aside": len(reviews.set_aside),
            "set_aside": _set_aside_table(reviews.set_aside),
            "rows_in_conflict": len(reviews.conflicts),
            "conflicts": _conflicts_table(reviews.conflicts),
        },
        check_results=[
            warn_of(REVIEWS_APPLY_CHECK, "rows_set_aside", len(reviews.set_aside)),
            warn_of(REVIEWERS_AGREE_CHECK, "rows_in_conflict", len(reviews.conflicts)),
        ],
    )


@dg.asset(
    description="The training set with people's decisions applied: new labels given, dropped rows left out. For "
    "whoever trains next.",
    kinds={"pyarrow", "parquet"},
    code_version="1",
    **COMMON,
)
def corrected_train_df(train_df: pa.Table, reviewed_labels: pa.Table) -> dg.MaterializeResult[pa.Table]:
    """Apply the decisions."""
    corrected = apply_reviews(train_df, reviewed_labels)
    relabeled, dropped = corrected.relabeled.most_common(), corrected.dropped.most_common()
    return dg.MaterializeResult(
        value=corrected.table,
        metadata={
            "rows_relabelled": corrected.relabeled.total(),
            "rows_dropped": corrected.dropped.total(),
            "relabelled": markdown_table(
                {
                    "from": [old for (old, _), _ in relabeled],
                    "to": [new for (_, new), _ in relabeled],
                    "rows": [count for _, count in relabeled],
                }
            ),
            "dropped": markdown_table(
                {"class": [label for label, _ in dropped], "rows": [count for _, count in dropped]}
            ),
        },
    )


class LabelStudioConfig(dg.Config):
    """Settings of the tasks for Label Studio."""

    max_tasks: int = Field(
        default=1_000,
        ge=1,
        description="The most tasks to make; those whose labels are likeliest to be wrong come first.",
    )


@dg.asset(
    description="Rows to review in Label Studio: labels in question that nobody has decided on. What it exports "
    "as JSON goes into DATA_ROOT/reviews.",
    kinds={"json"},
    code_version="1",
    **COMMON,
)
@clear_failures()
def label_studio_tasks(
    config: LabelStudioConfig, data_root: dg.ResourceParam[DataRoot], train_df: pa.Table, outlier_report: pa.Table
) -> dg.MaterializeResult:
    """Write the tasks and the labeling interface."""
    classes = sorted(train_df["class_label"].unique().to_pylist())
    tasks = label_studio_tasks_of(outlier_report, config.max_tasks)
    interface_path = data_root.publish("label_studio_config.xml", label_studio_config(classes).encode())
    tasks_path = data_root.publish(
        "label_studio_tasks.json", json.dumps(tasks, ensure_ascii=False, indent=1).encode()
    )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(tasks),
            "tasks": dg.MetadataValue.path(str(tasks_path)),
            "labeling_interface": dg.MetadataValue.path(str(interface_path)),
            "how_to_import": dg.MetadataValue.md(
                "1. In Label Studio create a project and paste the labeling interface under "
                "Settings, Labeling Interface, Code.\n"
                "2. Import the tasks.\n"
                f"3. Export as JSON (not JSON-MIN) into `{data_root.reviews}` and materialize reviewed_labels."
            ),
        }
    )


def _check_none_were_there(data_root: DataRoot) -> None:
    """Raise InputError where decisions are in force and their folder is gone, as when its disk is not mounted."""
    try:
        last, _ = read_result(data_root.tables, "reviewed_labels")
    except (NotPublished, DamagedResult):  # none yet, or one that this run is to replace
        return
    if len(last):
        raise InputError(
            f"{data_root.reviews}: expected the folder of the {len(last):,} decisions that are in force, found "
            "none; bring it back, or make an empty one to take them back"
        )


def _set_aside_table(set_aside: Sequence[SetAside]) -> dg.MarkdownMetadataValue:
    shown = set_aside[:ROWS_SHOWN]
    return markdown_table(
        {
            "id": [one.decision.id for one in shown],
            "decision": [one.decision.decision for one in shown],
            "reviewer": [one.decision.reviewer for one in shown],
            "file": [Path(one.decision.place.file).name for one in shown],
            "place": [one.decision.place.record for one in shown],
            "reason": [one.reason for one in shown],
        }
    )


def _conflicts_table(conflicts: Sequence[Conflict]) -> dg.MarkdownMetadataValue:
    every = ((conflict, decision) for conflict in conflicts for decision in conflict.decisions)
    shown = list(islice(every, ROWS_SHOWN))
    return markdown_table(
        {
            "id": [decision.id for _, decision in shown],
            "reviewer": [decision.reviewer for _, decision in shown],
            "decision": [decision.decision for _, decision in shown],
            "label": [decision.wanted_label for _, decision in shown],
            "reviewed_at": [f"{decision.reviewed_at:%Y-%m-%d %H:%M:%S} UTC" for _, decision in shown],
            "applied": ["yes" if decision is conflict.winner else "" for conflict, decision in shown],
        }
    )
