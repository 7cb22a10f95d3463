"""Picture of what changed between two maps of the same rows: who moved and how far, who is new, who is gone.

Belongs here: that one picture. Maps by themselves, and what all pictures share, stand in `plots`.
"""

import io

import numpy as np

from text_classification_viz.core.plots import (
    FULL_DPI,
    FULL_SIZE_INCHES,
    LEGEND_LINE,
    POINTS_PER_INCH,
    THUMBNAIL_DPI,
    THUMBNAIL_SIZE_INCHES,
    MapPictures,
    blank_figure,
    frame,
    show_titles,
    with_palette,
)

# Okabe and Ito's, told apart by the colour-blind too; what stayed is grey.
STAYED, NEW, GONE, MOVED = "#BBBBBB", "#D55E00", "#000000", "#0072B2"
ARROW_WIDTH = 0.0015  # of the picture's
ARROWS = 400  # of the rows that moved farthest; more would cover the map


def draw_changes(
    before: np.ndarray, after: np.ndarray, is_known: np.ndarray, gone: np.ndarray, title: str, subtitle: str
) -> MapPictures:
    """Draw the map as it is, over it the rows that are new, those that are gone, and how far known rows moved.

    Parameters
    ----------
    before, after
        float (n, 2 or 3): places on the last map and on this one. Of three axes the first two are drawn.
    is_known
        bool (n,): rows that the last map shows.
    gone
        float (m, 2 or 3): places, on the last map, of rows that are no more.
    title, subtitle
        As in `plots.draw_map`.
    """
    inputs = before[:, :2], after[:, :2], is_known, gone[:, :2], title, subtitle
    full = _render(*inputs, FULL_SIZE_INCHES, FULL_DPI)
    return MapPictures(full, with_palette(_render(*inputs, THUMBNAIL_SIZE_INCHES, THUMBNAIL_DPI)))


def _render(
    before: np.ndarray,
    after: np.ndarray,
    is_known: np.ndarray,
    gone: np.ndarray,
    title: str,
    subtitle: str,
    size_inches: tuple[float, float],
    dpi: int,
) -> bytes:
    figure, scale, area = blank_figure(size_inches, dpi, len(after))
    axes = figure.add_subplot(xticks=[], yticks=[])
    steps = after - before
    farthest = np.argsort(-np.where(is_known, np.linalg.norm(steps, axis=1), 0), kind="stable")[:ARROWS]
    farthest = farthest[(steps[farthest] != 0).any(axis=1) & is_known[farthest]]
    axes.scatter(after[is_known, 0], after[is_known, 1], s=area, c=STAYED, linewidths=0)
    axes.quiver(
        before[farthest, 0],
        before[farthest, 1],
        steps[farthest, 0],
        steps[farthest, 1],
        color=MOVED,
        angles="xy",
        scale_units="xy",
        scale=1,
        width=ARROW_WIDTH,
        headwidth=5,
    )
    axes.scatter(gone[:, 0], gone[:, 1], s=4 * area, c=GONE, marker="x", linewidths=scale)
    axes.scatter(after[~is_known, 0], after[~is_known, 1], s=4 * area, c=NEW, linewidths=0)
    frame(axes, after)
    legend = {
        f"● {int((~is_known).sum()):,} new": NEW,
        f"× {len(gone):,} gone": GONE,
        f"→ the {len(farthest):,} that moved farthest": MOVED,
    }
    font_size = max(11 * scale, 6.5)
    for line, (text, color) in enumerate(legend.items()):
        place = 0.01, 0.99 - LEGEND_LINE * font_size * line / (POINTS_PER_INCH * size_inches[1])
        box = {"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1}
        axes.text(*place, text, transform=axes.transAxes, color=color, fontsize=font_size, va="top", bbox=box)
    show_titles(axes, title, subtitle, scale)
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()
