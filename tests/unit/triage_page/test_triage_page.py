"""The triage page as a file: what is written into it, and what the browser is told not to let it do."""

import base64
import hashlib
import html.parser
import json
import re

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.support.triage_page_samples import CLASSES, FIRST_ID, map_of, report_of
from text_classification_viz.assets.triage_page import triage_page as triage_page_asset
from text_classification_viz.core.errors import InputError
from text_classification_viz.core.tables import OUTLIER_KINDS
from text_classification_viz.storage.publishing.data_root import DataRoot
from text_classification_viz.views.plots import COLORS
from text_classification_viz.views.triage_page import PageMap, triage_page
from text_classification_viz.views.triage_page.data import triage_data
from text_classification_viz.views.triage_page.single_file import datatables_script, join_modules, single_file

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<!-- <script>",
    "$data $policy ${title}",
    'it\'s "quoted", \\u003c and \\',
    "\u202eright to left\u202c אבג",
    "line\nbreak\r\nand\ttab\u2028",
    "👩‍👩‍👧 ❤️",
    "x" * 10_000,
    "",
    None,
]


class Page(html.parser.HTMLParser):
    """What a page holds, as HTML reads it: text of each script and style, and all attributes."""

    def __init__(self, page):
        super().__init__()
        self.scripts, self.styles, self.attributes = [], [], []
        self.tag = None
        self.feed(page.decode())

    def handle_starttag(self, tag, attrs):
        self.tag, self.attrs = tag, dict(attrs)
        self.attributes += attrs

    def handle_data(self, data):
        if self.tag == "script":
            self.scripts.append((self.attrs.get("type"), data))
        elif self.tag == "style":
            self.styles.append(data)

    def handle_endtag(self, tag):
        self.tag = None


def data_of(page):
    (data,) = [text for type_, text in Page(page).scripts if type_ == "application/json"]
    return json.loads(data)


def unpacked(array):
    dtype = np.dtype(array["dtype"]).newbyteorder("<")
    return np.frombuffer(base64.b64decode(array["base64"]), dtype)


