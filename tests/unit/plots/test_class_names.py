"""Where names of classes stand: dense regions of known blobs, and boxes that do not cover each other."""

import numpy as np
import pytest

from text_classification_viz.views.plots.class_names import (
    APART,
    MOST_REGIONS,
    NAMED_FROM,
    beside_small,
    core_bounds,
    dense_regions,
    find_regions,
    place_boxes,
)

SPREAD, TIGHT = 0.03, 0.005  # standard deviations of blobs on a map of side 1
CLOSE = 0.03  # to the middle of a blob, of which a cell is a hundredth
FRAME = np.array([300.0, 300.0])


def blobs(*middles_and_numbers, spread=SPREAD):
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(middle, spread, (n, 2)) for middle, n in middles_and_numbers])


def sorted_by_x(places):
    return places[places[:, 0].argsort()]


def n_overlaps(centers, sizes):
    """Pairs of boxes that cover each other."""
    apart = np.abs(centers[:, None] - centers)
    covers = (apart < (sizes[:, None] + sizes) / 2 - 1e-3).all(axis=2)
    return int(np.triu(covers, 1).sum())


def test_one_blob_is_one_place_at_its_middle():
    places, heights = dense_regions(blobs(([0.3, 0.7], 1_000)))
    assert places.shape == (1, 2)
    np.testing.assert_allclose(places[0], [0.3, 0.7], atol=CLOSE)
    assert 0.5 * SPREAD < heights[0] < SPREAD  # of the densest part of it


def test_two_equal_blobs_are_two_places():
    places, _ = dense_regions(blobs(([0.2, 0.3], 500), ([0.8, 0.6], 500)))
    np.testing.assert_allclose(sorted_by_x(places), [[0.2, 0.3], [0.8, 0.6]], atol=CLOSE)


def test_larger_blob_comes_first():
    for first, second in ((700, 300), (300, 700)):
        places, _ = dense_regions(blobs(([0.2, 0.3], first), ([0.8, 0.6], second)))
        np.testing.assert_allclose(places[0], [0.2, 0.3] if first > second else [0.8, 0.6], atol=CLOSE)


def test_at_most_three_places_of_four_blobs():
    points = blobs(([0.2, 0.2], 280), ([0.8, 0.2], 260), ([0.2, 0.8], 240), ([0.8, 0.8], 220))
    places, heights = dense_regions(points)
    assert len(places) == len(heights) == MOST_REGIONS == 3


def test_place_between_blobs_is_never_the_answer():
    places, _ = dense_regions(blobs(([0.2, 0.5], 500), ([0.8, 0.5], 500)))
    assert np.abs(places - 0.5).max(axis=1).min() > 0.2


@pytest.mark.parametrize(("share", "n_named"), [(0.6 * NAMED_FROM, 1), (2 * NAMED_FROM, 2)])
def test_small_blob_is_named_from_a_share_on_however_dense_it_is(share, n_named):
    n_small = round(1_000 * share)
    wide = np.random.default_rng(1).normal([0.3, 0.3], 0.1, (1_000 - n_small, 2))
    places, _ = dense_regions(np.concatenate([wide, blobs(([0.8, 0.8], n_small), spread=TIGHT)]))
    assert len(places) == n_named
    np.testing.assert_allclose(places[0], [0.3, 0.3], atol=0.08)


@pytest.mark.parametrize(("distance", "n_named"), [(0.8 * APART, 1), (1.4 * APART, 2)])
def test_near_blobs_are_named_once(distance, n_named):
    points = blobs(([0.3, 0.5], 520), ([0.3 + distance, 0.5], 480), spread=TIGHT)
    places, _ = dense_regions(points)
    assert len(places) == n_named
    np.testing.assert_allclose(places[0], [0.3, 0.5], atol=CLOSE)


def test_height_is_that_of_the_region():
    rng = np.random.default_rng(0)
    tall = np.column_stack([rng.normal(0.2, 0.01, 500), rng.uniform(0.2, 0.8, 500)])
    flat = np.column_stack([rng.uniform(0.5, 0.9, 500), rng.normal(0.5, 0.01, 500)])
    assert dense_regions(tall)[1][0] > 5 * dense_regions(flat)[1][0]


def test_points_outside_the_map_have_one_place_on_its_edge():
    places, heights = dense_regions(np.array([[2.0, 0.4], [3.0, 0.4], [4.0, 0.4]]))
    np.testing.assert_array_equal(places, [[1.0, 0.4]])
    np.testing.assert_array_equal(heights, [0.0])


@pytest.mark.parametrize("place", [[0.0, 0.0], [0.5, 0.5], [0.999, 0.001]])
@pytest.mark.parametrize("n_points", [1, 50])
def test_points_on_one_place_are_one_region_there(place, n_points):
    places, heights = dense_regions(np.tile(place, (n_points, 1)))
    assert places.shape == (1, 2)
    np.testing.assert_allclose(places[0], place, atol=0.02)
    assert heights[0] == pytest.approx(0)


