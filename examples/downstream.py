"""A code location of another team: an asset that consumes our UMAP map as a table.

Load it beside ours with a third entry in workspace.yaml (there, commented); Dagster joins it to the graph by
the asset key. Without our package installed, `pandas.read_parquet` on the same file does as well. It
writes its own table to a folder of this machine, and so expects DATA_ROOT to be one.
"""

import os
from pathlib import Path

import dagster as dg
import pandas as pd

from text_classification_viz.resources import ResultsIOManager

DATA_ROOT = Path(os.environ.get("DATA_ROOT") or Path(__file__).parents[1] / "data").absolute()

umap_projection = dg.AssetSpec("umap_projection").with_io_manager_key("results")


@dg.asset(group_name="consumer", kinds={"pandas"}, description="Where each class lies on the map, and how widely.")
def class_positions(umap_projection: pd.DataFrame) -> dg.MaterializeResult[pd.DataFrame]:
    """Median position of each class, and the median distance of its rows from it."""
    by_class = umap_projection.groupby("class_label")[["x", "y"]]
    center = by_class.transform("median")
    distance = ((umap_projection[["x", "y"]] - center) ** 2).sum(axis=1) ** 0.5
    positions = by_class.median()
    positions["spread"] = distance.groupby(umap_projection["class_label"]).median()
    positions["rows"] = by_class.size()
    return dg.MaterializeResult(value=positions.reset_index(), metadata={"dagster/row_count": len(positions)})


defs = dg.Definitions(
    assets=[umap_projection, class_positions],
    resources={
        "results": ResultsIOManager(DATA_ROOT / "visualization"),
        "io_manager": dg.FilesystemIOManager(base_dir=str(DATA_ROOT / "consumer")),
    },
)
