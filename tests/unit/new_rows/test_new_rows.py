"""Rows on a map that has not seen them: where they go, what is said of their labels, and how classes compare."""

import numpy as np
import pyarrow as pa
import pytest

from tests.support.genuine_upstream import genuine_training_data, needs_genuine_files
from tests.support.new_rows_samples import landmarks_of, new_rows_table, training_and_new
from tests.support.synthetic import TrainingSet
from text_classification_viz.core.errors import InputError
from text_classification_viz.core.inputs.training_data import TrainingData
from text_classification_viz.core.layouts.umap import umap_layout
from text_classification_viz.core.maps.continuation import diameter, weighted_medoids
from text_classification_viz.core.maps.quality import nearest_on_map
from text_classification_viz.core.neighbors import Neighbors, find_neighbors, find_neighbors_of
from text_classification_viz.core.new_rows import (
    LabelModel,
    Landmarks,
    Placement,
    compare_class_mix,
    describe_rows,
    place,
    rank_rows,
)
from text_classification_viz.core.new_rows.placement import noise_of
from text_classification_viz.core.tables import CLASS_MIX, NEW_ROWS_REPORT, placed_schema

TRAINING, NEW = training_and_new()
LANDMARKS = landmarks_of(TRAINING)
MODEL = LabelModel.fit(LANDMARKS)
IDS = NEW.table["id"].to_numpy()


def report_on(new: TrainingSet, model: LabelModel = MODEL, **settings: float) -> pa.Table:
    placement = place(new.table["id"].to_numpy(), new.vectors, model.landmarks)
    described = describe_rows(new_rows_table(new), new.vectors, placement, model, **settings)
    return rank_rows(described, model.usual_wrong_share)


class TestSearch:
    def test_finds_the_nearest_as_an_exact_search_does(self):
        similarities = NEW.vectors @ TRAINING.vectors.T
        found = find_neighbors_of(NEW.vectors, TRAINING.vectors, 20)
        np.testing.assert_array_equal(found.rows, np.argsort(-similarities, axis=1, kind="stable")[:, :20])
        np.testing.assert_allclose(
            found.similarities, np.take_along_axis(similarities, found.rows, axis=1), atol=1e-6
        )

    def test_of_one_row_are_the_same_whoever_else_is_asked_for(self):
        together = find_neighbors_of(NEW.vectors, TRAINING.vectors, 20)
        for row in (0, 17, len(NEW.vectors) - 1):
            alone = find_neighbors_of(NEW.vectors[row : row + 1], TRAINING.vectors, 20)
            np.testing.assert_array_equal(alone.rows[0], together.rows[row])
            assert alone.similarities.tobytes() == together.similarities[row].tobytes()

    def test_fewer_rows_than_neighbors(self):
        found = find_neighbors_of(NEW.vectors, TRAINING.vectors[:3], 20)
        assert found.rows.shape == (len(NEW.vectors), 3)
        assert (np.sort(found.rows, axis=1) == np.arange(3)).all()


