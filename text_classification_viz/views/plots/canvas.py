"""What all pictures of maps share: sizes, the frame of a map, titles, a key, and the files that are written.

Scope: paper, not points. What stands on it, `map_picture` and `change_plot` say.
"""

import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from text_classification_viz.views.plots.class_names import core_bounds
from text_classification_viz.views.plots.colors import DARK, LIGHT, Theme, rgb

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patheffects import AbstractPathEffect
    from matplotlib.text import Text
    from PIL.Image import Image

POINTS_PER_INCH = 72
MARGIN = 0.04  # around the points, of the larger extent of a map
NAME_LENGTH = 30  # characters of a class's name that are shown
THUMBNAIL_COLORS = 256  # a palette keeps the picture a quarter of its size
LEAST_TITLE = 0.7  # of its size, to which a long title shrinks before its end is left out
COMPRESSION = 5  # zlib's level: a tenth larger than at 9, in a fourth of the time
KEY_LINE = 1.7  # letters' sizes that a line of the key takes
KEY_ABOVE = 8  # all else, by matplotlib's order


@dataclass(frozen=True)
class MapPictures:
    """A map as files.

    Attributes
    ----------
    full
        PNG for disk; of a map, 1,650 x 1,350 pixels.
    thumbnail
        PNG for metadata, a third as wide, under 100 kB.
    dark
        As `full`, on a dark background; None for a picture that has none.
    svg
        For print: letters and marks as outlines, points as pixels; None for a picture that has none.
    """

    full: bytes
    thumbnail: bytes
    dark: bytes | None = None
    svg: bytes | None = None


@dataclass(frozen=True)
class Paper:
    """A size, in inches and pixels per inch; all margins and letters in typographic points."""

    size: tuple[float, float]
    dpi: int
    title_size: float
    subtitle_size: float
    name_size: float
    margin: float

    @property
    def header(self) -> float:
        """Height that the titles take."""
        return 1.5 * self.title_size + 1.9 * self.subtitle_size


FULL = Paper((11.0, 9.0), 150, title_size=17, subtitle_size=11, name_size=13, margin=12)
THUMBNAIL = Paper((6.0, 4.9), 90, title_size=10.5, subtitle_size=6.8, name_size=8.2, margin=6)


@dataclass(frozen=True)
class Canvas:
    """A figure with the frame of a map, to be painted.

    Attributes
    ----------
    resolution
        Pixels of shaded points for each pixel of the figure: more for print.
    """

    figure: "Figure"
    axes: "Axes"
    paper: Paper
    theme: Theme
    resolution: int

    @property
    def scale(self) -> float:
        """Width of the figure as a share of the full size."""
        return self.paper.size[0] / FULL.size[0]

    @property
    def frame_size(self) -> tuple[float, float]:
        """Width and height of the frame, in pixels of the figure."""
        return self.axes.bbox.width, self.axes.bbox.height


def paint_all(paint: Callable[[Canvas], None], title: str, subtitle: str, made_on: str | None) -> MapPictures:
    """Make every file of a picture; `paint` draws what is under the titles."""
    from matplotlib import rc_context

    def painted(paper: Paper, theme: Theme, resolution: int = 1) -> "Figure":
        canvas = _blank(paper, theme, resolution)
        _write_titles(canvas, title, subtitle, made_on)
        paint(canvas)
        return canvas.figure

    # "path": letters look alike wherever the file is opened; the salt: the same ids in it on every run
    with rc_context({"svg.fonttype": "path", "svg.hashsalt": "map"}), missing_letters_as_boxes():
        # matplotlib paints in one thread alone; what it has painted is compressed in others meanwhile
        with ThreadPoolExecutor() as others:
            full = others.submit(_png, _pixels(painted(FULL, LIGHT)))
            dark = others.submit(_png, _pixels(painted(FULL, DARK)))
            thumbnail = others.submit(with_palette, _pixels(painted(THUMBNAIL, LIGHT)))
            svg = _svg(painted(FULL, LIGHT, resolution=2))
        return MapPictures(full.result(), thumbnail.result(), dark.result(), svg)


def _blank(paper: Paper, theme: Theme, resolution: int) -> Canvas:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=paper.size, dpi=paper.dpi, facecolor=theme.background)
    FigureCanvasAgg(figure)  # without one, each text that is measured keeps a renderer of 9 MB
    width, height = (round(inches * paper.dpi) for inches in paper.size)
    margin, header = (round(points * paper.dpi / POINTS_PER_INCH) for points in (paper.margin, paper.header))
    frame = margin, margin, width - 2 * margin, height - 2 * margin - header  # whole pixels, as shaded points are
    axes = figure.add_axes((frame[0] / width, frame[1] / height, frame[2] / width, frame[3] / height))
    axes.set(xticks=[], yticks=[], facecolor="none")
    axes.spines[:].set_visible(False)
    return Canvas(figure, axes, paper, theme, resolution)


