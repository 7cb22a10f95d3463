"""`suspect_map`: where on the map the labels in question are."""

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from text_classification_viz.assets.common import COMMON, labels_of, map_metadata, today
from text_classification_viz.core.plots import draw_map
from text_classification_viz.storage.data_root import DataRoot

RINGED = ("mislabelled", "contested")


@dg.asset(
    description="The UMAP map with the rows ringed whose labels are likely wrong or contested, for print and for "
    "screens: PNG, dark PNG and SVG.",
    kinds={"matplotlib"},
    code_version="1",
    **COMMON,
)
def suspect_map(data_root: DataRoot, umap_projection: pa.Table, outlier_report: pa.Table) -> dg.MaterializeResult:
    """Draw the map with the open suspects ringed."""
    row = pc.index_in(umap_projection["id"], outlier_report["id"]).combine_chunks()
    kinds = outlier_report["kind"].take(row).to_numpy(zero_copy_only=False)
    rings = {kind: np.flatnonzero(kinds == kind) for kind in RINGED}
    pictures = draw_map(
        np.column_stack([umap_projection[axis].to_numpy() for axis in umap_projection.column_names[2:]]),
        labels_of(umap_projection),
        f"Labels in question among {umap_projection.num_rows:,} training rows",
        "UMAP, coloured by the label given",
        today(),
        {f"{len(rows):,} {kind}": rows for kind, rows in rings.items()},
    )
    return dg.MaterializeResult(
        metadata={
            **{f"rows_{kind}": len(rows) for kind, rows in rings.items()},
            **map_metadata("suspect_map", pictures, data_root),
        }
    )