class TestPlaces:
    def test_medoid_is_the_point_with_the_least_weighted_distance(self):
        points = np.array([[[0, 0], [1, 0], [10, 0]]], float)
        assert weighted_medoids(points, np.array([[1.0, 1, 1]])).tolist() == [[1, 0]]
        assert weighted_medoids(points, np.array([[1.0, 1, 9]])).tolist() == [[10, 0]]
        assert weighted_medoids(points, np.array([[1.0, -5, -5]])).tolist() == [[0, 0]]

    @pytest.mark.parametrize("n_components", [2, 3])
    def test_rows_lie_among_those_of_their_cluster(self, n_components):
        landmarks = landmarks_of(TRAINING, n_components)
        placement = place(IDS, NEW.vectors, landmarks)
        assert placement.coordinates.shape == (len(IDS), n_components)
        assert placement.coordinates.dtype == np.float32
        both = np.vstack([landmarks.coordinates, placement.coordinates])
        rows = np.arange(len(LANDMARKS.ids), len(both))
        around = nearest_on_map(both, rows, 10)
        labels = np.concatenate([TRAINING.labels, NEW.labels])
        assert (labels[around] == NEW.labels[:, None]).mean() > 0.95

    def test_depend_on_the_row_and_the_map_alone(self):
        together = place(IDS, NEW.vectors, LANDMARKS)
        order = np.random.default_rng(1).permutation(len(IDS))
        parts = [place(IDS[part], NEW.vectors[part], LANDMARKS) for part in np.array_split(order, 7)]
        cut_up = np.vstack([part.coordinates for part in parts])
        assert cut_up.tobytes() == together.coordinates[order].tobytes()
        percentiles = np.concatenate([part.distance_percentile for part in parts])
        assert percentiles.tobytes() == together.distance_percentile[order].tobytes()

    def test_of_rows_beside_one_landmark_do_not_cover_each_other(self):
        copies = np.repeat(TRAINING.vectors[:1], 50, axis=0)
        places = place(np.arange(50), copies, LANDMARKS).coordinates
        assert len(np.unique(places, axis=0)) == 50
        assert np.abs(places - np.median(places, axis=0)).max() < 0.01 * diameter(LANDMARKS.coordinates)

    def test_another_seed_gives_other_noise_and_nearly_the_same_place(self):
        first, second = (place(IDS, NEW.vectors, LANDMARKS, seed=seed).coordinates for seed in (0, 1))
        assert not np.array_equal(first, second)
        np.testing.assert_allclose(first, second, atol=0.01 * diameter(LANDMARKS.coordinates))

    def test_noise_is_standard_normal_in_each_axis_and_of_each_id(self):
        noise = noise_of(np.arange(200_000), 2, 0)
        np.testing.assert_allclose(noise.mean(axis=0), 0, atol=0.01)
        np.testing.assert_allclose(noise.std(axis=0), 1, atol=0.01)
        assert abs(np.corrcoef(noise.T)[0, 1]) < 0.01
        assert abs(np.corrcoef(noise[:-1, 0], noise[1:, 0])[0, 1]) < 0.01
        extremes = noise_of(np.array([np.iinfo(np.int64).min, -1, 0, np.iinfo(np.int64).max]), 3, 2**31)
        assert np.isfinite(extremes).all()
        assert len(np.unique(extremes)) == 12

    def test_percentiles_compare_with_the_training_rows_own_distances(self):
        far = np.zeros((1, NEW.vectors.shape[1]), np.float32)
        far[0, -1] = 1  # orthogonal to all clusters
        like, unlike = place(IDS, NEW.vectors, LANDMARKS), place(np.array([1]), far, LANDMARKS)
        assert unlike.distance_percentile.tolist() == [100.0]
        assert 35 < np.median(like.distance_percentile) < 65
        assert like.neighbors.rows.shape == (len(IDS), 100)


class TestLandmarks:
    def projection(self, rows: slice) -> pa.Table:
        axes = {axis: LANDMARKS.coordinates[rows, number] for number, axis in enumerate("xy")}
        return pa.table({"id": LANDMARKS.ids[rows], "class_label": TRAINING.labels[rows], **axes})

    def train_df(self) -> pa.Table:
        table = new_rows_table(TRAINING)
        return table.append_column("embedding_row", pa.array(np.arange(table.num_rows)))

    def test_of_a_map_of_some_rows_know_no_others(self):
        shown = slice(0, 240, 2)
        lists = find_neighbors(TRAINING.vectors, 100)
        some = Landmarks.of(self.train_df(), TRAINING.vectors, lists, self.projection(shown))
        assert some.ids.tolist() == LANDMARKS.ids[shown].tolist()
        np.testing.assert_array_equal(some.vectors, TRAINING.vectors[shown])
        np.testing.assert_array_equal(some.coordinates, LANDMARKS.coordinates[shown])
        assert some.neighbors.rows.max() < len(some.ids)
        assert (some.classes[some.labels] == TRAINING.labels[shown]).all()

    def test_dropped_rows_are_nobodys_neighbor(self):
        lists = find_neighbors(TRAINING.vectors, 100)
        kept = Landmarks.of(self.train_df().slice(5), TRAINING.vectors, lists, self.projection(slice(None)))
        assert kept.ids.tolist() == LANDMARKS.ids[5:].tolist()

    def test_map_of_other_rows_is_refused(self):
        lists = find_neighbors(TRAINING.vectors, 100)
        strangers = self.projection(slice(None)).set_column(0, "id", pa.array(LANDMARKS.ids + 10**6))
        with pytest.raises(InputError, match=r"umap_projection: expected .* found 0; materialize umap_projection"):
            Landmarks.of(self.train_df(), TRAINING.vectors, lists, strangers)


