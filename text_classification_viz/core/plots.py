"""Pictures of maps: a full one for disk and a thumbnail small enough to live in an event log."""

import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# From Paul Tol's qualitative schemes (https://personal.sron.nl/~pault/), in an order that puts the hues that
# are told apart best first. Beyond their number they repeat, and the names on the map tell.
COLORS = (
    "#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#EE7733", "#332288", "#44AA99", "#994F00",
    "#BB5566", "#999933", "#004488", "#DDCC77", "#882255", "#88CCEE", "#117733", "#AA4499", "#0077BB", "#777777",
)  # fmt: skip
FULL_SIZE_INCHES, FULL_DPI = (11.0, 9.0), 150
THUMBNAIL_SIZE_INCHES, THUMBNAIL_DPI = (6.0, 4.9), 90
THUMBNAIL_COLORS = 256  # a palette keeps the picture a quarter of its size
DENSITY_CELLS = 64  # the name of a class stands where it is densest on a grid of so many cells a side,
DENSITY_BLUR = 2.5  # smoothed by a Gaussian of so many cells
CLIP_PERCENT = 0.1  # stray points at each end of an axis that may fall outside the frame
NAMES_AT_FULL_SIZE = 30  # more names than these are written smaller
NAME_LENGTH = 30  # characters of a class's name that are shown
LEGEND_LINE = 1.8  # font sizes that a line of the legend takes, with room to spare
POINTS_PER_INCH = 72
ROUNDING = 1e-6  # of a pixel


@dataclass(frozen=True)
class MapPictures:
    """A map as PNG.

    Attributes
    ----------
    full
        For disk, 1,650 x 1,350 pixels.
    thumbnail
        For metadata, 540 x 441 pixels, under 100 kB.
    """

    full: bytes
    thumbnail: bytes


def draw_map(coordinates: np.ndarray, labels: np.ndarray, title: str, subtitle: str) -> MapPictures:
    """Draw a map coloured by label, with the name of each label where it is densest.

    Parameters
    ----------
    coordinates
        (n, 2 or 3) float; three axes are drawn in perspective.
    labels
        (n,) label of each row.
    title, subtitle
        What it shows; rows, method and parameters.
    """
    full = _render(coordinates, labels, title, subtitle, FULL_SIZE_INCHES, FULL_DPI)
    small = _render(coordinates, labels, title, subtitle, THUMBNAIL_SIZE_INCHES, THUMBNAIL_DPI)
    return MapPictures(full, with_palette(small))


def _render(
    coordinates: np.ndarray,
    labels: np.ndarray,
    title: str,
    subtitle: str,
    size_inches: tuple[float, float],
    dpi: int,
) -> bytes:
    figure, scale, area = blank_figure(size_inches, dpi, len(labels))
    flat = coordinates.shape[1] == 2
    axes = figure.add_subplot(projection=None if flat else "3d")
    names, classes = np.unique(labels, return_inverse=True)
    order = np.random.default_rng(0).permutation(len(labels))  # so that no class covers the others
    palette = np.array(COLORS)[np.arange(len(names)) % len(COLORS)]
    look: dict[str, Any] = {"s": area, "c": palette[classes[order]], "linewidths": 0, "alpha": 0.75}
    axes.scatter(*coordinates[order].T, **look)
    if flat:
        frame(axes, coordinates)
        _name_classes(axes, coordinates, classes, names, palette, 13 * scale)
    else:
        largest_font = POINTS_PER_INCH * size_inches[1] / (LEGEND_LINE * len(names))
        _add_legend(axes, names, palette, min(10 * scale, largest_font))
    axes.set(**{f"{axis}ticks": [] for axis in "xyz"[: coordinates.shape[1]]})
    show_titles(axes, title, subtitle, scale)
    png = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # it is drawn as a box
        figure.draw_without_rendering()  # fixes where everything stands, the names aside
        _push_names_apart(axes, figure.bbox.width)
        figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()


def blank_figure(size_inches: tuple[float, float], dpi: int, n_points: int) -> "tuple[Figure, float, float]":
    """A figure, its width as a share of the full size, and the area of a point where there are so many."""
    from matplotlib.figure import Figure

    scale = size_inches[0] / FULL_SIZE_INCHES[0]
    figure = Figure(figsize=size_inches, dpi=dpi, layout="constrained", facecolor="white")
    return figure, scale, scale**2 * float(np.clip(60_000 / n_points, 1.5, 30))


def frame(axes: "Axes", coordinates: np.ndarray) -> None:
    """Fit the view to a map (n, 2), but for stray points, and keep its proportions."""
    low, high = np.percentile(coordinates, [CLIP_PERCENT, 100 - CLIP_PERCENT], axis=0)
    margin = 0.04 * (high - low).max()
    axes.set(xlim=(low[0] - margin, high[0] + margin), ylim=(low[1] - margin, high[1] + margin))
    axes.set_aspect("equal")


