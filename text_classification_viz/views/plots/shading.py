"""Points to pixels: color tells which classes are there, opacity how many points.

Scope: arithmetic on arrays of pixels. Where a map ends and what is written on it is not.
"""

import numpy as np

from text_classification_viz.views.plots.colors import encoded, linear

ALONE = 0.8  # opacity of a point that lies alone on a map of few
CROWDED = 0.6  # the same where many lie on each other, so that sparse and dense differ
FULL_PERCENT = 99.0  # of the covered pixels are less than fully opaque, if points lie on each other
FEW = 6.0  # so many points on each other are opaque in any case


def shade(places: np.ndarray, colors: np.ndarray, radius: float, width: int, height: int) -> np.ndarray:
    """Draw points as discs whose colors mix where they overlap, and whose opacity grows with the logarithm.

    Points drawn over each other hide how many there are, and which class came first. Here a pixel has the mean
    color, in amounts of light, of the discs that cover it, and an opacity by the logarithm of their number, as
    datashader draws it.

    Parameters
    ----------
    places
        float (n, 2): x from the left and y from the top, in pixels; those outside the picture are left out.
    colors
        float (n, 3): sRGB in [0, 1].
    radius
        Of the discs, in pixels.

    Returns
    -------
    numpy.ndarray
        uint8 (height, width, 4): sRGB and opacity; nothing is drawn where no disc is.
    """
    pixels, points, coverage = _discs(places, radius, width, height)
    counts = np.bincount(pixels, coverage, width * height)
    covered = np.flatnonzero(counts)
    picture = np.zeros((height, width, 4), np.uint8)
    if not len(covered):
        return picture
    number = np.empty(len(counts), np.int32)  # of each covered pixel among them
    number[covered] = np.arange(len(covered))
    light = linear(colors).T
    sums = [np.bincount(number[pixels], coverage * channel[points], len(covered)) for channel in light]
    counts = counts[covered]
    crowd = max(FEW, float(np.percentile(counts, FULL_PERCENT)))
    alone = CROWDED + (ALONE - CROWDED) * FEW / crowd
    share = np.minimum(1, np.log(np.maximum(counts, 1)) / np.log(crowd))
    opacity = np.minimum(counts, 1) * (alone + (1 - alone) * share)
    shaded = np.column_stack([encoded(np.stack(sums, axis=1) / counts[:, None]), opacity])
    picture.reshape(-1, 4)[covered] = np.rint(255 * shaded)
    return picture


def _discs(
    places: np.ndarray, radius: float, width: int, height: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every pixel of every disc, as number of the pixel and of the point, with the share of it that is covered."""
    columns, rows = np.floor(places).astype(np.int32).T
    reach = int(np.ceil(radius + 0.5))
    down, right = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1).astype(np.int32)
    coverage = np.clip(radius + 0.5 - np.hypot(down, right), 0, 1)  # of a pixel at the disc's edge
    touched = coverage > 0
    x, y = columns[:, None] + right[touched], rows[:, None] + down[touched]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    points, offsets = np.nonzero(inside)
    return (y * width + x)[inside], points, coverage[touched][offsets]
