"""What all our assets share: group and owner, and how pictures and tables enter the metadata."""

import base64
import html
import json
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa

from text_classification_viz.storage.publishing import DataRoot
from text_classification_viz.views.plots import MapPictures

ROWS_SHOWN = 20
CELL_CHARACTERS = 500
HEADLINE_CHARACTERS = 90

COMMON: dict[str, Any] = {"group_name": "visualization", "owners": ["team:text-classification"]}


def labels_of(table: pa.Table) -> np.ndarray:
    """(n,) array of str objects: the column `class_label`.

    NumPy's own text would give each row the width of the longest label, and loses NUL characters at its end.
    """
    return table["class_label"].to_numpy(zero_copy_only=False)


def config_of(projection: pa.Table) -> tuple[dict[str, Any], str]:
    """The settings that a published map was made with, and whether labels went in, in words."""
    config = json.loads(projection.schema.metadata[b"config"])
    supervised = config.get("target_weight") or config.get("supervision")
    return config, "supervised by label" if supervised else "unsupervised"


def today() -> str:
    """The day in UTC, for pictures."""
    return datetime.now(UTC).date().isoformat()


def map_metadata(asset: str, pictures: MapPictures, data_root: DataRoot) -> dict[str, dg.MetadataValue]:
    """Publish the pictures on disk; metadata that shows the thumbnail and tells where the full one is."""
    path = data_root.publish(f"{asset}.png", pictures.full)
    for name, picture in {f"{asset}_dark.png": pictures.dark, f"{asset}.svg": pictures.svg}.items():
        if picture is not None:
            data_root.publish(name, picture)
    encoded = base64.b64encode(pictures.thumbnail).decode()
    return {
        "map": dg.MetadataValue.md(f"![map](data:image/png;base64,{encoded})"),
        "full_picture": dg.MetadataValue.path(str(path)),
    }


def markdown_table(columns: dict[str, list[Any]]) -> dg.MarkdownMetadataValue:
    """Columns as a Markdown table, their text escaped: headlines are other people's."""
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    rows = zip(*columns.values(), strict=True)
    lines += ["| " + " | ".join(_escaped(value) for value in row) + " |" for row in rows]
    return dg.MetadataValue.md("\n".join(lines))


def suspects_table(report: pa.Table) -> dg.MarkdownMetadataValue:
    """The first rows of an outlier report as a Markdown table: what to look at, and why."""
    first = report.slice(0, ROWS_SHOWN)
    shown = {name: first[name].to_pylist() for name in ("rank", "id", "kind", "suggested_label", "reason")}
    shown["headline"] = [(headline or "")[:HEADLINE_CHARACTERS] for headline in first["headline"].to_pylist()]
    return markdown_table(shown)


def _escaped(value: object) -> str:
    """Text for one cell: one line of bounded length, with whatever Markdown or HTML would act on spelled out."""
    line = " ".join(str("" if value is None else value).split())[:CELL_CHARACTERS]
    text = html.escape(line.encode(errors="backslashreplace").decode(), quote=False)
    return "".join(f"&#{ord(character)};" if character in "|\\`*_[]()!#~" else character for character in text)
