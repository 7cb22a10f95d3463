"""How a fault of the input or of a setting ends a step: with its own message, and no retry."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from text_classification_viz.core.errors import InputError


@contextmanager
def clear_failures() -> Iterator[None]:
    """Turn an InputError into Dagster's Failure, whose first line is the message; also a decorator.

    No retry: the same input would fail again.
    """
    try:
        yield
    except InputError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
