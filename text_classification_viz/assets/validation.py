"""Upstream's validation rows on the training map: through the gate, placed, and reported on.

Upstream need not have validation files. Where it has none, these assets stay as they are, and say why.
"""

from collections.abc import Iterator

import dagster as dg
import numpy as np
import pyarrow as pa

from text_classification_viz.assets.common import COMMON
from text_classification_viz.assets.gate import GateConfig, pass_gate
from text_classification_viz.assets.new_rows import NewRowsConfig, NewRowsNames, new_rows_results
from text_classification_viz.checks import VALIDATION_ALIGNMENT_CHECK, no_pair
from text_classification_viz.core import tables
from text_classification_viz.core.inputs import LabelTransform, TrainEmbeddings, TrainSet
from text_classification_viz.core.neighbors import Neighbors
from text_classification_viz.core.new_rows import LabelModel, Landmarks, describe_rows, place
from text_classification_viz.resources import clear_failures
from text_classification_viz.storage.publishing import DataRoot

NO_FILES = (
    "Nothing to validate: upstream has neither validation_set nor validation_embeddings. The training assets do "
    "not need them; materialize both upstream to see validation rows on the training map."
)
VALIDATION = NewRowsNames("validation_projection", "validation_report", "validation_class_mix", "validation rows")


@dg.multi_asset(
    outs={
        "validation_df": dg.AssetOut(
            dagster_type=pa.Table,
            description="Every validation row, joined, checked and labeled, in the order of its vectors.",
            kinds={"pyarrow", "parquet"},
            code_version="1",
            is_required=False,
            **COMMON,
        ),
        "validation_vectors": dg.AssetOut(
            dagster_type=np.ndarray,
            description="The vectors of validation_df as unit-length float32.",
            kinds={"numpy"},
            code_version="1",
            is_required=False,
            **COMMON,
        ),
    },
    check_specs=[VALIDATION_ALIGNMENT_CHECK],
    deps=["train_df"],  # what is wrong with the training files is told once
)
def validation_data(
    context: dg.AssetExecutionContext,
    config: GateConfig,
    validation_set: TrainSet | None,
    validation_embeddings: TrainEmbeddings | None,
    label_transform: LabelTransform,
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    """Join and check the three upstream values; without validation files, publish nothing and say so."""
    check = VALIDATION_ALIGNMENT_CHECK
    if validation_set is None or validation_embeddings is None:
        context.log.info(NO_FILES)
        yield no_pair(check, NO_FILES)
        return
    yield from pass_gate(
        context,
        config,
        validation_set,
        validation_embeddings,
        label_transform,
        table="validation_df",
        check=check,
    )


@dg.multi_asset(outs=VALIDATION.outs(COMMON))
def validation(
    context: dg.AssetExecutionContext,
    config: NewRowsConfig,
    data_root: dg.ResourceParam[DataRoot],
    validation_df: pa.Table,
    validation_vectors: np.ndarray,
    corrected_train_df: pa.Table,
    train_vectors: np.ndarray,
    nearest_neighbors: pa.Table,
    umap_projection: pa.Table,
) -> Iterator[dg.MaterializeResult]:
    """Place the validation rows among the training rows, judge their labels, and compare the classes."""
    with clear_failures():
        landmarks = Landmarks.of(
            corrected_train_df, train_vectors, Neighbors.from_table(nearest_neighbors), umap_projection
        )
        model, ids = LabelModel.fit(landmarks), validation_df["id"].to_numpy()
        described = describe_rows(
            validation_df,
            validation_vectors,
            place(ids, validation_vectors, landmarks, seed=config.seed, log=context.log),
            model,
            duplicate_similarity=config.duplicate_similarity,
            atypical_percentile=config.atypical_percentile,
        )
        placed = tables.placed_schema(landmarks.coordinates.shape[1])
        results = new_rows_results(
            context,
            data_root,
            VALIDATION,
            corrected_train_df,
            model,
            described.select(placed.names).cast(placed),
            described,
        )
    yield from results
