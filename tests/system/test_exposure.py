"""What is open to others: where the servers listen, and what a run may be told. `make` starts them as here."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import dagster as dg
import pytest

import text_classification_viz.definitions  # noqa: F401  with all settings
from tests.support.browser import free_port, running_server
from tests.support.checkout import PROJECT
from tests.support.crash_writers import KINDS
from tests.support.graph import make_graph
from text_classification_viz.storage.publishing.data_root import DataRoot

pytestmark = pytest.mark.daemon

LISTENING = "0A"
LOOPBACK = {"0100007F", "0" * 24 + "01000000", "0000000000000000FFFF00000100007F"}  # 127.0.0.1 and ::1


def make_command(target: str, **variables: object) -> list[str]:
    """What `make` would run last, in the project's environment."""
    asked = [f"{name}={value}" for name, value in variables.items()]
    recipe = subprocess.run(
        ["make", "--dry-run", target, *asked], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    start = recipe.rindex(".venv/bin/")
    return ["sh", "-c", f"cd {PROJECT} && exec {recipe[start:]}"]


def listening(port: int) -> set[str]:
    """Addresses, as /proc writes them, on which the server of `port` and all that it started listen."""
    sockets = {}
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == LISTENING:
                sockets[rest[5]] = tuple(local.split(":"))
    sessions = {inode: session for session, inodes in inodes_by_session() for inode in inodes}
    (session,) = {sessions.get(inode) for inode, (_, at) in sockets.items() if int(at, 16) == port}
    return {address for inode, (address, _) in sockets.items() if sessions.get(inode) == session}


def inodes_by_session() -> Iterator[tuple[str, set[str]]]:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            session = (process / "stat").read_text().rpartition(")")[2].split()[3]
            opened = {str(file.readlink()) for file in (process / "fd").iterdir()}
        except OSError:  # ended meanwhile, or another user's
            continue
        yield session, {file[len("socket:[") : -1] for file in opened if file.startswith("socket:[")}


needs_make = pytest.mark.skipif(
    not (shutil.which("make") and Path("/proc/net/tcp").exists() and (PROJECT / ".venv").exists()),
    reason="needs make, an installed .venv, and /proc to see who listens",
)


@needs_make
def test_web_ui_and_its_code_servers_listen_on_this_machine_alone(tmp_path):
    port = free_port()
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path), "DATA_ROOT": str(tmp_path)}
    (tmp_path / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    with running_server(make_command("ui", UI_PORT=port), f"http://127.0.0.1:{port}/server_info", env=environment):
        assert listening(port) <= LOOPBACK


@needs_make
def test_tensorboard_listens_on_this_machine_alone(tmp_path):
    root = DataRoot(tmp_path)
    KINDS["TensorBoard run"].publish(root, 1)
    (root.projector_runs / "000001").rename(root.projector_runs / "2026-01-31_12-00-00_0123abcd")
    port, environment = free_port(), {**os.environ, "DATA_ROOT": str(tmp_path)}
    with running_server(
        make_command("tensorboard", TENSORBOARD_PORT=port), f"http://127.0.0.1:{port}", env=environment
    ):
        assert listening(port) <= LOOPBACK


@needs_make
def test_the_look_at_who_listens_sees_what_is_open_to_all():
    port = free_port()
    with running_server(
        [sys.executable, "-m", "http.server", str(port), "--bind", "0.0.0.0"], f"http://127.0.0.1:{port}"
    ):
        assert listening(port) == {"00000000"}


def test_no_setting_of_a_run_is_a_free_text_that_could_be_a_path():
    settings = {
        f"{config.__name__}.{name}": field.annotation
        for config in dg.Config.__subclasses__()
        if config.__module__.startswith("text_classification_viz")
        for name, field in config.model_fields.items()
    }
    assert len(settings) > 20
    texts = {str, Path, dict, list}
    assert {name: type_ for name, type_ in settings.items() if not texts.isdisjoint(parts(type_))} == {}


def parts(type_: Any) -> set[Any]:
    """A type and what it is made of; a choice of literals has no parts."""
    if get_origin(type_) is Literal:
        return set()
    return {type_, get_origin(type_)}.union(*map(parts, get_args(type_)))


def test_no_run_may_say_where_files_are(tmp_path):
    """Dagster lets a run give config to any resource; ours are made without, and take none."""
    graph = make_graph(tmp_path)
    resources = {"data_root", "io_manager", "upstream_io_manager"}
    assert set(graph.defs.resources) == resources
    elsewhere = {name: str(tmp_path / "elsewhere") for name in ("path", "folder", "storage", "base_dir")}
    graph.defs.resolve_job_def("visualization_job").execute_in_process(
        run_config={"resources": {name: {"config": elsewhere} for name in resources}},
        asset_selection=[dg.AssetKey("train_df"), dg.AssetKey("train_vectors")],
    )
    assert not (tmp_path / "elsewhere").exists()
    assert {path.name for path in graph.data_root.rglob("*.*")} == {"train_df.parquet", "train_vectors.npy"}
