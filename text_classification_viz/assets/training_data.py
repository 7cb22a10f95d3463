"""`train_df` and `train_vectors`: the gate through which everything from upstream passes, in one step."""

import dataclasses
from collections.abc import Iterator

import dagster as dg
import numpy as np
import pyarrow as pa
from pydantic import Field

from text_classification_viz.assets.common import COMMON
from text_classification_viz.assets.upstream import UPSTREAM_KEYS
from text_classification_viz.checks import ALIGNMENT_CHECK
from text_classification_viz.core.alignment import check_alignment
from text_classification_viz.core.training_data import join
from text_classification_viz.core.upstream import LabelTransform, TrainEmbeddings, TrainSet
from text_classification_viz.storage.failures import clear_failures
from text_classification_viz.storage.results_io_manager import UPSTREAM_SHA256
from text_classification_viz.storage.upstream_files import check_unchanged


class TrainingDataConfig(dg.Config):
    """Settings of the gate."""

    expected_dimensions: int = Field(
        default=384,
        ge=1,
        description="Width that the embedding model gives; another width is worth a warning.",
    )
    require_alignment: bool = Field(
        default=True,
        description="Publish nothing unless row i seems to belong to vector i. Switch it off only if you know "
        "that they do, for example where the vectors were made from other fields than these.",
    )


@dg.multi_asset(
    outs={
        "train_df": dg.AssetOut(
            dagster_type=pa.Table,
            description="Every training row, joined, checked and labelled, in embedding row order.",
            kinds={"pyarrow", "parquet"},
            code_version="1",
            **COMMON,
        ),
        "train_vectors": dg.AssetOut(
            dagster_type=np.ndarray,
            description="The vectors of train_df as unit-length float32, memory-mapped by every later stage.",
            kinds={"numpy"},
            code_version="1",
            **COMMON,
        ),
    },
    check_specs=[ALIGNMENT_CHECK],
)
def training_data(
    context: dg.AssetExecutionContext,
    config: TrainingDataConfig,
    train_set: TrainSet,
    train_embeddings: TrainEmbeddings,
    label_transform: LabelTransform,
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    """Join and check the three upstream values; on any fault nothing is published."""
    sources = (train_set.source, train_embeddings.source, label_transform.source)
    with clear_failures():
        check_unchanged(sources)
        data = join(
            train_set,
            train_embeddings,
            label_transform,
            expected_dimensions=config.expected_dimensions,
            log=context.log,
        )
    alignment = check_alignment(data.table, data.vectors)
    yield dg.AssetCheckResult(
        passed=alignment.passed,
        check_name=ALIGNMENT_CHECK.name,
        asset_key="train_vectors",
        severity=dg.AssetCheckSeverity.ERROR if config.require_alignment else dg.AssetCheckSeverity.WARN,
        description=str(alignment),
        metadata={
            name: value
            for name, value in dataclasses.asdict(alignment).items()
            if value == value  # NaN, which the catalogue cannot hold: not tested
        },
    )
    if config.require_alignment and not alignment.passed:
        raise dg.Failure(
            f"{train_set.source.path} and {train_embeddings.source.path}: expected vector i to belong to row i, "
            f"found that {alignment}; materialize train_embeddings upstream again, from this train_set",
            allow_retries=False,
        )
    hashes = {key: source.sha256 for key, source in zip(UPSTREAM_KEYS, sources, strict=True)}
    metadata = {
        UPSTREAM_SHA256: dg.MetadataValue.json(hashes),
        "warnings": dg.MetadataValue.md("\n".join(f"- {warning}" for warning in data.warnings) or "none"),
    }
    classes = len(data.table["class_label"].unique())
    yield dg.MaterializeResult(asset_key="train_df", value=data.table, metadata={**metadata, "classes": classes})
    width = data.vectors.shape[1]
    yield dg.MaterializeResult(
        asset_key="train_vectors", value=data.vectors, metadata={**metadata, "dimensions": width}
    )
