"""Maps that stay put: a new map begins where the last one ended.

Scope: which rows the last map knows, where the others go, when the whole is refined, how far points move,
and what a published map says of itself for that purpose. How a map is laid out is the layouts' business.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from text_classification_viz.core import tables
from text_classification_viz.core.chunks import chunks
from text_classification_viz.core.neighbors import Neighbors

PLACING_NEIGHBORS = 5
PLACING_NOISE = 1e-3  # of the diameter, so that rows beside the same neighbor do not cover each other
REFINE_SHARE = 0.1  # of the rows changed since the map was last laid out or refined
MIN_KNOWN_SHARE = 0.75  # with fewer known rows, a map is laid out afresh
FINGERPRINT_TOLERANCE = 1e-3  # the same text embedded in another batch differs by about 1e-6
ROW_BLOCK = 256  # rows compared with all others at a time, to bound memory
RECORD = b"map"  # key in the metadata of a published map


@dataclass(frozen=True)
class Fresh:
    """The decision to lay a map out from scratch: there is no last one that it can continue.

    Attributes
    ----------
    reason
        Why, in words.
    """

    reason: str


@dataclass(frozen=True)
class MappedRows:
    """The rows of a map.

    Attributes
    ----------
    ids, labels
        (n,) int64, unique, and str.
    vectors
        float32 (n, d), unit length.
    neighbors
        The nearest neighbors among them.
    """

    ids: np.ndarray
    labels: np.ndarray
    vectors: np.ndarray
    neighbors: Neighbors


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

    @classmethod
    def of(
        cls, rows: MappedRows, coordinates: np.ndarray, settings: Mapping[str, Any], share_changed: float = 0.0
    ) -> "KnownMap":
        """Put down what tells whether a map of `rows` can be continued."""
        n_dimensions = rows.vectors.shape[1]
        return cls(
            rows.ids, rows.labels, coordinates, fingerprints(rows.vectors), n_dimensions, settings, share_changed
        )

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
    def from_table(cls, table: pa.Table) -> "KnownMap | Fresh":
        """Read the published form; `Fresh` where it has no record of how it was made."""
        if RECORD not in (table.schema.metadata or {}):
            return Fresh("the last map does not say how it was made")
        record = json.loads(table.schema.metadata[RECORD])
        known = cls(
            table["id"].to_numpy(),
            table["class_label"].to_numpy(zero_copy_only=False),
            np.column_stack([table[axis].to_numpy() for axis in "xyz" if axis in table.column_names]),
            np.frombuffer(base64.b64decode(record["fingerprints"]), "<f4"),
            **{name: record[name] for name in ("n_dimensions", "settings", "share_changed")},
        )
        n, n_axes = known.coordinates.shape
        if not n or n_axes < 2 or len(known.fingerprints) != n or not np.isfinite(known.coordinates).all():
            return Fresh("the last map's rows do not fit what it says of them")
        return known


@dataclass(frozen=True)
class Refresh:
    """A map that continues the last one.

    Attributes
    ----------
    map
        What is to be published.
    placed
        float32 (n, 2 or 3): known rows where they were, new ones beside their neighbors. Where the map was not
        refined, these are its coordinates.
    is_known
        bool (n,): rows that the last map shows, with the vector that they have today.
    gone
        float32 (m, 2 or 3): places of the rows of the last map that are no more.
    refined
        Whether so much had changed that the whole was refined.
    """

    map: KnownMap
    placed: np.ndarray
    is_known: np.ndarray
    gone: np.ndarray
    refined: bool

    @property
    def displacements(self) -> np.ndarray:
        """How far each known row has moved, in percent of the diameter."""
        return displacements(self.placed, self.map.coordinates)[self.is_known]


def fingerprints(vectors: np.ndarray) -> np.ndarray:
    """One number for each vector, float32 (n,), that gives away another vector under the same id.

    The vectors' projection on one fixed random direction. Two that have nothing to do with each other agree to
    `FINGERPRINT_TOLERANCE` in about one case of a thousand.
    """
    direction = np.random.default_rng(0).standard_normal((vectors.shape[1], 1)).astype(np.float32)
    return (vectors @ direction)[:, 0]


def continue_map(
    known: KnownMap,
    rows: MappedRows,
    settings: Mapping[str, Any],
    refine: Callable[[np.ndarray], np.ndarray],
    *,
    shaped_by_labels: bool = False,
    seed: int = 0,
) -> Refresh | Fresh:
    """Leave known rows where they are, put new ones beside their nearest known neighbors, refine now and then.

    The whole is refined, and turned back onto the last map, once `REFINE_SHARE` of the rows has changed since it
    was last laid out or refined: placing alone would let it decay.

    A new row goes to that of its `PLACING_NEIGHBORS` nearest known rows which is nearest to the others on the map,
    weighted by similarity (their medoid): a mean would put rows between clusters, where nothing is.

    Parameters
    ----------
    known
        The last map.
    rows
        Those of today.
    settings
        Those of today.
    refine
        Gives a better layout from a layout of `rows`.
    shaped_by_labels
        Labels go into the map, so that a row with another label counts as new.
    seed
        Of the noise that keeps new rows apart.

    Returns
    -------
    Refresh or Fresh
        The map that continues the last one; `Fresh` where the settings or the width of the vectors are others, or
        fewer than `MIN_KNOWN_SHARE` of the rows are known.
    """
    changed = [name for name, value in settings.items() if known.settings.get(name) != value]
    if changed:
        return Fresh(f"the last map was made with other settings ({', '.join(changed)})")
    n, n_dimensions = rows.vectors.shape
    if n_dimensions != known.n_dimensions:
        return Fresh(f"the last map shows vectors of {known.n_dimensions} dimensions, now {n_dimensions}")
    order = np.argsort(known.ids, kind="stable")
    at = order[np.searchsorted(known.ids, rows.ids, sorter=order).clip(max=len(order) - 1)]
    same_vector = np.abs(known.fingerprints[at] - fingerprints(rows.vectors)) <= FINGERPRINT_TOLERANCE
    is_known = (known.ids[at] == rows.ids) & same_vector
    if shaped_by_labels:
        is_known &= known.labels[at] == rows.labels
    if is_known.mean() < MIN_KNOWN_SHARE:
        return Fresh(f"the last map knows only {is_known.mean():.0%} of the rows as they are now")
    placed = known.coordinates[at]
    new = np.flatnonzero(~is_known)
    placed[new] = _places(new, is_known, placed, rows)
    spread = PLACING_NOISE * diameter(known.coordinates)
    placed[new] += np.random.default_rng(seed).normal(scale=spread, size=(len(new), placed.shape[1]))
    gone = known.coordinates[~np.isin(known.ids, rows.ids)]
    share_changed = known.share_changed + max(len(new), len(gone)) / n
    refined = share_changed >= REFINE_SHARE
    layout = align(refine(placed), placed, is_known) if refined else placed
    new_map = KnownMap.of(rows, layout, settings, 0.0 if refined else share_changed)
    return Refresh(new_map, placed, is_known, gone, refined)


def _places(new: np.ndarray, is_known: np.ndarray, coordinates: np.ndarray, rows: MappedRows) -> np.ndarray:
    """The weighted medoid of the nearest known rows of each new row, (m, 2 or 3)."""
    nearest, similarities = _nearest_known(new, is_known, rows.vectors, rows.neighbors)
    return weighted_medoids(coordinates[nearest], similarities)


def weighted_medoids(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Of each group of points that one from which the others are the least far, (m, 2 or 3).

    Parameters
    ----------
    points
        float (m, k, 2 or 3).
    weights
        (m, k): how much the distance to each counts; below 0 it does not.
    """
    apart = np.linalg.norm(points[:, :, None] - points[:, None], axis=3)
    medoids = np.einsum("ijl,il->ij", apart, np.maximum(weights, 0)).argmin(axis=1)
    return points[np.arange(len(points)), medoids]


def _nearest_known(
    new: np.ndarray, is_known: np.ndarray, vectors: np.ndarray, neighbors: Neighbors
) -> tuple[np.ndarray, np.ndarray]:
    """The `PLACING_NEIGHBORS` nearest known rows of each new row, and their similarities.

    They stand in the row's neighbor list. Where it names too few, as for rows of a topic that is new altogether,
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
    for block in (short[some] for some in chunks(len(short), ROW_BLOCK)):
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
