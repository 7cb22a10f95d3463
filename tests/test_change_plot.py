"""The picture of what changed on a map: what is drawn, in which colour, and what is not."""

import io

import numpy as np
import pytest
from PIL import Image

from text_classification_viz.core.change_plot import GONE, MOVED, NEW, draw_changes

N_ROWS = 200
LAYOUT = np.random.default_rng(0).uniform(0, 10, (N_ROWS, 2)).astype(np.float32)
NO_ROWS = np.empty((0, 2), np.float32)
LEGEND = 0.15  # of the height at the top, where titles and legend stand


def pixels_of(picture: bytes, color: str) -> np.ndarray:
    """Places (x, y as a share of the width and height) of pixels of about a colour, below the legend."""
    image = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    wanted = [int(color[start : start + 2], 16) for start in (1, 3, 5)]
    y, x = np.nonzero((np.abs(image - wanted) < 40).all(axis=2))
    x, y = x / image.shape[1], y / image.shape[0]
    return np.column_stack([x, y])[y > LEGEND]


def draw(before=LAYOUT, after=LAYOUT, is_known=None, gone=NO_ROWS):
    is_known = np.ones(len(after), bool) if is_known is None else is_known
    return draw_changes(before, after, is_known, gone, "What changed: 50 % <b>", "nobody $knows$")


def test_a_map_on_which_nothing_changed_shows_only_what_stayed():
    full = draw().full
    assert all(len(pixels_of(full, color)) == 0 for color in (NEW, GONE, MOVED))


def test_new_rows_gone_rows_and_movements_show_in_their_colours():
    after = LAYOUT.copy()
    after[0] = [5, 5]
    is_known = np.arange(N_ROWS) != 7
    before = LAYOUT.copy()
    before[0] = [0, 5]
    full = draw(before, after, is_known, gone=np.array([[9, 1]], np.float32)).full
    new, gone, moved = (pixels_of(full, color) for color in (NEW, GONE, MOVED))
    assert len(new) > 20
    assert len(gone) > 5
    assert np.ptp(gone, axis=0).max() < 0.03  # one cross
    assert np.ptp(moved[:, 0]) > 0.2  # one arrow over half of the map
    assert np.ptp(moved[:, 1]) < 0.05


def test_new_rows_have_no_arrow_wherever_they_were_placed():
    after = LAYOUT + 3
    is_known = np.zeros(N_ROWS, bool)
    is_known[0] = True
    after[0] = LAYOUT[0]
    assert len(pixels_of(draw(LAYOUT, after, is_known).full, MOVED)) == 0


def test_sizes_are_those_of_maps():
    pictures = draw(after=LAYOUT + np.random.default_rng(1).normal(size=LAYOUT.shape).astype(np.float32))
    assert Image.open(io.BytesIO(pictures.full)).size == (1_650, 1_350)
    assert Image.open(io.BytesIO(pictures.thumbnail)).size == (540, 441)
    assert len(pictures.thumbnail) < 100_000


@pytest.mark.parametrize("n_rows", [3, N_ROWS])
def test_three_axes_are_seen_from_above(n_rows):
    flat = LAYOUT[:n_rows]
    deep = np.column_stack([flat, np.arange(n_rows)]).astype(np.float32)
    gone = deep[:1] + 1
    is_known = np.arange(n_rows) > 0
    assert draw(deep, deep, is_known, gone).full == draw(flat, flat, is_known, gone[:, :2]).full
