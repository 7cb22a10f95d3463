"""The files of a projector run, judged by TensorBoard's own readers where it has them."""

import json
import logging
import math

import numpy as np
import pyarrow as pa
import pytest
from google.protobuf import text_format
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from tensorboard.plugins.projector.projector_plugin import _read_tensor_binary_file, _read_tensor_tsv_file

from text_classification_viz.core.errors import InputError
from text_classification_viz.views.projector import run as projector
from text_classification_viz.views.projector.run import Layout, write_run

# Read without a guard by loadState and restoreUIFromBookmark of TensorBoard 2.21.
NEEDED_TO_LOAD = {
    "selectedProjection", "tSNEIteration", "tSNEPerplexity", "tSNELearningRate", "pcaComponentDimensions",
    "customXLeftText", "customXRightText", "customYUpText", "customYDownText", "projections", "selectedPoints",
}  # fmt: skip
SEPARATORS = ["\t", "\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]


def vectors_of(n_rows, dimensions=8, seed=0):
    return np.random.default_rng(seed).normal(size=(n_rows, dimensions)).astype(np.float32)


def metadata_of(n_rows, **columns):
    given = {
        "headline": [f"headline {row}" for row in range(n_rows)],
        "class_label": [f"class {row % 3}" for row in range(n_rows)],
    }
    return pa.table(given | columns)


def map_of(n_rows, dimensions=2, seed=1):
    return np.random.default_rng(seed).normal(size=(n_rows, dimensions)).astype(np.float32)


def embeddings_of(folder):
    """By name, in the order in which the browser offers them where all have metadata and equally many rows."""
    config = text_format.Parse((folder / "projector_config.pbtxt").read_text(), ProjectorConfig())
    assert len({embedding.tensor_shape[0] for embedding in config.embeddings}) == 1
    return {
        embedding.tensor_name: embedding for embedding in sorted(config.embeddings, key=lambda e: e.tensor_name)
    }


def embedding_of(folder, name="train"):
    return embeddings_of(folder)[name]


def served_vectors(folder, name="train"):
    """What the server makes of a file of vectors, by its own functions and in its order."""
    embedding = embedding_of(folder, name)
    try:
        return _read_tensor_tsv_file(str(folder / embedding.tensor_path))
    except UnicodeDecodeError:
        return _read_tensor_binary_file(str(folder / embedding.tensor_path), embedding.tensor_shape)


def metadata_rows(folder):
    lines = (folder / "metadata.tsv").read_text(encoding="utf-8").splitlines()
    names, *rows = [line.split("\t") for line in lines]
    return names, rows


def bookmarks_of(folder):
    return json.loads((folder / "bookmarks.json").read_text())


def points_of(bookmark, prefix="umap"):
    n_axes = sum(key.startswith(prefix) for key in bookmark["projections"][0])
    return np.array([[point[f"{prefix}-{axis}"] for axis in range(n_axes)] for point in bookmark["projections"]])


def distances(points):
    return np.linalg.norm(points[:, None] - points[None], axis=-1)


class TestVectors:
    @pytest.mark.parametrize("seed", range(5))
    def test_ordinary_vectors_are_binary_and_bit_exact(self, tmp_path, seed):
        vectors = vectors_of(50, 16, seed)
        write_run(tmp_path, vectors, metadata_of(50))
        assert embedding_of(tmp_path).tensor_path == "train.bytes"
        assert (tmp_path / "train.bytes").read_bytes() == vectors.astype("<f4").tobytes()
        assert served_vectors(tmp_path).tobytes() == vectors.tobytes()

    @pytest.mark.parametrize("four_bytes", [b"\0\0\0\0", b"\0\0\0\x40", b"text", b"\1\0\0\0", b"\x7f\x7f\x7f\x7f"])
    def test_bytes_that_pass_for_text_still_arrive_bit_exact(self, tmp_path, four_bytes):
        vectors = np.frombuffer(four_bytes * 80, dtype="<f4").reshape(20, 4)
        write_run(tmp_path, vectors, metadata_of(20))
        assert embedding_of(tmp_path).tensor_path == "train.tsv"
        assert served_vectors(tmp_path).tobytes() == vectors.tobytes()

    def test_vectors_that_pass_for_text_at_their_start_only(self, tmp_path):
        vectors = np.zeros((3_000, 100), dtype=np.float32)
        vectors[-1, -1] = -0.1
        write_run(tmp_path, vectors, metadata_of(3_000))
        assert served_vectors(tmp_path).tobytes() == vectors.tobytes()

    def test_layout_in_memory_does_not_matter(self, tmp_path):
        vectors = np.asfortranarray(vectors_of(30, 6))[::2]
        write_run(tmp_path, vectors, metadata_of(15))
        assert np.array_equal(served_vectors(tmp_path), vectors)

    def test_two_dimensions_get_a_third_of_zeros(self, tmp_path):
        vectors = vectors_of(10, 2)
        write_run(tmp_path, vectors, metadata_of(10))
        assert list(embedding_of(tmp_path).tensor_shape) == [10, 3]
        assert np.array_equal(served_vectors(tmp_path), np.column_stack([vectors, np.zeros(10)]))


class TestComponents:
    """The smaller tensor, which opens where there are many rows."""

    @pytest.mark.parametrize(
        ("n_rows", "dimensions", "names"),
        [
            (20, 8, ["components_of_train", "train"]),
            (19, 8, ["train"]),
            (20, 5, ["train"]),
        ],
    )
    def test_many_rows_of_many_dimensions_have_them_before_the_vectors(
        self, tmp_path, monkeypatch, n_rows, dimensions, names
    ):
        monkeypatch.setattr(projector, "MANY_ROWS", 20)
        monkeypatch.setattr(projector, "N_COMPONENTS", 5)
        vectors = vectors_of(n_rows, dimensions)
        write_run(tmp_path, vectors, metadata_of(n_rows), [Layout("map", map_of(n_rows))])
        assert list(embeddings_of(tmp_path)) == names
        assert served_vectors(tmp_path).tobytes() == vectors.tobytes()
        for embedding in embeddings_of(tmp_path).values():
            assert embedding.metadata_path == "metadata.tsv"
            assert embedding.bookmarks_path == "bookmarks.json"

    def test_keep_the_distances_of_vectors_that_they_can_hold(self, tmp_path, monkeypatch):
        monkeypatch.setattr(projector, "MANY_ROWS", 20)
        monkeypatch.setattr(projector, "N_COMPONENTS", 5)
        vectors = (vectors_of(40, 4) @ vectors_of(4, 8, seed=2)).astype(np.float32)
        write_run(tmp_path, vectors, metadata_of(40))
        components = served_vectors(tmp_path, "components_of_train")
        assert components.shape == (40, 5)
        assert np.allclose(distances(components), distances(vectors), rtol=1e-3, atol=1e-3)

    def test_neighbors_by_two_hundred_are_nearly_those_by_all(self):
        # a spectrum that falls off as slowly as that of sentence embeddings
        scale = np.exp(-np.arange(384) / 100).astype(np.float32)
        vectors = vectors_of(600, 384) * scale
        components = projector._principal_components(vectors, 200)

        def nearest(points):
            unit = points - points.mean(axis=0)
            unit /= np.linalg.norm(unit, axis=1, keepdims=True)
            return np.argsort(-(unit @ unit.T), axis=1)[:, 1:11]

        kept = [len(set(a) & set(b)) / 10 for a, b in zip(nearest(components), nearest(vectors), strict=True)]
        assert components.shape == (600, 200)
        assert np.mean(kept) > 0.85


class TestMetadata:
    def test_columns_and_rows_keep_their_order(self, tmp_path):
        write_run(tmp_path, vectors_of(4), metadata_of(4, id=[7, 5, 6, 2**53 + 1], score=[0.25, 1.0, 1e-7, 1 / 3]))
        names, rows = metadata_rows(tmp_path)
        assert names == ["headline", "class_label", "id", "score"]
        assert rows == [
            ["headline 0", "class 0", "7", "0.25"],
            ["headline 1", "class 1", "5", "1"],
            ["headline 2", "class 2", "6", "1e-07"],
            ["headline 3", "class 0", "9007199254740993", "0.333333"],
        ]

    @pytest.mark.parametrize("separator", SEPARATORS, ids=repr)
    def test_separators_shift_no_cell_and_no_row(self, tmp_path, separator):
        headlines = [f"{separator}a{row}{separator}{separator}b{separator}" for row in range(6)]
        table = metadata_of(6, headline=headlines, **{f"na{separator}me": list("uvwxyz")})
        write_run(tmp_path, vectors_of(6), table)
        names, rows = metadata_rows(tmp_path)
        assert names == ["headline", "class_label", "na me"]
        assert rows == [[f"a{row} b", f"class {row % 3}", "uvwxyz"[row]] for row in range(6)]

    def test_other_hostile_text_stays_as_it_is(self, tmp_path):
        headlines = ['"quoted" \\n', "<script>alert(1)</script>", "👩‍👩‍👧 émoji", "a\u0000b", "'; --", "𝕏 \ufeff"]
        write_run(tmp_path, vectors_of(6), metadata_of(6, headline=headlines))
        assert [row[0] for row in metadata_rows(tmp_path)[1]] == headlines

    def test_what_is_missing_leaves_text_visible_and_numbers_numeric(self, tmp_path):
        table = metadata_of(
            4,
            headline=[None, "", " \u2028 ", "x"],
            class_label=pa.array([None, "a", "b", None], pa.string()),
            score=[None, math.nan, math.inf, 0.5],
            id=[1, None, 3, None],
        )
        write_run(tmp_path, vectors_of(4), table)
        assert metadata_rows(tmp_path)[1] == [
            ["(none)", "(none)", "", "1"],
            ["(none)", "a", "", ""],
            ["(none)", "b", "", "3"],
            ["x", "(none)", "0.5", ""],
        ]

    @pytest.mark.parametrize(("length", "shown"), [(200, "w" * 200), (201, "w" * 199 + "…")])
    def test_only_text_that_is_too_long_is_cut(self, tmp_path, length, shown):
        write_run(tmp_path, vectors_of(2), metadata_of(2, headline=["w" * length, "short"]))
        assert [row[0] for row in metadata_rows(tmp_path)[1]] == [shown, "short"]


class TestBookmarks:
    def test_each_layout_is_one_in_the_given_order(self, tmp_path):
        layouts = [Layout("UMAP", map_of(9)), Layout("t-SNE, supervised", map_of(9)), Layout("3D", map_of(9, 3))]
        write_run(tmp_path, vectors_of(9), metadata_of(9), layouts)
        bookmarks = bookmarks_of(tmp_path)
        assert [bookmark["label"] for bookmark in bookmarks] == ["UMAP", "t-SNE, supervised", "3D"]
        assert [bookmark["umapIs3d"] for bookmark in bookmarks] == [False, False, True]
        assert [bookmark["cameraDef"]["orthographic"] for bookmark in bookmarks] == [True, True, False]
        for bookmark in bookmarks:
            assert bookmark.keys() >= NEEDED_TO_LOAD
            assert bookmark["selectedProjection"] == "umap"  # "tsne" would start the browser's own
            assert bookmark["selectedColorOptionName"] == "class_label"
            assert bookmark["selectedLabelOption"] == "headline"
            assert bookmark["dataSetDimensions"] == [9, 8]

    @pytest.mark.parametrize("dimensions", [2, 3])
    @pytest.mark.parametrize("scale", [1e-4, 1.0, 3e5])
    def test_coordinates_are_those_given_but_for_strays(self, tmp_path, dimensions, scale):
        # uniform, so that nothing but the stray is far out
        given = np.random.default_rng(1).uniform(-1, 1, size=(3_000, dimensions)) * scale
        given[123] = 1e4 * scale
        write_run(tmp_path, vectors_of(3_000), metadata_of(3_000), [Layout("map", given.astype(np.float32))])
        drawn = points_of(bookmarks_of(tmp_path)[0])
        assert np.allclose(np.delete(drawn, 123, axis=0), np.delete(given, 123, axis=0), rtol=0, atol=1e-5 * scale)
        assert drawn[123] == pytest.approx([1.2 * scale] * dimensions, rel=0.01)  # a tenth of 2 beyond 1

    @pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 1), (1, 3), (20, 1)])
    def test_camera_gives_the_proportions_back(self, tmp_path, width, height):
        corners = np.array([[0, 0], [width, 0], [0, height], [width, height]] * 500, dtype=np.float32)
        write_run(tmp_path, vectors_of(2_000), metadata_of(2_000), [Layout("map", corners)])
        x, y, z = bookmarks_of(tmp_path)[0]["cameraDef"]["position"]
        toward_viewer = np.array([x, y, z]) / np.linalg.norm([x, y, z])
        right = np.cross([0, 1, 0], toward_viewer)
        right /= np.linalg.norm(right)
        up = np.cross(toward_viewer, right)
        # the browser stretches both axes to the same length, so these are the lengths on the screen
        assert right @ [1, 0, 0] / (up @ [0, 1, 0]) == pytest.approx(width / height)

    @pytest.mark.parametrize("coordinates", [np.zeros((5, 2)), np.column_stack([np.arange(5), np.zeros(5)])])
    def test_a_map_without_extent_has_a_camera_that_sees_it(self, tmp_path, coordinates):
        write_run(tmp_path, vectors_of(5), metadata_of(5), [Layout("map", coordinates.astype(np.float32))])
        (bookmark,) = bookmarks_of(tmp_path)
        assert bookmark["cameraDef"]["position"][2] > 0
        assert np.isfinite(points_of(bookmark)).all()

    def test_principal_components_are_those_of_the_vectors_as_the_browser_spherizes_them(self, tmp_path):
        # of rank 3, so that the components hold all there is
        vectors = (vectors_of(40, 3) @ vectors_of(3, 64, seed=2)).astype(np.float32)
        write_run(tmp_path, vectors, metadata_of(40), [Layout("map", map_of(40))])
        components = points_of(bookmarks_of(tmp_path)[0], "pca")
        centred = vectors - vectors.mean(axis=0)
        spherized = centred / np.linalg.norm(centred, axis=1, keepdims=True)
        assert components.shape == (40, 10)
        assert np.allclose(distances(components), distances(spherized), atol=1e-4)
        assert np.allclose(components[:, 3:], 0, atol=1e-3)
        assert (np.diff((components[:, :3] ** 2).sum(axis=0)) < 0).all()

    def test_few_dimensions_are_left_where_they_are(self, tmp_path):
        vectors = vectors_of(40, 8) + 5
        write_run(tmp_path, vectors, metadata_of(40), [Layout("map", map_of(40))])
        components = points_of(bookmarks_of(tmp_path)[0], "pca")
        assert np.allclose(np.linalg.norm(components, axis=1), np.linalg.norm(vectors, axis=1), rtol=1e-4)

    def test_equal_vectors_have_components(self, tmp_path):
        write_run(tmp_path, np.ones((5, 64), np.float32), metadata_of(5), [Layout("map", map_of(5))])
        assert np.array_equal(points_of(bookmarks_of(tmp_path)[0], "pca"), np.zeros((5, 10)))

    @pytest.mark.parametrize(
        ("values", "coloring"),
        [
            ([f"c{row % 50}" for row in range(120)], "class_label"),
            ([f"c{row % 51}" for row in range(120)], "No color map"),
            (list(range(120)), "class_label"),  # numbers get a gradient
        ],
    )
    def test_colors_by_what_the_browser_offers(self, tmp_path, caplog, values, coloring):
        with caplog.at_level(logging.WARNING):
            write_run(
                tmp_path, vectors_of(120), metadata_of(120, class_label=values), [Layout("map", map_of(120))]
            )
        assert bookmarks_of(tmp_path)[0]["selectedColorOptionName"] == coloring
        assert ("cannot color by class_label" in caplog.text) == (coloring == "No color map")

    def test_all_stops_where_the_browser_does(self, tmp_path, monkeypatch, caplog):
        monkeypatch.setattr(projector, "MAX_ROWS", 7)
        write_run(tmp_path, vectors_of(9), metadata_of(9), [Layout("map", map_of(9))])
        assert len(bookmarks_of(tmp_path)[0]["projections"]) == 7
        assert served_vectors(tmp_path).tobytes() == vectors_of(9)[:7].tobytes()
        assert [row[0] for row in metadata_rows(tmp_path)[1]] == [f"headline {row}" for row in range(7)]
        assert "only the first 7 of 9 rows" in caplog.text

    def test_without_layouts_there_are_none(self, tmp_path):
        write_run(tmp_path, vectors_of(5), metadata_of(5))
        assert embedding_of(tmp_path).bookmarks_path == ""
        assert not (tmp_path / "bookmarks.json").exists()


