"""Are texts on two topics told from texts on one, and from texts with a wrong label?

    python -m benchmarks.ambiguity [--seeds 3] [--first-seed 1] [--data newsgroups reuters news]

`N_TWO_TOPICS` texts on two topics stand among the ordinary rows, as training rows with one label each: either of
their topics, by chance. News: headline and description of two rows of different classes. Newsgroups: the
beginnings of two posts of different groups, one after the other. Both are embedded anew, and the rows that they
come from are left out, or they would be the nearest neighbors and tell both topics. Reuters: real documents with
exactly two of the ten topics. `N_WRONG` ordinary rows get a wrong label, since a method that knows the label may
take whatever contradicts it for a second topic.

Every score is compared among rows with the same label alone: as the share of ordinary rows that it exceeds. Some
ordinary rows are about two topics as well, which nobody has marked; they count as mistakes.
"""

import argparse
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass

import numpy as np
import pyarrow as pa

from benchmarks.data import (
    CACHE,
    REUTERS_TOPICS,
    UnavailableError,
    embedded,
    labels_of,
    news,
    newsgroups,
    reuters_texts,
)
from benchmarks.report import print_environment, print_table
from text_classification_viz.core.inputs import TrainingData
from text_classification_viz.core.label_model import (
    Blocks,
    fit_noise_model,
    fit_sigmoids,
    linear,
    one_hot,
    sigmoid,
)
from text_classification_viz.core.neighbors import Neighbors, find_neighbors
from text_classification_viz.core.outliers import outlier_report, topic_strengths, two_topics
from text_classification_viz.core.tables import TRAIN

N_TWO_TOPICS = 400
N_WRONG = 200  # half of them with any other label, half with that of a near row
HEADLINE_WORDS, DESCRIPTION_WORDS = 4, 8  # at least, of what is joined
POST_WORDS = 40  # of each of two posts
MIN_ORDINARY = 20  # rows of a label that a score can be compared with
TUNING_SEED = 0  # our settings were chosen on it; figures that are reported come from others

FIRST = 100  # rows from the top that somebody may read

HEADER = ["method", "above ordinary", "above wrong labels", f"of the first {FIRST}", "both topics named"]
KIND_HEADER = ["kind", "of all rows", "of two topics", "of wrong labels", "precision", "both among candidates"]


@dataclass(frozen=True)
class Sample:
    """A training set with some rows on two topics and some with a wrong label.

    Attributes
    ----------
    name
        Of the data set.
    texts
        (n,) str.
    vectors
        float32 (n, d), unit length.
    neighbors
        Lists of the n rows.
    classes
        (K,) str, sorted.
    labels
        Given label of each row as a position in `classes`, (n,).
    other
        The topic that the label does not name, of rows on two; -1 for all others, (n,).
    is_wrong
        Whether the label was changed, bool (n,).
    """

    name: str
    texts: np.ndarray
    vectors: np.ndarray
    neighbors: Neighbors
    classes: np.ndarray
    labels: np.ndarray
    other: np.ndarray
    is_wrong: np.ndarray

    @property
    def has_two(self) -> np.ndarray:
        """Whether a row has two topics, bool (n,)."""
        return self.other >= 0

    @property
    def is_ordinary(self) -> np.ndarray:
        """Whether a row is neither on two topics nor labeled wrong, bool (n,)."""
        return ~self.has_two & ~self.is_wrong


@dataclass(frozen=True)
class Ranking:
    """What a method says of n rows: how much each looks like two topics, (n,), and which these are, (n, 2)."""

    scores: np.ndarray
    topics: np.ndarray


@dataclass(frozen=True)
class Figures:
    """How well one method did, each in [0, 1], more is better.

    Attributes
    ----------
    above_ordinary
        AUROC of rows on two topics against ordinary rows of the same label, averaged over the former.
    above_wrong
        AUROC of rows on two topics against rows with a wrong label, each by its place among the ordinary rows
        of its label.
    of_the_first
        Share of rows on two topics among the `FIRST` that score highest, whatever their label.
    both_named
        Share of the rows on two topics whose topics are the two that the method names.
    """

    above_ordinary: float
    above_wrong: float
    of_the_first: float
    both_named: float


