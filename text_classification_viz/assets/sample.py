"""`sampled_train_df`: a few rows of each class, for the views that a browser must carry."""

from collections import Counter

import dagster as dg
import pyarrow as pa
from pydantic import Field

from text_classification_viz.assets.common import COMMON, labels_of, markdown_table
from text_classification_viz.core.sampling import sample_per_class
from text_classification_viz.resources import clear_failures


class SampleConfig(dg.Config):
    """Settings of the sample."""

    samples_per_class: int = Field(
        default=100, ge=1, description="Rows to draw of each class; a class with fewer gives all that it has."
    )
    seed: int = Field(
        default=0,
        ge=0,
        description="The same rows and seed give the same sample; rows that change a little, nearly the same.",
    )


@dg.asset(
    description="The same number of rows of each class, drawn at random: what the Embedding Projector shows.",
    kinds={"pyarrow", "parquet"},
    code_version="2",
    **COMMON,
)
@clear_failures()
def sampled_train_df(config: SampleConfig, train_df: pa.Table) -> dg.MaterializeResult[pa.Table]:
    """Sample rows of each class."""
    rows = sample_per_class(labels_of(train_df), train_df["id"].to_numpy(), config.samples_per_class, config.seed)
    sample = train_df.take(rows)
    counts = Counter(sorted(sample["class_label"].to_pylist()))
    short = [label for label, count in counts.items() if count < config.samples_per_class]
    return dg.MaterializeResult(
        value=sample,
        metadata={
            "rows_per_class": markdown_table({"class": list(counts), "rows": list(counts.values())}),
            "classes_with_fewer_rows": dg.MetadataValue.text(", ".join(short) or "none"),
        },
    )
