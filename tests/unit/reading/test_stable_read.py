"""A file that is written while it is read: read again until it stays, or refused."""

import logging
import os
import pickle
import threading
import time
from hashlib import sha256

import pytest

from tests.support.genuine_pickles import ROWS
from text_classification_viz.core.errors import InputError
from text_classification_viz.sources.incoming_file import read_part
from text_classification_viz.sources.reviews import read_reviews
from text_classification_viz.sources.upstream_files import read_train_set
from text_classification_viz.storage.reading import stable_read
from text_classification_viz.storage.reading.stable_read import UpstreamFile, read_stable

REMEDY = "make it again"


def read_with(path, meanwhile, **options):
    """Read a file whole; `meanwhile` runs in the middle of each attempt and is told its number."""
    attempts = []

    def parse(file: UpstreamFile) -> bytes:
        start = file.read(5)
        attempts.append(None)
        meanwhile(len(attempts))
        return start + file.read()

    value, source = read_stable(path, parse, remedy=REMEDY, **options)
    return value, source, len(attempts)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "value"
    path.write_bytes(b"before" * 10)
    # So that a change of the same size is seen where the clocks of file systems are coarse.
    os.utime(path, (time.time() - 60,) * 2)
    return path


def test_a_file_that_stays_is_read_once(path):
    value, source, n_attempts = read_with(path, lambda attempt: None)
    assert value == b"before" * 10
    assert source.sha256 == sha256(value).hexdigest()
    assert n_attempts == 1


@pytest.mark.parametrize("new", [b"after", b"AFTER!" * 10, b"longer " * 100_000])
def test_a_file_rewritten_in_place_is_read_again(path, caplog, new):
    def rewrite_once(attempt):
        if attempt == 1:
            path.write_bytes(new)

    caplog.set_level(logging.INFO)
    value, source, n_attempts = read_with(path, rewrite_once)
    assert value == new
    assert source.sha256 == sha256(new).hexdigest()
    assert n_attempts == 2
    assert f"{path} is being written; reading it again" in caplog.text


def test_a_file_that_was_replaced_is_read_again(path):
    def replace_once(attempt):
        if attempt == 1:
            (path.parent / "new").write_bytes(b"after.")
            (path.parent / "new").replace(path)

    value, _, n_attempts = read_with(path, replace_once)
    assert (value, n_attempts) == (b"after.", 2)


def test_a_file_that_goes_on_changing_is_refused(path):
    with pytest.raises(
        InputError, match=r"value: expected a file that stays.*went on changing for 0\.2 s; wait until"
    ):
        read_with(path, lambda attempt: path.write_bytes(b"x" * attempt), retry_for_s=0.2)


def test_what_is_added_after_opening_is_not_read(path):
    read = []

    def parse(file):
        with path.open("ab") as writer:
            writer.write(b"more")
        read.append(file.read())
        return read[-1]

    with pytest.raises(InputError, match="went on changing"):
        read_stable(path, parse, remedy=REMEDY, retry_for_s=0)
    assert read == [b"before" * 10]


@pytest.mark.parametrize("n_bytes_first", [0, 50])
def test_a_half_written_pickle_is_waited_for(tmp_path, n_bytes_first):
    content = pickle.dumps(ROWS, 4)
    halfway = threading.Event()

    def write_slowly():
        with (tmp_path / "train_set").open("wb", buffering=0) as file:
            file.write(content[:n_bytes_first])
            halfway.set()
            threading.Event().wait(0.3)
            file.write(content[n_bytes_first:])

    writer = threading.Thread(target=write_slowly)
    writer.start()
    try:
        halfway.wait()
        assert read_train_set(tmp_path).table.to_pylist() == ROWS
    finally:
        writer.join()


def test_a_broken_file_that_nobody_writes_to_is_refused(path):
    def refuse(file):
        raise file.fault("a value", "none")

    with pytest.raises(InputError, match="value: expected a value, found none; make it again"):
        read_stable(path, refuse, remedy=REMEDY, retry_for_s=0)


def test_a_broken_file_of_a_time_to_come_is_not_waited_for(path):
    """Many of such times one after the other would hold up a run for as long as somebody likes."""
    os.utime(path, (time.time() + 3_600,) * 2)
    attempts = []

    def parse(file: UpstreamFile) -> bytes:
        attempts.append(None)
        raise file.fault("a value", "none")

    with pytest.raises(InputError, match="expected a value, found none"):
        read_stable(path, parse, remedy=REMEDY)
    assert len(attempts) == 1


UPSTREAM = "materialize train_set upstream first, or set UPSTREAM_STORAGE to where it is"
OTHERS = "put a file there, or run this again without it"
KINDS = {
    "upstream": ("train_set", lambda path: read_train_set(path.parent), UPSTREAM),
    "batch": ("part.parquet", read_part, OTHERS),
    "review": ("a.csv", lambda path: read_reviews(path.parent), OTHERS),
}


def before_it_is_opened(monkeypatch, path, happens):
    """Have something happen to a file after it was listed."""
    genuine = os.open

    def open_then(opened, *arguments, **options):
        if os.fspath(opened) == str(path):
            happens()
        return genuine(opened, *arguments, **options)

    monkeypatch.setattr(stable_read.os, "open", open_then)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_vanishes_after_it_was_listed_says_what_to_do_about_one_of_its_kind(
    tmp_path, monkeypatch, kind
):
    name, read, remedy = KINDS[kind]
    path = tmp_path / name
    path.write_bytes(b"x")
    before_it_is_opened(monkeypatch, path, path.unlink)
    with pytest.raises(InputError) as caught:
        read(path)
    assert str(caught.value) == f"{path}: expected a file, found none; {remedy}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_directory_in_place_of_a_file_says_what_to_do_about_one_of_its_kind(tmp_path, monkeypatch, kind):
    name, read, remedy = KINDS[kind]
    path = tmp_path / name
    path.write_bytes(b"x")

    def replace():
        path.unlink()
        path.mkdir()

    before_it_is_opened(monkeypatch, path, replace)
    with pytest.raises(InputError) as caught:
        read(path)
    assert str(caught.value) == f"{path}: expected a file, found a directory; move it away and {remedy}"


@pytest.mark.parametrize(("kind", "target"), [("batch", "elsewhere"), ("upstream", "train_set")])
def test_a_link_that_is_not_followed_is_no_fault_of_the_disk(tmp_path, kind, target):
    """One of a batch, wherever it leads, and one of upstream's in a circle."""
    name, read, _ = KINDS[kind]
    path = tmp_path / name
    path.symlink_to(tmp_path / target)
    with pytest.raises(InputError) as caught:
        read(path)
    assert str(caught.value) == (
        f"{path}: expected a file, found a link that is not followed; put a copy of what it stands for in its "
        "place"
    )


def test_a_defect_of_a_parser_is_not_taken_for_a_fault_of_the_file(path):
    def parse(file):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read_stable(path, parse, remedy=REMEDY)
