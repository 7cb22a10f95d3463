"""What all our assets share: group and owner, and how pictures and tables enter the metadata."""

import base64
import html
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa

from text_classification_viz.core.plots import MapPictures
from text_classification_viz.storage.data_root import DataRoot

COMMON: dict[str, Any] = {"group_name": "visualization", "owners": ["team:text-classification"]}


def labels_of(table: pa.Table) -> np.ndarray:
    """(n,) array of str: the column `class_label`."""
    return table["class_label"].to_numpy(zero_copy_only=False).astype(str)


def map_metadata(asset: str, pictures: MapPictures, data_root: DataRoot) -> dict[str, dg.MetadataValue]:
    """Publish the full picture on disk; metadata that shows the thumbnail and tells where the full one is."""
    path = data_root.publish(f"{asset}.png", pictures.full)
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


def _escaped(value: object) -> str:
    """Text for one cell: on one line, with whatever Markdown or HTML would act on spelled out."""
    text = html.escape(" ".join(str("" if value is None else value).split()))
    return "".join(f"&#{ord(character)};" if character in "|\\`*_[]()!#~" else character for character in text)
