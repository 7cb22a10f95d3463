"""Review files as people and programs leave them: read whole, or refused with every line that is at fault."""

import csv
import io
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations

import pytest

from text_classification_viz.core.errors import InputError
from text_classification_viz.core.tables import REVIEWED_LABELS
from text_classification_viz.sources.reviews import read_reviews, review_files

HEADER = ",".join(REVIEWED_LABELS.names)
KEEP = "3,SPORT,keep,,ann,2026-03-01T12:00:00Z,"
RELABEL = "7,WEATHER,relabel,SPORT,bob,2026-03-01T13:00:00Z,it rained"


def write(folder, name, *lines, encoding="utf-8", end="\n"):
    path = folder / name
    path.write_bytes("".join(line + end for line in lines).encode(encoding))
    return path


def message_of(folder):
    with pytest.raises(InputError) as fault:
        read_reviews(folder)
    return str(fault.value)


def places(folder):
    return [(decision.id, decision.place.record) for decision in read_reviews(folder)]


def test_no_folder_or_an_empty_one_is_no_reviews(tmp_path):
    assert read_reviews(tmp_path / "reviews") == []
    assert read_reviews(tmp_path) == []


def test_files_are_read_by_name_and_each_decision_knows_its_line(tmp_path):
    second = write(tmp_path, "b.csv", HEADER, KEEP)
    first = write(tmp_path, "a.CSV", HEADER, RELABEL, KEEP)
    decisions = read_reviews(tmp_path)
    assert [str(decision.place) for decision in decisions] == [
        f"{first}, line 2",
        f"{first}, line 3",
        f"{second}, line 2",
    ]
    assert (decisions[0].decision, decisions[0].new_label, decisions[0].note) == ("relabel", "SPORT", "it rained")
    assert (decisions[1].decision, decisions[1].new_label, decisions[1].note) == ("keep", None, None)


def test_csv_and_label_studio_in_one_folder(tmp_path):
    write(tmp_path, "a.csv", HEADER, KEEP)
    task = {
        "id": 12,
        "data": {"id": 7, "class_label": "WEATHER"},
        "annotations": [
            {
                "id": 4,
                "completed_by": 1,
                "created_at": "2026-03-01T12:00:00.123456Z",
                "result": [{"from_name": "label", "value": {"choices": ["SPORT"]}}],
            }
        ],
    }
    write(tmp_path, "b.json", "\ufeff" + json.dumps([task]))
    assert places(tmp_path) == [(3, "line 2"), (7, "task 12, annotation 4")]


@pytest.mark.parametrize("columns", list(permutations(REVIEWED_LABELS.names))[::500])
def test_columns_in_any_order(tmp_path, columns):
    cells = dict(zip(REVIEWED_LABELS.names, RELABEL.split(","), strict=True))
    write(tmp_path, "a.csv", ",".join(columns), ",".join(cells[name] for name in columns))
    (decision,) = read_reviews(tmp_path)
    assert (decision.id, decision.class_label, decision.new_label, decision.reviewer, decision.note) == (
        7,
        "WEATHER",
        "SPORT",
        "bob",
        "it rained",
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_byte_order_marks_and_line_ends(tmp_path, encoding, end):
    write(tmp_path, "a.csv", HEADER, KEEP, RELABEL, encoding=encoding, end=end)
    assert places(tmp_path) == [(3, "line 2"), (7, "line 3")]


def test_the_note_may_be_missing_and_lines_without_text_are_nothing(tmp_path):
    write(tmp_path, "a.csv", HEADER.removesuffix(",note"), "", KEEP.removesuffix(","), ",,,,,", "", "")
    (decision,) = read_reviews(tmp_path)
    assert (decision.id, decision.note, decision.place.record) == (3, None, "line 3")


def test_a_record_is_placed_where_it_starts(tmp_path):
    noted = '3,SPORT,keep,,ann,2026-03-01T12:00:00Z,"first, a ""quote""\nthen\r\nmore"'
    write(tmp_path, "a.csv", HEADER, noted, KEEP, noted, "x" + KEEP)
    assert message_of(tmp_path).startswith(f"{tmp_path / 'a.csv'}, line 9, id: expected an integer")
    write(tmp_path, "a.csv", HEADER, noted, KEEP)
    assert places(tmp_path) == [(3, "line 2"), (3, "line 5")]
    assert read_reviews(tmp_path)[0].note == 'first, a "quote"\nthen\r\nmore'


def test_hostile_cells_are_text(tmp_path):
    labels = ['say "<b>&amp;"', "=cmd|' /C calc'!A0", "a,b\nc", "雪 ❤️", "@SUM(1)"]
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(REVIEWED_LABELS.names)
    for label in labels:
        writer.writerow([7, label, "relabel", label + "!", label, "2026-03-01T12:00:00Z", label])
    (tmp_path / "a.csv").write_text(file.getvalue(), encoding="utf-8", newline="")
    assert [(one.class_label, one.new_label, one.reviewer, one.note) for one in read_reviews(tmp_path)] == [
        (label, label + "!", label, label) for label in labels
    ]


@pytest.mark.parametrize(
    "name",
    [".a.csv", ".a.csv.0123.tmp", "~$a.csv", ".~lock.a.csv#", "a.csv.tmp", "a.csv~", "readme.txt", ".x.json"],
)
def test_hidden_and_temporary_files_are_no_reviews(tmp_path, name):
    write(tmp_path, name, "not a review")
    write(tmp_path, "b.csv", HEADER, KEEP)
    assert [path.name for path in review_files(tmp_path)] == ["b.csv"]
    assert places(tmp_path) == [(3, "line 2")]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("id,class_label,decision,new_label,reviewer", "found no reviewed_at; name them like this"),
        (HEADER + ",comment,", "found the unknown 'comment', the unknown ''; name them like this"),
        (HEADER + ",id", "found id 2 times;"),
        (HEADER.replace(",", ";"), "the unknown 'id;class_label;decision;new_label"),
        (HEADER.upper(), "found no id, no class_label, no decision"),
    ],
)
def test_wrong_columns(tmp_path, header, found):
    path = write(tmp_path, "a.csv", header, KEEP)
    message = message_of(tmp_path)
    assert message.startswith(f"{path}, line 1: expected the columns id, class_label, decision, new_label, ")
    assert found in message