def test_regions_name_each_class_once_before_any_a_second_time():
    split = blobs(([0.0, 0.0], 300), ([9.0, 0.0], 300))
    whole, small = blobs(([0.0, 9.0], 400)), blobs(([9.0, 9.0], 50))
    classes = np.repeat([1, 2, 0], [600, 400, 50])
    regions = find_regions(np.concatenate([split, whole, small]), classes)
    np.testing.assert_array_equal(regions.codes, [1, 2, 0, 1])  # the largest class first
    np.testing.assert_array_equal(regions.is_further, [False, False, False, True])
    np.testing.assert_allclose(regions.places[1:3], [[0, 9], [9, 9]], atol=0.3)
    np.testing.assert_allclose(sorted_by_x(regions.places[[0, 3]]), [[0, 0], [9, 0]], atol=0.3)
    assert (regions.heights < 1).all()


def test_regions_are_in_units_of_the_map():
    points, classes = blobs(([0.2, 0.3], 500), ([0.8, 0.6], 400)), np.repeat([0, 1], [500, 400])
    near, far = find_regions(points, classes), find_regions(1_000 * points - 70, classes)
    np.testing.assert_allclose(far.places, 1_000 * near.places - 70, atol=1e-6)
    np.testing.assert_allclose(far.heights, 1_000 * near.heights)


def test_bounds_leave_out_stray_points():
    points = np.random.default_rng(0).uniform(0, 1, (5_000, 2))
    points[:3] = [[1_000, 0.5], [-1_000, 0.5], [0.5, 1e6]]
    low, high = core_bounds(points)
    np.testing.assert_allclose(low, [0, 0], atol=0.01)
    np.testing.assert_allclose(high, [1, 1], atol=0.01)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bounds_of_one_place_have_an_extent_around_it(dtype):
    low, high = core_bounds(np.full((4, 2), 30.0, dtype))
    assert (high > low).all()
    np.testing.assert_allclose((low + high) / 2, [30, 30], rtol=1e-12)
    np.testing.assert_allclose(high, low, atol=1e-3)


@pytest.mark.parametrize("n_rows", [1, 4])
def test_region_of_one_place_is_there(n_rows):
    regions = find_regions(np.full((n_rows, 2), 30.0, np.float32), np.zeros(n_rows, int))
    np.testing.assert_array_equal(regions.codes, [0])
    np.testing.assert_allclose(regions.places, [[30, 30]], atol=1e-6)


def test_name_stands_above_a_region_that_it_would_hide():
    centers, sizes = np.array([[10.0, 10], [10, 50]]), np.array([[60.0, 20], [60, 20]])
    moved = beside_small(centers, sizes, np.array([4.0, 30]))
    np.testing.assert_array_equal(moved, [[10, 10 + 2 * 4 + 10], [10, 50]])


@pytest.mark.parametrize("spread", [0, 1, 60])
def test_boxes_on_one_spot_are_moved_apart(spread):
    rng = np.random.default_rng(0)
    frame = np.array([1_600.0, 1_200])
    centers = frame / 2 + spread * rng.standard_normal((30, 2))
    sizes = np.column_stack([rng.uniform(60, 300, 30), np.full(30, 24.0)])
    assert n_overlaps(centers, sizes)
    places, has_room = place_boxes(centers, sizes, frame)
    assert has_room.all()
    assert not n_overlaps(places, sizes)
    assert (places >= sizes / 2).all()
    assert (places <= frame - sizes / 2).all()


def test_boxes_that_do_not_overlap_stay():
    centers, sizes = np.array([[50.0, 10], [50, 30], [200, 10]]), np.array([[100.0, 20], [100, 20], [100, 20]])
    places, has_room = place_boxes(centers, sizes, FRAME)
    np.testing.assert_array_equal(places, centers)
    assert has_room.all()


def test_box_goes_to_the_nearest_free_place():
    centers = np.array([[50.0, 50], [50, 55], [58, 50]])
    places, _ = place_boxes(centers, np.full((3, 2), 20.0), FRAME)
    np.testing.assert_allclose(places, [[50, 50], [50, 70], [70, 50]])


def test_box_outside_is_brought_into_the_frame():
    places, has_room = place_boxes(np.array([[-50.0, 400]]), np.array([[40.0, 20]]), FRAME)
    np.testing.assert_array_equal(places, [[20, 290]])
    assert has_room.all()


def test_boxes_without_room_are_said_to_have_none_and_hinder_no_other():
    centers = np.array([[15.0, 15], [15, 15], [15, 15], [15, 15], [15, 15]])
    sizes = np.array([[20.0, 20], [20, 20], [40, 5], [30, 10], [30, 1]])
    places, has_room = place_boxes(centers, sizes, np.array([30.0, 30]))
    # the third is wider than the frame, the second no longer fits, the others do at its edge
    np.testing.assert_array_equal(has_room, [True, False, False, False, True])
    np.testing.assert_array_equal(places[~has_room], centers[~has_room])
    assert not n_overlaps(places[has_room], sizes[has_room])


def test_no_boxes_have_no_places():
    places, has_room = place_boxes(np.empty((0, 2)), np.empty((0, 2)), FRAME)
    assert places.shape == (0, 2)
    assert has_room.shape == (0,)
