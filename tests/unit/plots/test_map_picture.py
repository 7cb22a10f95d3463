"""Pictures of maps: what stands where, in which color, their files, and labels that would trip a drawing library.

Each drawing makes four files, so that most tests look at a few that are drawn once.
"""

import io
import warnings
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from tests.support.map_pixels import (
    CORNERS,
    FULL_PIXELS,
    SIDE,
    THUMBNAIL_BYTES,
    THUMBNAIL_PIXELS,
    around,
    pixels,
    size_of,
)
from tests.support.synthetic import TOPICS
from text_classification_viz.views.plots import MapPictures, draw_map, short, with_palette
from text_classification_viz.views.plots.canvas import NAME_LENGTH, plain
from text_classification_viz.views.plots.colors import DARK, LETTER_CONTRAST, LIGHT, class_colors, readable, rgb
from text_classification_viz.views.plots.map_picture import EYE, EYE_DISTANCE, _in_perspective
from text_classification_viz.views.plots.shading import ALONE

AWKWARD_LABELS = (
    r"$\frac{broken$", "costs $5 or $6", "two\nlines\r\n\tand a tab", "x" * 200, "party 🎉 time", r"\alpha_{2}^",
    "a%b{c}", "日本語のラベル", "العربية", "nul\x00 and bell \x07", "_hidden from legends", " ", "",
    "<b>&amp;</b> --> --", "half a \ud83d pair", r"a \$ and $b$",
)  # fmt: skip
SVG = "{http://www.w3.org/2000/svg}"
FILES = 4
N_STRAY = 3
RINGED = {"look wrong": np.array([0, 4]), "look odd": np.array([1])}
ONE_LEVEL = 1  # of 255


@dataclass
class Text:
    """Letters as they were drawn on one of the files."""

    figure: Any
    words: str
    weight: str
    is_formula: bool
    box: np.ndarray  # left, bottom, right, top, as shares of the file's width and height
    frame: np.ndarray  # of the map, likewise


@dataclass
class Drawn:
    pictures: MapPictures
    texts: list[Text]

    def words(self):
        return {text.words for text in self.texts}

    def by_file(self, wanted):
        """The texts of some words, for each file."""
        figures = {id(text.figure) for text in self.texts}
        assert len(figures) == FILES
        return [
            [text for text in self.texts if id(text.figure) == one and text.words in wanted] for one in figures
        ]


def drawn(coordinates, labels, *titles, **options):
    """Draw, and note every text that is drawn; a warning is an error."""
    import matplotlib.text

    texts = []
    original = matplotlib.text.Text.draw

    def draw(self, renderer):
        if self.get_text() and self.get_visible():
            words, formula = self._preprocess_math(self.get_text())
            size = np.tile([self.figure.bbox.width, self.figure.bbox.height], 2)
            box = np.array(self.get_window_extent(renderer).extents) / size
            frame = np.array(self.figure.axes[0].bbox.extents) / size
            texts.append(Text(self.figure, words, self.get_weight(), bool(formula), box, frame))
        return original(self, renderer)

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("error")
        patch.setattr(matplotlib.text.Text, "draw", draw)
        return Drawn(draw_map(coordinates, labels, *(titles or ("A title", "and a subtitle")), **options), texts)


def clusters(n_rows, labels, n_components=2, seed=0):
    """Points in one cluster for each label."""
    rng = np.random.default_rng(seed)
    classes = np.arange(n_rows) % len(labels)
    centers = 4 * rng.standard_normal((len(labels), n_components))
    coordinates = centers[classes] + rng.standard_normal((n_rows, n_components))
    return coordinates.astype(np.float32), np.array(labels, dtype=object)[classes]


def n_overlaps(texts):
    """Pairs of texts that cover each other by more than a thousandth of the file."""
    boxes = np.array([text.box for text in texts])
    low, high = boxes[:, :2], boxes[:, 2:]
    covers = (np.minimum(high[:, None], high) - np.maximum(low[:, None], low) > 1e-3).all(axis=2)
    return int(np.triu(covers, 1).sum())


