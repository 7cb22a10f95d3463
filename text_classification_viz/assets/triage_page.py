"""`triage_page`: the page on which people look through suspects and decide."""

import dagster as dg
import pyarrow as pa
from pydantic import Field

from text_classification_viz.assets.common import COMMON, config_of
from text_classification_viz.resources import clear_failures
from text_classification_viz.storage.publishing import DataRoot
from text_classification_viz.views import triage_page as pages
from text_classification_viz.views.triage_page import MAX_ROWS, PageMap

# Settings that a reader of a map need not know, or that are told in words.
UNTOLD = ("rows", "n_components", "seed", "align_to_previous", "target_weight", "supervision")


class TriagePageConfig(dg.Config):
    """Settings of the triage page."""

    max_rows: int = Field(
        default=MAX_ROWS,
        ge=1,
        description="Of more rows, the page has all whose label is likely wrong or contested, those with another "
        "finding, of each kind the first if they are too many, and a sample of the others, each class with its "
        "share.",
    )


@dg.asset(
    description="One HTML file to open from disk: the maps, the suspects, and the evidence for each; what a "
    "reviewer decides there is downloaded as CSV and goes into DATA_ROOT/reviews. It needs no server and no "
    "network.",
    kinds={"html"},
    code_version="3",
    **COMMON,
)
@clear_failures()
def triage_page(
    config: TriagePageConfig,
    data_root: dg.ResourceParam[DataRoot],
    outlier_report: pa.Table,
    umap_projection: pa.Table,
    tsne_projection: pa.Table,
) -> dg.MaterializeResult:
    """Write the page."""
    maps = [
        PageMap(name, _parameters(projection), projection)
        for name, projection in {"UMAP": umap_projection, "t-SNE": tsne_projection}.items()
    ]
    page = pages.triage_page(outlier_report, maps, config.max_rows)
    path = data_root.publish("triage_page.html", page)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": outlier_report.num_rows,
            "page": dg.MetadataValue.path(str(path)),
            "megabytes": len(page) / 1e6,
            "how_to_use": dg.MetadataValue.md(
                "1. Open the page in a browser.\n"
                "2. Decide on rows, by mouse or by keyboard; ? shows the keys.\n"
                f"3. Download the reviews into `{data_root.reviews}`; the sensor, or review_job, takes them up."
            ),
        }
    )


def _parameters(projection: pa.Table) -> str:
    """How a map was made, in words."""
    config, supervision = config_of(projection)
    told = [f"{name} {value}" for name, value in config.items() if name not in UNTOLD and value is not None]
    return ", ".join([supervision, *told])
