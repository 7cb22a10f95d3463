"""The picture of `class_overlap`: two heat maps of classes by classes."""

import io
from typing import TYPE_CHECKING

import numpy as np

from text_classification_viz.core.label_model import ClassOverlap
from text_classification_viz.views.plots import MapPictures, short, with_palette
from text_classification_viz.views.plots.canvas import missing_letters_as_boxes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE_INCHES, DPI = (15.0, 7.6), 110
THUMBNAIL_PIXELS = 750, 380
NUMBERS_FROM = 0.005  # smaller shares are left without a number
TENTHS_BELOW = 0.02  # smaller shares are told to a tenth of a percent
NUMBERED_AT_MOST = 30  # classes: the cells of more hold no number
DARK_FROM = 0.6  # of the largest share: numbers are white from there


def draw_class_overlap(overlap: ClassOverlap) -> MapPictures:
    """Draw the neighbors' labels and the noise model's transition side by side, as PNG."""
    from matplotlib.figure import Figure
    from PIL import Image

    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, layout="constrained", facecolor="white")
    near, noise = figure.subplots(1, 2)
    _heat_map(near, overlap.neighbor_shares, overlap.classes)
    near.set_title("Labels of the nearest neighbors, %")
    near.set(ylabel="label of the row", xlabel="label of the neighbor")
    _heat_map(noise, overlap.transition, overlap.classes)
    noise.set_title("Labels given, by the noise model, %")
    noise.set(ylabel="class that is meant", xlabel="label that is given")
    full = io.BytesIO()
    with missing_letters_as_boxes():
        figure.savefig(full, format="png", metadata={"Software": None})
    # Drawn once: to lay out a figure and draw it takes longer than all else of this asset.
    thumbnail = Image.open(full).resize(THUMBNAIL_PIXELS, Image.Resampling.LANCZOS)
    return MapPictures(full.getvalue(), with_palette(thumbnail))


def _heat_map(axes: "Axes", shares: np.ndarray, classes: np.ndarray) -> None:
    """Percentages beside the diagonal, which would outshine them: most neighbors and labels agree."""
    n_classes = len(classes)
    others = np.where(np.eye(n_classes, dtype=bool), np.nan, shares)
    largest = np.nanmax(others, initial=NUMBERS_FROM)
    axes.set_facecolor("#EEEEEE")
    axes.imshow(others, cmap="Blues", vmin=0, vmax=largest)
    font_size = min(9.0, 190 / n_classes)
    names = [short(name) for name in classes]
    axes.set_xticks(range(n_classes), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=font_size)
    axes.set_yticks(range(n_classes), names, fontsize=font_size)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if n_classes > NUMBERED_AT_MOST:
        return
    for row, column in np.argwhere(others >= NUMBERS_FROM):
        share = others[row, column]
        color = "white" if share > DARK_FROM * largest else "#222222"
        number = f"{100 * share:.0f}" if share >= TENTHS_BELOW else f"{100 * share:.1f}"
        axes.text(column, row, number, ha="center", va="center", fontsize=font_size, color=color)