class TestRun:
    def test_config_names_the_files_beside_it(self, tmp_path):
        write_run(tmp_path, vectors_of(5), metadata_of(5), [Layout("map", map_of(5))])
        embedding = embedding_of(tmp_path)
        assert list(embedding.tensor_shape) == [5, 8]
        assert {path.name for path in tmp_path.iterdir()} == {
            embedding.tensor_path,
            embedding.metadata_path,
            embedding.bookmarks_path,
            "projector_config.pbtxt",
        }

    def test_no_file_holds_the_folders_path(self, tmp_path):
        write_run(tmp_path, vectors_of(5), metadata_of(5), [Layout("map", map_of(5))])
        assert not [path for path in tmp_path.iterdir() if str(tmp_path.parent).encode() in path.read_bytes()]

    def test_same_input_gives_the_same_files(self, tmp_path):
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            layouts = [Layout("map", map_of(60)), Layout("map 3D", map_of(60, 3))]
            write_run(tmp_path / name, vectors_of(60, 64), metadata_of(60), layouts)
        for name in ("train.bytes", "metadata.tsv", "bookmarks.json", "projector_config.pbtxt"):
            assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()

    def test_one_row_is_enough(self, tmp_path):
        write_run(tmp_path, vectors_of(1), metadata_of(1), [Layout("map", map_of(1))])
        assert points_of(bookmarks_of(tmp_path)[0]) == pytest.approx(map_of(1), rel=1e-5)


