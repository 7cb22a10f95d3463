"""Points to pixels: known pictures of few points, and a slow obvious way for many."""

import numpy as np
import pytest

from text_classification_viz.views.plots.colors import encoded, linear
from text_classification_viz.views.plots.shading import ALONE, CROWDED, shade

RED, GREEN, BLUE = np.eye(3)
WIDTH, HEIGHT = 40, 30
ONE_LEVEL = 1  # of 255


def shaded(places, colors, radius=3.0, width=WIDTH, height=HEIGHT):
    return shade(np.array(places, float), np.array(colors, float), radius, width, height).astype(int)


def opacity(number):
    """That of the middle of a picture where so many points lie on each other, and one beside."""
    places = number * [[10.5, 10.5]] + [[30.5, 10.5]]
    picture = shaded(places, len(places) * [RED])
    return picture[10, 10, 3], picture[10, 30, 3]


def test_one_point_is_one_disc_of_its_color():
    picture = shaded([[20.5, 10.5]], [[0.2, 0.4, 0.6]])
    assert picture.shape == (HEIGHT, WIDTH, 4)
    rows, columns = np.nonzero(picture[..., 3])
    assert (rows.mean(), columns.mean()) == (10, 20)
    assert (np.hypot(rows - 10, columns - 20) < 3.5).all()
    assert (picture[rows, columns, :3] == [51, 102, 153]).all()
    assert picture[10, 20, 3] == round(255 * ALONE)
    area = picture[..., 3].sum() / (255 * ALONE)
    assert area == pytest.approx(np.pi * 3**2, rel=0.03)
    np.testing.assert_array_equal(picture[..., 3], picture[:21, :, 3][::-1].tolist() + picture[21:, :, 3].tolist())


def test_nothing_is_drawn_beside_points():
    picture = shaded([[20.5, 10.5]], [RED])
    assert not picture[picture[..., 3] == 0].any()
    assert not shaded(np.empty((0, 2)), np.empty((0, 3))).any()


def test_two_classes_on_one_pixel_are_the_mean_of_their_light():
    even = shaded([[20.5, 10.5]] * 2, [RED, GREEN])[10, 20, :3]
    np.testing.assert_allclose(even, [188, 188, 0], atol=ONE_LEVEL)  # half of the light, not half of 255
    uneven = shaded([[20.5, 10.5]] * 4, [RED, BLUE, RED, RED])[10, 20, :3]
    np.testing.assert_allclose(uneven, [round(255 * encoded(np.array(0.75))), 0, 137], atol=ONE_LEVEL)


def test_order_of_points_changes_nothing():
    rng = np.random.default_rng(0)
    places, colors = rng.uniform(0, [WIDTH, HEIGHT], (200, 2)), np.eye(3)[rng.integers(0, 3, 200)]
    order = rng.permutation(200)
    np.testing.assert_allclose(shaded(places, colors), shaded(places[order], colors[order]), atol=ONE_LEVEL)


@pytest.mark.parametrize(
    "place", [[-10, 10], [WIDTH + 10, 10], [20, -10], [20, HEIGHT + 10], [1e6, 10], [-1e6, -1e6]], ids=str
)
def test_nothing_is_drawn_of_points_outside(place):
    assert not shaded([place], [RED]).any()
    beside = shaded([[20.5, 10.5]], [GREEN])
    np.testing.assert_array_equal(shaded([place, [20.5, 10.5]], [RED, GREEN]), beside)


def test_disc_on_the_edge_is_cut_and_does_not_go_on_at_the_other_edge():
    picture = shaded([[WIDTH - 0.5, 10.5]], [RED])
    whole = shaded([[20.5, 10.5]], [RED])
    np.testing.assert_array_equal(picture[:, -4:], whole[:, 17:21])
    assert not picture[:, :-4].any()


def test_opacity_grows_with_the_number_of_points():
    middles, alone = np.array([opacity(number) for number in (1, 2, 3, 6, 12, 100)]).T
    assert (np.diff(middles[:4]) > 0).all()
    assert (middles[3:] == 255).all()
    assert (np.diff(alone) <= 0).all()  # so that sparse and dense differ
    assert alone[0] == round(255 * ALONE)
    assert 255 * CROWDED <= alone[-1] < 255 * (CROWDED + 0.05)


def test_opacity_grows_by_the_logarithm():
    one, two, four = (opacity(number)[0] for number in (1, 2, 4))
    assert two - one == pytest.approx(four - two, abs=ONE_LEVEL)


def test_many_points_are_as_a_slow_way_draws_them():
    rng = np.random.default_rng(1)
    n_points, radius = 300, 2.3
    places, colors = rng.uniform(-5, [WIDTH + 5, HEIGHT + 5], (n_points, 2)), rng.random((n_points, 3))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    light, counts = np.zeros((HEIGHT, WIDTH, 3)), np.zeros((HEIGHT, WIDTH))
    for (x, y), color in zip(np.floor(places), colors, strict=True):
        coverage = np.clip(radius + 0.5 - np.hypot(rows - y, columns - x), 0, 1)
        counts += coverage
        light += coverage[..., None] * linear(color)
    picture = shaded(places, colors, radius)
    np.testing.assert_array_equal(picture[..., 3] > 0, counts > 0)
    expected = 255 * encoded(light[counts > 0] / counts[counts > 0][:, None])
    np.testing.assert_allclose(picture[counts > 0][:, :3], expected, atol=ONE_LEVEL)
    by_count = picture[..., 3].ravel()[counts.ravel().argsort(kind="stable")]
    assert (np.diff(by_count) >= 0).all()
