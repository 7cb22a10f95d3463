"""`row_changes`: what is new, gone, moved and newly suspected since the last run."""

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from text_classification_viz.assets.common import COMMON, suspects_table
from text_classification_viz.core.maps import compare_rows, count_changes, describe_rows, ids_with
from text_classification_viz.core.tables import ROW_CHANGES
from text_classification_viz.resources import DamagedResult, NotPublished, clear_failures, read_result
from text_classification_viz.storage.publishing import DataRoot


@dg.asset(
    description="Each row as the report and the UMAP map have it, and how it changed since the last time: new, "
    "gone, relabelled, moved, newly suspected, no longer suspected.",
    kinds={"pyarrow", "parquet"},
    code_version="2",
    **COMMON,
)
@clear_failures()
def row_changes(
    context: dg.AssetExecutionContext,
    data_root: dg.ResourceParam[DataRoot],
    outlier_report: pa.Table,
    umap_projection: pa.Table,
) -> dg.MaterializeResult[pa.Table]:
    """Compare with the last table, which holds all that it takes."""
    rows = describe_rows(outlier_report, umap_projection)
    try:
        last, _ = read_result(data_root.tables, context.asset_key.to_user_string())
        last = pa.table([last[name] for name in ROW_CHANGES.names], schema=ROW_CHANGES)
    except NotPublished:
        return dg.MaterializeResult(value=rows, metadata={"compared_with": "nothing: there is no last run"})
    except (DamagedResult, pa.ArrowException, KeyError) as error:  # or one of another version: made anew
        return dg.MaterializeResult(
            value=rows, metadata={"compared_with": f"nothing: the last table cannot be read ({error})"}
        )
    rows = compare_rows(last, rows)
    newly_suspected = pc.is_in(outlier_report["id"], ids_with(rows, "newly suspected"))
    return dg.MaterializeResult(
        value=rows,
        metadata={
            "compared_with": "the last run",
            **{f"rows_{change.replace(' ', '_')}": count for change, count in count_changes(rows).items()},
            "newly_suspected": suspects_table(outlier_report.filter(newly_suspected)),
        },
    )
