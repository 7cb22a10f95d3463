"""Runs for TensorBoard's Embedding Projector: vectors, metadata, and maps as bookmarks that open with one click.

Scope: the files of one run and what the projector asks of them. Not here: what the other tabs show of it
(`projector_history`), the page that needs no TensorBoard (`projector_page`), which rows and maps go into a run,
where it is published and when old ones go. Limits and file formats are those of TensorBoard 2.21,
`tensorboard/plugins/projector`: `projector_plugin.py` on the server, `vz_projector/*.ts` in the browser.
"""

import codecs
import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from text_classification_viz.core.errors import InputError

BINARY, TEXT = ".bytes", ".tsv"  # how the name of a file of numbers ends
METADATA_FILE = "metadata.tsv"
BOOKMARKS_FILE = "bookmarks.json"
CONFIG_FILE = "projector_config.pbtxt"  # the name that the server looks for

VECTORS = "train"
COMPONENTS = "components_of_train"  # of tensors with equally many rows, the first by the alphabet opens
N_COMPONENTS = 200  # of more dimensions the browser makes so many by random projection (PCA_SAMPLE_DIM, data.ts)
MANY_ROWS = 5_000  # from here on the browser's own principal components are what people wait for
MAX_ROWS = 100_000  # the browser asks for no more (LIMIT_NUM_POINTS, data-provider-server.ts)
MAX_COLORS = 50  # text with more distinct values is not offered for coloring (NUM_COLORS_COLOR_MAP, data.ts)
NO_COLORING = "No color map"  # what the browser calls it (vz-projector-data-panel.ts)
MIN_DIMENSIONS = 3  # vectors of two draw an empty plot, since the first view has three principal components
MAX_CELL_CHARS = 200  # a card beside the map shows all texts of a point; a long one pushes the rest off it
NO_TEXT = "(none)"  # a row of blank cells alone would be dropped by the browser and shift all that follow
SNIFFED_BYTES = 2**20  # well within the part that the server reads before it gives up on text
STRAY_PERCENT = 0.1  # points at each end of an axis that do not count for the extent of a map,
STRAY_MARGIN = 0.1  # and are drawn no farther beyond it than so much of it
SIGNIFICANT_DIGITS = 6  # of the largest coordinate: under a pixel at any zoom
SHOWN_COMPONENTS = 10  # those that the browser offers (NUM_PCA_COMPONENTS, data.ts)
SPHERIZED_DIMENSIONS = 50  # from here on the browser centres and normalizes (THRESHOLD_DIM_NORMALIZE)
CAMERA_DISTANCE = 4.0  # START_CAMERA_POS_2D, scatterPlot.ts
CAMERA_POSITION_3D = [0.45, 0.9, 1.6]  # START_CAMERA_POS_3D, scatterPlot.ts
MIN_PROPORTION = 0.01  # a camera that looks along the "up" direction has no picture


@dataclass(frozen=True)
class Layout:
    """A map of the rows of a run.

    Attributes
    ----------
    label
        What people click, such as "UMAP, 10 neighbors". It alone says how the map came about: the projector
        shows every map under its tab "UMAP". About 35 characters fit on a line.
    coordinates
        (n, 2 or 3) float, finite; row i belongs to row i of the vectors.
    """

    label: str
    coordinates: np.ndarray