@dataclass(frozen=True)
class KindFigures:
    """How well the report's kind `ambiguous` did, each in [0, 1].

    Attributes
    ----------
    of_all, of_two_topics, of_wrong
        Share of all rows, of those on two topics and of those with a wrong label that have the kind.
    precision
        Share of rows on two topics among those that have it.
    both_candidates
        Share of the rows found whose candidate labels hold both topics.
    """

    of_all: float
    of_two_topics: float
    of_wrong: float
    precision: float
    both_candidates: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="samples of each data set (%(default)s)")
    parser.add_argument("--first-seed", type=int, default=1, help="the others follow it (%(default)s)")
    parser.add_argument("--data", nargs="+", choices=SAMPLES, default=list(SAMPLES), help="default: all")
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    print_environment()
    print(f"Our settings were chosen on seed {TUNING_SEED}; these are seeds {seeds[0]} to {seeds[-1]}.\n")
    for name in arguments.data:
        try:
            samples = [SAMPLES[name](seed) for seed in seeds]
        except UnavailableError as reason:
            print(f"{name} skipped: {reason}\n")
        else:
            compare(name, samples)


def compare(name: str, samples: list[Sample]) -> None:
    """Print a table of the rankings and a line on the report's kind, both as means over the samples."""
    n, d = samples[0].vectors.shape
    print(
        f"{name}, {n:,} rows x {d}, {len(samples[0].classes)} classes, of these rows {N_TWO_TOPICS} on two topics "
        f"and {N_WRONG} with a wrong label; mean of {len(samples)} seeds\n"
    )
    by_method: dict[str, list[Figures]] = defaultdict(list)
    for sample in samples:
        for method, ranking in rankings(sample):
            by_method[method].append(figures_of(ranking, sample))
    print_table(HEADER, ([method, *_means(figures)] for method, figures in by_method.items()))
    print_table(KIND_HEADER, [["ambiguous", *_means([kind_figures(sample) for sample in samples])]])


def rankings(sample: Sample) -> Iterator[tuple[str, Ranking]]:
    """Every method's name and what it says."""
    n_classes, labels, lists = len(sample.classes), sample.labels, sample.neighbors
    blocks = Blocks.fit(sample.vectors, labels, n_classes, lists.rows, lists.similarities)
    probabilities = fit_noise_model(blocks.features, labels, n_classes).given_probabilities
    one_vs_rest = sigmoid(linear(blocks.features, fit_sigmoids(blocks.features, one_hot(labels, n_classes))))
    strengths = topic_strengths(blocks, seed=0)

    entropy = -(probabilities * np.log(np.maximum(probabilities, 1e-12))).sum(axis=1)
    yield "entropy", Ranking(entropy, two_largest(probabilities))
    yield "second-largest probability", second_largest(probabilities)
    yield "second-largest, one against the rest", second_largest(one_vs_rest)
    yield "second-largest strength", second_largest(strengths)
    yield "probability of the likeliest other", likeliest_other(probabilities, labels)
    yield "strength of the strongest other", likeliest_other(strengths, labels)
    named = likeliest_other(strengths, labels).topics
    yield "both topics present (ours)", Ranking(two_topics(strengths, labels), named)


def second_largest(values: np.ndarray) -> Ranking:
    """By the second-largest of `values` (n, K), whatever the label."""
    topics = two_largest(values)
    return Ranking(values[np.arange(len(values)), topics[:, 1]], topics)


def likeliest_other(values: np.ndarray, labels: np.ndarray) -> Ranking:
    """By the largest of `values` (n, K) beside the label's, which is one of the topics."""
    rows = np.arange(len(labels))
    others = values.copy()
    others[rows, labels] = -np.inf
    other = others.argmax(axis=1)
    return Ranking(values[rows, other], np.column_stack([labels, other]))


def two_largest(values: np.ndarray) -> np.ndarray:
    return np.argsort(-values, axis=1, kind="stable")[:, :2]


def figures_of(ranking: Ranking, sample: Sample) -> Figures:
    from sklearn.metrics import roc_auc_score

    places = places_among_ordinary(ranking.scores, sample)
    comparable = (sample.has_two | sample.is_wrong) & ~np.isnan(places)
    true_topics = np.column_stack([sample.labels, sample.other])
    named = np.sort(ranking.topics, axis=1) == np.sort(true_topics, axis=1)
    return Figures(
        above_ordinary=float(np.nanmean(places[sample.has_two])),
        above_wrong=float(roc_auc_score(sample.has_two[comparable], places[comparable])),
        of_the_first=float(sample.has_two[np.argsort(-ranking.scores, kind="stable")[:FIRST]].mean()),
        both_named=float(named.all(axis=1)[sample.has_two].mean()),
    )


