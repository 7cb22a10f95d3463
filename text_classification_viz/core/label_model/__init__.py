"""What each row's label looks like to the other rows, with the row itself left out.

Scope: every row is predicted from the other rows alone (`ridge`, `votes`, joined in `blocks`), `regression` turns
predictions into class probabilities, and `noise_model` separates a wrong label from a hard text. `class_overlap`
sums both up class by class.
"""

from text_classification_viz.core.label_model.blocks import Blocks
from text_classification_viz.core.label_model.class_overlap import ClassOverlap, measure_class_overlap
from text_classification_viz.core.label_model.noise_model import (
    NoiseModel,
    as_probabilities,
    fit_noise_model,
    likeliest_wrong,
)
from text_classification_viz.core.label_model.regression import (
    Standardizer,
    fit_sigmoids,
    fit_softmax,
    linear,
    sigmoid,
)
from text_classification_viz.core.label_model.ridge import one_hot
from text_classification_viz.core.label_model.votes import FAR, NEAR, TEMPERATURE, tally_nearest

__all__ = [
    "FAR",
    "NEAR",
    "TEMPERATURE",
    "Blocks",
    "ClassOverlap",
    "NoiseModel",
    "Standardizer",
    "as_probabilities",
    "fit_noise_model",
    "fit_sigmoids",
    "fit_softmax",
    "likeliest_wrong",
    "linear",
    "measure_class_overlap",
    "one_hot",
    "sigmoid",
    "tally_nearest",
]
