// The table: DataTables, given the rows that it shows piece by piece, so that their number plays no part.

import { swatch } from "./colors.js";
import { number } from "./dom.js";
import { kindGlyph, kindName } from "./kinds.js";

/* global DataTable */

const ROW_HEIGHT = 30; // pixels, as the style sheet has it
const WIDE = matchMedia("(min-width: 1700px)");

export function createTable(table, rows, { decisionOf, onPick }) {
  const name = (code) => (code < 0 ? "" : rows.classes[code]);
  const last = (code) => (code < 0 ? rows.classes.length : code); // those without a suggestion come last
  const compareText = (a, b) => (a < b ? -1 : Number(a > b));
  const columns = {
    rank: { title: "Rank", key: (row) => rows.rank[row], text: (row) => number(rows.rank[row]) },
    kind: { title: "Kind", key: (row) => rows.kind[row], text: (row) => kindName(rows.kinds[rows.kind[row]]) },
    headline: {
      title: "Headline",
      text: (row) => rows.headlines[row] ?? "",
      compare: (a, b) => compareText(rows.headlines[a] ?? "", rows.headlines[b] ?? ""),
    },
    label: { title: "Label", key: (row) => rows.label[row], text: (row) => name(rows.label[row]) },
    suggestion: {
      title: "Suggestion",
      key: (row) => last(rows.suggestion[row]),
      text: (row) => name(rows.suggestion[row]),
    },
    score: { title: "Score", key: (row) => -rows.score[row], text: (row) => rows.score[row].toFixed(2) },
    topics: {
      title: "Topics",
      key: (row) => -rows.two_topics[row],
      text: (row) => rows.two_topics[row].toFixed(2),
      onlyIfWide: true,
    },
    decision: {
      title: "Decision",
      text: decisionOf,
      compare: (a, b) => compareText(decisionOf(a), decisionOf(b)),
    },
    reason: {
      title: "Reason",
      text: rows.reason,
      compare: (a, b) => compareText(rows.reason(a), rows.reason(b)),
      onlyIfWide: true,
    },
  };
  const names = Object.keys(columns);

  let listed = new Int32Array(); // in the order shown
  let current = -1;
  let sortedBy = "rank asc";

  function sort({ column, dir }) {
    const { key, compare } = columns[names[column]];
    const ascending = compare ?? ((a, b) => key(a) - key(b));
    const sign = dir === "desc" ? -1 : 1;
    listed.sort((a, b) => sign * ascending(a, b) || a - b);
  }

  function fill(request, done) {
    const [order = { column: 0, dir: "asc" }] = request.order;
    const asked = `${names[order.column]} ${order.dir}`;
    if (asked !== sortedBy) sort(order);
    sortedBy = asked;
    const piece = listed.subarray(request.start, request.start + request.length);
    done({
      draw: request.draw,
      recordsTotal: rows.count,
      recordsFiltered: listed.length,
      data: Array.from(piece, (row) => ({
        row,
        ...Object.fromEntries(names.map((n) => [n, columns[n].text(row)])),
      })),
    });
  }

  const decorations = {
    kind: (cell, row) => cell.prepend(kindGlyph(rows.kinds[rows.kind[row]])),
    label: (cell, row) => cell.prepend(swatch(rows, rows.label[row])),
    suggestion: (cell, row) => rows.suggestion[row] >= 0 && cell.prepend(swatch(rows, rows.suggestion[row])),
  };

  const panel = table.parentElement; // before DataTables wraps the table
  const grid = new DataTable(table, {
    serverSide: true,
    ajax: fill,
    columns: names.map((column) => ({
      data: column,
      name: column,
      title: columns[column].title,
      className: `column-${column}`,
      visible: !columns[column].onlyIfWide || WIDE.matches,
      render: DataTable.render.text(),
      createdCell: (cell, text, { row }) => {
        cell.title = text;
        decorations[column]?.(cell, row);
      },
    })),
    createdRow: (line, { row }) => {
      line.dataset.row = row;
      line.classList.toggle("reviewed", decisionOf(row) !== "");
      mark(line);
      line.addEventListener("click", () => onPick(row));
    },
    order: [[0, "asc"]],
    autoWidth: false,
    layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
    language: { emptyTable: "No row passes the filters", zeroRecords: "No row passes the filters" },
    scroller: { rowHeight: ROW_HEIGHT, serverWait: 0 },
    scrollY: "200px", // until it is fitted
  });
  const wide = names.filter((column) => columns[column].onlyIfWide).map((column) => `${column}:name`);
  WIDE.addEventListener("change", () => grid.columns(wide).visible(WIDE.matches));
  const container = grid.table().container();
  const body = container.querySelector(".dt-scroll-body");
  const head = container.querySelector(".dt-scroll-head");
  // The scroller takes its height from the body's, which it wants in pixels.
  const fit = () => {
    body.style.height = body.style.maxHeight = `${panel.clientHeight - head.offsetHeight}px`;
    grid.scroller.measure();
  };
  function mark(line) {
    if (Number(line.dataset.row) === current) line.setAttribute("aria-current", "true");
    else line.removeAttribute("aria-current");
  }

  new ResizeObserver(fit).observe(panel);

  return {
    rows: () => listed,

    show(passing) {
      listed = passing;
      if (sortedBy !== "rank asc") sortedBy = ""; // sort again
      grid.draw();
    },

    setCurrent(row) {
      current = row;
      for (const line of body.querySelectorAll("tbody tr[data-row]")) mark(line);
      const place = listed.indexOf(row);
      if (place < 0) return;
      const { start, end } = grid.scroller.page();
      if (place <= start || place >= end) grid.scroller.toPosition(Math.max(0, place - 2), false);
    },
  };
}
