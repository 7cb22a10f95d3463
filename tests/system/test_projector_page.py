"""The page that opens on the first map: as a file on its own, in a real browser."""

import numpy as np
import pyarrow as pa
import pytest

from tests.support.browser import open_page
from tests.system.test_projector_server import (
    CENTRES,
    CLASSES,
    DRAWN_POINTS,
    HOSTILE_HEADLINES_SHOWN,
    INJECTION,
    N_ROWS,
    centres_on_screen,
    class_of_row,
    drawn_points,
    flat_map,
    headlines,
    legend,
    open_bookmark,
    open_components,
    stretched,
    vectors,
    write_news,
)
from text_classification_viz.core.errors import InputError
from text_classification_viz.views.projector import page as core_page
from text_classification_viz.views.projector.page import projector_page
from text_classification_viz.views.projector.run import Layout, write_run

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp('it\'s "my" page')
    write_news(folder / "run")
    file = folder / "projector.html"
    file.write_bytes(projector_page(folder / "run"))
    return file


@pytest.fixture(scope="class")
def opened(page_file):
    """The page, opened from the disk; nothing may have been thrown, nor asked of anybody, at the end."""
    with open_page() as page:
        thrown, asked = [], []
        page.on("pageerror", lambda error: thrown.append(error))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.as_uri())
        page.wait_for_function(DRAWN_POINTS)
        yield page
        assert not thrown
        assert [url for url in asked if not url.startswith("blob:")] == [page_file.as_uri()]


class TestOpened:
    def test_opens_on_the_first_map_in_the_colors_of_its_classes_with_no_click(self, opened):
        shown = centres_on_screen(opened)
        scale = np.linalg.norm(shown[1] - shown[0]) / np.linalg.norm(CENTRES[1] - CENTRES[0])
        assert scale > 20  # pixels: the map fills the view
        assert np.allclose(shown - shown[0], scale * (CENTRES - CENTRES[0]), atol=0.02 * 18 * scale)
        assert np.allclose(drawn_points(opened)[:, :2], stretched(flat_map()), atol=1e-3)
        counts = {name: count for name, (_, count) in legend(opened).items()}
        assert counts == {name: (class_of_row() == i).sum() for i, name in enumerate(CLASSES)}
        assert opened.locator("vz-projector-bookmark-panel").evaluate("panel => panel.savedStates[0].isSelected")
        assert opened.locator("#notice").count() == 0

    def test_holds_all_vectors(self, opened):
        held = opened.locator("vz-projector").evaluate(
            "p => p.originalDataSet.points.map(point => [...point.vector])"
        )
        assert np.array_equal(np.array(held, dtype=np.float32), vectors())

    def test_other_maps_are_a_click_away(self, opened):
        open_bookmark(opened, "t-SNE on its side")
        centres_on_screen(opened)
        assert np.allclose(drawn_points(opened)[:, :2], stretched(flat_map()[:, ::-1]), atol=1e-3)
        open_bookmark(opened, "3D")
        centres_on_screen(opened)
        solid = np.column_stack([flat_map(), class_of_row()])
        assert np.allclose(drawn_points(opened), stretched(solid), atol=1e-3)

    def test_principal_components_come_when_asked_for(self, opened):
        open_components(opened)
        assert (np.ptp(drawn_points(opened), axis=0) > 1.9).all()

    def test_texts_belong_to_their_points_and_are_only_text(self, opened):
        shown = opened.locator("vz-projector").evaluate(
            "p => p.dataSet.points.map(point => point.metadata.headline)"
        )
        assert shown == headlines(HOSTILE_HEADLINES_SHOWN)
        opened.locator("#search-box input").fill("<script>")
        matches = opened.locator(".matches-list .row .label")
        matches.first.wait_for()
        assert set(matches.all_inner_texts()) == {INJECTION}
        assert opened.evaluate("window.injected") is None


def test_markup_of_others_is_nowhere_in_the_file(page_file):
    content = page_file.read_bytes()
    assert b"injected" not in content
    assert content.count(b"</script>") == 5  # four files and our own lines


def test_same_run_gives_the_same_bytes(page_file):
    assert projector_page(page_file.parent / "run") == page_file.read_bytes()


def test_vectors_that_pass_for_text_are_opened_too(tmp_path):
    table = pa.table({"headline": ["a"] * N_ROWS, "class_label": [CLASSES[label] for label in class_of_row()]})
    (tmp_path / "run").mkdir()
    write_run(tmp_path / "run", np.zeros((N_ROWS, 5), np.float32), table, [Layout("map", flat_map())])
    (tmp_path / "page.html").write_bytes(projector_page(tmp_path / "run"))
    with open_page() as page:
        page.goto((tmp_path / "page.html").as_uri())
        page.wait_for_function(DRAWN_POINTS)
        centres_on_screen(page)
        assert np.allclose(drawn_points(page)[:, :2], stretched(flat_map()), atol=1e-3)


def test_run_without_a_map_has_no_page(tmp_path):
    write_run(tmp_path, vectors()[:4], pa.table({"headline": list("abcd"), "class_label": list("xxyy")}))
    with pytest.raises(InputError, match="expected a map to open on, found no bookmarks"):
        projector_page(tmp_path)


def test_tensorboard_without_the_script_is_named(page_file, monkeypatch):
    monkeypatch.setattr(core_page, "SCRIPT", "tf_projector_plugin/moved.js")
    with pytest.raises(
        InputError, match=r"moved\.js: expected the script of the Embedding Projector, found no file"
    ):
        projector_page(page_file.parent / "run")