def places_among_ordinary(scores: np.ndarray, sample: Sample) -> np.ndarray:
    """Share of the ordinary rows with the same label that score lower, equals counting half, (n,).

    The mean of it over some rows is their AUROC against ordinary rows of the same label. NaN where fewer than
    `MIN_ORDINARY` ordinary rows have the label.
    """
    places = np.full(len(scores), np.nan)
    for label in range(len(sample.classes)):
        of_label = sample.labels == label
        ordinary = np.sort(scores[of_label & sample.is_ordinary])
        if len(ordinary) >= MIN_ORDINARY:
            lower = np.searchsorted(ordinary, scores[of_label], side="left")
            not_higher = np.searchsorted(ordinary, scores[of_label], side="right")
            places[of_label] = (lower + not_higher) / 2 / len(ordinary)
    return places


def kind_figures(sample: Sample) -> KindFigures:
    names = sample.classes[sample.labels]
    table = pa.table(
        {
            "id": np.arange(len(names)),
            "category": names,
            "class_label": names,
            "headline": sample.texts,
            "short_description": pa.nulls(len(names), pa.string()),
            "embedding_row": np.arange(len(names)),
        },
        schema=TRAIN,
    )
    lists = sample.neighbors
    report = outlier_report(table, sample.vectors, lists.rows, lists.similarities).table.sort_by("id").to_pydict()
    is_ambiguous = np.array(report["kind"]) == "ambiguous"
    found = np.flatnonzero(is_ambiguous & sample.has_two)
    both = [sample.classes[sample.other[row]] in report["candidate_labels"][row] for row in found]
    return KindFigures(
        of_all=float(is_ambiguous.mean()),
        of_two_topics=float(is_ambiguous[sample.has_two].mean()),
        of_wrong=float(is_ambiguous[sample.is_wrong].mean()),
        precision=len(found) / max(is_ambiguous.sum(), 1),
        both_candidates=float(np.mean(both or [np.nan])),
    )


def joined_news(seed: int) -> Sample:
    """Headlines with descriptions of other rows."""
    data = news()
    headlines, descriptions = texts_of(data)
    usable = has_words(headlines, HEADLINE_WORDS) & has_words(descriptions, DESCRIPTION_WORDS)
    return joined("news", data, headlines, descriptions, usable, seed)


def joined_newsgroups(seed: int) -> Sample:
    """Beginnings of posts with those of other posts."""
    data = newsgroups()
    headlines, descriptions = texts_of(data)
    beginnings = np.array([" ".join(text.split()[:POST_WORDS]) for text in headlines + " " + descriptions], object)
    return joined("newsgroups", data, beginnings, beginnings, has_words(beginnings, POST_WORDS), seed)


def joined(
    name: str, data: TrainingData, first_parts: np.ndarray, second_parts: np.ndarray, usable: np.ndarray, seed: int
) -> Sample:
    """The rows with, instead of some, the first part of one joined to the second part of another.

    Parameters
    ----------
    data
        n rows.
    first_parts, second_parts
        What is joined, (n,) str.
    usable
        Rows that may be joined, bool (n,).
    """
    rng = np.random.default_rng(seed)
    classes, labels = np.unique(labels_of(data), return_inverse=True)
    pairs = draw_disjoint_pairs(labels, np.flatnonzero(usable), N_TWO_TOPICS, rng)
    headlines, descriptions = texts_of(data)
    left = np.setdiff1d(np.arange(len(labels)), pairs)
    return with_two_topics(
        name,
        (headlines + " " + descriptions)[left],
        data.vectors[left],
        classes,
        labels[left],
        first_parts[pairs[:, 0]] + " " + second_parts[pairs[:, 1]],
        rng.permuted(labels[pairs], axis=1),
        rng,
    )


