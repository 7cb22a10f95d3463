// The page: its state, and how the parts tell each other what changed.

import { setUpTheme } from "./colors.js";
import { readRows } from "./data.js";
import { createDetail, decisionText, offeredLabels } from "./detail.js";
import { byId, element, number, toast } from "./dom.js";
import { downloadReviews, importReviews } from "./files.js";
import { createFilterBar } from "./filter_bar.js";
import { createSearch, defaultCriteria, isNarrow, matchingRows } from "./filters.js";
import { ZOOM_STEP, setUpGestures } from "./gestures.js";
import { createLabelPicker } from "./label_picker.js";
import { FAINT, HIDDEN, LISTED, PLAIN, createMap } from "./map.js";
import { createReviewer } from "./reviewer.js";
import { Reviews, cleanText, isDecided } from "./reviews.js";
import { setUpShortcuts } from "./shortcuts.js";
import { openStorage } from "./storage.js";
import { createTable } from "./table.js";
import { createTooltip } from "./tooltip.js";

const ALL_REVIEWED = "All rows of this filter are reviewed.";

const source = byId("data");
const rows = readRows(JSON.parse(source.textContent));
const rowOfId = new Map(rows.ids.slice(0, rows.count).map((id, row) => [id, row]));
// Whoever's data has the same labels and the page at the same place has the same data, a run later.
const storage = openStorage(`${location.pathname}:${rows.classes.join()}`, source.dataset.key);
const reviews = new Reviews();
const criteria = defaultCriteria(rows);
const search = createSearch(rows);
let current = -1;
let lassoMode = false;
let unsaved = false; // decisions that neither the browser nor a file has

const recordOf = (row) => reviews.get(rows.ids[row]);
const isReviewed = (row) => Boolean(rows.reviewed[row]) || isDecided(recordOf(row));

const labelOfId = (id) => rows.classes[rows.label[rowOfId.get(id)]];
const loadReviews = () =>
  reviews.load(storage.loadReviews(), (record) => labelOfId(record.id) === record.class_label);
loadReviews();

// ---- the parts

const map = createMap(byId("points"), byId("marks"), rows);
const table = createTable(byId("table"), rows, {
  decisionOf: (row) => decisionText(recordOf(row)) || (rows.reviewed[row] ? "reviewed" : ""),
  onPick: goTo,
});
const detail = createDetail(byId("evidence"), byId("decisions"), rows, { goTo, decide, chooseLabel, note, whereOnMap });
const openLabelPicker = createLabelPicker(rows, (code) => decide("relabel", code));
const reviewer = createReviewer(storage);
const filterBar = createFilterBar(rows, criteria, onFilter);

// ---- what is shown

function update() {
  const { inScope, listed } = matchingRows(rows, criteria, search, isReviewed);
  table.show(listed);
  paint(listed);
  filterBar.refresh();
  const reviewed = inScope.filter(isReviewed).length;
  byId("progress-text").textContent = `${number(reviewed)} of ${number(inScope.length)} reviewed`;
  Object.assign(byId("progress"), { max: inScope.length || 1, value: reviewed });
  byId("listed").textContent = `${number(listed.length)} rows`;
  const selected = criteria.selected?.reduce((sum, one) => sum + one, 0);
  byId("selection").hidden = !criteria.selected;
  byId("selection-text").textContent = `${number(selected ?? 0)} selected on the map`;
  byId("undo").disabled = !reviews.canUndo;
  byId("download-count").textContent = number(reviews.decided().length);
}

// A filter that leaves the current row out brings another.
function onFilter() {
  update();
  if (!table.rows().includes(current)) goTo(rowFrom(1, (row) => !isReviewed(row)) ?? table.rows()[0] ?? -1);
}

function paint(listed) {
  const isListed = new Uint8Array(rows.count);
  for (const row of listed) isListed[row] = 1;
  const other = isNarrow(criteria) ? FAINT : PLAIN;
  map.setAppearance((row) => {
    if (!criteria.classes.has(rows.label[row])) return HIDDEN;
    return isListed[row] ? LISTED : other;
  }, criteria.classes);
}

function goTo(row) {
  current = row;
  table.setCurrent(row);
  map.showRow(row);
  if (row < 0) detail.showNothing("Choose a row in the table or a point on the map.");
  else detail.show(row, recordOf(row));
}

