"""Which rows the triage page has, where there are more findings than a page can hold."""

import base64

import numpy as np

from tests.support.triage_page_samples import map_of, report_of
from text_classification_viz.core.tables import OUTLIER_KINDS
from text_classification_viz.views.triage_page.data import triage_data


def shown(report, max_rows):
    """Kind and rank of the rows on the page, and what it tells of their number."""
    data = triage_data(report, [map_of(report)], max_rows=max_rows)
    kind, rank = (
        np.frombuffer(base64.b64decode(data[name]["base64"]), np.dtype(data[name]["dtype"]).newbyteorder("<"))
        for name in ("kind", "rank")
    )
    return np.array(OUTLIER_KINDS)[kind], rank, data["findings"]


def report_of_kinds(**sizes):
    """Rows of these kinds, interleaved by rank."""
    kinds = np.repeat(list(sizes), list(sizes.values()))
    kinds = np.random.default_rng(0).permutation(kinds)
    return report_of(len(kinds), 0, kind=kinds), kinds


def test_all_suspects_and_of_each_other_kind_the_first():
    report, kinds = report_of_kinds(mislabelled=60, contested=40, ambiguous=500, atypical=150, none=1_250)
    kind, rank, findings = shown(report, 400)
    assert findings == 750
    assert (kind == "mislabelled").sum() == 60
    assert (kind == "contested").sum() == 40
    for other in ("ambiguous", "atypical"):  # 400, a quarter for rows without a finding, and 100 suspects: 200
        first = 1 + np.flatnonzero(kinds == other)[:100]
        np.testing.assert_array_equal(np.sort(rank[kind == other]), first)
    assert 100 <= (kind == "none").sum() <= 103  # each class's share is rounded up


def test_a_small_kind_leaves_its_room_to_a_large_one():
    report, kinds = report_of_kinds(mislabelled=50, ambiguous=500, atypical=10, none=500)
    kind, rank, _ = shown(report, 200)
    assert (kind == "atypical").sum() == 10
    np.testing.assert_array_equal(
        np.sort(rank[kind == "ambiguous"]), 1 + np.flatnonzero(kinds == "ambiguous")[:90]
    )


def test_findings_have_a_quarter_of_the_page_however_many_suspects():
    report, _ = report_of_kinds(mislabelled=900, ambiguous=500, none=500)
    kind, _, _ = shown(report, 200)
    assert (kind == "mislabelled").sum() == 900
    assert (kind == "ambiguous").sum() == 50
    assert 50 <= (kind == "none").sum() <= 53
