"""Pages that people open from disk: one file each, with no server and no network."""

from text_classification_viz.views.triage_page.page import PageMap, triage_page

__all__ = ["PageMap", "triage_page"]
