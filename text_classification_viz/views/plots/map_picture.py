"""The picture of one map: points in the colors of their classes, rows ringed, names on the classes' regions.

Scope: what is drawn, and in which order. How points become pixels, where names fit and what the paper is
like, the modules beside this one say.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from text_classification_viz.views.plots.canvas import (
    POINTS_PER_INCH,
    Canvas,
    MapPictures,
    casing,
    fit_frame,
    in_frame,
    paint_all,
    short,
    write_key,
)
from text_classification_viz.views.plots.class_names import Regions, beside_small, find_regions, place_boxes
from text_classification_viz.views.plots.colors import LETTER_CONTRAST, class_colors, readable, rgb
from text_classification_viz.views.plots.shading import shade

if TYPE_CHECKING:
    from matplotlib.text import Text

POINTS_DRAWN = 60_000  # square typographic points that all points take on a map of full size,
LEAST_AREA, MOST_AREA = 1.5, 30.0  # each of them within these bounds
NAMES_AT_FULL_SIZE = 30  # more names than these are written smaller
LEAST_LETTERS = 0.6  # of the usual size, to which letters shrink before names without room are left out
SMALLER = 0.92  # from one try to the next
NAME_GAP = 0.3  # of a letter's size, between names
CASING, LINE = 0.17, 0.09  # of a letter's size: the rim of a name, the width of a line to a region
POINTS_ABOVE = 3  # by matplotlib's order: rings
NAMES_ABOVE = 6  # the rings, too: they may be anywhere, and a class would have no room for its name
FAR = 0.5  # heights of a name: farther from its region a line ties it there, and a further name is left out
RING_MARKS = (("○", "o", 7.0), ("◇", "D", 5.5))  # of the first and of the second kind: sign, mark, points
RING_WIDTH, RING_CASING = 1.1, 1.0  # typographic points
EYE = np.radians([-60.0, 30.0])  # azimuth and elevation from which three axes are seen
EYE_DISTANCE = 4.0  # radii of the map


def draw_map(
    coordinates: np.ndarray,
    labels: np.ndarray,
    title: str,
    subtitle: str,
    made_on: str | None = None,
    rings: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> MapPictures:
    """Draw a map colored by label, with the name of each label on its dense regions.

    Parameters
    ----------
    coordinates
        (n, 2 or 3) float; three axes are drawn in perspective.
    labels
        (n,) label of each row.
    title, subtitle
        What it shows; method and parameters.
    made_on
        The day, to be written beside the title.
    rings
        Rows to mark, as numbers of rows, by the words that say in the key what they are; of two kinds at most.
    """
    places = coordinates if coordinates.shape[1] == 2 else _in_perspective(coordinates)
    names, classes = np.unique(labels, return_inverse=True)
    regions = find_regions(places, classes)

    def paint(canvas: Canvas) -> None:
        colors = class_colors(len(names), canvas.theme)
        fit_frame(canvas, places)
        show_points(canvas, places, colors[classes])
        ring_rows(canvas, places, colors[classes], rings)
        name_classes(canvas, regions, names, colors)

    return paint_all(paint, title, subtitle, made_on)


def show_points(canvas: Canvas, places: np.ndarray, colors: np.ndarray) -> None:
    """Shade points (n, 2) in their colors (n, 3) over the frame."""
    width, height = (round(canvas.resolution * pixels) for pixels in canvas.frame_size)
    pixels = in_frame(canvas, places) * [1, -1] * [width, height] + [0, height]
    radius = np.sqrt(point_area(canvas, len(places))) / 2 * canvas.paper.dpi / POINTS_PER_INCH
    shaded = shade(pixels, colors, canvas.resolution * radius, width, height)
    limits = *canvas.axes.get_xlim(), *canvas.axes.get_ylim()
    canvas.axes.imshow(shaded, extent=limits, interpolation="none", aspect="auto", zorder=1)


def point_area(canvas: Canvas, n_points: int) -> float:
    """Area of a point where there are so many, in square typographic points."""
    return canvas.scale**2 * float(np.clip(POINTS_DRAWN / max(n_points, 1), LEAST_AREA, MOST_AREA))


def ring_rows(canvas: Canvas, places: np.ndarray, colors: np.ndarray, rings: Mapping[str, np.ndarray]) -> None:
    """Ring rows in ink cased with the background, each point in its own color whatever lies over it."""
    theme, scale = canvas.theme, canvas.scale**0.5  # smaller ones would be lost on a thumbnail
    key = {}
    for (words, rows), (sign, mark, size) in zip(rings.items(), RING_MARKS, strict=False):
        look: dict[str, Any] = {"marker": mark, "zorder": POINTS_ABOVE}
        x, y = places[rows].T
        for ring, width in ((theme.background, RING_WIDTH + 2 * RING_CASING), (theme.ink, RING_WIDTH)):
            edge: dict[str, Any] = {"facecolors": "none", "edgecolors": ring, "linewidths": width * scale}
            canvas.axes.scatter(x, y, s=(size * scale) ** 2, **edge, **look)
        canvas.axes.scatter(x, y, s=(0.5 * size * scale) ** 2, c=colors[rows], linewidths=0, **look)
        key[f"{sign} {words}"] = rgb(theme.ink)
    write_key(canvas, key)


def name_classes(canvas: Canvas, regions: Regions, names: np.ndarray, colors: np.ndarray) -> None:
    """Write each class's name on its dense regions, in its own color cased with the background."""
    size = np.array(canvas.frame_size)
    centers = in_frame(canvas, regions.places) * size
    depths = in_frame(canvas, regions.places + [0, 1] * regions.heights[:, None])[:, 1] * size[1] - centers[:, 1]
    texts = [_name(canvas, short(names[code]), colors[code]) for code in regions.codes]
    n_named = int((~regions.is_further).sum())
    share = min(1, (NAMES_AT_FULL_SIZE / n_named) ** 0.5)
    while True:
        font_size = share * canvas.paper.name_size
        boxes = np.array([_extent(text, font_size) for text in texts]) + NAME_GAP * font_size
        places, has_room = place_boxes(beside_small(centers, boxes, depths), boxes, size)
        if has_room[:n_named].all() or share * SMALLER < LEAST_LETTERS:
            break
        share *= SMALLER
    away = (np.abs(places - centers) - boxes / 2).max(axis=1) - depths  # from the name's box to its region
    is_far = away > FAR * boxes[:, 1]
    for number in range(len(texts)):
        text = texts[number]
        if not has_room[number] or (regions.is_further[number] and is_far[number]):
            text.remove()
            continue
        text.set(position=places[number] / size, fontsize=font_size)
        text.set_path_effects(casing(CASING * font_size, canvas.theme))
        if is_far[number]:
            line = np.stack([places[number], centers[number]]).T / size[:, None]
            look: dict[str, Any] = {
                "color": text.get_color(),
                "linewidth": LINE * font_size,
                "zorder": NAMES_ABOVE - 1,
            }
            look |= {"path_effects": casing(LINE * font_size, canvas.theme), "transform": canvas.axes.transAxes}
            canvas.axes.plot(*line, **look)


def _name(canvas: Canvas, name: str, color: np.ndarray) -> "Text":
    letters = readable(color, canvas.theme.background, LETTER_CONTRAST)
    look: dict[str, Any] = {
        "color": letters,
        "fontsize": canvas.paper.name_size,
        "weight": "bold",
        "zorder": NAMES_ABOVE,
    }
    return canvas.axes.text(0, 0, name, transform=canvas.axes.transAxes, ha="center", va="center", **look)


def _extent(text: "Text", font_size: float) -> tuple[float, float]:
    """Width and height of a name in pixels, which do not grow in proportion to its letters."""
    text.set_fontsize(font_size)
    box = text.get_window_extent()
    return box.width, box.height


def _in_perspective(coordinates: np.ndarray) -> np.ndarray:
    """(n, 2): three axes as an eye sees them from above and aside."""
    azimuth, elevation = EYE
    centered = coordinates - np.median(coordinates, axis=0)
    centered = centered / max(float(np.linalg.norm(centered, axis=1).max()), 1e-12)
    ahead = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0])
    up = np.cross(ahead, right)
    return centered @ np.column_stack([right, up]) / (EYE_DISTANCE - centered @ ahead)[:, None]
