"""Maps that stay put: a new map begins where the last one ended.

Belongs here: which rows the last map knows, where the others go, how far points move, and what a published map
says of itself for that purpose. How a map is laid out and refined is the layouts' business.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from text_classification_viz.core import tables
from text_classification_viz.core.neighbors import Neighbors

PLACING_NEIGHBORS = 5
PLACING_NOISE = 1e-3  # of the diameter, so that rows beside the same neighbour do not cover each other
REFINE_SHARE = 0.1  # of the rows changed since the map was last laid out or refined
MIN_KNOWN_SHARE = 0.5  # with fewer known rows, a map is laid out afresh
FINGERPRINT_TOLERANCE = 1e-3  # the same text embedded in another batch differs by about 1e-6
ROW_BLOCK = 256  # rows compared with all others at a time, to bound memory
RECORD = b"map"  # key in the metadata of a published map


class StartAfresh(Exception):  # noqa: N818  no error: it happens to every first map
    """There is no last map to continue; the message says why."""


@dataclass(frozen=True)
class KnownMap:
    """A map as it is published, with what tells whether it can be continued.

    Attributes
    ----------
    ids, labels
        (n,) int64 and str.
    coordinates
        float32 (n, 2 or 3).
    fingerprints
        `fingerprints` of the vectors that it shows, float32 (n,).
    n_dimensions
        Width of the vectors.
    settings
        What it was made with.
    share_changed
        Share of the rows that changed since it was last laid out or refined.
    """

    ids: np.ndarray
    labels: np.ndarray
    coordinates: np.ndarray
    fingerprints: np.ndarray
    n_dimensions: int
    settings: Mapping[str, Any]
    share_changed: float = 0.0

    def to_table(self) -> pa.Table:
        """The published form, schema `tables.projection_schema`; all but its columns is in the metadata."""
        record = {
            "fingerprints": base64.b64encode(self.fingerprints.astype("<f4").tobytes()).decode(),
            "n_dimensions": self.n_dimensions,
            "settings": dict(self.settings),
            "share_changed": self.share_changed,
        }
        schema = tables.projection_schema(self.coordinates.shape[1]).with_metadata({RECORD: json.dumps(record)})
        return pa.table([self.ids, self.labels, *self.coordinates.T], schema=schema)

    @classmethod
    def from_table(cls, table: pa.Table) -> "KnownMap":
        """Read the published form; StartAfresh where it has no record of how it was made."""
        if RECORD not in (table.schema.metadata or {}):
            raise StartAfresh("the last map does not say how it was made")
        record = json.loads(table.schema.metadata[RECORD])
        fingerprints = np.frombuffer(base64.b64decode(record.pop("fingerprints")), "<f4")
        axes = [table[axis].to_numpy() for axis in "xyz" if axis in table.column_names]
        labels = table["class_label"].to_numpy(zero_copy_only=False).astype(str)
        return cls(table["id"].to_numpy(), labels, np.column_stack(axes), fingerprints, **record)


@dataclass(frozen=True)
class Continuation:
    """The last map, carried over to the rows of today.

    Attributes
    ----------
    coordinates
        float32 (n, 2 or 3): known rows where they were, new ones beside their neighbours.
    is_known
        bool (n,): rows that the last map shows, with the vector that they have today.
    n_gone
        Rows of the last map that are no more.
    share_changed
        Share of the rows that changed since the map was last laid out or refined, today included.
    """

    coordinates: np.ndarray
    is_known: np.ndarray
    n_gone: int
    share_changed: float

    @property
    def needs_refining(self) -> bool:
        """So much has changed that placing alone would let the map decay."""
        return self.share_changed >= REFINE_SHARE


def fingerprints(vectors: np.ndarray) -> np.ndarray:
    """One number for each vector, float32 (n,), that gives away another vector under the same id.

    The vectors' projection on one fixed random direction. Two that have nothing to do with each other agree to
    `FINGERPRINT_TOLERANCE` in about one case of a thousand.
    """
    direction = np.random.default_rng(0).standard_normal((vectors.shape[1], 1)).astype(np.float32)
    return (vectors @ direction)[:, 0]


def continue_map(
    known: KnownMap,
    settings: Mapping[str, Any],
    ids: np.ndarray,
    labels: np.ndarray | None,
    vectors: np.ndarray,
    neighbors: Neighbors,
    *,
    seed: int = 0,
) -> Continuation:
    """Leave known rows where they are, and put each new one beside its nearest known neighbours.

    A new row goes to that of its `PLACING_NEIGHBORS` nearest known rows which is nearest to the others on the map,
    weighted by similarity (their medoid): a mean would put rows between clusters, where nothing is.

    Parameters
    ----------
    known
        The last map.
    settings
        Those of today.
    ids
        int64 (n,), unique.
    labels
        (n,) label of each row where labels shape the map, so that a row with another label counts as new; else
        None.
    vectors
        float32 (n, d), unit length.
    neighbors
        Their nearest neighbours.
    seed
        Of the noise that keeps new rows apart.

    Raises
    ------
    StartAfresh
        Other settings, another width of the vectors, or fewer than `MIN_KNOWN_SHARE` of the rows are known.
    """
    changed = [name for name, value in settings.items() if known.settings.get(name) != value]
    if changed:
        raise StartAfresh(f"the last map was made with other settings ({', '.join(changed)})")
    n, n_dimensions = vectors.shape
    if n_dimensions != known.n_dimensions:
        raise StartAfresh(f"the last map shows vectors of {known.n_dimensions} dimensions, now {n_dimensions}")
    order = np.argsort(known.ids, kind="stable")
    at = order[np.searchsorted(known.ids, ids, sorter=order).clip(max=len(order) - 1)]
    same_vector = np.abs(known.fingerprints[at] - fingerprints(vectors)) <= FINGERPRINT_TOLERANCE
    is_known = (known.ids[at] == ids) & same_vector
    if labels is not None:
        is_known &= known.labels[at] == labels
    if is_known.mean() < MIN_KNOWN_SHARE:
        raise StartAfresh(f"the last map knows only {is_known.mean():.0%} of the rows as they are now")
    coordinates = known.coordinates[at]
    new = np.flatnonzero(~is_known)
    coordinates[new] = _places(new, is_known, coordinates, vectors, neighbors)
    spread = PLACING_NOISE * diameter(known.coordinates)
    coordinates[new] += np.random.default_rng(seed).normal(scale=spread, size=(len(new), coordinates.shape[1]))
    n_gone = int((~np.isin(known.ids, ids)).sum())
    return Continuation(coordinates, is_known, n_gone, known.share_changed + max(len(new), n_gone) / n)


def _places(
    new: np.ndarray, is_known: np.ndarray, coordinates: np.ndarray, vectors: np.ndarray, neighbors: Neighbors
) -> np.ndarray:
    """The weighted medoid of the nearest known rows of each new row, (m, 2 or 3)."""
    nearest, similarities = _nearest_known(new, is_known, vectors, neighbors)
    around = coordinates[nearest]
    apart = np.linalg.norm(around[:, :, None] - around[:, None], axis=3)
    medoids = np.einsum("ijl,il->ij", apart, np.maximum(similarities, 0)).argmin(axis=1)
    return around[np.arange(len(new)), medoids]


def _nearest_known(
    new: np.ndarray, is_known: np.ndarray, vectors: np.ndarray, neighbors: Neighbors
) -> tuple[np.ndarray, np.ndarray]:
    """The `PLACING_NEIGHBORS` nearest known rows of each new row, and their similarities.

    They stand in the row's neighbour list. Where it names too few, as for rows of a topic that is new altogether,
    all known rows are searched.
    """
    known = np.flatnonzero(is_known)
    shape = len(new), min(PLACING_NEIGHBORS, len(known))
    nearest, similarities = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    listed = is_known[neighbors.rows[new]]
    enough = listed.sum(axis=1) >= shape[1]
    if enough.any():
        known_first = np.argsort(~listed[enough], axis=1, kind="stable")[:, : shape[1]]
        nearest[enough] = np.take_along_axis(neighbors.rows[new[enough]], known_first, axis=1)
        similarities[enough] = np.take_along_axis(neighbors.similarities[new[enough]], known_first, axis=1)
    short = np.flatnonzero(~enough)
    for start in range(0, len(short), ROW_BLOCK):
        block = short[start : start + ROW_BLOCK]
        to_known = vectors[new[block]] @ vectors[known].T
        best = np.argsort(-to_known, axis=1, kind="stable")[:, : shape[1]]
        nearest[block] = known[best]
        similarities[block] = np.take_along_axis(to_known, best, axis=1)
    return nearest, similarities


def align(layout: np.ndarray, reference: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Rotate, reflect and shift a layout so that `shared` rows come nearest to where they are in another.

    The orthogonal Procrustes problem (Schönemann 1966). Distances on the map stay as they are.

    Parameters
    ----------
    layout, reference
        float (n, 2 or 3).
    shared
        bool (n,): rows to go by.

    Returns
    -------
    numpy.ndarray
        float32, the shape of `layout`.
    """
    center, target = (points[shared].mean(axis=0, dtype=np.float64) for points in (layout, reference))
    u, _, vt = np.linalg.svd((layout[shared] - center).T @ (reference[shared] - target))
    return ((layout - center) @ (u @ vt) + target).astype(np.float32)


def displacements(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """How far each point has moved, (n,), in percent of the diameter of the map as it was."""
    return 100 * np.linalg.norm(after - before, axis=1) / diameter(before)


def diameter(layout: np.ndarray) -> float:
    """Extent of a map along its longest axis, between the 1st and the 99th percentile."""
    low, high = np.percentile(layout, [1, 99], axis=0)
    return float((high - low).max())