def on(background, color, opacity):
    """sRGB from 0 to 255 of a color over a background."""
    return 255 * (opacity * np.asarray(color) + (1 - opacity) * rgb(background))


def n_pixels_of(picture, color, background):
    """Pixels of a color (3,) over the background, by at least half."""
    step, over = 255 * (color - rgb(background)), picture - 255 * rgb(background)
    opacity = over @ step / (step @ step)
    is_color = np.abs(over - opacity[..., None] * step).max(axis=-1) < 3
    return int((is_color & (opacity > 0.5)).sum())


@pytest.fixture(scope="module")
def busy():
    return drawn(*clusters(20_000, TOPICS), "UMAP of 20,000 rows", "10 neighbors", "24 November 2026")


@pytest.fixture(scope="module")
def corners():
    """Four rows in the corners of a square and one in its middle, of two classes, three of them ringed."""
    coordinates = np.vstack([CORNERS, [[SIDE / 2, SIDE / 2]]])
    return drawn(coordinates, np.array(["b", "a", "a", "a", "b"]), rings=RINGED)


@pytest.fixture(scope="module")
def stray():
    """A square full of rows of one class, and a few far away."""
    coordinates = np.random.default_rng(0).uniform(0, SIDE, (2_000, 2))
    coordinates[:N_STRAY] = [[1e4, 5], [5, 1e4], [-1e5, 5]]
    return drawn(coordinates, np.full(2_000, "only"))


@pytest.fixture(scope="module")
def awkward():
    coordinates, labels = clusters(400, AWKWARD_LABELS, n_components=3)
    title, subtitle = "A title for $5 and $x_" + 30 * " and so on", "sub $\\title$\n" + 60 * "long "
    return drawn(coordinates, labels, title, subtitle, "the $1st$ of $May$")


@pytest.fixture(scope="module")
def hundred():
    labels = [f"class number {number}" for number in range(100)]
    return drawn(*clusters(2_000, labels))


def test_pictures_have_the_stated_sizes(busy):
    assert size_of(busy.pictures.full) == FULL_PIXELS
    assert size_of(busy.pictures.dark) == FULL_PIXELS
    assert size_of(busy.pictures.thumbnail) == THUMBNAIL_PIXELS


def test_thumbnail_of_twenty_classes_and_twenty_thousand_points_is_small(busy):
    print(f"\nthumbnail {len(busy.pictures.thumbnail):,} bytes")
    assert len(busy.pictures.thumbnail) < THUMBNAIL_BYTES


def test_thumbnail_of_points_that_fill_the_frame_is_small():
    rng = np.random.default_rng(0)
    pictures = draw_map(rng.random((20_000, 2)), rng.choice(TOPICS, 20_000), "Noise", "the worst to compress")
    print(f"\nthumbnail {len(pictures.thumbnail):,} bytes")
    assert len(pictures.thumbnail) < THUMBNAIL_BYTES


def test_palette_of_the_thumbnail_keeps_the_hues(busy):
    before, after = pixels(busy.pictures.full), pixels(with_palette(Image.open(io.BytesIO(busy.pictures.full))))
    colored = np.ptp(before, axis=2) > 60
    assert colored.sum() > 1_000
    assert np.percentile(np.abs(after - before).max(axis=2)[colored], 95) < 20


@pytest.mark.parametrize(("name", "theme"), [("full", LIGHT), ("dark", DARK)])
def test_each_theme_has_its_background(busy, name, theme):
    picture = pixels(getattr(busy.pictures, name))
    background = np.rint(255 * rgb(theme.background))
    edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    assert (edge == background).all()
    share = (picture == background).all(axis=2).mean()
    assert 0.2 < share < 0.9
    for color in class_colors(len(TOPICS), theme):
        assert n_pixels_of(picture[::4, ::4], color, theme.background) > 20


