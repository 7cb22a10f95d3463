"""The search on a GPU: products in half precision, and float32 scores of twice as many as needed."""

import logging

import numpy as np

from text_classification_viz.core.chunks import chunks
from text_classification_viz.core.neighbors.ranking import nearest_of, sort_keys

QUERY_BLOCK = 1_024  # rows multiplied with all others at a time: 2 GB of products for a million
SURPLUS = 2  # times as many candidates as neighbors


def search_with_torch(
    vectors: np.ndarray, k: int, device: str, log: logging.Logger
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and similarities (n, k) of the nearest others of every row of the float32 `vectors` (n, d).

    The products are float16, which is as fast as bfloat16 and, for values up to 1, eight times as fine. Where many
    others have equal products, as duplicates do, torch chooses among them.
    """
    import torch

    n = len(vectors)
    rows, similarities = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    on_device = torch.tensor(vectors, device=device)
    halves = on_device.half()
    for block in chunks(n, QUERY_BLOCK):
        products = halves[block] @ halves.T
        itself = torch.arange(block.start, block.stop, device=device)
        products[itself - block.start, itself] = -torch.inf
        others = products.topk(min(SURPLUS * k, n - 1), dim=1, sorted=False).indices
        scores = (on_device[others] * on_device[block, None]).sum(dim=2).clamp(-1, 1)
        keys = sort_keys(scores.cpu().numpy(), others.cpu().numpy())
        rows[block], similarities[block] = nearest_of(keys, k)
        log.info(f"nearest neighbors: {block.stop:,} of {n:,} rows")
    return rows, similarities
