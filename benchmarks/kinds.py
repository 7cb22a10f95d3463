"""Are rows that are no good texts found: junk among the rows, and copies that were edited?

    python -m benchmarks.kinds [--seed 0] [--data newsgroups news]

Junk of one sort after the other stands among the rows, as many as `atypical_fraction` flags, each with the label
of any class by chance, embedded as the rows are. Ordinary rows that are unlike the rest are there as well and
count as mistakes. Copies of rows are edited in one way each, and are found if the report would group them with
their origin; of templates, texts that differ in a date, a number or a name, no two are copies.
"""

import argparse
import inspect
import random
import re
import string
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from benchmarks.data import CACHE, UnavailableError, embedded, joined_texts, labels_of, news, newsgroups
from benchmarks.report import print_environment, print_table
from text_classification_viz.core.inputs import TrainingData
from text_classification_viz.core.neighbors import Neighbors, find_neighbors
from text_classification_viz.core.outliers import atypicality, find_duplicates, nearest_similarity

JUNK_SHARE = 0.01  # of the rows
FLAGGED = (0.01, 0.02)  # shares of the rows that somebody looks at
N_COPIED = 200  # rows, each edited in every way
THRESHOLDS = (0.90, 0.93, 0.95, 0.97)
DATA_SETS = {"newsgroups": newsgroups, "news": news}

