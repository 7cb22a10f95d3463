"""What steps share that put new rows on the training map: settings, outputs, and what is published of them.

Scope: the path from rows and vectors that have passed a gate to the three tables and the picture. Where the
rows come from stands with the assets (`validation`, `batches`).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from text_classification_viz.assets.common import labels_of, map_metadata, markdown_table, suspects_table, today
from text_classification_viz.core import tables
from text_classification_viz.core.new_rows import LabelModel, compare_class_mix, rank_rows
from text_classification_viz.storage.publishing import DataRoot
from text_classification_viz.views.plots import draw_new_rows

MOST_RINGED = 100  # more would hide the map
CLASSES_SHOWN = 50


class NewRowsConfig(dg.Config):
    """Settings of placing and reporting on new rows."""

    duplicate_similarity: float = Field(
        default=0.95,
        gt=0,
        le=1,
        description="Cosine similarity to a training row from which a new row counts as its copy.",
    )
    atypical_percentile: float = Field(
        default=99.0,
        gt=0,
        le=100,
        description="A new row is atypical that is farther from its nearest training rows than so many percent "
        "of the training rows are from theirs.",
    )
    seed: int = Field(default=0, ge=0, description="The same input and seed give the same places.")


@dataclass(frozen=True)
class NewRowsNames:
    """The three assets of a set of new rows, and what people call the rows.

    Attributes
    ----------
    projection, report, class_mix
        Asset names.
    rows
        In words, for titles.
    """

    projection: str
    report: str
    class_mix: str
    rows: str

    @property
    def names(self) -> tuple[str, str, str]:
        """Of the three assets."""
        return self.projection, self.report, self.class_mix

    def outs(self, common: Mapping[str, Any]) -> dict[str, dg.AssetOut]:
        """The outputs of the step that makes the three."""
        return {
            self.projection: dg.AssetOut(  # of any type, since a large one is handed over batch by batch
                description=f"The {self.rows} on the UMAP map of the training rows, which they did not shape: "
                "coordinates, distance percentile, nearest training rows and the tally of their labels.",
                kinds={"umap", "parquet"},
                code_version="1",
                **common,
            ),
            self.report: dg.AssetOut(
                dagster_type=pa.Table,
                description=f"The {self.rows} ranked: where their labels disagree with the training rows around "
                "them, which are unlike these, and which are copies of them.",
                kinds={"scipy", "parquet"},
                code_version="1",
                **common,
            ),
            self.class_mix: dg.AssetOut(
                dagster_type=pa.Table,
                description=f"Each class among the training rows and among the {self.rows}: which have grown, and "
                "which are covered thinly.",
                kinds={"parquet"},
                code_version="2",
                **common,
            ),
        }


def new_rows_results(
    context: dg.AssetExecutionContext,
    data_root: DataRoot,
    names: NewRowsNames,
    training_rows: pa.Table,
    model: LabelModel,
    placed: pa.Table | pa.RecordBatchReader,
    described: pa.Table,
    metadata: Mapping[str, dg.MetadataValue] = MappingProxyType({}),
) -> list[dg.MaterializeResult]:
    """Rank the rows, compare the classes and draw the map: the three results.

    Parameters
    ----------
    training_rows
        All of them, schema `core.tables.TRAIN`; the map may show a sample.
    model
        That judged the rows' labels, with the rows of the map.
    placed
        Schema `tables.placed_schema`.
    described
        As `core.new_rows.describe_rows` gives it; the lists of evidence may be missing.
    metadata
        Of all three.
    """
    landmarks = model.landmarks
    report = rank_rows(described, model.usual_wrong_share)
    mix = compare_class_mix(labels_of(training_rows), report)
    axes = [name for name in "xyz" if name in described.column_names]
    ringed = report.filter(pc.equal(report["kind"], "mislabelled"))["id"].slice(0, MOST_RINGED)
    pictures = draw_new_rows(
        landmarks,
        np.column_stack([described[axis].to_numpy() for axis in axes]),
        described["class_label"],
        pc.index_in(ringed, described["id"]).to_numpy(),
        f"{described.num_rows:,} {names.rows} on the map of {len(landmarks.ids):,} training rows",
        "UMAP; training rows pale, ringed are the labels to look at first",
        today(),
    )
    kinds = Counter(report["kind"].to_pylist())
    partition = f"/{context.partition_key}" if context.has_partition_key else ""
    return [
        dg.MaterializeResult(
            asset_key=names.projection,
            value=placed,
            metadata={
                **metadata,
                "median_distance_percentile": float(np.median(described["distance_percentile"].to_numpy())),
                **map_metadata(names.projection + partition, pictures, data_root),
            },
        ),
        dg.MaterializeResult(
            asset_key=names.report,
            value=report,
            metadata={
                **metadata,
                **{f"rows_{kind}": kinds[kind] for kind in tables.NEW_ROW_KINDS},
                "wrong_labels_expected": round(sum(report["score"].drop_null().to_pylist()), 1),
                "look_at_first": suspects_table(report),
            },
        ),
        dg.MaterializeResult(
            asset_key=names.class_mix,
            value=mix,
            metadata={
                **metadata,
                "classes_thinly_covered": _labels_where(mix, mix["thinly_covered"]),
                "classes_changed": _labels_where(mix, pc.is_valid(mix["change"])),
                "classes": _class_table(mix),
            },
        ),
    ]


def _labels_where(mix: pa.Table, mask: pa.ChunkedArray) -> str:
    labels = mix.filter(mask)["class_label"].to_pylist()
    more = f" and {len(labels) - CLASSES_SHOWN:,} more" if len(labels) > CLASSES_SHOWN else ""
    return ", ".join(labels[:CLASSES_SHOWN]) + more or "none"


def _class_table(mix: pa.Table) -> dg.MarkdownMetadataValue:
    """The classes as a Markdown table, those first whose share differs most."""
    rows = sorted(mix.to_pylist(), key=lambda row: -abs(row["z_score"] or 0))[:CLASSES_SHOWN]
    return markdown_table(
        {
            "class": [row["class_label"] for row in rows],
            "training rows": [f"{row['training_rows']:,} ({row['training_share']:.1%})" for row in rows],
            "new rows": [f"{row['new_rows']:,} ({row['new_share']:.1%})" for row in rows],
            "change": [row["change"] or "" for row in rows],
            "mislabelled": [row["rows_mislabelled"] for row in rows],
            "far": ["" if row["far_share"] is None else f"{row['far_share']:.0%}" for row in rows],
            "covered": ["thinly" if row["thinly_covered"] else "" for row in rows],
        }
    )
