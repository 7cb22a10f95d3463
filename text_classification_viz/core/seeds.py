"""Numbers that depend on an id and a seed alone, whatever the order and company of the rows."""

import numpy as np


def mix(state: np.ndarray) -> np.ndarray:
    """Scramble uint64 numbers, by the mixer of SplitMix64 (Steele, Lea and Flood 2014).

    Parameters
    ----------
    state
        uint64, any shape.

    Returns
    -------
    np.ndarray
        uint64 of the same shape; equal numbers stay equal, and different ones differ.
    """
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
    return state ^ (state >> np.uint64(31))