@pytest.mark.parametrize("name", ["a.csv", "a.json"])
def test_an_empty_file_is_refused_by_name(tmp_path, name):
    write(tmp_path, name)
    assert message_of(tmp_path).startswith(f"{tmp_path / name}")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([KEEP, KEEP + ","], "line 3: expected 7 cells, found 8; put quotes around cells that hold commas"),
        ([KEEP, "3"], "line 3: expected 7 cells, found 1"),
        ([KEEP, "7,WEATHER,relabel,,bob,2026-03-01T13:00:00Z,"], "line 3, new_label: expected the label to give"),
        (
            [KEEP + "a\0b"],
            r"line 2, note: expected text without NUL characters or lone surrogates, found 'a\x00b'",
        ),
        ([KEEP, KEEP + '"open', KEEP, KEEP], "line 3: expected a record of CSV, found none (unexpected end of"),
        ([KEEP, KEEP + '"shut"x'], "line 3: expected a record of CSV, found none"),
        ([KEEP, KEEP + "x" * 200_000], "line 3: expected a record of CSV, found none (field larger than"),
    ],
)
def test_a_broken_line_is_named(tmp_path, lines, message):
    path = write(tmp_path, "a.csv", HEADER, *lines)
    assert f"{path}, {message}" in message_of(tmp_path)


def test_bytes_that_are_not_utf8_are_placed(tmp_path):
    path = write(tmp_path, "a.csv", HEADER, KEEP, KEEP + "Käse", encoding="latin-1")
    assert message_of(tmp_path) == (
        f"{path}, line 3: expected UTF-8, found the byte 0xe4; save it as UTF-8 and run this again"
    )
    path.write_bytes(b"\xef\xbb\xbf" + f"{HEADER}\n{KEEP}".encode() + b"\n\n\xff")
    assert f"{path}, line 4: expected UTF-8, found the byte 0xff" in message_of(tmp_path)
    path.write_bytes(f"{HEADER}\n{KEEP}".encode("utf-16"))
    assert f"{path}, line 1: expected UTF-8, found the byte 0xff" in message_of(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1,\n x]", "expected JSON, found something else (Expecting value: line 2 column 2"),
        ("[" * 100_000, "expected JSON, found something else ("),
        ("[" + "9" * 5_000 + "]", "expected JSON, found something else ("),
        ("{}", "expected a list of Label Studio's tasks, found dict; export the project"),
        ("[{}]", "task no. 1: expected an object as data, found none; export the project"),
    ],
)
def test_broken_json_is_named(tmp_path, text, message):
    path = write(tmp_path, "a.json", text)
    assert message_of(tmp_path).startswith(str(path))
    assert message in message_of(tmp_path)


