"""The triage page in a real browser, opened from disk with the network off, as a reviewer works with it."""

import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from tests.support.browser import WINDOW, open_page
from tests.support.triage_page_samples import CLASSES, FIRST_ID, map_of, report_of
from tests.unit.triage_page.test_triage_page import HOSTILE
from text_classification_viz.core.reviews.decisions import settle
from text_classification_viz.core.tables import TRAIN
from text_classification_viz.sources.reviews import read_reviews
from text_classification_viz.views.triage_page import PageMap, triage_page

pytestmark = pytest.mark.browser

REVIEWER = 'Ada "=1+1", Łovelace'
NOTE = "=HYPERLINK(\"x\"), a\nsecond line; 'quoted' 👩‍👩‍👧 \u202e"
# Middle, in pixels of the page, of what is drawn in about a color.
MIDDLE = """(canvas, color) => {
  const wanted = color.match(/\\d+/g).map(Number);
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let [x, y, n] = [0, 0, 0];
  for (let i = 0; i < data.length; i += 4) {
    if (wanted.every((value, k) => Math.abs(value - data[i + k]) < 30)) {
      x += (i / 4) % canvas.width; y += Math.floor(i / 4 / canvas.width); n++;
    }
  }
  const box = canvas.getBoundingClientRect();
  return [box.x + x / n * box.width / canvas.width, box.y + y / n * box.height / canvas.height, n];
}"""
# What has changed is drawn with the next frame, and what that brings about with the one after it.
TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
WATCH = """
window.alert = (text) => { window.ran = text; };
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) => violations.push(event.violatedDirective));
"""


def write_page(folder, report, maps=None):
    path = folder / "triage_page.html"
    path.write_bytes(triage_page(report, maps or [map_of(report), map_of(report, "t-SNE", turned=True)]))
    return path


@pytest.fixture(scope="module")
def browser():
    with open_page() as page:
        yield page.context.browser


@contextmanager
def opened(browser, path, init_script=""):
    """The page with nothing kept, which at the end has asked for nothing but itself, and broken no rule."""
    with browser.new_context(viewport=WINDOW, offline=True) as context:
        page = context.new_page()
        page.set_default_timeout(30_000)
        requests, messages = [], []
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.add_init_script(WATCH + init_script)
        page.goto(path.as_uri())
        page.locator("#table tbody tr[data-row]").first.wait_for()
        yield page
        assert set(requests) == {path.as_uri()}
        assert messages == []
        assert page.evaluate("[window.ran, ...violations]") == [None]


@pytest.fixture
def page(browser, tmp_path):
    with opened(browser, write_page(tmp_path, report_of())) as page:
        yield page


def headlines(page):
    return page.locator("#table tbody td.column-headline").all_inner_texts()


def shown_row(page):
    return page.locator("#evidence h2").inner_text()


def middle(page, label):
    """Where the points of a class are drawn, and how many pixels they take."""
    page.evaluate(TWO_FRAMES)
    color = legend(page, label).locator(".swatch").evaluate("node => getComputedStyle(node).backgroundColor")
    return page.locator("#points").evaluate(MIDDLE, color)


def legend(page, label):
    return page.locator("#legend button", has_text=label)