def reuters_of_two_topics(seed: int) -> Sample:
    """Documents with exactly one of the ten topics, and some with exactly two.

    All `corn` and nearly all `wheat` are `grain` as well, so that ordinary rows with these labels are missing:
    rows on two topics count where the label is another.
    """
    rng = np.random.default_rng(seed)
    classes = np.array(sorted(REUTERS_TOPICS))
    texts, labels = reuters_texts(1)
    texts_of_two, topics = reuters_texts(2)
    drawn = np.sort(rng.choice(len(topics), N_TWO_TOPICS, replace=False))
    return with_two_topics(
        "reuters",
        np.array(texts, object),
        embedded(texts, CACHE),
        classes,
        np.searchsorted(classes, np.array(labels)[:, 0]),
        np.array(texts_of_two, object)[drawn],
        rng.permuted(np.searchsorted(classes, np.array(topics)[drawn]), axis=1),
        rng,
    )


def with_two_topics(
    name: str,
    texts: np.ndarray,
    vectors: np.ndarray,
    classes: np.ndarray,
    labels: np.ndarray,
    texts_of_two: np.ndarray,
    topics: np.ndarray,
    rng: np.random.Generator,
) -> Sample:
    """A sample of n ordinary rows, some of which get a wrong label, and after them m rows on two topics.

    Parameters
    ----------
    texts, vectors, labels
        Of the ordinary rows, (n,), (n, d) and (n,).
    texts_of_two, topics
        Of the others: (m,), and the label and the other topic, (m, 2).
    """
    vectors = np.vstack([vectors, embedded(texts_of_two.tolist(), CACHE)]).astype(np.float32)
    neighbors = find_neighbors(vectors)
    given = np.concatenate([labels, topics[:, 0]]).astype(np.int32)
    wrong = rng.choice(len(labels), N_WRONG, replace=False)
    given[wrong] = wrong_labels(given, wrong, neighbors, len(classes), rng)
    return Sample(
        name=name,
        texts=np.concatenate([texts, texts_of_two]),
        vectors=vectors,
        neighbors=neighbors,
        classes=classes,
        labels=given,
        other=np.concatenate([np.full(len(labels), -1), topics[:, 1]]),
        is_wrong=np.isin(np.arange(len(given)), wrong),
    )


def wrong_labels(
    labels: np.ndarray, rows: np.ndarray, neighbors: Neighbors, n_classes: int, rng: np.random.Generator
) -> np.ndarray:
    """A wrong label for each of `rows`: by turns any other and that of the nearest row with another."""
    wrong = (labels[rows] + rng.integers(1, n_classes, size=len(rows))) % n_classes
    near = labels[neighbors.rows[rows]]
    differs = near != labels[rows, None]
    nearest = near[np.arange(len(rows)), differs.argmax(axis=1)]
    by_nearest = (np.arange(len(rows)) % 2 == 1) & differs.any(axis=1)
    return np.where(by_nearest, nearest, wrong)


def draw_disjoint_pairs(
    labels: np.ndarray, rows: np.ndarray, n_pairs: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw pairs of `rows` with different labels, (n_pairs, 2), no row twice."""
    shuffled = rng.permutation(rows)[: len(rows) // 2 * 2].reshape(-1, 2)
    differing = shuffled[labels[shuffled[:, 0]] != labels[shuffled[:, 1]]]
    assert len(differing) >= n_pairs, f"only {len(differing)} pairs of {len(rows)} rows differ in label"
    return differing[:n_pairs]


def texts_of(data: TrainingData) -> tuple[np.ndarray, np.ndarray]:
    """Headlines and descriptions, (n,) str each; empty where there is none."""
    headlines, descriptions = (
        np.array([text or "" for text in data.table[column].to_pylist()], object)
        for column in ("headline", "short_description")
    )
    return headlines, descriptions


def has_words(texts: np.ndarray, n_words: int) -> np.ndarray:
    """Whether each text has at least so many words, bool (n,)."""
    return np.array([len(text.split()) >= n_words for text in texts])


def _means(figures: Sequence[Figures] | Sequence[KindFigures]) -> list[str]:
    return [f"{statistics.mean(of_seeds):.3f}" for of_seeds in zip(*map(astuple, figures), strict=True)]


SAMPLES: dict[str, Callable[[int], Sample]] = {
    "newsgroups": joined_newsgroups,
    "reuters": reuters_of_two_topics,
    "news": joined_news,
}


if __name__ == "__main__":
    main()