def test_all_faults_of_all_files_are_told_at_once(tmp_path):
    write(tmp_path, "a.csv", HEADER, KEEP, "x" + KEEP, RELABEL, "y" + KEEP)
    write(tmp_path, "b.csv", "nonsense")
    write(tmp_path, "c.csv", HEADER, KEEP)
    write(tmp_path, "d.json", "nonsense")
    write(tmp_path, "e.csv", HEADER, *["z" + KEEP] * 20)
    lines = message_of(tmp_path).splitlines()
    starts = ["a.csv, line 3, id", "a.csv, line 5, id", "b.csv, line 1", "d.json", "e.csv, line 2, id"]
    for line, start in zip(lines, starts, strict=False):
        assert line.startswith(f"{tmp_path / start}: expected ")
    assert len(lines) == 11
    assert lines[-1] == "and 14 more"


@pytest.mark.parametrize("name", ["a", "m", "z"])
def test_one_broken_file_anywhere_lets_none_pass(tmp_path, name):
    write(tmp_path, "b.csv", HEADER, KEEP)
    write(tmp_path, "n.csv", HEADER, RELABEL)
    path = write(tmp_path, f"{name}.csv", HEADER, RELABEL, "x" + KEEP)
    assert message_of(tmp_path).startswith(f"{path}, line 3, id: expected an integer of 64 bits, found 'x3'")


def test_links_within_the_folder_are_followed_and_those_out_of_it_refused(tmp_path):
    reviews = tmp_path / "reviews"
    reviews.mkdir()
    write(reviews, ".hidden", HEADER, KEEP)
    (reviews / "a.csv").symlink_to(".hidden")
    assert places(reviews) == [(3, "line 2")]
    secret = write(tmp_path, "secret.csv", HEADER, KEEP)
    (reviews / "b.csv").symlink_to(secret)
    assert message_of(reviews) == (
        f"{reviews / 'b.csv'}: expected a file in this folder, found a link to {secret}; put a copy in its place"
    )


def test_link_that_is_put_there_while_files_are_read_leads_nowhere(tmp_path):
    """Somebody goes on putting a link in the place of a file and the file back, which no check beforehand sees."""
    reviews, secret = tmp_path / "reviews", tmp_path / "secret.txt"
    reviews.mkdir()
    secret.write_text("root:SECRET:0:0")
    good, link = tmp_path / "good.csv", tmp_path / "link.csv"
    swapping = threading.Event()
    swapping.set()

    def swap():
        while swapping.is_set():
            write(tmp_path, "good.csv", HEADER, KEEP)
            good.replace(reviews / "a.csv")
            link.symlink_to(secret)
            link.replace(reviews / "a.csv")

    with ThreadPoolExecutor(1) as other:
        swapped = other.submit(swap)
        try:
            for _ in range(300):
                try:
                    read_reviews(reviews)
                except InputError as error:
                    assert "SECRET" not in str(error)
        finally:
            swapping.clear()
        swapped.result()


def test_link_to_a_folder_within_is_refused(tmp_path):
    """Its files could be exchanged for links while they are read."""
    (tmp_path / "data").mkdir()
    write(tmp_path / "data", "a.csv", HEADER, KEEP)
    (tmp_path / "a.csv").symlink_to("data/a.csv")
    assert "a.csv: expected a file in this folder, found a link to" in message_of(tmp_path)


def test_a_folder_that_is_a_link_itself_is_read(tmp_path):
    (tmp_path / "real").mkdir()
    write(tmp_path / "real", "a.csv", HEADER, KEEP)
    (tmp_path / "reviews").symlink_to("real")
    assert places(tmp_path / "reviews") == [(3, "line 2")]


def test_what_is_no_readable_file_is_refused(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "circle.csv").symlink_to("circle.csv")
    (tmp_path / "nowhere.csv").symlink_to("gone.csv")
    lines = message_of(tmp_path).splitlines()
    assert [line.split(";")[0].split(" (")[0] for line in lines] == [
        f"{tmp_path}/circle.csv: expected a readable file, found none",
        f"{tmp_path}/folder.csv: expected a regular file, found something else",
        f"{tmp_path}/nowhere.csv: expected a readable file, found none",
        f"{tmp_path}/pipe.csv: expected a regular file, found something else",
    ]