def test_svg_is_for_print(busy):
    from matplotlib.colors import to_hex

    root = ElementTree.fromstring(busy.pictures.svg)
    assert root.tag == f"{SVG}svg"
    assert len(root.findall(f".//{SVG}image")) == 1  # the points
    assert not root.findall(f".//{SVG}text")  # names are outlines
    styles = [path.get("style", "") for path in root.iter(f"{SVG}path")]
    for color in class_colors(len(TOPICS), LIGHT):
        letters = to_hex(readable(color, LIGHT.background, LETTER_CONTRAST))
        assert sum(f"fill: {letters}" in style for style in styles) >= 1


@pytest.mark.parametrize("kind", ["busy", "awkward"])
def test_svg_holds_no_date_and_no_maker(kind, request):
    svg = request.getfixturevalue(kind).pictures.svg
    root = ElementTree.fromstring(svg)
    words = {"date", "creator"}
    assert not [element.tag for element in root.iter() if element.tag.rpartition("}")[2].lower() in words]


def test_same_map_same_bytes(corners):
    coordinates = np.vstack([CORNERS, [[SIDE / 2, SIDE / 2]]])
    again = draw_map(coordinates, np.array(["b", "a", "a", "a", "b"]), "A title", "and a subtitle", rings=RINGED)
    for name in ("full", "thumbnail", "dark", "svg"):
        assert getattr(again, name) == getattr(corners.pictures, name), name


@pytest.mark.parametrize(("name", "theme"), [("full", LIGHT), ("dark", DARK)])
def test_rows_are_discs_of_their_classes_colors_at_their_places(corners, name, theme):
    picture = pixels(getattr(corners.pictures, name))
    a, b = class_colors(2, theme)
    for place, color in ((CORNERS[2], a), (CORNERS[3], a)):  # those without a ring
        disc = around(picture, place, 2)
        np.testing.assert_allclose(disc, np.broadcast_to(on(theme.background, color, ALONE), disc.shape), atol=2)
    for row, color in ((0, b), (1, a)):  # ringed: pure, whatever lies over it
        dot = around(picture, CORNERS[row], 1)
        np.testing.assert_allclose(dot, np.broadcast_to(255 * color, dot.shape), atol=2)


@pytest.mark.parametrize(("name", "theme"), [("full", LIGHT), ("dark", DARK)])
def test_ringed_rows_show_a_ring_in_ink_at_their_places(corners, name, theme):
    picture = pixels(getattr(corners.pictures, name))
    ink = np.rint(255 * rgb(theme.ink))
    reach = 12
    n_ink = []
    for place in (*CORNERS, [SIDE / 2, SIDE / 2]):
        is_ink = (np.abs(around(picture, place, reach) - ink) < 25).all(axis=2)
        n_ink.append(is_ink.sum())
        if n_ink[-1]:
            rows, columns = np.nonzero(is_ink)
            middle = np.array([rows.mean(), columns.mean()])
            np.testing.assert_allclose(middle, [reach, reach], atol=1)
            assert np.hypot(rows - reach, columns - reach).min() > 3  # nothing but the ring
    assert [number > 20 for number in n_ink] == [True, True, False, False, True]


def test_key_says_what_rings_mean(corners):
    assert {"○ look wrong", "◇ look odd"} <= {" ".join(words.split()) for words in corners.words()}


@pytest.mark.parametrize(("name", "theme"), [("full", LIGHT), ("dark", DARK)])
def test_stray_rows_do_not_shrink_the_map(stray, name, theme):
    picture = pixels(getattr(stray.pictures, name))
    rows, columns = np.nonzero((np.abs(picture - 255 * rgb(theme.background)) > 20).any(axis=2)[150:1_290])
    assert (columns > 260).any()
    assert np.ptp(np.percentile(columns, [1, 99])) > 1_000  # of the 1,114 that the square's side has
    assert np.ptp(np.percentile(rows, [1, 99])) > 1_000


