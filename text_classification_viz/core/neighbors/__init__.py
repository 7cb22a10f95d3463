"""The one nearest-neighbor search, by cosine similarity, that every later stage uses.

`find` chooses a method by the number of rows and the device. Few rows are each compared with all others
(`brute_force`); of many, each pair is looked at once, coarsely, and what may count is scored again (`all_pairs`);
of very many, each row is compared with those of the cells nearest to it alone (`inverted_lists`); a GPU looks at
all pairs in a simpler way (`torch_search`). `products` has what the coarse searches share, `ranking` what all do:
scores that are equal to the last bit whoever asks, and the order of neighbors. `recall` measures what a search
missed, and `kept_rows` leaves rows out of the lists.
"""

from text_classification_viz.core.neighbors.brute_force import find_neighbors_of
from text_classification_viz.core.neighbors.find import Device, Method, choose_method, find_neighbors
from text_classification_viz.core.neighbors.kept_rows import keep_rows
from text_classification_viz.core.neighbors.neighbor_lists import Neighbors
from text_classification_viz.core.neighbors.ranking import leave_out_self
from text_classification_viz.core.neighbors.recall import measure_recall

__all__ = [
    "Device",
    "Method",
    "Neighbors",
    "choose_method",
    "find_neighbors",
    "find_neighbors_of",
    "keep_rows",
    "leave_out_self",
    "measure_recall",
]
