"""Picture of what changed between two maps of the same rows: who moved and how far, who is new, who is gone.

Scope: that one picture. Maps by themselves, and what all pictures share, stand in `plots`.
"""

import numpy as np

from text_classification_viz.views.plots.canvas import Canvas, MapPictures, fit_frame, paint_all, write_key
from text_classification_viz.views.plots.colors import readable, rgb
from text_classification_viz.views.plots.map_picture import POINTS_ABOVE, point_area, show_points

NEW, MOVED = "#D55E00", "#0072B2"  # Okabe and Ito's, told apart by the color-blind too
MARK_CONTRAST = 3.0  # WCAG's for what is no text
ARROW_WIDTH = 0.0015  # of the picture's
ARROWS = 400  # of the rows that moved farthest; more would cover the map
LARGER = 4.0  # times the area of other points, and at least
LEAST_AREA = 16.0  # square typographic points, at full size


def draw_changes(
    before: np.ndarray,
    after: np.ndarray,
    is_known: np.ndarray,
    gone: np.ndarray,
    title: str,
    subtitle: str,
    made_on: str | None = None,
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
    title, subtitle, made_on
        As in `plots.draw_map`.
    """
    before, after, gone = before[:, :2], after[:, :2], gone[:, :2]
    steps = after - before
    farthest = np.argsort(-np.where(is_known, np.linalg.norm(steps, axis=1), 0), kind="stable")[:ARROWS]
    farthest = farthest[(steps[farthest] != 0).any(axis=1) & is_known[farthest]]

    def paint(canvas: Canvas) -> None:
        axes, theme = canvas.axes, canvas.theme
        new, moved = (readable(color, theme.background, MARK_CONTRAST) for color in (NEW, MOVED))
        area = max(LARGER * point_area(canvas, len(after)), LEAST_AREA * canvas.scale**2)
        fit_frame(canvas, after)
        show_points(canvas, after[is_known], np.tile(rgb(theme.pale), (int(is_known.sum()), 1)))
        axes.quiver(
            *before[farthest].T,
            *steps[farthest].T,
            color=moved,
            angles="xy",
            scale_units="xy",
            scale=1,
            width=ARROW_WIDTH,
            headwidth=5,
            zorder=POINTS_ABOVE,
        )
        axes.scatter(
            gone[:, 0], gone[:, 1], s=area, c=theme.ink, marker="x", linewidths=canvas.scale, zorder=POINTS_ABOVE
        )
        x, y = after[~is_known].T
        axes.scatter(x, y, s=area, color=new, linewidths=0, zorder=POINTS_ABOVE)
        key = {
            f"● {int((~is_known).sum()):,} new": new,
            f"× {len(gone):,} gone": rgb(theme.ink),
            f"→ the {len(farthest):,} that moved farthest": moved,
        }
        write_key(canvas, key)

    return paint_all(paint, title, subtitle, made_on)