function whereOnMap(row) {
  return Number.isNaN(map.shownMap().x[row]) && element("span", {}, `not on the ${map.shownMap().name} map`);
}

// The row `step` places on in the table that `accepts`, if any; the table begins again at its end.
function rowFrom(step, accepts = () => true) {
  const listed = table.rows();
  const at = listed.indexOf(current);
  for (let i = 1; i <= listed.length; i++) {
    const place = at < 0 ? (step > 0 ? i - 1 : listed.length - i) : at + step * i;
    const row = listed[(place + listed.length) % listed.length];
    if (row !== current && accepts(row)) return row;
  }
  return undefined;
}

function move(step) {
  const row = rowFrom(step);
  if (row !== undefined) goTo(row);
}

function goToNextOpen() {
  const row = rowFrom(1, (candidate) => !isReviewed(candidate));
  if (row === undefined) toast(ALL_REVIEWED);
  else goTo(row);
}

// ---- decisions

function save() {
  if (!storage.saveReviews(reviews.records())) unsaved = true;
  byId("no-storage").hidden = !unsaved && storage.works;
}

function stamp(row, decision, newCode, text) {
  return {
    id: rows.ids[row],
    class_label: rows.classes[rows.label[row]],
    decision,
    new_label: decision === "relabel" ? rows.classes[newCode] : "",
    reviewer: reviewer.name(),
    reviewed_at: new Date().toISOString(),
    note: cleanText(text),
  };
}

async function decide(decision, newCode = -1) {
  const row = current;
  if (row < 0 || (decision === "relabel" && !(newCode >= 0 && newCode !== rows.label[row]))) return;
  if (!(await reviewer.isKnown())) return;
  reviews.decide([stamp(row, decision, newCode, recordOf(row)?.note ?? "")]);
  save();
  const next = rowFrom(1, (candidate) => !isReviewed(candidate)); // before the filters take the row away
  update();
  if (next === undefined) {
    detail.refresh(row, recordOf(row));
    toast(ALL_REVIEWED);
  } else {
    goTo(next);
  }
}

// Every label but the row's own: one that has a button can be typed, too.
function chooseLabel() {
  if (current < 0) return;
  openLabelPicker([...rows.classes.keys()].filter((code) => code !== rows.label[current]));
}

function note(text) {
  const before = recordOf(current);
  const record = isDecided(before)
    ? {
        ...before,
        reviewer: reviewer.name() || before.reviewer,
        reviewed_at: new Date().toISOString(),
        downloaded: false,
      }
    : stamp(current, "", -1, "");
  reviews.setNote({ ...record, note: cleanText(text) });
  save();
}

function download() {
  if (!downloadReviews(reviews, reviewer.name())) return;
  unsaved = false;
  storage.saveReviews(reviews.records());
}

async function takeFile(file) {
  await importReviews(file, reviews, labelOfId, rows.classes);
  save();
  update();
  if (current >= 0) goTo(current);
}

function undo() {
  const ids = reviews.undo();
  if (!ids.length) return;
  save();
  update();
  goTo(rowOfId.get(ids[0]));
}

// ---- the map's controls

function select(selected) {
  criteria.selected = selected?.includes(1) ? selected : null;
  setLassoMode(false);
  onFilter();
}

function setLassoMode(on) {
  lassoMode = on;
  byId("lasso").setAttribute("aria-pressed", String(on));
  byId("points").parentElement.classList.toggle("lasso", on);
}

function showMap(index) {
  map.show(index);
  for (const [i, button] of [...byId("maps").children].entries())
    button.setAttribute("aria-pressed", String(i === index));
  const { name, parameters, total } = rows.maps[index];
  const part = total < rows.total ? `${number(total)} of ${number(rows.total)} rows` : "";
  byId("map-facts").textContent = [part, parameters].filter(Boolean).join("; ");
  byId("points").setAttribute(
    "aria-label",
    `${name} map of ${number(Math.min(total, rows.count))} rows, colored by class`,
  );
  if (current >= 0) goTo(current);
}

// The sets stay those that the filter bar holds.
function refill(set, members) {
  set.clear();
  for (const member of members) set.add(member);
}

