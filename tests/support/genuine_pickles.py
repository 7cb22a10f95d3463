"""Genuine upstream pickles, made by Python's own pickler from numpy's and scikit-learn's own classes.

Scope: making bytes as upstream would, in every protocol and with the module names of numpy 1 and 2, and
which reader takes them.
"""

import pickle
import sys
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from sklearn.preprocessing import LabelEncoder

from text_classification_viz.sources.upstream_files import (
    read_label_transform,
    read_train_embeddings,
    read_train_set,
)

READERS = {
    "train_set": read_train_set,
    "train_embeddings": read_train_embeddings,
    "label_transform": read_label_transform,
}
PROTOCOLS = (2, 3, 4, 5)
NUMPY_CORES = ("numpy.core", "numpy._core")

ROWS = [
    {"category": "A", "headline": "Spring of Nüwa 🌸", "short_description": None, "id": 7},
    {"category": "B", "headline": None, "short_description": "", "id": 2**31 + 5},
    {"category": "A", "headline": "x" * 300, "short_description": "a\nb", "id": -3},
]
CLASS_LABELS = {"A": "A: Art", "B": None}


def embeddings(n_rows: int = 3, n_columns: int = 4) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n_rows, n_columns)).astype(np.float32)


def pickle_with(numpy_core: str, value: object, protocol: int = 4) -> bytes:
    """Pickle as numpy 1 (`numpy.core`) or numpy 2 (`numpy._core`) names its modules."""
    with _numpy_modules_named(numpy_core):
        return pickle.dumps(value, protocol)


@contextmanager
def _numpy_modules_named(numpy_core: str) -> Iterator[None]:
    functions = {"multiarray": np._core.multiarray._reconstruct, "numeric": np._core.numeric._frombuffer}
    genuine = {function: function.__module__ for function in functions.values()}
    stand_ins = {}
    for module, function in functions.items():
        function.__module__ = f"{numpy_core}.{module}"
        if numpy_core == "numpy.core":
            stand_ins[function.__module__] = types.ModuleType(function.__module__)
            setattr(stand_ins[function.__module__], function.__name__, function)
    try:
        with _modules(stand_ins), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        for function, module in genuine.items():
            function.__module__ = module


@contextmanager
def _modules(modules: dict[str, types.ModuleType]) -> Iterator[None]:
    """Put modules where the pickler looks for them, and put back what was there."""
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


@contextmanager
def label_transform_class(class_name: str = "text_classification.transforms.LabelTransform") -> Iterator[type]:
    """A class that the pickler finds under that dotted name."""
    module_name, _, name = class_name.rpartition(".")
    package_name = module_name.partition(".")[0]
    module, package = types.ModuleType(module_name), types.ModuleType(package_name)
    class_ = type(name, (), {"__module__": module_name})
    setattr(module, name, class_)
    with _modules({package_name: package, module_name: module}):
        yield class_


def fitted_encoder(classes: np.ndarray) -> LabelEncoder:
    """An encoder as older versions of scikit-learn fit it, with whatever dtype."""
    encoder = LabelEncoder()
    encoder.classes_ = classes
    return encoder


def label_transform(
    *,
    protocol: int = 4,
    numpy_core: str = "numpy.core",
    class_name: str = "text_classification.transforms.LabelTransform",
    **attributes: object,
) -> bytes:
    """Pickle a LabelTransform; attributes override those of a sound one, and `...` leaves one out."""
    encoder = LabelEncoder().fit(["B", "A"])
    sound = {"class_field": "category", "class_labels": CLASS_LABELS, "label_encoder": encoder}
    with label_transform_class(class_name) as class_:
        transform = class_()
        for name, value in {**sound, **attributes}.items():
            if value is not ...:
                setattr(transform, name, value)
        return pickle_with(numpy_core, transform, protocol)
