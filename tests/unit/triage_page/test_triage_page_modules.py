"""The triage page's modules that need no page, run as they are in a browser and compared with obvious ways."""

import csv
import io
import json

import numpy as np
import pytest

from tests.support.browser import open_page
from tests.unit.triage_page.test_triage_page import HOSTILE
from text_classification_viz.views.triage_page.single_file import join_modules

CELLS = [text or "" for text in HOSTILE] + [
    "=1+1",
    "+1",
    "-1",
    "@a",
    "'",
    '"',
    '""',
    ",",
    ";",
    "\r",
    "\n",
    " a ",
    "lone \n\r",
]
COLUMNS = ["id", "class_label", "decision", "new_label", "reviewer", "reviewed_at", "note"]
TIME = "2026-01-31T12:00:00.123Z"


@pytest.fixture(scope="module")
def run():
    """Run an expression over a module's exports and the arguments given: run("csv", "formatCsv(a)", a=...)."""
    with open_page() as page:

        def run(module, expression, **arguments):
            names = ", ".join(arguments)
            return page.evaluate(
                f"""({{ {names} }}) => {{
                  {join_modules(module)}
                  return (function () {{ with (modules.{module}) {{ return ({expression}); }} }})();
                }}""",
                arguments,
            )

        yield run


class TestCsv:
    def test_python_reads_what_is_written(self, run):
        records = [CELLS, CELLS[::-1]]
        text = run("csv", "formatCsv(records)", records=records)
        assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == records

    @pytest.mark.parametrize(("quoting", "line_end"), [(csv.QUOTE_MINIMAL, "\r\n"), (csv.QUOTE_ALL, "\n")])
    def test_reads_what_python_writes(self, run, quoting, line_end):
        file = io.StringIO(newline="")
        records = [CELLS, CELLS[::-1], ["", "a"], ["a", ""]]
        csv.writer(file, quoting=quoting, lineterminator=line_end).writerows(records)
        assert run("csv", "parseCsv(text)", text=file.getvalue()) == records
        assert run("csv", "parseCsv(text)", text="\ufeff" + file.getvalue().removesuffix(line_end)) == records

    def test_leaves_out_records_without_text(self, run):
        assert run("csv", "parseCsv(text)", text="a,b\n\n,\r\nc,d\n\n") == [["a", "b"], ["c", "d"]]
        assert run("csv", "parseCsv('')") == []

    def test_a_quote_that_does_not_end_is_an_error(self, run):
        with pytest.raises(Exception, match="see to its quotes"):
            run("csv", "parseCsv(text)", text='a,b\nc,"d')


def record(id_, decision="keep", **fields):
    values = {"class_label": "ART", "new_label": "", "reviewer": "Ada", "reviewed_at": TIME, "note": "", **fields}
    return {"id": str(id_), "decision": decision, **values}


class TestReviews:
    def test_undo_takes_back_step_by_step(self, run):
        steps = [[record(1)], [record(1, "drop"), record(2)], [record(3)]]
        states = run(
            "reviews",
            """(() => {
              const reviews = new Reviews();
              for (const step of steps) reviews.decide(step);
              const states = [];
              while (reviews.canUndo) { states.push(reviews.undo()); states.push(reviews.records()); }
              return states;
            })()""",
            steps=steps,
        )
        assert states == [["3"], [record(1, "drop"), record(2)], ["1", "2"], [record(1)], ["1"], []]

    def test_a_note_alone_is_kept_and_is_no_decision(self, run):
        kept, decided, emptied = run(
            "reviews",
            """(() => {
              const reviews = new Reviews();
              reviews.setNote(note);
              const result = [reviews.records(), reviews.decided()];
              reviews.setNote({ ...note, note: "" });
              return [...result, reviews.records()];
            })()""",
            note=record(1, "", note="hm"),
        )
        assert kept == [record(1, "", note="hm")]
        assert decided == emptied == []

    def test_file_is_in_the_order_of_time(self, run):
        records = [
            record(1, reviewed_at="2026-02-01T00:00:00Z"),
            record(2),
            record(3, "relabel", new_label="SPORT"),
        ]
        text = run("reviews", "reviewsCsv(records)", records=records)
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert rows == [records[1], records[2], records[0]]
        assert list(rows[0]) == COLUMNS

    def test_takes_from_a_file_what_fits_the_page(self, run):
        good = [record(1), record(2, "relabel", new_label="SPORT"), record(2**53 + 1, "drop", note="x, y")]
        bad = [
            record(9),  # no such row
            record(1, class_label="SPORT"),
            record(1, "maybe"),
            record(1, "relabel"),
            record(1, "relabel", new_label="ART"),
            record(1, "relabel", new_label="NEWS"),
            record(1, "keep", new_label="SPORT"),
            record(1, reviewer="  "),
            record(1, reviewed_at="yesterday"),
        ]
        text = run("reviews", "reviewsCsv(records)", records=good + bad)
        found = run(
            "reviews",
            "readReviews(text, (id) => (ids.includes(id) ? 'ART' : undefined), ['ART', 'SPORT'])",
            text=text,
            ids=["1", "2", str(2**53 + 1)],
        )
        assert found == {"records": good, "total": len(good + bad)}

    def test_a_file_of_something_else_is_an_error(self, run):
        with pytest.raises(Exception, match="no column id, class_label"):
            run("reviews", "readReviews('a,b', () => '', [])")


def points(n=500, seed=0):
    return np.random.default_rng(seed).normal(size=(2, n)).astype(np.float32).astype(float)