def lists(columns):
    """(code, value) of each list."""
    ends, codes, values = (unpacked(columns[name]) for name in ("ends", "codes", "values"))
    pairs = list(zip(codes.tolist(), values.tolist(), strict=True))
    return [pairs[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


class TestData:
    def test_columns_are_those_of_the_report(self):
        report = report_of()
        data = data_of(triage_page(report, [map_of(report)]))
        assert data["ids"] == [str(FIRST_ID + row) for row in range(90)]
        assert data["headlines"] == report["headline"].to_pylist()
        assert data["descriptions"] == report["short_description"].to_pylist()
        assert [data["classes"][code] for code in unpacked(data["label"])] == report["class_label"].to_pylist()
        suggestions = [None if code < 0 else CLASSES[code] for code in unpacked(data["suggestion"])]
        assert suggestions == report["suggested_label"].to_pylist()
        assert [OUTLIER_KINDS[code] for code in unpacked(data["kind"])] == report["kind"].to_pylist()
        assert [data["reasons"][code] for code in unpacked(data["reason"])] == report["reason"].to_pylist()
        assert unpacked(data["rank"]).tolist() == list(range(1, 91))
        assert unpacked(data["score"]).tolist() == report["score"].to_pylist()

    def test_lists_keep_their_order_and_values(self):
        report = report_of(6, candidate_labels=[["SPORT"], [], ["ART", "WEATHER"], [], [], ["ART"]],
                           candidate_probabilities=[[0.5], [], [0.25, 0.125], [], [], [1.0]])  # fmt: skip
        data = triage_data(report, [map_of(report)])
        assert lists(data["candidates"]) == [[(1, 0.5)], [], [(0, 0.25), (2, 0.125)], [], [], [(0, 1.0)]]
        assert lists(data["tally"])[1] == [(2, 40), (1, 10)]
        assert [code for code, _ in lists(data["neighbors"])[4]] == [5, 0, 1, 2, 3]
        labels = [CLASSES[code] for code in unpacked(data["neighbor_labels"])[20:25]]
        assert labels == ["WEATHER", "ART", "SPORT", "WEATHER", "ART"]

    def test_a_duplicate_is_a_number_of_a_row(self):
        report = report_of(4, 0, duplicate_of=[None, FIRST_ID + 3, None, None])
        data = triage_data(report, [map_of(report)])
        assert unpacked(data["duplicate_of"]).tolist() == [-1, 3, -1, -1]

    def test_rows_without_evidence_have_empty_lists(self):
        empty = {
            name: [[]] * 3
            for name in (
                *("neighbor_ids", "neighbor_labels", "neighbor_similarities"),
                *("tally_labels", "tally_counts"),
            )
        }
        report = report_of(3, 0, **empty)
        data = triage_data(report, [map_of(report)])
        assert lists(data["neighbors"]) == lists(data["tally"]) == [[], [], []]

    def test_a_map_of_some_rows_has_no_place_for_the_others(self):
        report = report_of()
        some = map_of(report)
        some = PageMap(some.name, some.parameters, some.table.slice(10, 20).take(list(range(19, -1, -1))))
        (a_map,) = triage_data(report, [some])["maps"]
        whole = map_of(report).table["x"].to_numpy()
        x = unpacked(a_map["x"])
        assert a_map["total"] == 20
        assert np.array_equal(x[10:30], whole[10:30])
        assert np.isnan(np.delete(x, np.s_[10:30])).all()

    def test_of_three_axes_two_are_shown(self):
        report = report_of()
        (flat, solid) = triage_data(report, [map_of(report), map_of(report, n_components=3)])["maps"]
        assert (flat["x"], flat["y"]) == (solid["x"], solid["y"])

    def test_no_map_is_named_as_missing(self):
        with pytest.raises(InputError, match="maps: expected at least one"):
            triage_data(report_of(), [])


class TestSample:
    def test_all_findings_and_each_class_by_its_share(self):
        labels = np.repeat(["ART", "SPORT", "WEATHER"], [600, 300, 100])
        kinds = np.where(np.arange(1000) % 10 == 0, "contested", "none")
        report = report_of(1000, 0, class_label=labels, kind=kinds)
        data = triage_data(report, [map_of(report)], max_rows=280)
        kind = np.array(OUTLIER_KINDS)[unpacked(data["kind"])]
        label = np.array(data["classes"])[unpacked(data["label"])[: data["count"]]]
        assert (data["total"], data["count"]) == (1000, 280)
        assert (kind == "contested").sum() == 100
        assert [(label[kind == "none"] == name).sum() for name in CLASSES] == [108, 54, 18]

    def test_there_are_others_however_many_findings(self):
        report = report_of(1000, 900)
        data = triage_data(report, [map_of(report)], max_rows=200)
        kind = np.array(OUTLIER_KINDS)[unpacked(data["kind"])]
        assert (kind == "mislabelled").sum() == 900
        assert (kind == "none").sum() == 51  # half of 34, 33 and 33, rounded up

    def test_neighbors_and_duplicates_outside_the_sample_keep_headline_and_label(self):
        report = report_of(1000, 10, duplicate_of=[FIRST_ID + 500] + [None] * 999)
        data = triage_data(report, [map_of(report)], max_rows=100)
        row_of = {id_: row for row, id_ in enumerate(data["ids"])}
        of_tenth = [str(FIRST_ID + row) for row in range(10, 15)]
        assert [code for code, _ in lists(data["neighbors"])[9]] == [row_of[id_] for id_ in of_tenth]
        assert unpacked(data["duplicate_of"])[0] == row_of[str(FIRST_ID + 500)]
        assert len(data["ids"]) == len(data["headlines"]) == len(unpacked(data["label"])) > data["count"]
        codes = unpacked(data["label"])
        for id_, row in row_of.items():
            original = int(id_) - FIRST_ID
            assert data["headlines"][row] == f"headline {original}"
            assert data["classes"][codes[row]] == CLASSES[original % 3]

    def test_is_the_same_each_time(self):
        report = report_of(1000, 10)
        assert triage_data(report, [map_of(report)], 100) == triage_data(report, [map_of(report)], 100)


class TestFile:
    def test_same_input_same_bytes(self):
        report = report_of()
        assert triage_page(report, [map_of(report)]) == triage_page(report, [map_of(report)])

    def test_key_of_what_is_kept_changes_with_the_data(self):
        report, other = report_of(), report_of(reviewed=[True] + [False] * 89)
        keys = [dict(Page(triage_page(r, [map_of(r)])).attributes)["data-key"] for r in (report, report, other)]
        assert keys[0] == keys[1] != keys[2]

    def test_hostile_texts_come_back_exact_and_are_no_markup(self):
        texts = (HOSTILE * 8)[:90]
        labels = [text or "nothing" for text in texts]
        columns = {"headline": texts, "short_description": texts, "reason": labels, "class_label": labels}
        report = report_of(suggested_label=texts, candidate_labels=[[label] for label in labels],
                           candidate_probabilities=[[1.0]] * 90, tally_labels=[[label] for label in labels],
                           tally_counts=[[50]] * 90, **columns)  # fmt: skip
        page = triage_page(report, [PageMap("<b>", "</script>", map_of(report).table)])
        data = data_of(page)
        assert data["headlines"] == data["descriptions"] == texts
        assert [data["classes"][code] for code in unpacked(data["label"])] == labels
        assert [data["reasons"][code] for code in unpacked(data["reason"])] == labels
        assert b"alert(1)</script>" not in page
        assert b"<img" not in page

    def test_policy_allows_its_own_scripts_and_style_and_nothing_else(self):
        report = report_of()
        page = Page(triage_page(report, [map_of(report)]))
        (policy,) = [value for name, value in page.attributes if name == "content" and "src" in value]
        directives = dict(directive.split(" ", 1) for directive in policy.split("; "))

        def source(text):
            return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

        scripts = [text for type_, text in page.scripts if type_ == "module"]
        assert directives == {
            "default-src": "'none'",
            "script-src": " ".join(map(source, scripts)),
            "style-src": source(*page.styles),
            "img-src": "data:",
            "connect-src": "'none'",
            "base-uri": "'none'",
            "form-action": "'none'",
        }
        assert len(scripts) == 2

    def test_nothing_in_it_is_loaded_or_styled_in_place(self):
        report = report_of()
        attributes = Page(triage_page(report, [map_of(report)])).attributes
        assert [value for name, value in attributes if name in ("src", "href", "action")] == ["data:,"]
        assert not [name for name, _ in attributes if name == "style" or name.startswith("on")]

    def test_markup_inside_a_script_cannot_end_it(self):
        scripts = {"script": "const a = '</script><!--<script>', b = /<SCRIPT/;"}
        file = single_file("$script|$policy", style="", scripts=scripts, data="", data_key="", title="")
        script = file.partition("|")[0]
        assert script == r"const a = '\x3C/script>\x3C!--\x3Cscript>', b = /\x3CSCRIPT/;"


class TestModules:
    def test_stand_in_the_order_of_their_imports_each_once(self, tmp_path):
        (tmp_path / "a.js").write_text('import { b } from "./b.js";\nimport { c } from "./c.js";\nb(c);\n')
        (tmp_path / "b.js").write_text('import { c } from "./c.js";\nexport function b() { return c; }\n')
        (tmp_path / "c.js").write_text("export const c = 1, hidden = 2;\n")
        joined = join_modules("a", tmp_path)
        assert re.findall(r"modules\.(\w+) = \(\(\)", joined) == ["c", "b", "a"]
        assert "const { c } = modules.c;" in joined
        assert "return { b };" in joined

    def test_every_import_and_export_has_the_form_that_is_joined(self):
        joined = join_modules("main")
        assert not re.search(r"^\s*(import [{*\w]|export )", joined, re.MULTILINE)

    def test_datatables_is_taken_from_its_package(self):
        script = datatables_script()
        assert re.search(r"globalThis\.DataTable=[\w$]+\.fn\.dataTable;", script)
        assert not re.search(r"\bexport\b *\{", script)


def test_classes_have_the_colors_of_the_other_pictures():
    report = report_of()
    data = triage_data(report, [map_of(report)])
    assert data["colors"] == COLORS
    assert data["classes"] == sorted(pc.unique(report["class_label"]).to_pylist())


class TestAsset:
    @staticmethod
    def publish(folder, **config):
        report = report_of()
        umap = map_of(report).table.replace_schema_metadata(
            {"config": '{"min_dist": 0.1, "n_epochs": null, "rows": "all", "seed": 0, "target_weight": 0.0}'}
        )
        tsne = map_of(report).table.replace_schema_metadata({"config": '{"perplexity": 5.0, "supervision": 25.0}'})
        tables = {"outlier_report": report, "umap_projection": umap, "tsne_projection": tsne}

        def given(name):
            @dg.asset(name=name)
            def table() -> pa.Table:
                return tables[name]

            return table

        result = dg.materialize(
            [*map(given, tables), triage_page_asset],
            resources={"data_root": DataRoot(folder), "io_manager": dg.mem_io_manager},
            run_config={"ops": {"triage_page": {"config": config}}},
        )
        (event,) = result.asset_materializations_for_node("triage_page")
        return {name: value.value for name, value in event.metadata.items()}

    def test_publishes_the_page_and_tells_where(self, tmp_path):
        told = self.publish(tmp_path)
        path = tmp_path / "visualization" / "triage_page.html"
        assert told["page"] == str(path)
        assert told["dagster/row_count"] == 90
        data = data_of(path.read_bytes())
        assert [(a_map["name"], a_map["parameters"]) for a_map in data["maps"]] == [
            ("UMAP", "unsupervised, min_dist 0.1"),
            ("t-SNE", "supervised by label, perplexity 5.0"),
        ]

    def test_its_setting_bounds_the_rows(self, tmp_path):
        self.publish(tmp_path, max_rows=30)
        data = data_of((tmp_path / "visualization" / "triage_page.html").read_bytes())
        assert (data["count"], data["total"]) == (30, 90)
