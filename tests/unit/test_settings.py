"""The environment variables: what each means, what an empty one means, and what its error says."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import PROJECT
from text_classification_viz import settings
from text_classification_viz.core.errors import InputError
from text_classification_viz.sources import UPSTREAM_CLASS
from text_classification_viz.storage.publishing.object_store import bucket_and_prefix


def test_data_root_is_a_folder_of_this_machine_or_a_prefix_of_a_bucket(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ann")
    assert settings.data_root({"DATA_ROOT": "results"}) == tmp_path / "results"
    assert settings.data_root({"DATA_ROOT": "~/results"}) == Path("/home/ann/results")
    for url in ("s3://bucket", "s3://bucket/", "s3://bucket/a b/c", "s3://bucket/a b/c/"):
        assert str(settings.data_root({"DATA_ROOT": url}) / "x") == f"{url.rstrip('/')}/x"


@pytest.mark.parametrize(
    "url",
    [
        "gs://bucket/prefix", "file:///data", "https://bucket.s3.amazonaws.com/prefix", "s3://", "s3:///prefix",
        "s3://key:hush@bucket/prefix", "s3://bucket/prefix?secret=hush", "s3://bucket/pre*", "s3://bucket/[ab]",
    ],
)  # fmt: skip
def test_other_urls_are_refused_and_not_repeated_for_they_may_hold_a_secret(url):
    with pytest.raises(
        InputError, match=r"^DATA_ROOT: expected a folder or s3://bucket/prefix, found another"
    ) as caught:
        settings.data_root({"DATA_ROOT": url})
    assert "hush" not in str(caught.value)


def test_s3fs_that_is_not_installed_is_named_before_anything_runs(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"^DATA_ROOT: expected the package s3fs, .*; install .*\[s3\]$"):
        settings.data_root({"DATA_ROOT": "s3://bucket/prefix"})


@pytest.mark.parametrize("environment", [{}, {"DATA_ROOT": ""}])
def test_only_a_checkout_has_a_data_root_of_its_own(environment, tmp_path):
    assert settings.data_root(environment) == PROJECT / "data"
    with pytest.raises(InputError, match=r"^DATA_ROOT: expected a folder .*, found none set, .*; set") as caught:
        settings.data_root(environment, checkout=tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert settings.data_root({"DATA_ROOT": "/results"}, checkout=tmp_path) == Path("/results")


def test_code_location_outside_a_checkout_loads_with_a_data_root_and_names_it_without(tmp_path):
    shutil.copytree(
        PROJECT / "text_classification_viz",
        tmp_path / "text_classification_viz",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    code = "import text_classification_viz.definitions as d; print(d.__file__, d.DATA_ROOT)"

    def load(data_root):
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "DATA_ROOT": data_root, "UPSTREAM_STORAGE": ""}
        return subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
        )

    file = tmp_path / "text_classification_viz" / "definitions.py"
    assert load("/results").stdout.split() == [str(file), "/results"]
    refused = load("")
    assert refused.returncode == 1
    assert "InputError: DATA_ROOT: expected a folder for the results" in refused.stderr.splitlines()[-1]
    assert not (tmp_path / "data").exists()


def test_upstream_storage_must_be_set_where_data_root_is_no_folder(tmp_path):
    bucket = bucket_and_prefix("s3://bucket/prefix")
    for environment in ({}, {"UPSTREAM_STORAGE": ""}):
        assert settings.upstream_storage(tmp_path, environment) == tmp_path / "storage"
        with pytest.raises(
            InputError, match=r"^UPSTREAM_STORAGE: expected a folder of this machine, found none set, and"
        ):
            settings.upstream_storage(bucket, environment)
    assert settings.upstream_storage(bucket, {"UPSTREAM_STORAGE": str(tmp_path)}) == tmp_path
    with pytest.raises(
        InputError, match=r"^UPSTREAM_STORAGE: expected a folder of this machine, found a URL; set it to"
    ):
        settings.upstream_storage(tmp_path, {"UPSTREAM_STORAGE": "s3://elsewhere"})


@pytest.mark.parametrize(
    ("read", "name", "value", "default"),
    [
        (settings.label_transform_class, "LABEL_TRANSFORM_CLASS", "a.B", UPSTREAM_CLASS),
        (settings.visualization_cron, "VISUALIZATION_CRON", "30 2 * * *", "0 6 * * 1"),
        (settings.ray_address, "RAY_ADDRESS", "10.0.0.1:6379", None),
    ],
)
def test_variable_that_is_empty_is_one_that_is_not_set(read, name, value, default):
    assert read({name: value}) == value
    assert read({name: ""}) == read({}) == default


def test_schedule_that_is_none_is_refused():
    with pytest.raises(InputError, match=r"^VISUALIZATION_CRON: expected .* five fields, .* found 'weekly'"):
        settings.visualization_cron({"VISUALIZATION_CRON": "weekly"})