def lasso(page, label, reach=45):
    x, y, _ = middle(page, label)
    page.keyboard.down("Shift")
    page.mouse.move(x - reach, y - reach)
    page.mouse.down()
    for corner in [(reach, -reach), (reach, reach), (-reach, reach)]:
        page.mouse.move(x + corner[0], y + corner[1], steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")


def give_name(page, name=REVIEWER):
    """Of the reviewer, whom the first decision asks for."""
    page.locator("#reviewer-name").fill(name)
    page.keyboard.press("Enter")
    page.locator("#undo:enabled").wait_for()


def download(page, folder):
    folder.mkdir(exist_ok=True)
    with page.expect_download() as found:
        page.locator("#download").click()
    path = folder / found.value.suggested_filename
    found.value.save_as(path)
    return path


def train_df_of(report):
    labels = report["class_label"].to_pylist()
    columns = {
        "id": report["id"],
        "category": labels,
        "class_label": labels,
        "headline": report["headline"],
        "short_description": report["short_description"],
        "embedding_row": np.arange(len(labels)),
    }
    return pa.table(columns, schema=TRAIN)


def test_a_reviewer_works_through_a_lasso_and_the_file_holds_exactly_that(page, tmp_path):
    assert page.locator("#summary").inner_text() == "90 rows · 3 classes · 9 to look at"
    assert headlines(page) == [f"headline {row}" for row in range(9)]

    lasso(page, "ART")
    assert page.locator("#selection-text").inner_text() == "30 selected on the map"
    assert headlines(page) == ["headline 0", "headline 3", "headline 6"]

    # by mouse: the suggestion of one row, a label from the list for another
    page.locator("#table tbody tr", has_text="headline 3").click()
    page.locator("#decisions .choices button", has_text="SPORT").click()
    give_name(page)
    page.locator("#table tbody tr", has_text="headline 6").click()
    page.locator("#other-label").click()
    page.locator("#label-options li", has_text="WEATHER").click()
    assert page.locator("#progress-text").inner_text() == "2 of 3 reviewed"
    assert shown_row(page) == "headline 0"  # the one that is left

    # by keyboard: keep with a note, then drop, then the suggestion
    page.keyboard.press("n")
    page.locator("#note").fill(NOTE)
    page.keyboard.press("Escape")
    page.keyboard.press("k")
    page.keyboard.press("Escape")
    assert page.locator("#selection").is_hidden()
    page.keyboard.press("o")
    assert shown_row(page) == "headline 1"
    page.keyboard.press("d")
    assert shown_row(page) == "headline 2"
    page.keyboard.press("r")
    assert page.locator("#progress-text").inner_text() == "5 of 9 reviewed"

    page.reload()
    assert page.locator("#progress-text").inner_text() == "5 of 9 reviewed"
    assert page.locator("#reviewer").inner_text() == REVIEWER
    assert shown_row(page) == "headline 4"  # the first open one
    path = download(page, tmp_path / "reviews")

    decisions = read_reviews(path.parent)
    expected = {
        0: ("keep", None, NOTE),
        1: ("drop", None, None),
        2: ("relabel", "ART", None),
        3: ("relabel", "SPORT", None),
        6: ("relabel", "WEATHER", None),
    }
    assert {d.id - FIRST_ID: (d.decision, d.new_label, d.note) for d in decisions} == expected
    assert {d.reviewer for d in decisions} == {REVIEWER}
    assert all(abs(d.reviewed_at - datetime.now(UTC)) < timedelta(minutes=5) for d in decisions)
    settled = settle(decisions, train_df_of(report_of()))
    assert settled.set_aside == settled.conflicts == ()
    table = settled.table.to_pylist()
    assert {row["id"] - FIRST_ID: (row["decision"], row["new_label"], row["note"]) for row in table} == expected


def test_page_that_is_replaced_while_it_is_open_goes_on_and_opened_again_knows_the_decisions(page, tmp_path):
    def progress():
        return page.locator("#progress-text").inner_text()

    page.keyboard.press("k")
    give_name(page)
    # One finding more, and the first row has been relabeled upstream.
    later = report_of(n_mislabelled=10, class_label=["SPORT", *report_of()["class_label"].to_pylist()[1:]])
    write_page(tmp_path, later)
    page.keyboard.press("k")
    assert progress() == "2 of 9 reviewed"
    page.reload()
    assert progress() == "1 of 10 reviewed"
    page.keyboard.press("d")  # on the first open row, which is the relabeled one
    assert progress() == "2 of 10 reviewed"
    decided = read_reviews(download(page, tmp_path / "reviews").parent)
    assert [(row.id - FIRST_ID, row.class_label, row.decision) for row in decided] == [
        (0, "ART", "keep"),
        (1, "SPORT", "keep"),
        (0, "SPORT", "drop"),
    ]
    page.reload()
    assert progress() == "2 of 10 reviewed"
    write_page(tmp_path, report_of(n_mislabelled=11))
    page.reload()
    assert progress() == "0 of 11 reviewed"  # what was downloaded is for the folder of reviews to say


def test_a_note_that_is_changed_after_the_download_is_still_to_be_handed_over(page, tmp_path):
    page.keyboard.press("k")
    give_name(page)
    page.keyboard.press("ArrowUp")
    download(page, tmp_path / "first")
    page.locator("#note").fill("on second thoughts")
    page.locator("#note").blur()
    write_page(tmp_path, report_of(n_mislabelled=10))  # made anew: what was downloaded has had its turn
    page.reload()
    (decided,) = read_reviews(download(page, tmp_path / "second").parent)
    assert (decided.id, decided.decision, decided.note) == (FIRST_ID, "keep", "on second thoughts")


def test_undo_takes_back_decision_after_decision(page):
    page.keyboard.press("k")
    give_name(page)
    page.keyboard.press("d")
    assert page.locator("#download-count").inner_text() == "2"
    page.keyboard.press("u")
    assert shown_row(page) == "headline 1"
    page.keyboard.press("u")
    assert shown_row(page) == "headline 0"
    assert page.locator("#download-count").inner_text() == "0"
    assert page.locator("#undo").is_disabled()


def test_without_a_name_nothing_is_decided(page):
    page.keyboard.press("k")
    page.locator("#reviewer-dialog button", has_text="Cancel").click()
    assert page.locator("#download-count").inner_text() == "0"
    assert shown_row(page) == "headline 0"


def test_an_earlier_file_is_taken_up_but_for_what_does_not_fit(page, tmp_path):
    page.keyboard.press("r")
    give_name(page)
    path = download(page, tmp_path / "reviews")
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    stranger = lines[1].replace(str(FIRST_ID), "1")
    relabelled_upstream = lines[1].replace(str(FIRST_ID), str(FIRST_ID + 1))  # whose label is not ART
    other = lines[1].replace(str(FIRST_ID), str(FIRST_ID + 3))
    path.write_text("\n".join([*lines, stranger, relabelled_upstream, other]), encoding="utf-8")
    page.evaluate("localStorage.clear()")
    page.reload()
    assert page.locator("#download-count").inner_text() == "0"
    page.locator("#import-file").set_input_files(path)
    page.locator("#toast", has_text="2 of 4 decisions taken").wait_for()
    assert page.locator("#download-count").inner_text() == "2"
    assert page.locator("#table tbody td.column-decision").all_inner_texts()[:4] == ["→ SPORT", "", "", "→ SPORT"]


def test_filters_narrow_table_and_map(page):
    page.locator("#search").fill("DESCRIPTION 4")
    page.locator("#listed", has_text=re.compile("^1 rows")).wait_for()
    assert headlines(page) == ["headline 4"]
    page.locator("#clear").click()
    page.locator("#suggestion").select_option("ART")
    assert headlines(page) == ["headline 2", "headline 5", "headline 8"]
    page.locator("#clear").click()
    page.locator("#kinds button", has_text="no finding").click(modifiers=["Shift"])
    assert page.locator("#listed").inner_text() == "81 rows"
    assert headlines(page)[0] == "headline 9"
    page.locator("#clear").click()
    assert page.locator("#listed").inner_text() == "9 rows"


def test_legend_switches_a_class_off_and_on(page):
    before = middle(page, "SPORT")[2]
    legend(page, "SPORT").click()
    assert middle(page, "SPORT")[2] == 0
    assert headlines(page) == [f"headline {row}" for row in (0, 2, 3, 5, 6, 8)]
    legend(page, "SPORT").click()
    assert middle(page, "SPORT")[2] == before
    legend(page, "SPORT").dblclick()
    assert [middle(page, label)[2] > 0 for label in CLASSES] == [False, True, False]
    legend(page, "SPORT").dblclick()
    assert all(middle(page, label)[2] for label in CLASSES)


def test_maps_are_drawn_to_scale_and_switched(page):
    art, sport, weather = (np.array(middle(page, label)[:2]) for label in CLASSES)
    assert abs(sport[1] - art[1]) < 10  # side by side, as far as the map is wide, and the third half as high
    assert np.allclose((art + sport) / 2 - weather, [0, (sport - art)[0] / 2], atol=10)
    page.locator("#maps button", has_text="t-SNE").click()
    assert page.locator("#map-facts").inner_text() == "parameters of t-SNE"
    art, sport, weather = (np.array(middle(page, label)[:2]) for label in CLASSES)
    assert abs(sport[0] - art[0]) < 10
    assert sport[1] < art[1]  # y points up


def test_a_point_tells_its_row_and_a_click_opens_it(page):
    legend(page, "WEATHER").click(modifiers=["Shift"])
    x, y, _ = middle(page, "WEATHER")
    page.mouse.move(x, y)
    page.mouse.move(x + 1, y)
    tooltip = page.locator("#tooltip")
    tooltip.wait_for()
    headline = tooltip.locator("strong").inner_text()
    assert int(headline.split()[1]) % 3 == CLASSES.index("WEATHER")
    page.mouse.click(x + 1, y)
    assert shown_row(page) == headline


def test_the_row_in_full(page):
    page.locator("#table tbody tr", has_text="headline 4").click()
    evidence = page.locator("#evidence")
    assert evidence.locator(".description").inner_text() == "description 4"
    assert evidence.locator(".reason").inner_text() == "Its neighbors have another label."
    assert f"id {FIRST_ID + 4}" in evidence.locator(".facts").inner_text()
    bars = [" ".join(text.split()) for text in evidence.locator(".bars li").all_inner_texts()]
    assert bars == ["WEATHER 75 %", "SPORT 20 %", "WEATHER 40", "SPORT 10"]
    neighbors = [" ".join(text.split()) for text in evidence.locator(".neighbors li").all_inner_texts()]
    assert neighbors[0] == "0.90 WEATHER headline 5"
    assert len(neighbors) == 5
    evidence.locator(".neighbors button", has_text="headline 7").click()
    assert shown_row(page) == "headline 7"
    assert page.locator("#table tr[aria-current]").inner_text().split("\t")[2] == "headline 7"


def test_labels_of_neighbors_are_those_in_force(browser, tmp_path):
    neighbor_labels = report_of()["neighbor_labels"].to_pylist()
    neighbor_labels[0][0] = "WEATHER"  # headline 1, which is SPORT upstream and was relabeled
    with opened(browser, write_page(tmp_path, report_of(neighbor_labels=neighbor_labels))) as page:
        first = page.locator("#evidence .neighbors li").first
        assert " ".join(first.inner_text().split()) == "0.90 WEATHER headline 1"
        first.locator("button").click()
        assert "SPORT" in page.locator("#evidence .labels").inner_text()


def test_arrows_go_from_row_to_row_and_on_the_map_move_it(page):
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert shown_row(page) == "headline 1"
    before = middle(page, "SPORT")
    page.locator("#points").focus()
    page.keyboard.press("ArrowRight")
    assert middle(page, "SPORT")[0] == pytest.approx(before[0] - 60, abs=2)
    assert shown_row(page) == "headline 1"
    page.keyboard.press("f")
    assert middle(page, "SPORT") == pytest.approx(before, abs=2)


def test_wheel_and_drag(page):
    x, y, _ = middle(page, "ART")
    page.mouse.move(x, y)
    page.mouse.wheel(0, -300)
    assert middle(page, "ART")[:2] == pytest.approx([x, y], abs=4)  # what is under the pointer stays there
    page.mouse.down()
    page.mouse.move(x + 40, y + 25, steps=4)
    page.mouse.up()
    assert middle(page, "ART")[:2] == pytest.approx([x + 40, y + 25], abs=4)


def test_a_sorted_table_is_sorted_as_a_whole(page):
    from playwright.sync_api import expect

    for order in [(0, 3, 6, 1, 4, 7, 2, 5, 8), (2, 5, 8, 1, 4, 7, 0, 3, 6)]:
        page.locator(".dt-scroll-head th.column-label").click()
        expect(page.locator("td.column-headline")).to_have_text([f"headline {row}" for row in order])


def test_hostile_texts_are_only_text(browser, tmp_path):
    texts = (HOSTILE * 8)[:90]
    labels = [(text or "")[:1_000] or f"label {row % len(HOSTILE)}" for row, text in enumerate(texts)]
    suggested = [labels[(row + 1) % 90] for row in range(90)]
    report = report_of(
        n_mislabelled=90,
        headline=texts,
        short_description=texts,
        reason=labels,
        class_label=labels,
        suggested_label=suggested,
        candidate_labels=[[label] for label in suggested],
        candidate_probabilities=[[1.0]] * 90,
        tally_labels=[[label] for label in labels],
        tally_counts=[[50]] * 90,
    )
    maps = [PageMap(HOSTILE[2], HOSTILE[1], map_of(report).table)]
    with opened(browser, write_page(tmp_path, report, maps)) as page:
        page.keyboard.press("r")
        give_name(page, HOSTILE[2])
        for row in range(1, 12):
            evidence = page.locator("#evidence")
            expected = texts[row] or "(no headline)"
            assert evidence.locator("h2").evaluate("node => node.textContent") == expected
            assert evidence.locator(".reason").evaluate("node => node.textContent") == labels[row]
            page.keyboard.press("r")
        x, y, _ = middle(page, "img src")
        page.mouse.move(x, y)
        page.mouse.move(x + 2, y)
        page.locator("#search").fill("<img")
        page.locator("#listed", has_text=re.compile("^[78] rows")).wait_for()
        note = "lone \ud800 surrogate"
        page.locator("#note").evaluate(
            "(node, note) => { node.value = note; node.dispatchEvent(new Event('input')); }", note
        )
        page.locator("#search").blur()
        page.keyboard.press("k")
        page.evaluate("document.activeElement.blur()")
        path = download(page, tmp_path / "reviews")
        assert page.locator("body img, body script:not([type])").count() == 0
    decisions = read_reviews(path.parent)
    relabeled = {d.id - FIRST_ID: d.new_label for d in decisions if d.decision == "relabel"}
    assert relabeled == {row: suggested[row] for row in range(12)}
    assert {d.class_label for d in decisions} <= set(labels)
    assert {d.reviewer for d in decisions} == {HOSTILE[2]}


def test_where_the_browser_keeps_nothing_the_page_says_so(browser, tmp_path):
    full = "Storage.prototype.setItem = () => { throw new Error('no room'); };"
    with opened(browser, write_page(tmp_path, report_of()), full) as page:
        assert page.locator("#no-storage").is_visible()
        page.keyboard.press("k")
        give_name(page)
        assert page.locator("#download-count").inner_text() == "1"


def test_rows_that_a_map_lacks_are_said_to_be_elsewhere(browser, tmp_path):
    report = report_of()
    whole, other = map_of(report), map_of(report, "t-SNE")
    part = PageMap(other.name, other.parameters, other.table.slice(1, 20))
    with opened(browser, write_page(tmp_path, report, [whole, part])) as page:
        assert "not on the" not in page.locator(".facts").inner_text()
        page.keyboard.press("m")
        assert "not on the t-SNE map" in page.locator(".facts").inner_text()
        assert page.locator("#map-facts").inner_text() == "20 of 90 rows; parameters of t-SNE"


def test_colors_follow_the_system_and_the_button(page):
    def ground():
        return page.evaluate("getComputedStyle(document.getElementById('points')).backgroundColor")

    light = ground()
    page.emulate_media(color_scheme="dark")
    dark = ground()
    assert light != dark
    page.locator("#theme").click()
    assert ground() == light
    page.reload()
    assert ground() == light


def test_help_names_every_key_once(page):
    page.keyboard.press("?")
    assert page.locator("#help-dialog").is_visible()
    keys = page.locator("#help-dialog kbd").all_inner_texts()
    assert len(keys) == len(set(keys))
    page.keyboard.press("k")  # nothing is decided behind a dialog
    page.keyboard.press("Escape")
    assert page.locator("#download-count").inner_text() == "0"


def test_a_row_without_suggestion_is_relabelled_by_digit_and_not_by_r(browser, tmp_path):
    report = report_of(suggested_label=[None] * 90)
    with opened(browser, write_page(tmp_path, report)) as page:
        page.keyboard.press("r")
        assert page.locator("#reviewer-dialog").is_hidden()
        page.keyboard.press("1")  # the first candidate that is not its label
        give_name(page)
        assert page.locator("#table tbody td.column-decision").first.inner_text() == "→ SPORT"


def test_all_rows_however_many_are_reached_by_scrolling(browser, tmp_path):
    report = report_of(3_000, 3_000)
    with opened(browser, write_page(tmp_path, report)) as page:
        assert page.locator("#table tbody tr").count() < 300
        page.locator(".dt-scroll-body").evaluate("body => body.scrollTo(0, body.scrollHeight)")
        page.locator("td.column-headline", has_text="headline 2999").wait_for()
        page.keyboard.press("ArrowUp")  # from the first row to the last
        assert shown_row(page) == "headline 2999"
        page.keyboard.press("ArrowDown")
        page.locator("tr[aria-current] td.column-headline", has_text=re.compile("^headline 0$")).wait_for()


def test_a_filter_that_leaves_the_row_out_brings_another(page):
    lasso(page, "WEATHER")
    assert shown_row(page) == "headline 2"
    page.keyboard.press("Escape")
    assert shown_row(page) == "headline 2"


def test_a_sample_is_said_to_be_one_and_neighbors_outside_it_are_text(browser, tmp_path):
    report = report_of(300, 3)
    path = tmp_path / "triage_page.html"
    path.write_bytes(triage_page(report, [map_of(report)], max_rows=30))
    with opened(browser, path) as page:
        assert page.locator("#sample").inner_text().startswith("30 of 300 rows are shown: all with a finding")
        neighbors = page.locator(".neighbors li")
        assert [text.split()[-1] for text in neighbors.all_inner_texts()] == ["1", "2", "3", "4", "5"]
        assert neighbors.locator("button").all_inner_texts()[:2] == ["headline 1", "headline 2"]
        assert 2 <= neighbors.locator("button").count() < 5


def test_typing_a_label_decides_nothing_until_enter(page):
    """`l` opens a list that filters as one types; it was a select, which chose by the first letter."""
    row = shown_row(page)
    page.keyboard.press("l")
    page.keyboard.type("ART or weather, kdrn1", delay=5)
    assert page.locator("#label-options li").count() == 0
    page.keyboard.press("Enter")  # nothing matches, so nothing is chosen
    page.keyboard.press("Escape")
    assert page.locator("#label-dialog").is_hidden()
    assert page.locator("#download-count").inner_text() == "0"
    assert shown_row(page) == row
    assert page.locator("#undo").is_disabled()


def test_enter_alone_chooses_no_label(page):
    page.keyboard.press("l")
    page.keyboard.press("Enter")
    assert page.locator("#label-dialog").is_visible()
    assert page.locator("#undo").is_disabled()


def test_a_label_is_found_by_typing_and_chosen_by_enter(page, tmp_path):
    own = page.locator("#evidence .labels .label").first.inner_text()
    chosen = next(name for name in CLASSES if name != own)
    page.keyboard.press("l")
    assert own not in page.locator("#label-options li").all_inner_texts()
    page.keyboard.type(chosen[1:4].lower())
    assert page.locator("#label-options li[aria-selected=true]").inner_text() == chosen
    page.keyboard.press("Enter")
    give_name(page)
    page.locator("#label-dialog").wait_for(state="hidden")
    report = report_of()
    (decision,) = read_reviews(download(page, tmp_path / "reviews").parent)
    assert (decision.decision, decision.new_label) == ("relabel", chosen)
    assert decision.class_label == own
    assert decision.id in report["id"].to_pylist()


def test_arrows_move_through_the_filtered_labels(page):
    page.keyboard.press("l")
    names = page.locator("#label-options li").all_inner_texts()
    marked = page.locator("#label-options li[aria-selected=true]")
    page.keyboard.press("ArrowDown")
    assert marked.inner_text() == names[0]
    page.keyboard.press("ArrowUp")
    assert marked.inner_text() == names[-1]
    page.keyboard.press("ArrowDown")
    assert marked.inner_text() == names[0]
    assert page.locator("#label-filter").get_attribute("aria-activedescendant") == marked.get_attribute("id")