def fit_frame(canvas: Canvas, coordinates: np.ndarray) -> None:
    """Set the frame to a map (n, 2), but for stray points, in its own proportions and in the middle."""
    low, high = core_bounds(coordinates)
    extent = (1 + 2 * MARGIN) * (high - low)
    size = np.array(canvas.frame_size)
    half = size * float((extent / size).max()) / 2
    (left, bottom), (right, top) = (low + high) / 2 - half, (low + high) / 2 + half
    canvas.axes.set(xlim=(left, right), ylim=(bottom, top))
    n_outside = int(((coordinates < [left, bottom]) | (coordinates > [right, top])).any(axis=1).sum())
    if n_outside:
        words = f"{n_outside:,} stray {'row' if n_outside == 1 else 'rows'} outside the picture"
        write_cased(
            canvas, (0.99, 0.005), words, 0.9 * canvas.paper.subtitle_size, rgb(canvas.theme.faint_ink), "right"
        )


def in_frame(canvas: Canvas, coordinates: np.ndarray) -> np.ndarray:
    """(n, 2): places as shares of the frame's width and height, from the lower left."""
    limits = np.array([canvas.axes.get_xlim(), canvas.axes.get_ylim()])
    return (coordinates - limits[:, 0]) / (limits[:, 1] - limits[:, 0])


def _write_titles(canvas: Canvas, title: str, subtitle: str, made_on: str | None) -> None:
    """Title and subtitle, one above the other, and the day at the right."""
    paper, theme = canvas.paper, canvas.theme
    width, height = (POINTS_PER_INCH * inches for inches in paper.size)
    left, right = 1.5 * paper.margin, width - 1.5 * paper.margin
    first = height - paper.margin - paper.title_size
    second = first - 0.5 * paper.title_size - paper.subtitle_size
    text = partial(canvas.figure.text, fontsize=paper.subtitle_size, color=theme.faint_ink)
    day = text(right / width, first / height, plain(made_on or ""), ha="right")
    day_width = day.get_window_extent().width / paper.dpi * POINTS_PER_INCH + paper.title_size if made_on else 0
    title_end = right - day_width
    heading = text(left / width, first / height, plain(title), weight="bold")
    heading.set(fontsize=paper.title_size, color=theme.ink)
    _fit(heading, (title_end - left) * paper.dpi / POINTS_PER_INCH)
    _fit(text(left / width, second / height, plain(subtitle)), (right - left) * paper.dpi / POINTS_PER_INCH)


def _fit(text: "Text", width: float) -> None:
    """Make a line of letters fit in so many pixels: smaller at first, then without its end."""
    share = width / max(text.get_window_extent().width, 1)
    if share >= 1:
        return
    text.set_fontsize(float(text.get_fontsize()) * max(share, LEAST_TITLE))
    if share < LEAST_TITLE:
        words = text.get_text()
        text.set_text(words[: int(len(words) * share / LEAST_TITLE) - 1].rstrip("\\") + "…")


def write_key(canvas: Canvas, lines: Mapping[str, np.ndarray]) -> None:
    """Say in the upper left what marks mean: words that begin with the mark, and their sRGB."""
    size = 1.1 * canvas.paper.subtitle_size
    step = KEY_LINE * size * canvas.paper.dpi / POINTS_PER_INCH / canvas.frame_size[1]
    for line, (words, color) in enumerate(lines.items(), start=1):
        write_cased(canvas, (0.012, 1 - line * step), words, size, color, "left")


def write_cased(
    canvas: Canvas, place: tuple[float, float], words: str, size: float, color: np.ndarray, side: str
) -> None:
    """Write over the points, at a place given as shares of the frame, which is the words' left or right end."""
    look: dict[str, Any] = {
        "fontsize": size,
        "color": color,
        "path_effects": casing(0.2 * size, canvas.theme),
        "zorder": KEY_ABOVE,
    }
    canvas.axes.annotate(plain(words), place, xycoords="axes fraction", ha=side, **look)


def casing(width: float, theme: Theme) -> "list[AbstractPathEffect]":
    """What keeps letters and marks apart from the points that they stand on: a rim in the background's color."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=2 * width, foreground=theme.background, alpha=0.9)]


def short(name: str) -> str:
    """The first `NAME_LENGTH` characters of a name, for a picture."""
    return plain(name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 1]}…")


def plain(text: str) -> str:
    """Text that matplotlib shows as it is: one line, printable, and no dollar sign starts a formula."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split()).replace("$", r"\$")


@contextmanager
def missing_letters_as_boxes() -> Iterator[None]:
    """Draw letters that the font lacks without a warning for each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _pixels(figure: "Figure") -> "Image":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]  # nothing shines through
    return Image.fromarray(np.ascontiguousarray(pixels))


def _png(picture: "Image") -> bytes:
    png = io.BytesIO()
    picture.save(png, "PNG", compress_level=COMPRESSION)
    return png.getvalue()


def _svg(figure: "Figure") -> bytes:
    svg = io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None}, facecolor=figure.get_facecolor())
    return svg.getvalue()


def with_palette(picture: "Image") -> bytes:
    """The picture as PNG in at most `THUMBNAIL_COLORS` colors, for a thumbnail."""
    from PIL.Image import Quantize

    png = io.BytesIO()
    # MAXCOVERAGE spreads the palette over the hues; the default spends it on shades of what there is most.
    picture.convert("RGB").quantize(THUMBNAIL_COLORS, Quantize.MAXCOVERAGE).save(png, "PNG", optimize=True)
    return png.getvalue()