def test_stray_rows_are_counted(stray, busy, corners):
    assert "3 stray rows outside the picture" in stray.words()
    assert not [words for words in corners.words() if "stray" in words]


def test_one_stray_row_is_one_row():
    coordinates = np.random.default_rng(0).uniform(0, SIDE, (1_000, 2))
    coordinates[7] = 1e4
    assert "1 stray row outside the picture" in drawn(coordinates, np.full(1_000, "only")).words()


def test_titles_stand_on_every_file(busy):
    for texts in busy.by_file({"UMAP of 20,000 rows", "10 neighbors", "24 November 2026"}):
        assert len(texts) == 3
        assert not n_overlaps(texts)
        assert all(text.box[1] > text.frame[3] - 1e-3 for text in texts)


def test_classes_of_a_clear_map_are_named_on_every_file(busy):
    for texts in busy.by_file(TOPICS):
        assert {text.words for text in texts} == set(TOPICS)


@pytest.mark.parametrize("kind", ["busy", "hundred"])
def test_names_are_in_the_frame_and_do_not_cover_each_other(kind, request):
    many = request.getfixturevalue(kind)
    names = {text.words for text in many.texts if text.weight == "bold"} - {"A title", "UMAP of 20,000 rows"}
    for texts in many.by_file(names):
        assert len(texts) >= 20
        assert not n_overlaps(texts)
        for text in texts:
            assert (text.box[:2] >= text.frame[:2] - 2e-3).all()
            assert (text.box[2:] <= text.frame[2:] + 2e-3).all()


def test_names_stand_on_the_dense_regions_of_their_classes():
    rng = np.random.default_rng(0)
    middles = [1, 1], [9, 1], [1, 9], [9, 9]
    coordinates = np.concatenate([rng.normal(middle, 0.5, (300, 2)) for middle in middles])
    names = np.repeat(["left", "right", "in two places", "in two places"], 300)
    for texts in drawn(coordinates, names).by_file(set(names)):
        found = set()
        for text in texts:
            x, y = ((text.box[:2] + text.box[2:]) / 2 - text.frame[:2]) / (text.frame[2:] - text.frame[:2])
            assert min(y, 1 - y) == pytest.approx(0.15, abs=0.08)
            found.add((text.words, x > 0.5, y > 0.5))
        two = {("in two places", False, True), ("in two places", True, True)}
        assert found == {("left", False, False), ("right", True, False)} | two
        assert len(texts) == 4


def test_awkward_labels_are_drawn_as_they_are(awkward):
    names = {
        r"$\frac{broken$", "costs $5 or $6", "two lines and a tab", "party 🎉 time", r"\alpha_{2}^", "a%b{c}",
        "日本語のラベル", "nul and bell", "_hidden from legends", "x" * (NAME_LENGTH - 1) + "…",
        "<b>&amp;</b> --> --", "half a pair", r"a \$ and $b$", "the $1st$ of $May$",
    }  # fmt: skip
    for texts in awkward.by_file(names):
        assert {text.words for text in texts} == names
    assert not any(text.is_formula for text in awkward.texts)


def test_awkward_labels_leave_the_files_whole(awkward):
    assert size_of(awkward.pictures.full) == FULL_PIXELS
    assert size_of(awkward.pictures.thumbnail) == THUMBNAIL_PIXELS
    ElementTree.fromstring(awkward.pictures.svg)


def test_long_titles_end_where_the_paper_and_the_day_do(awkward):
    titles = {text.words for text in awkward.texts if text.words.startswith(("A title", "sub $", "the $1st"))}
    for texts in awkward.by_file(titles):
        title, subtitle, _ = (next(t for t in texts if t.words.startswith(w)) for w in ("A", "sub", "the"))
        assert title.words.endswith("…")
        assert title.words.startswith("A title for $5 and $x_ and so on")
        assert subtitle.words.startswith(r"sub $\title$ long")
        assert not n_overlaps(texts)
        assert all(text.box[0] > 0 and text.box[2] < 1 for text in texts)


