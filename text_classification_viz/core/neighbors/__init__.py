"""The one nearest-neighbour search, by cosine similarity, that every later stage uses.

`find` chooses a method by the number of rows and the device. Few rows are each compared with all others
(`brute_force`); of many, each pair is looked at once, coarsely, and what may count is scored again (`all_pairs`);
a GPU does the same in a simpler way (`torch_search`). `ranking` has what these share: scores that are equal to
the last bit whoever asks, and the order of neighbours. `recall` measures what a search missed,
and `kept_rows` leaves rows out of the lists.
"""

from text_classification_viz.core.neighbors.find import Device, Method, choose_method, find_neighbors
from text_classification_viz.core.neighbors.kept_rows import keep_rows
from text_classification_viz.core.neighbors.neighbor_lists import Neighbors
from text_classification_viz.core.neighbors.recall import measure_recall

__all__ = ["Device", "Method", "Neighbors", "choose_method", "find_neighbors", "keep_rows", "measure_recall"]
