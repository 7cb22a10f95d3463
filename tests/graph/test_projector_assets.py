"""`projector_logs` in the graph: the history that its runs tell, and the page."""

import shlex
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.support.graph import make_graph, metadata_of
from text_classification_viz.assets.projector_logs import time_of_new_run
from text_classification_viz.core.maps.quality import MapQuality
from text_classification_viz.core.tables import OUTLIER_KINDS


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    """The folder of a graph, its first whole run, and a second of `projector_logs` alone."""
    graph = make_graph(tmp_path_factory.mktemp('it\'s "my" graph'))
    return graph.data_root, graph.run(), graph.run(selection=["projector_logs"])


def run_of(result):
    return Path(metadata_of(result, "projector_logs")["run"].value)


def events_of(result):
    return EventAccumulator(str(run_of(result)), size_guidance={"images": 0}).Reload()


def test_figures_are_those_that_dagster_shows(two_runs):
    _, first, _ = two_runs
    figures = {tag: events_of(first).Scalars(tag)[0].value for tag in events_of(first).Tags()["scalars"]}
    expected = {f"{map_}_projection/{field.name}" for map_ in ("umap", "tsne") for field in fields(MapQuality)}
    expected |= {f"outlier_report/rows_{kind}" for kind in OUTLIER_KINDS}
    expected |= {"outlier_report/wrong_labels_expected", "rows_shown"}
    assert figures.keys() >= expected
    for tag, figure in figures.items():
        asset, _, name = tag.partition("/")
        if name:
            told = metadata_of(first, asset)
            assert figure == pytest.approx((told.get(name) or told[f"dagster/{name}"]).value, rel=1e-6), tag


def test_newest_run_tells_of_both(two_runs):
    _, first, second = two_runs
    assert metadata_of(first, "projector_logs")["step_in_history"].value == 1
    assert metadata_of(second, "projector_logs")["step_in_history"].value == 2
    events = events_of(second)
    assert [event.step for event in events.Scalars("rows_shown")] == [1, 2]
    # the second ran in an instance that knows of no map, so it has no figures of one
    assert [event.step for event in events.Scalars("umap_projection/trustworthiness")] == [1]
    assert [event.step for event in events.Images("map/UMAP")] == [1, 2]
    assert [event.step for event in events.Images("map/t-SNE")] == [1, 2]


def test_command_can_be_pasted_into_a_shell(two_runs):
    _, first, _ = two_runs
    command = shlex.split(metadata_of(first, "projector_logs")["open_with"].value)
    assert command == ["tensorboard", "--logdir", str(run_of(first)), "--host", "127.0.0.1"]


def test_page_is_published_beside_the_tables(two_runs):
    data_root, _, second = two_runs
    page = Path(metadata_of(second, "projector_logs")["page"].value)
    assert page == data_root / "visualization" / "projector.html"
    assert page.read_bytes().startswith(b"<!doctype html>")


def test_run_is_newer_by_name_than_one_that_a_clock_ahead_made(tmp_path):
    assert abs(datetime.now(UTC) - time_of_new_run(tmp_path / "none yet")) < timedelta(hours=1)
    for name in ("2999-12-31_23-59-59_0123abcd", "2020-01-01_00-00-00_0123abcd", "9999-99-99_99-99-99_01234567"):
        (tmp_path / name).mkdir()
    assert time_of_new_run(tmp_path) == datetime(3000, 1, 1, tzinfo=UTC)
