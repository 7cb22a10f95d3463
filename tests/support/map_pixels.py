"""Pictures of maps as pixels, and where on them a place of a map is. What a picture must show, its tests say."""

import io

import numpy as np
from PIL import Image

FULL_PIXELS, THUMBNAIL_PIXELS = (1_650, 1_350), (540, 441)
THUMBNAIL_BYTES = 100_000
SIDE = 10.0  # of the maps whose places are known: squares from (0, 0), with rows in the corners
CORNERS = np.array([[0, 0], [SIDE, 0], [0, SIDE], [SIDE, SIDE]])
FRAME_MIDDLE = np.array([825.0, 723.5])  # of a full picture: 25 pixels around, 97 more for the titles
FRAME_HEIGHT = 1_203
MARGINS = 1.08  # the frame's height by the map's


def pixels(png):
    """(height, width, 3) int: sRGB from 0 to 255."""
    image = Image.open(io.BytesIO(png))
    image.load()
    assert image.format == "PNG"
    return np.asarray(image.convert("RGB")).astype(int)


def size_of(png):
    return pixels(png).shape[1::-1]


def on_full_picture(places):
    """Column and row of places (..., 2) of a map with its `CORNERS`, from the upper left of a full picture."""
    return FRAME_MIDDLE + (np.asarray(places) - SIDE / 2) * [1, -1] * FRAME_HEIGHT / (MARGINS * SIDE)


def around(picture, place, reach):
    """The square of pixels around a place of a map with its `CORNERS`, so many to each side."""
    column, row = np.floor(on_full_picture(place)).astype(int)
    return picture[row - reach : row + reach + 1, column - reach : column + reach + 1]
