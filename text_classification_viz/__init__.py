"""Maps of a training set's embeddings and a ranked report of the labels to look at again, as Dagster assets.

`from text_classification_viz import defs` gives the Definitions, and `defs.load_asset_value(...)` the tables.
They are made on first use, so that the plain functions in `core` can be imported without Dagster.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from text_classification_viz.definitions import defs as defs


def __getattr__(name: str) -> Any:
    if name == "defs":
        from text_classification_viz.definitions import defs

        return defs
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
