"""Batches of new rows on the training map, each a partition of its own, so that a bad one fails alone."""

from collections.abc import Iterator

import dagster as dg
import numpy as np
import pyarrow as pa
from pydantic import Field

from text_classification_viz.assets.common import COMMON
from text_classification_viz.assets.new_rows import NewRowsConfig, NewRowsNames, new_rows_results
from text_classification_viz.batch_work import (
    DonePart,
    Part,
    PartPlacer,
    PartSettings,
    check_parts,
    classes_of,
    described_rows,
    map_with_workers,
    placed_rows,
    sha256_of,
)
from text_classification_viz.core.neighbors import Neighbors
from text_classification_viz.core.new_rows import LabelModel, Landmarks
from text_classification_viz.resources import UPSTREAM_SHA256, clear_failures
from text_classification_viz.sources import batch_parts
from text_classification_viz.storage.publishing import DataRoot, scratch_folder

BATCHES = dg.DynamicPartitionsDefinition(name="batches")
GROUP = "batches"
BATCH = NewRowsNames("batch_projection", "batch_report", "batch_class_mix", "new rows")
WARNINGS_SHOWN = 50


class BatchConfig(NewRowsConfig):
    """Settings of placing and reporting on a batch."""

    workers: int = Field(
        default=1,
        ge=1,
        description="1: in this process. More: so many actors of Ray share the files of the batch, on this "
        "machine or on the cluster that RAY_ADDRESS names; the results are the same.",
    )


@dg.multi_asset(outs=BATCH.outs({**COMMON, "group_name": GROUP}), partitions_def=BATCHES)
def batch(
    context: dg.AssetExecutionContext,
    config: BatchConfig,
    data_root: dg.ResourceParam[DataRoot],
    train_df: pa.Table,
    corrected_train_df: pa.Table,
    train_vectors: np.ndarray,
    nearest_neighbors: pa.Table,
    umap_projection: pa.Table,
) -> Iterator[dg.MaterializeResult]:
    """Read the batch, place its rows among the training rows, judge their labels, and compare the classes."""
    name = context.partition_key
    with clear_failures(), scratch_folder(data_root.scratch) as scratch:
        sources = batch_parts(data_root.incoming, name)
        landmarks = Landmarks.of(
            corrected_train_df, train_vectors, Neighbors.from_table(nearest_neighbors), umap_projection
        )
        model = LabelModel.fit(landmarks)
        settings = PartSettings(
            model,
            classes_of(train_df),
            config.duplicate_similarity,
            config.atypical_percentile,
            config.seed,
        )
        parts = [Part(source, scratch / f"{number:06d}.parquet") for number, source in enumerate(sources)]
        done: list[DonePart] = []
        for part, result in zip(
            parts,
            map_with_workers(PartPlacer, settings, parts, n_workers=config.workers, log=context.log),
            strict=True,
        ):
            context.log.info(f"{part.source}: {result.n_rows:,} rows placed")
            done.append(result)
        check_parts(parts, done)
        warnings = [warning for result in done for warning in result.warnings]
        for warning in warnings[:WARNINGS_SHOWN]:
            context.log.warning(warning)
        metadata = {
            UPSTREAM_SHA256: dg.MetadataValue.json({f"incoming/{name}": sha256_of(done)}),
            # As text: a warning may repeat what a file of other people's says.
            "warnings": dg.MetadataValue.text("\n".join(warnings[:WARNINGS_SHOWN]) or "none"),
            "files": dg.MetadataValue.int(len(parts)),
        }
        placed = placed_rows(parts, landmarks.coordinates.shape[1])
        yield from new_rows_results(
            context, data_root, BATCH, corrected_train_df, model, placed, described_rows(parts), metadata
        )
