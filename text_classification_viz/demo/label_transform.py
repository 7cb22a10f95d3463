"""Upstream's `LabelTransform`: which field holds the class, what each class is called, and the encoder.

Scope: making such an object so that its pickle reads as upstream's does.
"""

import importlib.machinery
import importlib.util
import sys
from typing import Any

UPSTREAM_PACKAGE = "text_classification"
UPSTREAM_MODULE = "text_classification.transforms"


def make_label_transform(labels: dict[str, str]) -> Any:
    """Make the value of the asset `label_transform` for classes named `labels` (class id -> label).

    Returns
    -------
    text_classification.transforms.LabelTransform
        With `class_field`, `class_labels` and the fitted `label_encoder`.
    """
    from sklearn.preprocessing import LabelEncoder

    label_transform_class = _label_transform_class()
    # Made from its state, as unpickling makes it, so that the real class's constructor does not matter.
    transform = label_transform_class.__new__(label_transform_class)
    transform.class_field = "category"
    transform.class_labels = dict(labels)
    transform.label_encoder = LabelEncoder().fit(list(labels))
    return transform


def _label_transform_class() -> Any:
    """Find upstream's class, or put a stand-in where pickle looks for it.

    A pickle names its classes, and readers of upstream's files match that name. Pickle refuses to write a name
    that does not lead back to the class, so the stand-in has to be found at `text_classification.transforms`.
    Where the real package is installed nothing is put in its place.
    """
    if UPSTREAM_MODULE not in sys.modules and importlib.util.find_spec(UPSTREAM_PACKAGE) is None:
        package = importlib.util.module_from_spec(
            importlib.machinery.ModuleSpec(UPSTREAM_PACKAGE, loader=None, is_package=True)
        )
        transforms: Any = importlib.util.module_from_spec(
            importlib.machinery.ModuleSpec(UPSTREAM_MODULE, loader=None)
        )
        transforms.LabelTransform = type("LabelTransform", (), {"__module__": UPSTREAM_MODULE})
        sys.modules[UPSTREAM_PACKAGE] = package
        sys.modules[UPSTREAM_MODULE] = transforms
    return importlib.import_module(UPSTREAM_MODULE).LabelTransform
