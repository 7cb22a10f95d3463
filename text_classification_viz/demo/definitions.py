"""The demo's code location: upstream's three assets, written where and as upstream writes them.

Scope: what Dagster knows of them. What the rows, vectors and labels are stands in the modules beside.
"""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np

from text_classification_viz.demo.embedding import MODEL, embed
from text_classification_viz.demo.label_transform import make_label_transform
from text_classification_viz.demo.newsgroups import LABELS, load_train_set
from text_classification_viz.demo.vector_cache import cached_vectors

DATA_ROOT = Path(os.environ.get("DATA_ROOT") or Path(__file__).parents[2] / "data").absolute()
# Always here: UPSTREAM_STORAGE may name another's files, which are not the demo's to write.
STORAGE = DATA_ROOT / "storage"

# The group that the other location shows these three assets in, so that the UI draws them once.
GROUP = "upstream"
HEADLINES_SHOWN = 5


@dg.asset(
    group_name=GROUP,
    kinds={"python", "pickle"},
)
def train_set(context: dg.AssetExecutionContext) -> dg.MaterializeResult[list[dict[str, Any]]]:
    """7,528 posts of 20 newsgroups, each with its newsgroup as category, a headline and a description."""
    rows = load_train_set()
    context.log.info("read %s posts of %s newsgroups", f"{len(rows):,}", len(LABELS))
    labels = [LABELS[row["category"]] for row in rows]
    return dg.MaterializeResult(
        value=[dict(row) for row in rows],
        metadata={
            "dagster/row_count": len(rows),
            "rows_per_class": dict(Counter(labels).most_common()),
            "headlines": dg.MetadataValue.md(
                "\n".join(
                    f"- {label}: {row['headline']}"
                    for label, row in zip(labels[:HEADLINES_SHOWN], rows, strict=False)
                )
            ),
        },
    )


@dg.asset(
    group_name=GROUP,
    kinds={"python", "pickle", "pytorch"},
)
def train_embeddings(
    context: dg.AssetExecutionContext, train_set: list[dict[str, Any]]
) -> dg.MaterializeResult[np.ndarray]:
    """all-MiniLM-L6-v2 vectors of headline and description, of length 1; row i belongs to row i of `train_set`."""
    texts = [" ".join(filter(None, (row["headline"], row["short_description"]))) for row in train_set]
    vectors = cached_vectors(
        texts,
        model=MODEL,
        folder=DATA_ROOT / "demo",
        compute=lambda texts: embed(texts, log=context.log),
        log=context.log,
    )
    return dg.MaterializeResult(
        value=vectors,
        metadata={"dagster/row_count": len(vectors), "dimensions": vectors.shape[1], "model": MODEL},
    )


@dg.asset(
    group_name=GROUP,
    kinds={"python", "pickle", "scikitlearn"},
)
def label_transform() -> dg.MaterializeResult[Any]:
    """Which field holds the class, what each class is called, and the encoder of the classes."""
    return dg.MaterializeResult(
        value=make_label_transform(LABELS), metadata={"dagster/row_count": len(LABELS), "labels": LABELS}
    )


demo_upstream_job = dg.define_asset_job(
    "demo_upstream_job",
    selection=[train_set, train_embeddings, label_transform],
    description="Writes the three files that upstream would write. The vectors are computed the first time only.",
)

defs = dg.Definitions(
    assets=[train_set, train_embeddings, label_transform],
    jobs=[demo_upstream_job],
    # Upstream's own way of writing: one pickle an asset, named by the asset's key.
    resources={"io_manager": dg.FilesystemIOManager(base_dir=str(STORAGE))},
    # A process per step would import everything three times for one step that takes long.
    executor=dg.in_process_executor,
)
