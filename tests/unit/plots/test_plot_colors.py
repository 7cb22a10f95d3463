"""The palette: told apart and readable on both themes, by contrasts that are known."""

import numpy as np
import pytest

from text_classification_viz.views.plots.colors import (
    COLORS,
    DARK,
    LETTER_CONTRAST,
    LIGHT,
    class_colors,
    encoded,
    linear,
    readable,
    rgb,
)

BLACK, WHITE = np.zeros(3), np.ones(3)
LEAST_APART = 0.1  # largest difference of a channel, of any two classes
ROUNDING = 1e-9

themes = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])


def luminance(color):
    light = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color]
    return 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2]


def contrast(one, other):
    """Of two sRGB colors (3,), between 1 and 21, by WCAG 2's definition."""
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_that_of_wcag():
    assert contrast(BLACK, WHITE) == pytest.approx(21)
    assert contrast(WHITE, WHITE) == pytest.approx(1)
    assert contrast(rgb("#777777"), WHITE) == pytest.approx(4.48, abs=0.005)
    assert contrast(WHITE, rgb("#FF0000")) == pytest.approx(4.00, abs=0.005)


def test_colors_and_light_are_each_others_inverse():
    levels = np.linspace(0, 1, 256)
    np.testing.assert_allclose(encoded(linear(levels)), levels, atol=1e-4)
    np.testing.assert_allclose(linear(np.array([0, 0.5, 1])), [0, 0.21404, 1], atol=1e-5)


@themes
def test_letters_of_every_class_can_be_read(theme):
    background = rgb(theme.background)
    for color in class_colors(len(COLORS), theme):
        letters = readable(color, theme.background, LETTER_CONTRAST)
        assert contrast(letters, background) >= 4.5 - ROUNDING
        assert contrast(np.rint(255 * letters) / 255, background) > 4.45  # as a picture rounds it
        assert ((letters >= 0) & (letters <= 1)).all()


@themes
def test_points_of_every_class_stand_out(theme):
    colors = class_colors(len(COLORS), theme)
    assert min(contrast(color, rgb(theme.background)) for color in colors) >= theme.point_contrast - ROUNDING
    assert ((colors >= 0) & (colors <= 1)).all()


@themes
def test_letters_of_titles_can_be_read(theme):
    for ink in (theme.ink, theme.faint_ink):
        assert contrast(rgb(ink), rgb(theme.background)) >= LETTER_CONTRAST


@themes
def test_no_two_classes_look_alike_and_none_is_grey(theme):
    colors = class_colors(len(COLORS), theme)
    differences = np.abs(colors[:, None] - colors).max(axis=2)
    assert differences[~np.eye(len(colors), dtype=bool)].min() > LEAST_APART
    assert np.ptp(colors, axis=1).min() > LEAST_APART


@themes
def test_colors_repeat_beyond_their_number(theme):
    few, many = class_colors(3, theme), class_colors(2 * len(COLORS) + 1, theme)
    np.testing.assert_array_equal(few, many[:3])
    np.testing.assert_array_equal(many[: len(COLORS)], many[len(COLORS) : -1])
    np.testing.assert_array_equal(many[-1], many[0])


@themes
def test_readable_color_stays_as_it_is(theme):
    np.testing.assert_allclose(readable(theme.ink, theme.background, LETTER_CONTRAST), rgb(theme.ink), atol=1e-4)


@pytest.mark.parametrize("color", ["#000000", "#0000FF", "#4217E9", "#FFFFFF", "#FFFF00"])
@themes
def test_extreme_colors_become_just_readable_in_their_hue(color, theme):
    before, after = linear(rgb(color)), readable(color, theme.background, LETTER_CONTRAST)
    was_readable = contrast(rgb(color), rgb(theme.background)) >= LETTER_CONTRAST
    if was_readable:
        np.testing.assert_allclose(after, rgb(color), atol=1e-4)
    else:
        assert contrast(after, rgb(theme.background)) == pytest.approx(LETTER_CONTRAST)
        assert linear(after)[before.argmax()] == pytest.approx(linear(after).max())
