"""What `make` says before there is anything to show, and what the packages that are built hold."""

import os
import shutil
import socket
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
BUILD = "from setuptools import build_meta; print(build_meta.build_{}({!r}))"

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path):
    """A folder with the Makefile and an environment that counts as installed."""
    for name in ("Makefile", "dagster.yaml", "pyproject.toml", "constraints.txt"):
        shutil.copy(CHECKOUT / name, tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / ".venv" / "installed").touch()
    return tmp_path


def make(project, *arguments):
    environment = {name: value for name, value in os.environ.items() if name not in ("DATA_ROOT", "DAGSTER_HOME")}
    done = subprocess.run(
        ["make", *arguments], cwd=project, env=environment, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stderr


def test_tensorboard_before_any_run_says_what_to_run_first(project):
    code, told = make(project, "tensorboard")
    assert code != 0
    assert told.startswith(f"{project}/data: no projector run yet; run make demo first\n")


@pytest.mark.parametrize(("target", "setting"), [("ui", "UI_PORT"), ("tensorboard", "TENSORBOARD_PORT")])
def test_taken_port_is_told_with_the_setting(project, target, setting):
    (project / "data" / "embeddings" / "train" / "2026-01-01_00-00-00_01234567").mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, told = make(project, target, f"{setting}={port}")
    assert code != 0
    assert told.startswith(f"{setting}: port {port} is taken; ")
    assert f"make {target} {setting}=" in told


def test_packages_hold_what_they_need(tmp_path):
    source, packages = tmp_path / "source", tmp_path / "packages"
    shutil.copytree(CHECKOUT / "text_classification_viz", source / "text_classification_viz")
    for path in CHECKOUT.iterdir():
        if path.is_file():
            shutil.copy(path, source)
    packages.mkdir()
    for kind in ("sdist", "wheel"):
        subprocess.run(
            [sys.executable, "-c", BUILD.format(kind, str(packages))],
            cwd=source,
            check=True,
            capture_output=True,
            timeout=120,
        )
    (sdist,), (wheel,) = packages.glob("*.tar.gz"), packages.glob("*.whl")
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}
    in_wheel = set(zipfile.ZipFile(wheel).namelist())
    top = {"Makefile", "README.md", "constraints.txt", "dagster.yaml", "pyproject.toml", "workspace.yaml"}
    top |= {name for name in ("LICENSE",) if (CHECKOUT / name).exists()}
    package = CHECKOUT / "text_classification_viz"
    files = [*package.rglob("*.py"), *package.rglob("web/*"), *package.glob("py.typed")]
    code = {str(path.relative_to(CHECKOUT)) for path in files if not path.name.startswith(".")}
    assert any("views/triage_page/web/" in name for name in code)
    assert top | code <= in_sdist
    assert code <= in_wheel