class TestReport:
    def test_wrong_labels_come_first_with_the_right_one_suggested(self):
        rng = np.random.default_rng(0)
        wrong = rng.choice(len(IDS), 6, replace=False)
        categories = NEW.table["category"].to_pylist()
        for row in wrong:
            categories[row] = str((int(categories[row]) + 1) % 4)
        spoiled = TrainingSet(
            NEW.table.set_column(1, "category", pa.array(categories)), NEW.vectors, NEW.class_labels
        )
        report = report_on(spoiled)
        assert report.schema.equals(NEW_ROWS_REPORT)
        first = report.slice(0, 6).to_pylist()
        assert {row["id"] for row in first} == set(IDS[wrong].tolist())
        true = dict(zip(IDS.tolist(), NEW.labels.tolist(), strict=True))
        for row in first:
            assert row["kind"] == "mislabelled"
            assert row["suggested_label"] == true[row["id"]] != row["class_label"]
            assert row["reason"].startswith(f"Labeled {row['class_label']}; of its 50 nearest rows ")
        assert "mislabelled" not in report.slice(6)["kind"].to_pylist()
        assert report["rank"].to_pylist() == list(range(1, len(IDS) + 1))
        scores = report["score"].to_numpy()
        assert (np.diff(scores) <= 0).all()

    def test_parts_described_one_by_one_give_the_same_report(self):
        placement = place(IDS, NEW.vectors, LANDMARKS)
        table = new_rows_table(NEW)
        parts = []
        for rows in np.array_split(np.arange(len(IDS)), 4):
            lists = Neighbors(placement.neighbors.rows[rows], placement.neighbors.similarities[rows])
            part = Placement(placement.coordinates[rows], lists, placement.distance_percentile[rows])
            parts.append(describe_rows(table.take(rows), NEW.vectors[rows], part, MODEL))
        assert rank_rows(pa.concat_tables(parts), MODEL.usual_wrong_share).equals(report_on(NEW))

    def test_rows_without_a_label_are_given_the_likeliest(self):
        table = new_rows_table(NEW).set_column(2, "class_label", pa.nulls(len(IDS), pa.string()))
        placement = place(IDS, NEW.vectors, LANDMARKS)
        report = rank_rows(describe_rows(table, NEW.vectors, placement, MODEL), MODEL.usual_wrong_share).sort_by(
            "id"
        )
        order = np.argsort(IDS)
        assert report["suggested_label"].to_pylist() == NEW.labels[order].tolist()
        assert report["score"].null_count == len(IDS)
        assert min(report["suggested_probability"].to_pylist()) > 0.5
        assert "mislabelled" not in report["kind"].to_pylist()

    def test_class_without_training_rows_is_told_as_new(self):
        labels = ["SURPRISE", *NEW.labels[1:]]
        table = new_rows_table(NEW).set_column(2, "class_label", pa.array(labels))
        placement = place(IDS, NEW.vectors, LANDMARKS)
        report = rank_rows(describe_rows(table, NEW.vectors, placement, MODEL), MODEL.usual_wrong_share)
        (row,) = [row for row in report.to_pylist() if row["id"] == IDS[0]]
        assert row["kind"] == "new_class"
        assert row["score"] is None
        assert row["reason"] == "No training row is labeled SURPRISE."
        assert row["suggested_label"] == NEW.labels[0]

    def test_copies_of_training_rows_name_their_original(self):
        vectors = NEW.vectors.copy()
        vectors[7] = TRAINING.vectors[100]
        report = report_on(TrainingSet(NEW.table, vectors, NEW.class_labels), duplicate_similarity=0.999)
        (row,) = [row for row in report.to_pylist() if row["id"] == IDS[7]]
        assert row["duplicate_of"] == LANDMARKS.ids[100]
        assert row["label_conflict"] == (TRAINING.labels[100] != NEW.labels[7])
        assert report["duplicate_of"].null_count == len(IDS) - 1

    def test_rows_unlike_all_others_are_atypical(self):
        vectors = NEW.vectors.copy()
        vectors[3] = np.eye(vectors.shape[1])[-1]
        report = report_on(TrainingSet(NEW.table, vectors, NEW.class_labels))
        (row,) = [row for row in report.to_pylist() if row["id"] == IDS[3]]
        assert row["distance_percentile"] == 100
        if row["kind"] == "atypical":
            assert row["reason"].endswith("than any of them is from theirs.")
        else:
            assert row["kind"] == "mislabelled"

    def test_placed_rows_carry_their_evidence(self):
        described = describe_rows(new_rows_table(NEW), NEW.vectors, place(IDS, NEW.vectors, LANDMARKS), MODEL)
        placed = described.select(placed_schema(2).names).cast(placed_schema(2))
        assert placed["id"].to_pylist() == IDS.tolist()
        exact = np.argsort(-(NEW.vectors @ TRAINING.vectors.T), axis=1, kind="stable")
        for row, nearest in zip(placed.to_pylist(), exact, strict=True):
            assert row["neighbor_ids"] == LANDMARKS.ids[nearest[:5]].tolist()
            assert row["neighbor_labels"] == TRAINING.labels[nearest[:5]].tolist()
            tally = dict(zip(row["tally_labels"], row["tally_counts"], strict=True))
            labels, counts = np.unique(TRAINING.labels[nearest[:50]], return_counts=True)
            assert tally == dict(zip(labels.tolist(), counts.tolist(), strict=True))

    def test_one_class_alone_suspects_nobody(self):
        training, new = training_and_new(n_classes=1)
        report = report_on(new, LabelModel.fit(landmarks_of(training)))
        assert "mislabelled" not in report["kind"].to_pylist()
        assert max(report["score"].to_pylist()) == 0


