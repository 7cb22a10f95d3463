"""`train_df` and `train_vectors`: what upstream has for training, through the gate in one step."""

from collections.abc import Iterator

import dagster as dg
import numpy as np
import pyarrow as pa

from text_classification_viz.assets.common import COMMON
from text_classification_viz.assets.gate import GateConfig, pass_gate
from text_classification_viz.checks import ALIGNMENT_CHECK
from text_classification_viz.core.inputs import LabelTransform, TrainEmbeddings, TrainSet


@dg.multi_asset(
    outs={
        "train_df": dg.AssetOut(
            dagster_type=pa.Table,
            description="Every training row, joined, checked and labeled, in embedding row order.",
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
    config: GateConfig,
    train_set: TrainSet,
    train_embeddings: TrainEmbeddings,
    label_transform: LabelTransform,
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    """Join and check the three upstream values; on any fault nothing is published."""
    yield from pass_gate(
        context, config, train_set, train_embeddings, label_transform, table="train_df", check=ALIGNMENT_CHECK
    )
