"""A run for the TensorBoard Embedding Projector: its files, its history, and the page that opens without a server.

Scope: `run` writes the files of one run, `history` the events that TensorBoard plots over all runs, `page` the
single HTML file.
"""

from text_classification_viz.views.projector.history import EVENTS, write_history
from text_classification_viz.views.projector.page import projector_page
from text_classification_viz.views.projector.run import Layout, write_run

__all__ = ["EVENTS", "Layout", "projector_page", "write_history", "write_run"]
