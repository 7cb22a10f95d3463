"""The gate through which rows and vectors from upstream pass, be they for training or for validation.

Scope: the settings of the gate, and what a step does that joins, checks and publishes a pair of files.
"""

from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from text_classification_viz.checks import check_pair
from text_classification_viz.core.inputs import LabelTransform, TrainEmbeddings, TrainSet, check_alignment, join
from text_classification_viz.resources import UPSTREAM_SHA256, clear_failures
from text_classification_viz.sources import check_unchanged


class GateConfig(dg.Config):
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


def pass_gate(
    context: dg.AssetExecutionContext,
    config: GateConfig,
    rows: TrainSet,
    embeddings: TrainEmbeddings,
    labels: LabelTransform,
    *,
    table: str,
    check: dg.AssetCheckSpec,
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    """Join and check the three values, and publish `table` and the vectors that `check` is of, or nothing."""
    sources = (rows.source, embeddings.source, labels.source)
    with clear_failures():
        check_unchanged(sources)
        data = join(
            rows,
            embeddings,
            labels,
            expected_dimensions=config.expected_dimensions,
            log=context.log,
        )
    alignment = check_alignment(data.table, data.vectors)
    yield check_pair(check, alignment, config.require_alignment)
    if config.require_alignment and not alignment.passed:
        raise dg.Failure(
            f"{rows.source.path} and {embeddings.source.path}: expected vector i to belong to row i, "
            f"found that {alignment}; materialize {embeddings.source.key} upstream again, from this "
            f"{rows.source.key}",
            allow_retries=False,
        )
    hashes = {source.key: source.sha256 for source in sources}
    metadata = {
        UPSTREAM_SHA256: dg.MetadataValue.json(hashes),
        "warnings": dg.MetadataValue.md("\n".join(f"- {warning}" for warning in data.warnings) or "none"),
    }
    classes = len(data.table["class_label"].unique())
    yield dg.MaterializeResult(asset_key=table, value=data.table, metadata={**metadata, "classes": classes})
    width = data.vectors.shape[1]
    yield dg.MaterializeResult(
        asset_key=check.asset_key, value=data.vectors, metadata={**metadata, "dimensions": width}
    )
