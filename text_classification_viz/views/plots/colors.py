"""The colors of classes, and the light and the dark theme.

Scope: which color is used, and how it is fitted to what it stands on. Who draws with it is not.
"""

from dataclasses import dataclass

import numpy as np

# Found by search over sRGB: the first ten for the largest least distance between any two, then ten more beside
# them, under the worst of normal, deuteranopic, protanopic and tritanopic vision (simulated by Machado, Oliveira
# and Fernandes 2009; distances in CAM02-UCS, those of normal vision divided by 1.5), as they are and as each theme
# shows them. None is a grey, which stands for a mixture. Beyond their number they repeat, and the names on the map
# tell.
COLORS = (
    "#9182FF", "#AB6E00", "#1F8171", "#F450A0", "#AEB601", "#E39A87", "#4CBCD6", "#A52E3C", "#6A3573", "#4217E9",
    "#CB55C7", "#844203", "#416670", "#A889AC", "#CD0069", "#79916A", "#52963E", "#BCA355", "#C096FF", "#6635A4",
)  # fmt: skip
LETTER_CONTRAST = 4.5  # of letters to their background at least: WCAG 2's level AA
WEIGHTS = np.array([0.2126, 0.7152, 0.0722])  # of red, green and blue in the luminance of linear sRGB
MIDDLE = 0.18  # luminance above which black stands out better than white
TINY = 1e-9
FLARE = 0.05  # luminance that the screen itself adds, in WCAG's contrast


@dataclass(frozen=True)
class Theme:
    """What pictures are drawn on and with, as #RRGGBB: letters, small letters, points that stand back.

    `point_contrast` is the least contrast of a class's points to the background.
    """

    background: str
    ink: str
    faint_ink: str
    pale: str
    point_contrast: float


LIGHT = Theme(background="#FFFFFF", ink="#111111", faint_ink="#5A5A5A", pale="#B4B4B4", point_contrast=2.3)
DARK = Theme(background="#15171C", ink="#F2F2F2", faint_ink="#A8ABB2", pale="#565A62", point_contrast=2.7)


def class_colors(n_classes: int, theme: Theme) -> np.ndarray:
    """(n_classes, 3) sRGB in [0, 1]: the colors of the classes in their order, for points."""
    colors = [readable(color, theme.background, theme.point_contrast) for color in COLORS]
    return np.array(colors)[np.arange(n_classes) % len(COLORS)]


def readable(color: str | np.ndarray, background: str, least_contrast: float) -> np.ndarray:
    """(3,) sRGB in [0, 1]: the color, darkened on a light background or lightened on a dark one as needed.

    `color` is #RRGGBB or (3,) sRGB in [0, 1].
    """
    light = linear(rgb(color) if isinstance(color, str) else color)
    behind = linear(rgb(background)) @ WEIGHTS
    if behind > MIDDLE:  # black is added
        most = (behind + FLARE) / least_contrast - FLARE
        return encoded(light * min(1, most / max(light @ WEIGHTS, TINY)))
    least = (behind + FLARE) * least_contrast - FLARE
    light = light * max(
        1, min(least / max(light @ WEIGHTS, TINY), 1 / max(light.max(), TINY))
    )  # as long as it is pure
    white = max(0, (least - light @ WEIGHTS) / max(1 - light @ WEIGHTS, TINY))
    return encoded(light + white * (1 - light))


def rgb(color: str) -> np.ndarray:
    """(3,) sRGB in [0, 1] of #RRGGBB."""
    return np.array([int(color[start : start + 2], 16) for start in (1, 3, 5)]) / 255


def linear(color: np.ndarray) -> np.ndarray:
    """SRGB in [0, 1] as amounts of light (IEC 61966-2-1)."""
    return np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)


def encoded(light: np.ndarray) -> np.ndarray:
    """Amounts of light in [0, 1] as sRGB: the inverse of `linear`."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
