"""Pictures of maps: a full one for disk and a thumbnail small enough to live in an event log."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# From Paul Tol's qualitative schemes (https://personal.sron.nl/~pault/), in an order that puts the hues that
# are told apart best first. Beyond their number they repeat, and the names on the map tell.
COLORS = (
    "#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#EE7733", "#332288", "#44AA99", "#994F00",
    "#BB5566", "#999933", "#004488", "#DDCC77", "#882255", "#88CCEE", "#117733", "#AA4499", "#0077BB", "#777777",
)  # fmt: skip
FULL_SIZE_INCHES, FULL_DPI = (11.0, 9.0), 150
THUMBNAIL_SIZE_INCHES, THUMBNAIL_DPI = (6.0, 4.9), 90
THUMBNAIL_COLORS = 64  # a palette keeps the picture a third of its size
DENSITY_CELLS = 64  # the name of a class stands where it is densest on a grid of so many cells a side,
DENSITY_BLUR = 2.5  # smoothed by a Gaussian of so many cells
CLIP_PERCENT = 0.1  # stray points at each end of an axis that may fall outside the frame


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
    return MapPictures(full, _with_palette(small))


def _render(
    coordinates: np.ndarray,
    labels: np.ndarray,
    title: str,
    subtitle: str,
    size_inches: tuple[float, float],
    dpi: int,
) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size_inches, dpi=dpi, layout="constrained", facecolor="white")
    flat = coordinates.shape[1] == 2
    axes = figure.add_subplot(projection=None if flat else "3d")
    names, classes = np.unique(labels, return_inverse=True)
    scale = size_inches[0] / FULL_SIZE_INCHES[0]
    area = scale**2 * np.clip(60_000 / len(labels), 1.5, 30)
    order = np.random.default_rng(0).permutation(len(labels))  # so that no class covers the others
    palette = np.array(COLORS)[np.arange(len(names)) % len(COLORS)]
    look: dict[str, Any] = {"s": area, "c": palette[classes[order]], "linewidths": 0, "alpha": 0.75}
    axes.scatter(*coordinates[order].T, **look)
    if flat:
        low, high = np.percentile(coordinates, [CLIP_PERCENT, 100 - CLIP_PERCENT], axis=0)
        margin = 0.04 * (high - low).max()
        axes.set(xlim=(low[0] - margin, high[0] + margin), ylim=(low[1] - margin, high[1] + margin))
        axes.set_aspect("equal")
        _name_classes(axes, coordinates, classes, names, palette, 13 * scale)
    else:
        _add_legend(axes, names, palette, 10 * scale)
    axes.set(**{f"{axis}ticks": [] for axis in "xyz"[: coordinates.shape[1]]})
    axes.spines[:].set_visible(False)
    figure.suptitle(_plain(title), fontsize=max(16 * scale, 10), fontweight="bold")
    axes.set_title(_plain(subtitle), fontsize=max(11 * scale, 6.5), color="#555555")
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()


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

    for code, name in enumerate(names):
        x, y = _densest_place(coordinates[classes == code], axes.get_xlim(), axes.get_ylim())
        text = axes.text(x, y, _plain(str(name)), fontsize=font_size, fontweight="bold", ha="center", va="center")
        text.set_color(_darker(palette[code]))
        text.set_path_effects([withStroke(linewidth=0.3 * font_size, foreground="white", alpha=0.9)])


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
        Line2D([], [], marker="o", linestyle="", color=color, label=_plain(str(name)))
        for name, color in zip(names, palette, strict=True)
    ]
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=font_size, frameon=False)


def _darker(color: str) -> tuple[float, float, float]:
    """The colour at two thirds of its brightness: pale hues are not readable as letters on white."""
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(color)
    return 0.66 * red, 0.66 * green, 0.66 * blue


def _plain(text: str) -> str:
    """Text that matplotlib shows as it is: one line, and no dollar sign starts a formula."""
    return " ".join(text.split()).replace("$", r"\$")


def _with_palette(png: bytes) -> bytes:
    from PIL import Image

    small = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(THUMBNAIL_COLORS).save(small, "PNG", optimize=True)
    return small.getvalue()