function clearFilters() {
  const { kinds, classes, ...rest } = defaultCriteria(rows);
  refill(criteria.kinds, kinds);
  refill(criteria.classes, classes);
  Object.assign(criteria, rest);
  onFilter();
}

setUpGestures(byId("points"), map, {
  isLassoMode: () => lassoMode,
  onHover: createTooltip(rows, map),
  onPick: (row) => {
    if (row >= 0) goTo(row);
    else if (criteria.selected) select(null);
  },
  onLasso: select,
});

byId("maps").append(
  ...rows.maps.map(({ name }, i) => element("button", { type: "button", onclick: () => showMap(i) }, name)),
);
byId("maps").hidden = rows.maps.length < 2;
const nextMap = () => showMap((rows.maps.indexOf(map.shownMap()) + 1) % rows.maps.length);

const clicks = {
  "zoom-in": () => map.zoom(ZOOM_STEP),
  "zoom-out": () => map.zoom(1 / ZOOM_STEP),
  fit: () => map.fit(),
  lasso: () => setLassoMode(!lassoMode),
  "clear-selection": () => select(null),
  clear: clearFilters,
  undo,
  download,
  import: () => byId("import-file").click(),
  help: () => byId("help-dialog").showModal(),
};
for (const [id, action] of Object.entries(clicks)) byId(id).addEventListener("click", action);
byId("import-file").addEventListener("change", async (event) => {
  const { target } = event;
  if (target.files.length) await takeFile(target.files[0]);
  target.value = ""; // so that the same file can be taken again
});

const relabelByDigit = (key) => decide("relabel", offeredLabels(rows, current)[Number(key) - 1]);
setUpShortcuts(
  {
    Decide: [
      ["k", "keep the label", ["k"], () => decide("keep")],
      ["r", "relabel as suggested", ["r"], () => decide("relabel", rows.suggestion[current])],
      ["1 … 9", "relabel as the button of this number", [..."123456789"], relabelByDigit],
      ["l", "choose another label", ["l"], chooseLabel],
      ["d", "drop the row", ["d"], () => decide("drop")],
      ["n", "write a note; Esc when done", ["n"], () => byId("note")?.focus()],
      ["u", "undo", ["u"], undo],
    ],
    "Go to": [
      [
        "↓ ↑",
        "the next and the previous row",
        ["ArrowDown", "ArrowUp"],
        (key) => move(key === "ArrowDown" ? 1 : -1),
      ],
      ["o", "the next open row", ["o"], goToNextOpen],
      ["/", "search", ["/"], () => byId("search").focus()],
    ],
    Map: [
      ["+ −", "zoom", ["+", "=", "-"], (key) => map.zoom(key === "-" ? 1 / ZOOM_STEP : ZOOM_STEP)],
      ["f", "all of the map", ["f"], () => map.fit()],
      ["m", "the other map", ["m"], nextMap],
      ["s", "select with a lasso (or Shift and drag)", ["s"], () => setLassoMode(!lassoMode)],
      ["Esc", "no selection", ["Escape"], () => select(null)],
    ],
    Page: [["?", "this help", ["?"], () => byId("help-dialog").showModal()]],
  },
  byId("help-dialog"),
);

setUpTheme(
  byId("theme"),
  storage.loadSetting("theme"),
  (scheme) => storage.saveSetting("theme", scheme),
  () => map.restyle(),
);
storage.onOtherTab(() => {
  loadReviews();
  update();
  if (current >= 0) detail.refresh(current, recordOf(current));
});
addEventListener("beforeunload", (event) => unsaved && event.preventDefault());
new ResizeObserver(() => map.resize()).observe(byId("points"));

// ---- the first view

const shown = rows.kind.reduce((sum, kind) => sum + Number(rows.kinds[kind] !== "none"), 0);
const which =
  shown === rows.findings
    ? "all with a finding"
    : "all whose label is likely wrong or contested, the first with each other finding";
byId("summary").textContent =
  `${number(rows.total)} rows · ${number(rows.classes.length)} classes · ${number(rows.findings)} to look at`;
byId("sample").hidden = rows.count === rows.total;
byId("sample").textContent =
  `${number(rows.count)} of ${number(rows.total)} rows are shown: ${which}, and a sample of the others, ` +
  "each class with its share.";
byId("no-storage").hidden = storage.works;
showMap(0);
onFilter();
