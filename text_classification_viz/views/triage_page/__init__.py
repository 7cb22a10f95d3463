"""The triage page: one file that people open from disk, with no server and no network.

Scope: `data` chooses the rows and writes them as JSON, `single_file` joins our sources into one HTML file, `page`
puts both together, and the folder `web` is how the page looks and behaves.
"""

from text_classification_viz.views.triage_page.data import MAX_ROWS, PageMap
from text_classification_viz.views.triage_page.page import triage_page

__all__ = ["MAX_ROWS", "PageMap", "triage_page"]
