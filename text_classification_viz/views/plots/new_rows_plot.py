"""Picture of new rows on the map of the training rows.

Scope: that one picture. Maps by themselves, and what all pictures share, stand in `plots`.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from text_classification_viz.core.new_rows import NO_LABEL, Landmarks
from text_classification_viz.views.plots.canvas import Canvas, MapPictures, fit_frame, paint_all
from text_classification_viz.views.plots.class_names import find_regions
from text_classification_viz.views.plots.colors import class_colors, rgb
from text_classification_viz.views.plots.map_picture import name_classes, ring_rows, show_points


def draw_new_rows(
    landmarks: Landmarks,
    coordinates: np.ndarray,
    class_labels: pa.ChunkedArray,
    ringed: np.ndarray,
    title: str,
    subtitle: str,
    made_on: str | None = None,
) -> MapPictures:
    """Draw the training rows pale, over them the new rows in the colors of their classes.

    Parameters
    ----------
    landmarks
        The rows of the map, whose regions carry the names of the classes.
    coordinates
        float (m, 2 or 3): places of the new rows. Of three axes the first two are drawn.
    class_labels
        Label of each new row, null without one; such rows and those of an unknown class are drawn in ink.
    ringed
        Rows to mark as likely mislabelled, as numbers of rows.
    title, subtitle, made_on
        As in `plots.draw_map`.
    """
    behind, places = landmarks.coordinates[:, :2], coordinates[:, :2]
    codes = pc.index_in(class_labels, pa.array(landmarks.classes, pa.string())).fill_null(NO_LABEL).to_numpy()
    regions = find_regions(behind, landmarks.labels)
    rings = {f"likely mislabelled, the first {len(ringed):,}": ringed} if len(ringed) else {}

    def paint(canvas: Canvas) -> None:
        of_class = class_colors(len(landmarks.classes), canvas.theme)
        colors = np.vstack([of_class, rgb(canvas.theme.ink)])[codes]  # NO_LABEL is the last
        fit_frame(canvas, behind)
        show_points(canvas, behind, np.tile(rgb(canvas.theme.pale), (len(behind), 1)))
        show_points(canvas, places, colors)
        ring_rows(canvas, places, colors, rings)
        name_classes(canvas, regions, landmarks.classes, of_class)

    return paint_all(paint, title, subtitle, made_on)