class TestGeometry:
    def test_inside_a_polygon_as_by_angles(self, run):
        x, y = points()
        star = [
            [np.cos(a) * r, np.sin(a) * r]
            for a, r in zip(np.arange(10) * 0.2 * np.pi, [1.5, 0.6] * 5, strict=True)
        ]
        found = run(
            "geometry",
            "x.map((value, i) => insidePolygon(value, y[i], star))",
            x=x.tolist(),
            y=y.tolist(),
            star=star,
        )
        corners = np.array(star)[:, 0] + 1j * np.array(star)[:, 1]
        seen = corners[None] - (x + 1j * y)[:, None]
        turns = np.angle(np.roll(seen, -1, axis=1) / seen).sum(axis=1)
        assert found == (np.abs(turns) > np.pi).tolist()

    def test_nearest_as_by_looking_at_all(self, run):
        x, y = points()
        x[7] = np.nan
        asked = [[*place, 0.2] for place in points(200, seed=1).T] + [[0, 0, 5], [9, 9, 1]]
        found = run(
            "geometry",
            """(() => {
              const nearest = createNearest(Float32Array.from(x, Number), Float32Array.from(y));
              return asked.map(([atX, atY, distance]) => nearest(atX, atY, distance, (i) => i % 3 > 0));
            })()""",
            x=x.tolist(),
            y=y.tolist(),
            asked=asked,
        )
        allowed = (np.arange(500) % 3 > 0) & ~np.isnan(x)
        distances = np.array([np.where(allowed, np.hypot(x - a, y - b), np.inf) for a, b, _ in asked])
        expected = np.where(distances.min(axis=1) <= np.array(asked)[:, 2], distances.argmin(axis=1), -1)
        assert found == expected.tolist()
        assert found[-1] == -1

    def test_a_class_is_named_where_it_is_densest(self, run):
        rng = np.random.default_rng(0)
        dense = rng.normal([2, 1], 0.1, (300, 2))
        spread = rng.uniform(-4, 4, (200, 2))
        places = np.concatenate([dense, spread])
        found = run(
            "geometry",
            "densestPlaces(Float32Array.from(x), Float32Array.from(y), x.map(() => 1), 3)",
            x=places[:, 0].tolist(),
            y=places[:, 1].tolist(),
        )
        assert found[0] is found[2] is None
        assert found[1] == pytest.approx([2, 1], abs=0.2)

    def test_frame_leaves_out_stray_points_alone(self, run):
        x = np.concatenate([np.linspace(-1, 1, 5000), [1000.0]])
        frame = run("geometry", "frame(Float32Array.from(x), Float32Array.from(x))", x=x.tolist())
        assert frame["x"] == pytest.approx(0, abs=0.01)
        assert frame["width"] == pytest.approx(2, abs=0.01)

    def test_boxes_are_moved_apart_and_the_first_stays(self, run):
        boxes = [{"x": 0, "y": 0.1 * i, "width": 10, "height": 4} for i in range(6)] + [
            {"x": 50, "y": 0, "width": 10, "height": 4}
        ]
        placed = run("geometry", "placeBoxes(boxes)", boxes=boxes)
        assert placed[0] == boxes[0]
        assert placed[-1] == boxes[-1]
        heights = sorted(box["y"] for box in placed[:-1])
        assert np.diff(heights).min() >= 4 - 1e-6


FILTERED_ROWS = {
    "count": 6,
    "kinds": ["mislabelled", "none"],
    "classes": ["ART", "SPORT"],
    "kind": [0, 0, 0, 1, 1, 0],
    "label": [0, 1, 0, 0, 1, 1],
    "suggestion": [1, 0, -1, -1, -1, 0],
    "headlines": ["Rain in May", None, "a GOAL", "rain", "goal in may", "Ёлка"],
    "descriptions": ["sun", "May rain", None, "", "", ""],
}


class TestFilters:
    @pytest.mark.parametrize(
        ("criteria", "expected"),
        [
            ("{}", [0, 1, 2, 5]),
            ("{ kinds: new Set([0, 1]) }", [0, 1, 2, 3, 4, 5]),
            ("{ classes: new Set([1]) }", [1, 5]),
            ("{ suggestion: 0 }", [1, 5]),
            ("{ search: '  MAY rain ' }", [0, 1]),
            ("{ search: 'ёлка' }", [5]),
            ("{ selected: Uint8Array.of(0, 1, 1, 1, 0, 0) }", [1, 2]),
            ("{ status: 'open' }", [0, 1, 5]),
            ("{ status: 'reviewed' }", [2]),
        ],
    )
    def test_rows_that_pass(self, run, criteria, expected):
        found = run(
            "filters",
            f"""(() => {{
              const criteria = {{ ...defaultCriteria(rows), ...{criteria} }};
              return Array.from(matchingRows(rows, criteria, createSearch(rows), (row) => row === 2).listed);
            }})()""",
            rows=FILTERED_ROWS,
        )
        assert found == expected

    def test_progress_does_not_hang_on_the_status_asked_for(self, run):
        in_scope = run(
            "filters",
            """matchingRows(
              rows, { ...defaultCriteria(rows), status: 'open' }, createSearch(rows), () => true
            ).inScope""",
            rows=FILTERED_ROWS,
        )
        assert in_scope == [0, 1, 2, 5]


class TestColors:
    def luminance(self, color):
        red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2

    def test_names_are_readable_on_either_ground(self, run):
        from text_classification_viz.views.plots import COLORS

        light, dark = run(
            "colors",
            "[colors.map((hex) => letterColor(hex, false)), colors.map((hex) => letterColor(hex, true))]",
            colors=list(COLORS),
        )
        assert all(1.05 / (self.luminance(color) + 0.05) > 3 for color in light), "large text, WCAG AA"
        assert all((self.luminance(color) + 0.05) / (0.01 + 0.05) > 3 for color in dark)


def test_modules_name_no_markup():
    """Text of the data is never parsed as HTML."""
    joined = json.dumps(join_modules("main"))
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert way not in joined
