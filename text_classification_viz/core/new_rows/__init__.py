"""Rows that a map has not seen: where they go on it, and what their neighborhood says of their labels.

`landmarks` are the rows that the map shows, and all that is known of them. `placement` puts new rows among them,
`labels` judges the labels that came with them, `report` writes both down, and `class_mix` compares whole sets of
rows: which classes have grown, and which are covered thinly.
"""

from text_classification_viz.core.new_rows.class_mix import compare_class_mix
from text_classification_viz.core.new_rows.labels import NO_LABEL, LabelModel, wrong_probabilities
from text_classification_viz.core.new_rows.landmarks import Landmarks
from text_classification_viz.core.new_rows.placement import Placement, place
from text_classification_viz.core.new_rows.report import describe_rows, rank_rows

__all__ = [
    "NO_LABEL",
    "LabelModel",
    "Landmarks",
    "Placement",
    "compare_class_mix",
    "describe_rows",
    "place",
    "rank_rows",
    "wrong_probabilities",
]