BOILERPLATE = (
    "Thank you for visiting our site. To read the full article please sign in or create an account, page {0}.",
    "This message is confidential. If you are not the intended recipient please delete it, reference {0}.",
    "Error {0}: the content you requested is no longer available. Go back to the home page or search the archive.",
    "Click here to subscribe to our newsletter and follow us on social media for updates, offers and more: {0}.",
    "All rights reserved. No part may be reproduced without written permission of the publisher, issue {0}.",
    "Loading, please wait while the player starts. If nothing happens enable scripts and reload, code {0}.",
)
GERMAN = (
    ("Der Bürgermeister", "Die Lehrerin", "Unser Nachbar", "Ein junger Arzt", "Meine Schwester", "Der Verein"),
    ("kauft", "verspricht", "sucht", "beschreibt", "verliert", "bewundert", "repariert", "vergisst"),
    ("ein Fahrrad", "die lange Brücke", "einen Brief", "den Fahrplan", "das rote Haus", "viele Bücher"),
    ("am Morgen.", "in der Stadt.", "trotz des Regens.", "ohne Eile.", "nach dem Krieg.", "im letzten Sommer."),
)
RUSSIAN = (
    ("Мэр города", "Учительница", "Наш сосед", "Правительство", "Молодой врач", "Моя сестра"),
    ("покупает", "обещает", "ищет", "описывает", "теряет", "любит", "чинит", "забывает"),
    ("новый велосипед", "длинный мост", "письмо", "расписание", "красный дом", "много книг"),
    ("рано утром.", "в городе.", "несмотря на дождь.", "без спешки.", "после войны.", "прошлым летом."),
)
TEMPLATES = {
    "a date": ("Daily Briefing: {}, 2014. What happened while you were asleep", "March 2", "June 7", "May 19"),
    "a number": ("Week {} Power Rankings. Our experts rank all teams after another week", "3", "9", "12"),
    "a weekday": ("{} Morning Briefing. A short wrap-up of the news", "Monday", "Tuesday", "Friday"),
    "a number in letters": ("A History Of Rome, Part {}. We continue our series on the empire", "Two", "Five"),
    "a sign": ("Horoscope For {}. What the stars have in store for you this month", "Leo", "Virgo", "Libra"),
    "a city": ("Weather Forecast For {}. Temperatures, rain and wind", "Boston", "Denver", "Houston"),
    "a person": ("Things You Need, According To {}. If there is a time you need a distraction", "Anna", "David"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="of the junk and the edits (%(default)s)")
    parser.add_argument("--data", nargs="+", choices=DATA_SETS, default=list(DATA_SETS), help="default: all")
    arguments = parser.parse_args()
    print_environment()
    for name in arguments.data:
        try:
            data = DATA_SETS[name]()
        except UnavailableError as reason:
            print(f"{name} skipped: {reason}\n")
        else:
            compare_junk(name, data, random.Random(arguments.seed))
            compare_copies(name, data, random.Random(arguments.seed))
    compare_templates()


def compare_junk(name: str, data: TrainingData, rng: random.Random) -> None:
    """Print a table of AUROC and of the share among the flagged, a line for each sort of junk."""
    texts, n_junk = joined_texts(data), round(JUNK_SHARE * len(data.vectors))
    classes, labels = np.unique(labels_of(data), return_inverse=True)
    is_junk = np.arange(len(texts) + n_junk) >= len(texts)
    lines = []
    for sort, junk in {sort: make(texts, n_junk, rng) for sort, make in JUNK.items()}.items():
        vectors = np.vstack([data.vectors, embedded(junk, CACHE)])
        of_junk = rng.choices(range(len(classes)), k=n_junk)
        scores = all_scores(vectors, np.concatenate([labels, of_junk]), find_neighbors(vectors))
        lines.append([sort, *(figures(score, is_junk) for score in scores.values())])
    shares = " / ".join(f"{share:.0%}" for share in FLAGGED)
    print(f"{name}: {n_junk} rows of junk among {len(texts):,}; AUROC, and share among the first {shares}\n")
    print_table(["junk", *scores], lines)


def all_scores(vectors: np.ndarray, labels: np.ndarray, neighbors: Neighbors) -> dict[str, np.ndarray]:
    """How unlike the rest each row is, by method, (n,) each."""
    centred = vectors - vectors.mean(axis=0, dtype=np.float64)
    covariance = centred.T @ centred / len(centred)
    return {
        "mean of ten nearest": -nearest_similarity(neighbors.similarities),
        "Mahalanobis": np.einsum("ij,ij->i", centred @ np.linalg.inv(covariance), centred),
        "local outlier factor": local_outlier_factor(neighbors),
        "ours": atypicality(vectors, labels, neighbors.rows, neighbors.similarities).max(axis=1),
    }


def local_outlier_factor(neighbors: Neighbors, n_nearest: int = 20) -> np.ndarray:
    """How much denser it is around a row's neighbors than around itself, (n,) (Breunig et al., 2000)."""
    rows, distances = neighbors.rows[:, :n_nearest], np.sqrt(2 * neighbors.cosine_distances[:, :n_nearest])
    reachability = np.maximum(distances, distances[rows, -1])
    density = 1 / np.maximum(reachability.mean(axis=1), np.finfo(np.float32).eps)
    return density[rows].mean(axis=1) / density


def figures(scores: np.ndarray, is_junk: np.ndarray) -> str:
    """AUROC, and the shares of the junk among the `FLAGGED` rows that score highest."""
    from sklearn.metrics import roc_auc_score

    junk_first = np.cumsum(is_junk[np.argsort(-scores, kind="stable")])  # junk stands last: ties count against it
    found = [junk_first[round(share * len(scores)) - 1] / junk_first[-1] for share in FLAGGED]
    return " / ".join(f"{figure:.2f}" for figure in (roc_auc_score(is_junk, scores), *found))


def compare_copies(name: str, data: TrainingData, rng: random.Random) -> None:
    """Print the share of edited copies that are found at each similarity, a line for each way to edit."""
    texts = joined_texts(data)
    rows = rng.sample(range(len(texts)), N_COPIED)
    vocabulary = " ".join(texts).split()
    edited = {edit: [make(texts[row].split(), vocabulary, rng) for row in rows] for edit, make in EDITS.items()}
    print(f"{name}: share of {N_COPIED} edited copies that are near-duplicates, by least similarity\n")
    lines = []
    for edit, copies in edited.items():
        pairs = [(texts[row], copy) for row, copy in zip(rows, copies, strict=True)]
        vectors = np.stack([data.vectors[rows], embedded(copies, CACHE)], axis=1)
        lines.append([edit, *(f"{near_duplicates(pairs, vectors, least).mean():.2f}" for least in THRESHOLDS)])
    print_table(["edit", *(f"{least:.2f}" for least in THRESHOLDS)], lines)


def compare_templates() -> None:
    """Print the share of pairs from one template that are taken for copies, a line for each template."""
    print("templates: share of pairs that are near-duplicates, by least similarity\n")
    lines = []
    for differs, (template, *fillings) in TEMPLATES.items():
        pairs = list(combinations(map(template.format, fillings), 2))
        vectors = embedded([text for pair in pairs for text in pair], CACHE).reshape(len(pairs), 2, -1)
        lines.append([differs, *(f"{near_duplicates(pairs, vectors, least).mean():.2f}" for least in THRESHOLDS)])
    print_table(["differ in", *(f"{least:.2f}" for least in THRESHOLDS)], lines)


def near_duplicates(pairs: Sequence[tuple[str, str]], vectors: np.ndarray, min_similarity: float) -> np.ndarray:
    """Whether the texts of each pair, with `vectors` (n, 2, d), are near-duplicates, bool (n,)."""
    rows = np.arange(2 * len(pairs))
    similarities = np.repeat(np.einsum("nd,nd->n", vectors[:, 0], vectors[:, 1]), 2)[:, None]
    found = find_duplicates(
        rows,
        [text for pair in pairs for text in pair],
        np.zeros(len(rows), dtype=np.int32),
        (rows ^ 1)[:, None],  # of two in a pair, the other
        similarities,
        min_similarity,
    )
    return found.representatives[1::2] == rows[::2]


def boilerplate(texts: list[str], n: int, rng: random.Random) -> list[str]:
    """One text after the other of `BOILERPLATE`, thirty times each with another number."""
    return [BOILERPLATE[row // 30 % len(BOILERPLATE)].format(rng.randrange(10_000)) for row in range(n)]


def one_boilerplate(texts: list[str], n: int, rng: random.Random) -> list[str]:
    return [BOILERPLATE[0].format(rng.randrange(10_000)) for _ in range(n)]


def random_letters(texts: list[str], n: int, rng: random.Random) -> list[str]:
    return [" ".join(_letters(rng, 2, 10) for _ in range(rng.randint(8, 30))) for _ in range(n)]


def random_words(texts: list[str], n: int, rng: random.Random) -> list[str]:
    """Words of all texts, as often as they occur there."""
    vocabulary = " ".join(texts).split()
    return [" ".join(rng.choices(vocabulary, k=rng.randint(15, 40))) for _ in range(n)]


def other_languages(texts: list[str], n: int, rng: random.Random) -> list[str]:
    """Three sentences each, in German and in Russian by turns."""
    parts = (GERMAN, RUSSIAN)
    return [" ".join(rng.choice(part) for _ in range(3) for part in parts[row % 2]) for row in range(n)]


def code(texts: list[str], n: int, rng: random.Random) -> list[str]:
    """Four lines each of Python's own library."""
    lines = [line.strip() for module in (argparse, inspect, random, re) for line in _source(module)]
    return [" ".join(lines[start : start + 4]) for start in rng.sample(range(len(lines) - 4), n)]


def addresses(texts: list[str], n: int, rng: random.Random) -> list[str]:
    return [" ".join(_address(rng) for _ in range(rng.randint(1, 3))) for _ in range(n)]


def fragments(texts: list[str], n: int, rng: random.Random) -> list[str]:
    """Two words of a text each."""
    chosen = [text.split() for text in rng.sample(texts, n)]
    starts = [rng.randrange(max(1, len(words) - 1)) for words in chosen]
    return [" ".join(words[start : start + 2]) for words, start in zip(chosen, starts, strict=True)]


def _source(module: object) -> list[str]:
    """Lines of code with something to call or to set."""
    return [line for line in inspect.getsource(module).splitlines() if re.search(r"\w[(=\[]| = ", line)]


def _letters(rng: random.Random, least: int, most: int) -> str:
    return "".join(rng.choices(string.ascii_lowercase, k=rng.randint(least, most)))


def _address(rng: random.Random) -> str:
    host, folder, query = _letters(rng, 4, 9), _letters(rng, 2, 6), _letters(rng, 3, 9)
    return f"https://www.{host}.com/{folder}/{rng.randrange(10_000)}?{query}"


def typo(words: list[str], vocabulary: list[str], rng: random.Random) -> str:
    """Two neighboring letters of the longest of three words change places."""
    at = max(rng.choices(range(len(words)), k=3), key=lambda at: len(words[at]))
    letter = rng.randrange(max(1, len(words[at]) - 1))
    word = words[at][:letter] + words[at][letter : letter + 2][::-1] + words[at][letter + 2 :]
    return " ".join([*words[:at], word, *words[at + 1 :]])


def another_word(words: list[str], vocabulary: list[str], rng: random.Random) -> str:
    at = rng.randrange(len(words))
    return " ".join([*words[:at], rng.choice(vocabulary), *words[at + 1 :]])


def word_less(words: list[str], vocabulary: list[str], rng: random.Random) -> str:
    at = rng.randrange(len(words))
    return " ".join(words[:at] + words[at + 1 :])


JUNK: dict[str, Callable[[list[str], int, random.Random], list[str]]] = {
    "boilerplate, 30 times each": boilerplate,
    "one boilerplate throughout": one_boilerplate,
    "random letters": random_letters,
    "random words of all rows": random_words,
    "other languages": other_languages,
    "code": code,
    "web addresses": addresses,
    "two words": fragments,
}

# From the words of a text and all words there are.
EDITS: dict[str, Callable[[list[str], list[str], random.Random], str]] = {
    "none": lambda words, *_: " ".join(words),
    "capital letters": lambda words, *_: " ".join(words).upper(),
    "no punctuation": lambda words, *_: " ".join(re.findall(r"\w+", " ".join(words))),
    "two letters swapped": typo,
    "another word for one": another_word,
    "a word less": word_less,
    "words added": lambda words, *_: " ".join([*words, "Read more on our site"]),
    "last tenth cut off": lambda words, *_: " ".join(words[: -max(1, len(words) // 10)]),
    "last fifth cut off": lambda words, *_: " ".join(words[: -max(1, len(words) // 5)]),
    "second half cut off": lambda words, *_: " ".join(words[: len(words) // 2]),
}


if __name__ == "__main__":
    main()
