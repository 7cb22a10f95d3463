"""Where the names of classes stand on a map, so that each is on its points and none covers another.

Scope: geometry of densities and boxes. Letters and colors are not.
"""

from dataclasses import dataclass

import numpy as np

CELLS = 96  # densities are counted on a grid of so many cells a side,
BLUR = 2.5  # smoothed by a Gaussian of so many cells
REGION_SHARE = 0.6  # of a class's points lies in its dense regions, the densest cells counted first
NAMED_FROM = 0.12  # a region with so large a share of its class's points has the name,
MOST_REGIONS = 3  # so many at most,
APART = 0.15  # and none nearer to a larger one than this share of the map
STRAY_PERCENT = 0.25  # of the points at each end of an axis may lie far from all others
SMALLEST_SIDE = 1e-6  # of a map, whose points may all be one
EDGES_TRIED = 100  # along x and along y, from the nearest on, where a box could touch another
BLOCK = 300  # places that are looked at together
ROUNDING = 1e-6  # of a pixel
MAX_NAMED = 100  # classes; more names than that have no room, and take minutes to find none


@dataclass(frozen=True)
class Regions:
    """Where classes are dense, in the order in which they get their names.

    Attributes
    ----------
    codes
        int (m,): the class of each region; each class once, the largest first, then the further regions.
    places
        float (m, 2): its densest place on the map.
    heights
        float (m,): standard deviation of its points, along y.
    is_further
        bool (m,): whether its class has a larger region.
    """

    codes: np.ndarray
    places: np.ndarray
    heights: np.ndarray
    is_further: np.ndarray


def dense_regions(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find where one class is dense: once, or in several places that lie apart.

    Regions are the connected parts of the smallest area that holds `REGION_SHARE` of the smoothed density.

    Parameters
    ----------
    points
        float (m, 2): places of the class's points on a map of side 1; those outside do not count.

    Returns
    -------
    places
        float (r, 2): the densest place of each region, the region with most points first; one at least.
    heights
        float (r,): standard deviation, along y, of the points of each region.
    """
    from scipy.ndimage import gaussian_filter, label

    inside = points[((points >= 0) & (points < 1)).all(axis=1)]
    columns, rows = (CELLS * inside).astype(int).T
    counts = np.bincount(CELLS * columns + rows, minlength=CELLS**2).reshape(CELLS, CELLS).astype(float)
    density = gaussian_filter(counts, BLUR, mode="constant")
    if not density.any():  # every point is outside
        return np.clip(np.median(points, axis=0), 0, 1)[None], np.zeros(1)
    ascending = np.sort(density, axis=None)[::-1]
    held = np.cumsum(ascending)
    level = ascending[np.searchsorted(held, REGION_SHARE * held[-1])]
    regions, n_regions = label(density >= level, structure=np.ones((3, 3)))
    shares = np.bincount(regions.ravel(), density.ravel(), n_regions + 1)[1:] / held[-1]
    region_of = regions[columns, rows]
    places: list[np.ndarray] = []
    heights: list[float] = []
    for region in np.argsort(-shares, kind="stable"):
        if places and (shares[region] < NAMED_FROM or len(places) == MOST_REGIONS):
            break
        cell = np.unravel_index(np.where(regions == region + 1, density, 0).argmax(), density.shape)
        place = (np.array(cell) + 0.5) / CELLS
        if all(np.linalg.norm(place - other) >= APART for other in places):
            places.append(place)
            heights.append(inside[region_of == region + 1, 1].std())
    return np.array(places), np.array(heights)


def find_regions(coordinates: np.ndarray, classes: np.ndarray) -> Regions:
    """Find the dense regions of the `MAX_NAMED` largest classes on a map (n, 2); `classes` are codes (n,)."""
    low, high = core_bounds(coordinates)
    side = (high - low).max()
    largest_first = np.bincount(classes).argsort(kind="stable")[::-1][:MAX_NAMED]
    of_classes = [dense_regions((coordinates[classes == code] - low) / side) for code in largest_first]
    codes = np.repeat(largest_first, [len(places) for places, _ in of_classes])
    places = low + side * np.concatenate([places for places, _ in of_classes])
    heights = side * np.concatenate([heights for _, heights in of_classes])
    is_further = np.concatenate([np.arange(len(places)) > 0 for places, _ in of_classes])
    order = np.argsort(is_further, kind="stable")
    return Regions(codes[order], places[order], heights[order], is_further[order])


def core_bounds(coordinates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower left and upper right of a map (n, 2), but for stray points."""
    points = np.asarray(coordinates, float)  # float32 would round the growth of a map of one place away
    low, high = np.percentile(points, [STRAY_PERCENT, 100 - STRAY_PERCENT], axis=0)
    growth = np.maximum(SMALLEST_SIDE - (high - low), 0) / 2
    return low - growth, high + growth


def beside_small(centers: np.ndarray, sizes: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """(m, 2): centres (m, 2) of boxes, those above their regions that would hide regions of such heights (m,)."""
    hides = 2 * heights < sizes[:, 1]
    above = np.where(hides, 2 * heights + sizes[:, 1] / 2, 0)
    return centers + np.column_stack([np.zeros(len(centers)), above])


def place_boxes(centers: np.ndarray, sizes: np.ndarray, frame_size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Move boxes by as little as it takes that none covers another.

    One after another goes to the nearest free place of those at which it touches others. A box without room is
    left where it was, and counts for none that follows.

    Parameters
    ----------
    centers, sizes
        float (n, 2): x and y of each box.
    frame_size
        Width and height of the area from (0, 0) that holds all boxes.

    Returns
    -------
    places
        float (n, 2): new centres.
    has_room
        bool (n,)
    """
    low, high = sizes / 2, frame_size - sizes / 2
    places = centers.astype(float)
    has_room = np.all(high >= low, axis=1)
    others, other_sizes = np.empty((0, 2)), np.empty((0, 2))
    for i in np.flatnonzero(has_room):
        wanted = np.clip(centers[i], low[i], high[i])
        gaps = (other_sizes + sizes[i]) / 2
        edges = np.concatenate([wanted[None], others - gaps, others + gaps])
        edges = np.where((edges >= low[i]) & (edges <= high[i]), edges, wanted)
        nearest = np.argsort(np.abs(edges - wanted), axis=0, kind="stable")[:EDGES_TRIED]
        choices = np.stack(np.meshgrid(*np.take_along_axis(edges, nearest, axis=0).T), axis=-1).reshape(-1, 2)
        choices = choices[np.argsort(np.linalg.norm(choices - wanted, axis=1), kind="stable")]
        place = _first_free(choices, others, gaps)
        has_room[i] = place is not None
        if place is not None:
            places[i] = place
            others, other_sizes = np.vstack([others, place]), np.vstack([other_sizes, sizes[i]])
    return places, has_room


def _first_free(choices: np.ndarray, others: np.ndarray, gaps: np.ndarray) -> np.ndarray | None:
    for block in np.array_split(choices, range(BLOCK, len(choices), BLOCK)):  # the first is free, most often
        is_free = (np.abs(block[:, None] - others) >= gaps - ROUNDING).any(axis=2).all(axis=1)
        if is_free.any():
            return block[is_free.argmax()]
    return None