def write_run(
    folder: Path,
    vectors: np.ndarray,
    metadata: pa.Table,
    layouts: Sequence[Layout] = (),
    *,
    color_by: str = "class_label",
    log: logging.Logger = logging.getLogger(__name__),
) -> None:
    """Write the files of one run that the projector reads.

    They name each other relative to the folder, so it can be renamed afterwards. TensorBoard finds a run by its
    events file, which is `projector_history`'s. Do not write into a run that a server knows: it would go on
    showing what it has read already.

    Before anything else the browser computes principal components, for which people wait where there are many
    rows and dimensions. So of `MANY_ROWS` and more the tensor that opens holds `N_COMPONENTS` principal
    components, and the vectors are the second. Both have the same maps. Of ten nearest neighbors by the vectors,
    nine are among the nearest by 200 components; of 50, which open hardly faster, it would be five.

    Parameters
    ----------
    folder
        An existing, empty folder.
    vectors
        (n, d) float32, finite. The server hands them out bit for bit. Rows beyond `MAX_ROWS` are left out.
    metadata
        n rows and at least two columns. The first must be text and labels the points. Tabs and line breaks
        become spaces, text beyond `MAX_CELL_CHARS` is cut, missing text becomes `NO_TEXT`.
    layouts
        Maps to offer as bookmarks, in this order. Strays, at most `STRAY_PERCENT` at each end of an axis, are
        drawn nearer, all other points where they are; 2D maps keep their proportions, while of 3D maps the
        projector stretches each axis to fill a cube.
    color_by
        Column of `metadata` that colors the bookmarks.

    Raises
    ------
    InputError
        Shapes that do not fit each other, numbers that are not finite, or metadata without the columns above.
    """
    _check_vectors(vectors)
    _check_metadata(metadata, len(vectors), color_by)
    for layout in layouts:
        _check_layout(layout, len(vectors))
    if len(vectors) > MAX_ROWS:
        log.warning("The projector shows only the first %s of %s rows", f"{MAX_ROWS:,}", f"{len(vectors):,}")
    missing_dimensions = max(0, MIN_DIMENSIONS - vectors.shape[1])
    vectors = np.ascontiguousarray(np.pad(vectors[:MAX_ROWS], ((0, 0), (0, missing_dimensions))), dtype="<f4")
    tensors = {VECTORS: vectors}
    if len(vectors) >= MANY_ROWS and vectors.shape[1] > N_COMPONENTS:
        tensors[COMPONENTS] = _principal_components(vectors, N_COMPONENTS)
    cells = {name: _cells(metadata[name].slice(0, MAX_ROWS)) for name in metadata.column_names}
    coloring = color_by
    if len(set(cells[color_by])) > MAX_COLORS and not _is_numeric(metadata[color_by]):
        log.warning("The projector cannot color by %s: more than %d values", color_by, MAX_COLORS)
        coloring = NO_COLORING

    files = {name: _write_numbers(folder, name, tensor) for name, tensor in tensors.items()}
    _write_metadata(folder / METADATA_FILE, cells)
    if layouts:
        look = {
            "dataSetDimensions": vectors.shape,  # compared when people load bookmarks that they saved
            "selectedColorOptionName": coloring,
            "selectedLabelOption": metadata.column_names[0],
            "customSelectedSearchByMetadataOption": metadata.column_names[0],
        }
        _write_bookmarks(folder / BOOKMARKS_FILE, layouts, vectors, look)
    _write_config(folder, tensors, files, BOOKMARKS_FILE if layouts else None)
    log.info(
        "Wrote %s vectors of %d dimensions and %d bookmarks", f"{len(vectors):,}", vectors.shape[1], len(layouts)
    )


def _check_vectors(vectors: np.ndarray) -> None:
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise InputError(f"vectors: expected rows x dimensions, one or more of each, found shape {vectors.shape}")
    _check_finite(vectors, "vectors", "embed the row again")


def _check_metadata(metadata: pa.Table, n_rows: int, color_by: str) -> None:
    names = metadata.column_names
    if metadata.num_rows != n_rows:
        raise InputError(
            f"metadata: expected {n_rows} rows, one per vector, found {metadata.num_rows}; align them"
        )
    if len(names) < 2 or _is_numeric(metadata[0]):
        raise InputError(f"metadata: expected two or more columns, text first, found {names}; put the label first")
    if color_by not in names:
        raise InputError(f"color_by: expected a column of the metadata, found {color_by!r}; choose one of {names}")