def show_titles(axes: "Axes", title: str, subtitle: str, scale: float) -> None:
    """Write what a picture shows above it; `scale` is its width as a share of the full size."""
    axes.spines[:].set_visible(False)
    axes.figure.suptitle(plain(title), fontsize=max(16 * scale, 10), fontweight="bold")
    axes.set_title(plain(subtitle), fontsize=max(11 * scale, 6.5), color="#555555")


def _name_classes(
    axes: "Axes",
    coordinates: np.ndarray,
    classes: np.ndarray,
    names: np.ndarray,
    palette: np.ndarray,
    font_size: float,
) -> None:
    """Write each class's name on its densest place, in its own colour cased with white."""
    from matplotlib.patheffects import withStroke

    font_size *= min(1, (NAMES_AT_FULL_SIZE / len(names)) ** 0.5)
    for code in np.bincount(classes).argsort(kind="stable")[::-1]:  # the largest first: it keeps its place
        x, y = _densest_place(coordinates[classes == code], axes.get_xlim(), axes.get_ylim())
        text = axes.text(x, y, short(names[code]), fontsize=font_size, fontweight="bold", ha="center", va="center")
        text.set_in_layout(False)  # a long name at the edge must not squeeze the map
        text.set_color(_darker(palette[code]))
        text.set_path_effects([withStroke(linewidth=0.3 * font_size, foreground="white", alpha=0.9)])


def _push_names_apart(axes: "Axes", width: float) -> None:
    """Move names up or down so that none covers another, within the map's height and `width` pixels."""
    if not axes.texts:
        return
    boxes = [text.get_window_extent() for text in axes.texts]
    centers = np.array([[(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2] for box in boxes])
    sizes = np.array([[box.width, box.height] for box in boxes])
    lowest, highest = np.array([0, axes.bbox.y0]) + sizes / 2, np.array([width, axes.bbox.y1]) - sizes / 2
    places = axes.transData.inverted().transform(place_boxes(centers, sizes, lowest, highest))
    for text, (x, y) in zip(axes.texts, places, strict=True):
        text.set_position((x, y))


def place_boxes(centers: np.ndarray, sizes: np.ndarray, lowest: np.ndarray, highest: np.ndarray) -> np.ndarray:
    """Move boxes up or down by as little as it takes that none covers another, one after another.

    The first stays; each later one goes to the nearest free place above or below, and stays where there is
    none.

    Parameters
    ----------
    centers, sizes
        (n, 2) x and y of each box.
    lowest, highest
        (n, 2) bounds of the centres.

    Returns
    -------
    numpy.ndarray
        (n, 2) new centres.
    """
    places = np.clip(centers, lowest, highest)
    for i in range(1, len(places)):
        x, y = places[i]
        need_x, need_y = ((sizes[:i] + sizes[i]) / 2).T
        in_the_way = np.abs(places[:i, 0] - x) < need_x
        others, gaps = places[:i, 1][in_the_way], need_y[in_the_way]
        choices = np.concatenate([[y], others - gaps, others + gaps])
        free = (np.abs(choices[:, None] - others) >= gaps - ROUNDING).all(axis=1)
        choices = choices[free & (choices >= lowest[i, 1]) & (choices <= highest[i, 1])]
        if len(choices):
            places[i, 1] = choices[np.abs(choices - y).argmin()]
    return places


def _densest_place(
    points: np.ndarray, x_limits: tuple[float, float], y_limits: tuple[float, float]
) -> tuple[float, float]:
    """Middle of the densest cell of a smoothed histogram over the frame."""
    from scipy.ndimage import gaussian_filter

    limits = np.array([x_limits, y_limits])
    counts, x_edges, y_edges = np.histogram2d(points[:, 0], points[:, 1], bins=DENSITY_CELLS, range=limits)
    smooth = gaussian_filter(counts, DENSITY_BLUR, mode="constant")
    column, row = np.unravel_index(smooth.argmax(), smooth.shape)
    return float(x_edges[column : column + 2].mean()), float(y_edges[row : row + 2].mean())


def _add_legend(axes: "Axes", names: np.ndarray, palette: np.ndarray, font_size: float) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], marker="o", linestyle="", color=color, label=short(name))
        for name, color in zip(names, palette, strict=True)
    ]
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=font_size, frameon=False)


def _darker(color: str) -> tuple[float, float, float]:
    """The colour at two thirds of its brightness: pale hues are not readable as letters on white."""
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(color)
    return 0.66 * red, 0.66 * green, 0.66 * blue


def short(name: str) -> str:
    """The first `NAME_LENGTH` characters of a name, for a picture."""
    return plain(name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 1]}…")


def plain(text: str) -> str:
    """Text that matplotlib shows as it is: one line, printable, and no dollar sign starts a formula."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split()).replace("$", r"\$")


def with_palette(png: bytes) -> bytes:
    """The picture in at most `THUMBNAIL_COLORS` colours, for a thumbnail."""
    from PIL import Image

    small = io.BytesIO()
    # MAXCOVERAGE spreads the palette over the hues; the default spends it on shades of what there is most.
    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(THUMBNAIL_COLORS, Image.Quantize.MAXCOVERAGE)
    picture.save(small, "PNG", optimize=True)
    return small.getvalue()
