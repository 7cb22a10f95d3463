"""UMAP and t-SNE: the graph, the start, and the optimizer of each layout."""

from text_classification_viz.core.layouts.fuzzy_graph import build_fuzzy_graph
from text_classification_viz.core.layouts.tsne import default_iterations, refine_tsne, tsne_layout
from text_classification_viz.core.layouts.umap import (
    Optimizer,
    default_epochs,
    pca_start,
    refine_umap,
    umap_layout,
)
from text_classification_viz.core.layouts.umap_optimizer import compiled_walk, curve_parameters, optimize

__all__ = [
    "Optimizer",
    "build_fuzzy_graph",
    "compiled_walk",
    "curve_parameters",
    "default_epochs",
    "default_iterations",
    "optimize",
    "pca_start",
    "refine_tsne",
    "refine_umap",
    "tsne_layout",
    "umap_layout",
]
