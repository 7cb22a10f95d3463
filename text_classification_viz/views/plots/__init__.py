"""Pictures of maps, for disk, for print, and small enough to live in an event log.

`map_picture` draws a map. `shading` turns points into pixels, `class_names` finds where names stand, `colors` has
the palette and the light and the dark theme, `canvas` what all pictures share: sizes, frame, titles, files.
"""

from text_classification_viz.views.plots.canvas import MapPictures, short, with_palette
from text_classification_viz.views.plots.change_plot import draw_changes
from text_classification_viz.views.plots.class_overlap_plot import draw_class_overlap
from text_classification_viz.views.plots.colors import COLORS
from text_classification_viz.views.plots.map_picture import draw_map
from text_classification_viz.views.plots.new_rows_plot import draw_new_rows

__all__ = [
    "COLORS",
    "MapPictures",
    "draw_changes",
    "draw_class_overlap",
    "draw_map",
    "draw_new_rows",
    "short",
    "with_palette",
]