NAN_ROW = np.where(np.arange(5)[:, None] == 3, np.nan, map_of(5))
INFINITE_ROW = np.nan_to_num(NAN_ROW, nan=np.inf)


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        (r"vectors: .*found shape \(0, 8\)", {"vectors": vectors_of(0), "metadata": metadata_of(0)}),
        (r"vectors: .*found shape \(5,\)", {"vectors": np.ones(5, np.float32)}),
        (r"vectors, row 3, column 0: .*found nan", {"vectors": NAN_ROW}),
        (r"metadata: expected 5 rows.*found 4", {"metadata": metadata_of(4)}),
        (r"metadata: expected two or more columns", {"metadata": metadata_of(5).select(["class_label"])}),
        (
            r"metadata: .*text first, found \['id', 'class_label'\]",
            {"metadata": pa.table({"id": range(5), "class_label": list("abcde")})},
        ),
        (r"color_by: .*found 'kind'.*'headline', 'class_label'", {"color_by": "kind"}),
        (r"layout 'map': expected shape \(5, 2 or 3\), found \(4, 2\)", {"layouts": [Layout("map", map_of(4))]}),
        (r"layout 'map': .*found \(5, 4\)", {"layouts": [Layout("map", map_of(5, 4))]}),
        (r"layout 'map', row 3, column 0: .*found nan", {"layouts": [Layout("map", NAN_ROW)]}),
        (r"layout 'map', row 3, column 0: .*found inf", {"layouts": [Layout("map", INFINITE_ROW)]}),
    ],
)  # fmt: skip
def test_unusable_input_is_named_and_nothing_is_written(tmp_path, message, changes):
    given = {"vectors": vectors_of(5), "metadata": metadata_of(5), "layouts": [Layout("map", map_of(5))]}
    with pytest.raises(InputError, match=message):
        write_run(tmp_path, **(given | changes))
    assert not list(tmp_path.iterdir())
