"""Pictures of maps, for disk, for print, and small enough to live in an event log.

`map_picture` draws a map. `shading` turns points into pixels, `class_names` finds where names stand, `colors` has
the palette and the light and the dark theme, `canvas` what all pictures share: sizes, frame, titles, files.
"""

from text_classification_viz.core.plots.canvas import MapPictures, short, with_palette
from text_classification_viz.core.plots.colors import COLORS
from text_classification_viz.core.plots.map_picture import draw_map

__all__ = ["COLORS", "MapPictures", "draw_map", "short", "with_palette"]
