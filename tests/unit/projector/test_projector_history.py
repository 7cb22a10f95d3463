"""The events files of runs, read by TensorBoard's own reader."""

import io

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from text_classification_viz.views.projector import history as projector_history
from text_classification_viz.views.projector.history import write_history


def runs_of(folder, figures, pictures=None):
    """One run after another, and the last one's folder."""
    previous = None
    for number, (figure, picture) in enumerate(zip(figures, pictures or [{}] * len(figures), strict=True)):
        run = folder / f"run {number}"
        run.mkdir(parents=True)
        write_history(run, figure, picture, previous)
        previous = run
    return previous


def series(run, tag):
    return [(event.step, event.value) for event in EventAccumulator(str(run)).Reload().Scalars(tag)]


def picture(shade):
    file = io.BytesIO()
    Image.new("RGBA", (60, 30), (shade, 0, 0, 255)).save(file, "PNG")
    return file.getvalue()


def test_newest_run_alone_holds_the_figures_of_all(tmp_path):
    last = runs_of(
        tmp_path, [{"map/purity": 0.5, "rows": 10}, {"map/purity": 0.75}, {"map/purity": 1, "rows": 30}]
    )
    assert series(last, "map/purity") == [(1, 0.5), (2, 0.75), (3, 1.0)]
    assert series(last, "rows") == [(1, 10), (3, 30)]


def test_a_run_holds_nothing_of_later_ones(tmp_path):
    runs_of(tmp_path, [{"rows": 1}, {"rows": 2}])
    assert series(tmp_path / "run 0", "rows") == [(1, 1)]


def test_history_outlives_the_runs_that_it_tells_of(tmp_path):
    last = runs_of(tmp_path, [{"rows": 1}, {"rows": 2}])
    for file in (tmp_path / "run 0").iterdir():
        file.unlink()
    (tmp_path / "new").mkdir()
    assert write_history(tmp_path / "new", {"rows": 3}, {}, last) == 3
    assert series(tmp_path / "new", "rows") == [(1, 1), (2, 2), (3, 3)]


def test_steps_go_on_where_the_oldest_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(projector_history, "MAX_STEPS", 3)
    last = runs_of(tmp_path, [{"rows": number} for number in range(6)])
    assert series(last, "rows") == [(4, 3), (5, 4), (6, 5)]


def test_after_a_run_without_events_the_history_begins_anew(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "new").mkdir()
    assert write_history(tmp_path / "new", {"rows": 3}, {}, tmp_path / "empty") == 1


def test_pictures_are_half_as_wide_and_high(tmp_path):
    write_history(tmp_path, {}, {"map/UMAP": picture(255)}, None)
    (event,) = EventAccumulator(str(tmp_path), size_guidance={"images": 0}).Reload().Images("map/UMAP")
    assert (event.step, event.width, event.height) == (1, 30, 15)
    shown = Image.open(io.BytesIO(event.encoded_image_string)).convert("RGB")
    assert np.array_equal(np.asarray(shown), np.full((15, 30, 3), (255, 0, 0)))


def test_pictures_of_all_runs_are_kept(tmp_path):
    last = runs_of(tmp_path, [{}, {}, {}], [{"map/UMAP": picture(shade)} for shade in (10, 20, 30)])
    events = EventAccumulator(str(last), size_guidance={"images": 0}).Reload().Images("map/UMAP")
    assert [event.step for event in events] == [1, 2, 3]


@pytest.mark.parametrize("name", ['it\'s "my" run', "<script>", "a & b #1"])
def test_any_path_will_do(tmp_path, name):
    assert series(runs_of(tmp_path / name, [{"rows": 1}, {"rows": 2}]), "rows") == [(1, 1), (2, 2)]
