"""The triage page: a map and a table of the rows whose labels are in question, and what a reviewer decides.

Scope: the page as a whole. What it is told stands in `triage_data`, how sources become one file in
`single_file`, how it looks and behaves in the folder `web`.
"""

import hashlib
import json
from collections.abc import Sequence

import pyarrow as pa

from text_classification_viz.views.triage_page.data import MAX_ROWS, PageMap, triage_data
from text_classification_viz.views.triage_page.single_file import WEB, datatables_script, join_modules, single_file


def triage_page(report: pa.Table, maps: Sequence[PageMap], max_rows: int = MAX_ROWS) -> bytes:
    """Make the page, the same bytes of the same input.

    Parameters
    ----------
    report
        Schema `OUTLIER_REPORT`.
    maps
        To switch between; the first is shown first. Any may lack rows.
    max_rows
        Rows that are shown without sampling; see `triage_data`.

    Returns
    -------
    bytes
        HTML in UTF-8.

    Raises
    ------
    InputError
        No map was given.
    """
    data = triage_data(report, maps, max_rows)
    encoded = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return single_file(
        (WEB / "template.html").read_text(encoding="utf-8"),
        style=(WEB / "style.css").read_text(encoding="utf-8"),
        scripts={"datatables": datatables_script(), "script": join_modules("main")},
        data=encoded,
        # By which the browser tells that the page was made anew, and goes on with what was not downloaded.
        data_key=hashlib.sha256(encoded.encode()).hexdigest(),
        title=f"Label triage: {report.num_rows:,} rows, {len(data['classes'])} classes",
    ).encode()