def test_long_label_does_not_squeeze_the_map():
    picture = pixels(draw_map(CORNERS, np.array(["W" * 200, "b", "b", "b"]), "", "").full)
    for place in CORNERS[1:]:
        expected = on(LIGHT.background, class_colors(2, LIGHT)[1], ALONE)
        np.testing.assert_allclose(around(picture, place, 0)[0, 0], expected, atol=2)


def test_names_are_short_and_plain():
    assert short("a" * NAME_LENGTH) == "a" * NAME_LENGTH
    assert short("a" * (NAME_LENGTH + 1)) == "a" * (NAME_LENGTH - 1) + "…"
    assert plain(" a\n b\t\x07c ") == "a b c"
    assert plain("$5") == r"\$5"


def test_a_hundred_classes_have_room(hundred):
    names = {f"class number {number}" for number in range(100)}
    assert len(hundred.pictures.thumbnail) < THUMBNAIL_BYTES
    assert all(len({text.words for text in texts}) >= 60 for texts in hundred.by_file(names))


def test_sixty_classes_that_lie_apart_are_all_named():
    places = np.array([[x, y] for x in range(6) for y in range(10)])
    coordinates = np.repeat(3 * places, 20, axis=0) + np.random.default_rng(0).normal(0, 0.3, (1_200, 2))
    names = {f"class {number}" for number in range(60)}
    sixty = drawn(coordinates, np.repeat([f"class {number}" for number in range(60)], 20))
    for texts in sixty.by_file(names):
        assert {text.words for text in texts} == names
        assert not n_overlaps(texts)


@pytest.mark.parametrize("places", [[[3.0, -2.0]], [[3.0, -2.0], [4.0, 7.0]]], ids=["one row", "two rows"])
def test_few_rows_are_drawn_in_the_middle(places):
    picture = drawn(np.array(places, np.float32), np.array(["b", "a"])[: len(places)], "", "").pictures
    assert size_of(picture.thumbnail) == THUMBNAIL_PIXELS
    expected = on(LIGHT.background, class_colors(1, LIGHT)[0], ALONE)
    is_point = (np.abs(pixels(picture.full) - expected) <= ONE_LEVEL).all(axis=2)
    assert is_point.sum() > 30
    if len(places) == 1:
        rows, columns = np.nonzero(is_point)
        assert (np.median(columns), np.median(rows)) == pytest.approx((825, 724), abs=3)


def test_three_axes_are_seen_by_a_pinhole_camera():
    points = np.random.default_rng(0).standard_normal((101, 3))
    centered = points - np.median(points, axis=0)
    centered /= np.linalg.norm(centered, axis=1).max()
    azimuth, elevation = EYE
    to_eye = np.array(
        [np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)]
    )
    eye = EYE_DISTANCE * to_eye
    right = np.cross([0, 0, 1], to_eye) / np.linalg.norm(np.cross([0, 0, 1], to_eye))
    expected = []
    for point in centered:
        ray = point - eye
        hit = eye + ray * (EYE_DISTANCE - 1) / -(ray @ to_eye)  # on a plane at distance 1 before the middle
        expected.append([hit @ right, hit @ np.cross(to_eye, right)])
    seen = _in_perspective(points)
    np.testing.assert_allclose(seen * (EYE_DISTANCE - 1), expected, atol=1e-9)


def test_three_axes_are_drawn_with_what_is_up_above():
    rng = np.random.default_rng(0)
    coordinates = np.concatenate([rng.normal([0, 0, z], 0.3, (200, 3)) for z in (-3, 3)])
    for texts in drawn(coordinates, np.repeat(["below", "above"], 200)).by_file({"below", "above"}):
        height = {text.words: text.box[1] for text in texts}
        assert height["above"] > height["below"] + 0.3


def test_rows_on_one_place_of_three_axes_are_drawn():
    pictures = drawn(np.zeros((5, 3)), np.array(list("aabbb"))).pictures
    assert size_of(pictures.full) == FULL_PIXELS
