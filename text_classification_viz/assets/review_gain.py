"""`review_gain`: what it is worth to review the suspects."""

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from text_classification_viz.assets.common import COMMON, labels_of, markdown_table
from text_classification_viz.core.reviews import estimate_review_gain
from text_classification_viz.resources import clear_failures


class ReviewGainConfig(dg.Config):
    """Settings of the estimate."""

    max_rows: int = Field(
        default=10_000,
        ge=10,
        description="Rows that it is estimated on, drawn at random of more: its cost, some seconds, then stays "
        "the same whatever the size of the training set.",
    )
    seed: int = Field(default=0, ge=0, description="The same input and seed give the same estimate.")


@dg.asset(
    description="How much better a classifier gets if the likeliest wrong labels are set aside or relabeled: "
    "cross-validated macro F1 of a logistic regression on the vectors.",
    kinds={"scipy", "parquet"},
    code_version="1",
    **COMMON,
)
@clear_failures()
def review_gain(
    context: dg.AssetExecutionContext,
    config: ReviewGainConfig,
    corrected_train_df: pa.Table,
    reviewed_labels: pa.Table,
    train_vectors: np.ndarray,
) -> dg.MaterializeResult[pa.Table]:
    """Estimate the gain of what is still open, the decisions so far applied."""
    n_rows = corrected_train_df.num_rows
    drawn = np.sort(np.random.default_rng(config.seed).permutation(n_rows)[: config.max_rows])
    sample = corrected_train_df.take(drawn)
    gain = estimate_review_gain(
        train_vectors[sample["embedding_row"].to_numpy()],
        np.unique(labels_of(sample), return_inverse=True)[1].astype(np.int32),
        pc.is_in(sample["id"], reviewed_labels["id"]).to_numpy(),
        seed=config.seed,
        log=context.log,
    )
    rows = gain.to_pylist()
    best = max(rows, key=lambda row: row["gain"])
    return dg.MaterializeResult(
        value=gain,
        metadata={
            "rows_estimated_on": len(drawn),
            "macro_f1": rows[0]["macro_f1"],
            "largest_gain": best["gain"],
            "largest_gain_by": f"{best['share']:.0%} of the rows, {best['treatment']}",
            "gains": markdown_table(
                {
                    "treatment": [row["treatment"] for row in rows],
                    "share": [f"{row['share']:.0%}" for row in rows],
                    "macro F1": [f"{row['macro_f1']:.4f}" for row in rows],
                    "gain": [f"{row['gain']:+.4f} ± {row['standard_error']:.4f}" for row in rows],
                }
            ),
        },
    )
