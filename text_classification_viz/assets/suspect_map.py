"""`suspect_map`: where on the map the labels in question are."""

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from text_classification_viz.assets.common import COMMON, labels_of, map_metadata, today
from text_classification_viz.core.tables import SUSPECTS
from text_classification_viz.resources import clear_failures
from text_classification_viz.storage.publishing import DataRoot
from text_classification_viz.views.plots import draw_map

MOST_RINGED = 100  # of each kind, those to look at first: more would hide the map


@dg.asset(
    description="The UMAP map with the rows ringed whose labels are likely wrong or contested, for print and for "
    "screens: PNG, dark PNG and SVG.",
    kinds={"matplotlib"},
    code_version="1",
    **COMMON,
)
@clear_failures()
def suspect_map(
    data_root: dg.ResourceParam[DataRoot], umap_projection: pa.Table, outlier_report: pa.Table
) -> dg.MaterializeResult:
    """Draw the map with the suspects ringed that are to be looked at first."""
    rings, counts = {}, {}
    for kind in SUSPECTS:
        ids = outlier_report.filter(pc.equal(outlier_report["kind"], kind)).sort_by("rank")["id"]
        rows = pc.index_in(ids, umap_projection["id"]).drop_null().to_numpy()
        first = rows[:MOST_RINGED]
        rings[f"{kind}, {'all' if len(first) == len(rows) else 'the first'} {len(first):,}"] = first
        counts[f"rows_{kind}"] = len(rows)
    pictures = draw_map(
        np.column_stack([umap_projection[axis].to_numpy() for axis in umap_projection.column_names[2:]]),
        labels_of(umap_projection),
        f"Labels in question among {umap_projection.num_rows:,} training rows",
        "UMAP, colored by the label given; ringed are those to look at first",
        today(),
        rings,
    )
    return dg.MaterializeResult(
        metadata={
            **counts,
            **map_metadata("suspect_map", pictures, data_root),
        }
    )