def _check_layout(layout: Layout, n_rows: int) -> None:
    where, shape = f"layout {layout.label!r}", layout.coordinates.shape
    if shape not in {(n_rows, 2), (n_rows, 3)}:
        raise InputError(f"{where}: expected shape ({n_rows}, 2 or 3), found {shape}; make the map of these rows")
    _check_finite(layout.coordinates, where, "make the map again")


def _check_finite(array: np.ndarray, where: str, remedy: str) -> None:
    if not np.isfinite(array).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        raise InputError(
            f"{where}, row {row}, column {column}: expected a finite number, found {array[row, column]}; {remedy}"
        )


def _write_numbers(folder: Path, name: str, numbers: np.ndarray) -> str:
    """Write float32 in the form in which the server will understand them, and give the file's name.

    The server takes a file for text and reads it as raw float32 only where UTF-8 decoding fails. Nearly all
    vectors fail within a few bytes. Those that do not, such as all zeros, are written as the text that the
    server expects, with all digits.
    """
    try:
        codecs.getincrementaldecoder("utf-8")().decode(numbers.ravel()[: SNIFFED_BYTES // 4].tobytes())
    except UnicodeDecodeError:
        (folder / f"{name}{BINARY}").write_bytes(numbers.data)
        return f"{name}{BINARY}"
    rows = ("\t".join(map(repr, row.tolist())) for row in numbers)
    (folder / f"{name}{TEXT}").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return f"{name}{TEXT}"


def _write_metadata(path: Path, cells: dict[str, list[str]]) -> None:
    rows = ["\t".join(_one_line(name) for name in cells)]
    rows += ["\t".join(row) for row in zip(*cells.values(), strict=True)]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8", errors="replace")


def _cells(column: pa.ChunkedArray) -> list[str]:
    """The values as text; a missing number is an empty cell, since any word would make its column text."""
    values = column.to_pylist()
    if pa.types.is_floating(column.type):
        return [f"{value:.6g}" if value is not None and math.isfinite(value) else "" for value in values]
    if pa.types.is_integer(column.type):
        return ["" if value is None else str(value) for value in values]
    return [NO_TEXT if value is None else _one_line(str(value)) for value in values]


def _is_numeric(column: pa.ChunkedArray) -> bool:
    return pa.types.is_integer(column.type) or pa.types.is_floating(column.type)


def _one_line(text: str) -> str:
    """The text on one line; `str.split` parts at all that may separate cells, lines or paragraphs."""
    words = " ".join(text.split()) or NO_TEXT
    return words if len(words) <= MAX_CELL_CHARS else words[: MAX_CELL_CHARS - 1].rstrip() + "…"


def _write_bookmarks(path: Path, layouts: Sequence[Layout], vectors: np.ndarray, look: dict[str, Any]) -> None:
    components = _rounded(_principal_components(vectors, SHOWN_COMPONENTS))
    # one at a time, for each holds a dictionary per point
    bookmarks = (json.dumps(_bookmark(layout, components) | look, separators=(",", ":")) for layout in layouts)
    path.write_text(f"[{','.join(bookmarks)}]", encoding="utf-8")


def _bookmark(layout: Layout, components: np.ndarray) -> dict[str, Any]:
    """A saved state of the browser (`State`, data.ts), but for what all bookmarks have in common.

    Loading throws where "projections", "selectedPoints" or anything of PCA, t-SNE or the custom projection is
    missing. The settings of t-SNE and UMAP are what the browser's own "Run" would start with, and those of the
    maps that people made there by hand: 10 neighbors; perplexity 5, learning rate 1.
    """
    map_points = _with_strays_nearer(layout.coordinates[: len(components)])
    flat = map_points.shape[1] == 2
    keys = [f"umap-{axis}" for axis in range(map_points.shape[1])]
    # Loading forgets the browser's own principal components, and without any its PCA tab would stay empty.
    keys += [f"pca-{component}" for component in range(components.shape[1])]
    points = np.column_stack([_rounded(map_points), components])
    return {
        "label": layout.label,
        "selectedProjection": "umap",  # "tsne" would run the browser's t-SNE over our map
        "projections": [dict(zip(keys, point, strict=True)) for point in points.tolist()],
        "selectedPoints": [],
        "cameraDef": _camera_2d(map_points) if flat else _camera(CAMERA_POSITION_3D, orthographic=False),
        "umapIs3d": not flat,
        "umapNeighbors": 10,
        "umapMinDist": 0.1,
        "tSNEis3d": False,
        "tSNEIteration": 0,
        "tSNEPerplexity": 5,
        "tSNELearningRate": 0,  # the exponent of 10
        "pcaComponentDimensions": [0, 1, 2],
        "customXLeftText": "",
        "customXRightText": "",
        "customYUpText": "",
        "customYDownText": "",
    }


def _with_strays_nearer(coordinates: np.ndarray) -> np.ndarray:
    """The map with strays drawn nearer, since the browser makes room for the farthest point."""
    low, high = np.percentile(coordinates, [STRAY_PERCENT, 100 - STRAY_PERCENT], axis=0)
    margin = STRAY_MARGIN * (high - low)
    return np.clip(coordinates.astype(np.float64), low - margin, high + margin)


def _rounded(numbers: np.ndarray) -> np.ndarray:
    largest = np.abs(numbers).max() or 1.0
    return numbers.astype(np.float64).round(SIGNIFICANT_DIGITS - 1 - math.floor(math.log10(largest)))


def _camera_2d(map_points: np.ndarray) -> dict[str, Any]:
    """A camera that gives a map its proportions back.

    The browser stretches each axis by itself, to the sides of a square. Seen at a slant whose cosine is the
    ratio of the shorter axis to the longer, that square has the proportions of the map again.
    """
    extents = np.ptp(map_points, axis=0)
    cosines = np.clip(extents / (extents.max() or 1.0), MIN_PROPORTION, 1)
    x, y = np.sqrt(1 - cosines**2)
    position = CAMERA_DISTANCE * np.array([x, y, cosines.min()])
    return _camera(position.tolist(), orthographic=True)


def _camera(position: list[float], *, orthographic: bool) -> dict[str, Any]:
    return {"orthographic": orthographic, "position": position, "target": [0, 0, 0], "zoom": 1}


def _principal_components(vectors: np.ndarray, n: int) -> np.ndarray:
    """The first n principal components of the vectors as the browser transforms them before it computes any."""
    if vectors.shape[1] >= SPHERIZED_DIMENSIONS:
        vectors = vectors - vectors.mean(axis=0)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors = np.divide(vectors, norms, out=vectors, where=norms > 0)
    if len(vectors) < vectors.shape[1]:
        eigenvalues, eigenvectors = np.linalg.eigh(vectors @ vectors.T)  # by ascending eigenvalue
        found = (eigenvectors * np.sqrt(eigenvalues.clip(0)))[:, : -n - 1 : -1]
        return np.pad(found, ((0, 0), (0, min(n, vectors.shape[1]) - found.shape[1])))
    _, eigenvectors = np.linalg.eigh(vectors.T @ vectors)
    return vectors @ np.ascontiguousarray(eigenvectors[:, : -n - 1 : -1])


def _write_config(
    folder: Path, tensors: Mapping[str, np.ndarray], files: Mapping[str, str], bookmarks_file: str | None
) -> None:
    from google.protobuf import text_format  # type: ignore[import-untyped]
    from tensorboard.plugins.projector.projector_config_pb2 import EmbeddingInfo, ProjectorConfig

    embeddings = [
        EmbeddingInfo(
            tensor_name=name,
            tensor_path=files[name],
            tensor_shape=tensor.shape,
            metadata_path=METADATA_FILE,
            bookmarks_path=bookmarks_file,
        )
        for name, tensor in tensors.items()
    ]
    config = text_format.MessageToString(ProjectorConfig(embeddings=embeddings))
    (folder / CONFIG_FILE).write_text(config, encoding="utf-8")
