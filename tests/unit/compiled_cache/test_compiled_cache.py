"""Compiled code that is kept: found again, never believed if others could have written it, never in the way."""

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import njit

from tests.support.checkout import PROJECT
from text_classification_viz.core.layouts import umap_optimizer
from text_classification_viz.core.layouts.fuzzy_graph import FuzzyGraph
from text_classification_viz.core.layouts.umap_optimizer import optimize, walk_edges
from text_classification_viz.storage import compiled_cache
from text_classification_viz.storage.compiled_cache import keep_compiled

IN_MEMORY = "mean: compiled in memory, for its code cannot be kept "
ANEW = "mean: compiled anew, for what was kept cannot be used "
NUMBA_HAS_CHANGED = (
    "numba no longer asks `_cache` of a dispatcher, or CompileResult's `_reduce` and `_rebuild` are gone: read "
    "numba/core/caching.py (FunctionCache), and make compiled_cache.py as that is, or drop it, at a second a map"
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def kept(home):
    return sorted(path for path in home.rglob("*") if path.is_file())


def mean(values):
    total = np.float32(0)
    for value in values:
        total += value
    return total / len(values)


def optimize_with(walk):
    heads, tails = np.arange(19, dtype=np.int32), np.arange(1, 20, dtype=np.int32)
    graph = FuzzyGraph(20, heads, tails, np.linspace(0.5, 1, 19, dtype=np.float32))
    start = np.random.default_rng(1).uniform(0, 10, (20, 2)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(umap_optimizer, "compiled_walk", lambda: walk)
        return optimize(graph, start, min_dist=0.1, n_epochs=50).tobytes()


@pytest.fixture
def fresh(caplog):
    """Call a function as a process would that has not yet: its result, whether code was found, what was said."""

    def run(function=mean, call=lambda compiled: compiled(np.arange(9, dtype=np.float32)), *, keep=True):
        caplog.clear()
        compiled = njit(function)
        with caplog.at_level(logging.INFO, logger="the run"):
            if keep:
                keep_compiled(compiled, logging.getLogger("the run"))
            result = call(compiled)
        said = [record.getMessage() for record in caplog.records if record.name == "the run"]
        return result, compiled.stats.cache_hits.total() > 0, said

    return run


def test_code_is_found_by_the_next_process_and_gives_the_same_bytes(home, fresh):
    in_memory, _, _ = fresh(walk_edges, optimize_with, keep=False)
    assert kept(home) == []
    first, found_first, _ = fresh(walk_edges, optimize_with)
    assert len(kept(home)) == 1, NUMBA_HAS_CHANGED
    second, found_second, said = fresh(walk_edges, optimize_with)
    assert (found_first, found_second) == (False, True), NUMBA_HAS_CHANGED
    assert in_memory == first == second
    assert said == []


def test_folder_and_file_are_the_users_alone(home, fresh):
    fresh()
    (file,) = kept(home)
    ours = home / ".cache" / "text_classification_viz"
    assert file.parent.parent == ours
    assert [path.stat().st_mode & 0o777 for path in (ours, file.parent, file)] == [0o700, 0o700, 0o600]


@pytest.mark.parametrize(
    "damage",
    [lambda content: b"", lambda content: content[:20], lambda content: content[: len(content) // 2],
     lambda content: content[:-1], lambda content: content[:-1] + bytes([content[-1] ^ 1]),
     lambda content: content + b"x"],
    ids=["emptied", "cut in the digest", "cut", "cut at the end", "a bit", "longer"],
)  # fmt: skip
def test_damaged_file_is_made_again(home, fresh, damage):
    whole, _, _ = fresh()
    (file,) = kept(home)
    file.write_bytes(damage(file.read_bytes()))
    result, found, (line,) = fresh()
    assert (result, found) == (whole, False)
    assert line.startswith(ANEW)
    assert "it is damaged" in line
    assert kept(home) == [file]
    assert fresh() == (whole, True, [])


def test_whole_file_that_numba_cannot_use_is_made_again(home, fresh):
    whole, _, _ = fresh()
    (file,) = kept(home)
    compiled_cache._write(file, b"no pickle")
    _, _, (line,) = fresh()
    assert line.startswith(ANEW)
    assert fresh() == (whole, True, [])


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o704])
@pytest.mark.parametrize("name", ["..", "."])
def test_folder_that_others_may_use_is_not_read(home, fresh, monkeypatch, mode, name):
    whole, _, _ = fresh()
    folder = kept(home)[0].parent / name
    folder.chmod(mode)
    monkeypatch.setattr(compiled_cache.pickle, "loads", None)  # would fail, and say so
    result, _, (line,) = fresh()
    assert result == whole
    assert line.startswith(IN_MEMORY)
    assert "expected what only this user may read and write" in line
    assert len(kept(home)) == 1


def test_file_that_others_may_write_to_is_not_unpickled(home, fresh, monkeypatch):
    fresh()
    (file,) = kept(home)
    file.chmod(0o620)
    monkeypatch.setattr(compiled_cache.pickle, "loads", lambda content: pytest.fail("unpickled"))
    _, _, (line,) = fresh()
    assert line.startswith(ANEW)
    assert "expected what only this user may read and write" in line
    assert file.stat().st_mode & 0o777 == 0o600


def test_link_is_not_followed(home, fresh, tmp_path_factory):
    fresh()
    (file,) = kept(home)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shutil.move(file, elsewhere / "code")
    file.symlink_to(elsewhere / "code")
    _, found, (line,) = fresh()
    assert not found
    assert line.startswith(ANEW)
    shutil.move(file.parent, elsewhere / "folder")
    file.parent.symlink_to(elsewhere / "folder")
    _, found, (line,) = fresh()
    assert not found
    assert line.startswith(IN_MEMORY)


def test_folder_of_another_user_is_not_used(home, fresh, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    _, _, (line,) = fresh()
    assert line.startswith(IN_MEMORY)
    assert kept(home) == []


@pytest.mark.parametrize("call", ["mkdir", "replace"])
def test_full_disk_costs_a_line_and_leaves_nothing(home, fresh, monkeypatch, call):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, call, full)
    result, _, (line,) = fresh()
    assert line.startswith(IN_MEMORY)
    assert "No space left on device" in line
    assert kept(home) == []
    assert result == 4


def test_folder_of_numba_plays_no_part(home, fresh, monkeypatch, tmp_path_factory):
    shared = tmp_path_factory.mktemp("shared")
    shared.chmod(0o777)
    monkeypatch.setattr("numba.config.CACHE_DIR", str(shared))
    whole, _, _ = fresh()
    assert fresh() == (whole, True, [])
    assert list(shared.iterdir()) == []


def test_user_without_home_on_an_installation_that_nobody_may_write_to_makes_a_map(tmp_path):
    package = tmp_path / "text_classification_viz"
    shutil.copytree(PROJECT / package.name, package, ignore=shutil.ignore_patterns("__pycache__"))
    # no folder can be made below a file, whoever asks
    not_a_folder = tmp_path / "file"
    not_a_folder.touch()
    program = (
        "import logging, sys; import numpy as np\n"
        "logging.basicConfig(level=logging.INFO, stream=sys.stdout, format='%(message)s')\n"
        "from text_classification_viz.core.layouts import compiled_walk, umap_layout\n"
        "from text_classification_viz.core.neighbors import find_neighbors\n"
        "from text_classification_viz.storage.compiled_cache import keep_compiled\n"
        "vectors = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)\n"
        "vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)\n"
        "keep_compiled(compiled_walk(), logging.getLogger())\n"
        "print(umap_layout(vectors, find_neighbors(vectors, 15), np.zeros(60), n_epochs=5).shape)"
    )
    paths = [package, *package.rglob("*")]
    for path in paths:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        run = subprocess.run(
            [sys.executable, "-B", "-c", program],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path), "HOME": str(not_a_folder / "none")},
            capture_output=True,
            text=True,
        )
    finally:
        for path in paths:
            path.chmod(path.stat().st_mode | 0o200)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "(60, 2)"
    assert sum(line.startswith("walk_edges: compiled in memory") for line in run.stdout.splitlines()) == 1
    assert not list(package.rglob("*.nb[ci]"))
