"""The picture of what changed on a map: what is drawn where, in which color, and what is not."""

from xml.etree import ElementTree

import numpy as np
import pytest

from tests.support.map_pixels import (
    CORNERS,
    FULL_PIXELS,
    SIDE,
    THUMBNAIL_BYTES,
    THUMBNAIL_PIXELS,
    around,
    on_full_picture,
    pixels,
    size_of,
)
from text_classification_viz.views.plots.change_plot import ARROWS, MARK_CONTRAST, MOVED, NEW, draw_changes
from text_classification_viz.views.plots.colors import DARK, LIGHT, readable, rgb

N_ROWS = 200
LAYOUT = np.random.default_rng(0).uniform(0, SIDE, (N_ROWS, 2))
LAYOUT[-20:] = np.tile(CORNERS, (5, 1))
NO_ROWS = np.empty((0, 2))
NEW_ROW, MOVED_ROW, GONE_PLACE = 7, 0, [9.0, 1.0]
FROM, TO = [1.0, 5.0], [6.0, 5.0]
KEY_BELOW = 260  # pixels from the top, where titles and key stand

themes = pytest.mark.parametrize(("name", "theme"), [("full", LIGHT), ("dark", DARK)])


def draw(before=LAYOUT, after=LAYOUT, is_known=None, gone=NO_ROWS):
    is_known = np.ones(len(after), bool) if is_known is None else is_known
    return draw_changes(before, after, is_known, gone, "What changed: 50 % <b>", "nobody $knows$")


def places_of(picture, color):
    """(n, 2) columns and rows of pixels of about a color (3,) sRGB, below the key."""
    rows, columns = np.nonzero((np.abs(picture - 255 * color) < 40).all(axis=2))
    return np.column_stack([columns, rows])[rows > KEY_BELOW]


def marks(theme):
    """The colors of rows that are new, gone, and moved."""
    new, moved = (readable(color, theme.background, MARK_CONTRAST) for color in (NEW, MOVED))
    return new, rgb(theme.ink), moved


@pytest.fixture(scope="module")
def unchanged():
    return draw()


@pytest.fixture(scope="module")
def changed():
    """One row is new, one gone, one moved."""
    before, after = LAYOUT.copy(), LAYOUT.copy()
    before[MOVED_ROW], after[MOVED_ROW] = FROM, TO
    after[NEW_ROW] = [5.0, 2.0]
    return draw(before, after, np.arange(N_ROWS) != NEW_ROW, np.array([GONE_PLACE]))


@themes
def test_a_map_on_which_nothing_changed_shows_only_what_stayed(unchanged, name, theme):
    picture = pixels(getattr(unchanged, name))
    assert [len(places_of(picture, color)) for color in marks(theme)] == [0, 0, 0]
    assert len(places_of(picture, rgb(theme.pale))) > 1_000


@themes
def test_new_gone_and_moved_rows_show_in_their_colors_at_their_places(changed, name, theme):
    picture = pixels(getattr(changed, name))
    new, gone, moved = (places_of(picture, color) for color in marks(theme))
    assert len(new) > 100
    np.testing.assert_allclose(new.mean(axis=0), on_full_picture([5, 2]), atol=2)
    assert np.ptp(new, axis=0).max() < 40  # one disc
    assert len(gone) > 10
    np.testing.assert_allclose(gone.mean(axis=0), on_full_picture(GONE_PLACE), atol=2)
    assert np.ptp(gone, axis=0).max() < 40  # one cross
    np.testing.assert_allclose(moved.min(axis=0)[0], on_full_picture(FROM)[0], atol=3)
    np.testing.assert_allclose(moved.max(axis=0)[0], on_full_picture(TO)[0], atol=3)
    np.testing.assert_allclose(moved[:, 1].mean(), on_full_picture(TO)[1], atol=2)
    assert np.ptp(moved[:, 1]) < 30  # one arrow
    tip, tail = (moved[np.abs(moved[:, 0] - on_full_picture(end)[0]) < 20] for end in (TO, FROM))
    assert np.ptp(tip[:, 1]) > np.ptp(tail[:, 1])  # points to where the row is now


def test_key_has_the_colors_of_the_marks(changed):
    key = pixels(changed.full)[:KEY_BELOW, :800]
    new, _, moved = marks(LIGHT)
    for color in (new, moved):
        assert (np.abs(key - 255 * color) < 40).all(axis=2).sum() > 100


@pytest.fixture(scope="module")
def all_new_but_one():
    is_known = np.zeros(N_ROWS, bool)
    is_known[0] = True
    after = LAYOUT[::-1].copy()
    after[0] = LAYOUT[0]
    return draw(LAYOUT, after, is_known)


@themes
def test_new_rows_have_no_arrow_wherever_they_were_placed(all_new_but_one, name, theme):
    picture = pixels(getattr(all_new_but_one, name))
    new, _, moved = (places_of(picture, color) for color in marks(theme))
    assert len(moved) == 0
    assert len(new) > 10_000


def test_new_rows_take_no_arrow_from_rows_that_moved():
    places = np.tile(CORNERS, (ARROWS, 1))  # of new rows, all farther from FROM than TO is
    after = np.vstack([TO, places])
    before = np.tile(FROM, (len(after), 1))
    moved = places_of(pixels(draw(before, after, np.arange(len(after)) == 0).full), marks(LIGHT)[2])
    assert len(moved) > 100


def test_new_rows_are_above_those_that_stayed():
    after = np.vstack([CORNERS, np.full((50, 2), SIDE / 2)])  # all on one place
    picture = pixels(draw(after, after, np.arange(54) != 20).full)
    disc = around(picture, [SIDE / 2, SIDE / 2], 2)
    np.testing.assert_allclose(disc, np.broadcast_to(255 * marks(LIGHT)[0], disc.shape), atol=1)


def test_files_are_those_of_maps(changed):
    assert size_of(changed.full) == size_of(changed.dark) == FULL_PIXELS
    assert size_of(changed.thumbnail) == THUMBNAIL_PIXELS
    ElementTree.fromstring(changed.svg)


def test_thumbnail_is_small_where_every_row_moved():
    rng = np.random.default_rng(1)
    before, after = rng.uniform(0, SIDE, (2, 3_000, 2))
    thumbnail = draw(before, after, rng.random(3_000) < 0.9, rng.uniform(0, SIDE, (300, 2))).thumbnail
    assert len(thumbnail) < THUMBNAIL_BYTES


def test_three_axes_are_seen_from_above_and_give_the_same_bytes():
    flat = LAYOUT[:3]
    deep = np.column_stack([flat, np.arange(3)])
    gone = deep[:1] + 1
    is_known = np.array([False, True, True])
    assert draw(deep, deep, is_known, gone) == draw(flat, flat, is_known, gone[:, :2])
