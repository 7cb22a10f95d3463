"""Vectors that were computed once are kept, named by what they were computed from."""

import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

# 64 bits: two of a million files share a name with a chance of 3 in 100 million.
FINGERPRINT_DIGITS = 16


def cached_vectors(
    texts: list[str], *, model: str, folder: Path, compute: Callable[[list[str]], np.ndarray], log: logging.Logger
) -> np.ndarray:
    """Give the vectors of `texts`, computed only if no file in `folder` holds them.

    Parameters
    ----------
    texts
        n texts. Another text, another order or another model is another file.
    model
        Name of the model behind `compute`.
    folder
        Where the files lie; made if it is missing. Any of them can be deleted.
    compute
        Gives an array (n, d) for `texts`.
    log
        Is told whether the vectors were computed or reused.

    Returns
    -------
    ndarray, (n, d)
    """
    fingerprint = hashlib.sha256(json.dumps([model, *texts]).encode()).hexdigest()
    file = folder / f"{model}-{fingerprint[:FINGERPRINT_DIGITS]}.npy"
    if file.exists():
        log.info("reusing the vectors of %s texts in %s", f"{len(texts):,}", file)
        return np.load(file, allow_pickle=False)
    vectors = compute(texts)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}")
    with temporary.open("wb") as opened:
        np.save(opened, vectors, allow_pickle=False)
    temporary.replace(file)  # so that a run that is stopped in the middle leaves no half file to be reused
    log.info("kept the vectors of %s texts in %s", f"{len(texts):,}", file)
    return vectors