class TestClassMix:
    def report(self, counts: dict[str, int], far: dict[str, int]) -> pa.Table:
        """Rows of each class, the first `far` of them beyond the 90th percentile."""
        rows = [
            {
                "id": number,
                "rank": 1,
                "kind": "none",
                "class_label": label,
                "reason": "",
                "label_conflict": False,
                "distance_percentile": 95.0 if number < far.get(label, 0) else 50.0,
            }
            for label, count in counts.items()
            for number in range(count)
        ]
        return pa.Table.from_pylist(rows, NEW_ROWS_REPORT)

    def test_counts_shares_and_what_has_grown(self):
        training = np.repeat(["a", "b", "c"], [500, 400, 100])
        mix = compare_class_mix(training, self.report({"a": 100, "b": 20, "c": 60, "d": 20}, {}))
        assert mix.schema.equals(CLASS_MIX)
        rows = {row["class_label"]: row for row in mix.to_pylist()}
        assert [rows[label]["training_rows"] for label in "abcd"] == [500, 400, 100, 0]
        assert [rows[label]["new_rows"] for label in "abcd"] == [100, 20, 60, 20]
        assert rows["c"]["new_share"] == pytest.approx(0.3)
        assert [rows[label]["change"] for label in "abcd"] == [None, "shrunk", "grown", "grown"]
        pooled = 160 / 1_200
        error = np.sqrt(pooled * (1 - pooled) * (1 / 1_000 + 1 / 200))
        assert rows["c"]["z_score"] == pytest.approx(0.2 / error)

    def test_thin_cover_needs_enough_rows_to_be_told(self):
        training = np.repeat(["a", "b", "c"], 100)
        mix = compare_class_mix(training, self.report({"a": 100, "b": 3, "c": 100}, {"a": 40, "b": 1, "c": 12}))
        assert mix["thinly_covered"].to_pylist() == [True, False, False]
        assert mix["far_share"].to_pylist() == pytest.approx([0.4, 1 / 3, 0.12])

    def test_without_labels_nothing_is_compared(self):
        report = self.report({"a": 5}, {}).set_column(
            NEW_ROWS_REPORT.get_field_index("class_label"), "class_label", pa.nulls(5, pa.string())
        )
        (row,) = compare_class_mix(np.array(["a", "a"], object), report).to_pylist()
        assert (row["new_rows"], row["z_score"], row["change"], row["far_share"]) == (0, None, None, None)


@needs_genuine_files
@pytest.mark.slow
class TestGenuineRows:
    """A fifth of the genuine rows on a map of the others."""

    @pytest.fixture
    def data(self) -> TrainingData:
        return genuine_training_data()

    def test_labels_around_the_places_agree_as_on_a_joint_map(self, data):
        labels = data.table["class_label"].to_numpy(zero_copy_only=False)
        rows = np.random.default_rng(3).permutation(len(labels))
        new, old = np.sort(rows[: len(rows) // 5]), np.sort(rows[len(rows) // 5 :])

        def agreement(layout_old: np.ndarray, layout_new: np.ndarray) -> float:
            from scipy.spatial import KDTree

            around = labels[old][KDTree(layout_old).query(layout_new, 10)[1]]
            classes, codes = np.unique(around, return_inverse=True)
            votes = np.apply_along_axis(np.bincount, 1, codes.reshape(around.shape), minlength=len(classes))
            return float((classes[votes.argmax(axis=1)] == labels[new]).mean())

        joint = umap_layout(data.vectors, find_neighbors(data.vectors, 20), labels, seed=3)
        vectors = np.ascontiguousarray(data.vectors[old])
        lists = find_neighbors(vectors, 20)
        alone = umap_layout(vectors, lists, labels[old], seed=3)
        ids, classes = data.table["id"].to_numpy(), np.unique(labels)
        landmarks = Landmarks(ids[old], classes, np.searchsorted(classes, labels[old]), alone, vectors, lists)
        placed = place(ids[new], data.vectors[new], landmarks).coordinates
        assert agreement(alone, placed) > agreement(joint[old], joint[new]) - 0.01
