// One row in full: its text, why it is listed, the evidence, and what to decide.

import { swatch } from "./colors.js";
import { element, number, percent, textElement } from "./dom.js";
import { kindGlyph, kindName } from "./kinds.js";
import { isDecided } from "./reviews.js";

const OFFERED_BY_DIGIT = 9;

// Labels to give, the suggestion first, then the other candidates.
export function offeredLabels(rows, row) {
  const candidates = rows.candidates(row).map(({ code }) => code);
  const offered = new Set([rows.suggestion[row], ...candidates]);
  offered.delete(rows.label[row]);
  offered.delete(-1);
  return [...offered].slice(0, OFFERED_BY_DIGIT);
}

export function decisionText(record) {
  if (!isDecided(record)) return "";
  return record.decision === "relabel" ? `→ ${record.new_label}` : record.decision;
}

export function createDetail(evidence, decisions, rows, actions) {
  const label = (code) =>
    element(
      "span",
      { class: "label", title: rows.classes[code] ?? "" },
      swatch(rows, code),
      element("bdi", {}, rows.classes[code] ?? "?"),
    );

  // A link to the row where the page has it; otherwise the text alone.
  const rowLink = (row) =>
    row < rows.count
      ? textElement("button", rows.headlines[row] || "(no headline)", {
          class: "link",
          type: "button",
          onclick: () => actions.goTo(row),
        })
      : textElement("span", rows.headlines[row] || "(no headline)", {
          title: "This row is not part of the page's sample",
        });

  const bars = (title, list, total, format) =>
    list.length > 0 &&
    element(
      "section",
      {},
      element("h3", {}, title),
      element(
        "ul",
        { class: "bars" },
        ...list.map(({ code, value }) => {
          const bar = element("span", { class: "bar", "aria-hidden": "true" });
          bar.style.setProperty("--share", value / total);
          bar.append(element("span"));
          bar.firstChild.style.setProperty("--color", "var(--accent)");
          return element("li", {}, label(code), bar, element("span", { class: "value" }, format(value)));
        }),
      ),
    );

  const neighbors = (row) => {
    const list = rows.neighbors(row);
    return (
      list.length > 0 &&
      element(
        "section",
        {},
        element("h3", {}, "Nearest rows"),
        element(
          "ol",
          { class: "neighbors" },
          ...list.map(({ code, value, place }) =>
            element(
              "li",
              {},
              element("span", { class: "value", title: "Cosine similarity" }, value.toFixed(2)),
              label(rows.neighborLabel[place]),
              rowLink(code),
            ),
          ),
        ),
      )
    );
  };

  const duplicate = (row) =>
    rows.duplicateOf[row] >= 0 &&
    element(
      "section",
      {},
      element("h3", {}, rows.conflict[row] ? "Near duplicate, under another label" : "Near duplicate"),
      element(
        "p",
        { class: "duplicate" },
        label(rows.label[rows.duplicateOf[row]]),
        rowLink(rows.duplicateOf[row]),
      ),
    );

  function showEvidence(row) {
    const kind = rows.kinds[rows.kind[row]];
    const tally = rows.tally(row);
    const total = tally.reduce((sum, { value }) => sum + value, 0);
    const candidates = rows.candidates(row);
    evidence.replaceChildren(
      element(
        "p",
        { class: "facts" },
        element("span", { class: "kind", title: rows.meanings[rows.kind[row]] }, kindGlyph(kind), kindName(kind)),
        `rank ${number(rows.rank[row])}`,
        element(
          "span",
          { title: "P(the label is wrong). It orders rows; it is not calibrated." },
          `score ${rows.score[row].toFixed(2)}`,
        ),
        kind === "ambiguous" && `two topics ${rows.two_topics[row].toFixed(2)}`,
        `id ${rows.ids[row]}`,
        actions.whereOnMap(row),
      ),
      textElement("h2", rows.headlines[row] || "(no headline)"),
      textElement("p", rows.descriptions[row] || "(no description)", { class: "description" }),
      element(
        "p",
        { class: "labels" },
        label(rows.label[row]),
        rows.suggestion[row] >= 0 && element("span", { class: "arrow", "aria-label": "suggested:" }, "→"),
        rows.suggestion[row] >= 0 && label(rows.suggestion[row]),
      ),
      textElement("p", rows.reason(row), { class: "reason" }),
      ...[
        duplicate(row),
        neighbors(row),
        element(
          "div",
          { class: "columns" },
          bars("Candidates", candidates, 1, percent),
          bars(`Labels of the nearest ${total}`, tally, total, String),
        ),
      ].filter(Boolean),
    );
    evidence.scrollTop = 0;
  }

  const decide = (caption, key, decision, newCode, record, attributes = {}) => {
    const chosen =
      record?.decision === decision && (decision !== "relabel" || record.new_label === rows.classes[newCode]);
    return element(
      "button",
      {
        type: "button",
        "aria-pressed": String(chosen),
        title: caption,
        ...attributes,
        onclick: () => actions.decide(decision, newCode),
      },
      element("kbd", {}, key),
      newCode >= 0 && swatch(rows, newCode),
      element("bdi", {}, caption),
    );
  };

  function showDecisions(row, record) {
    const offered = offeredLabels(rows, row);
    const others = [...rows.classes.keys()].filter((code) => code !== rows.label[row] && !offered.includes(code));
    const isOther =
      record?.decision === "relabel" && others.some((code) => rows.classes[code] === record.new_label);
    const more = element(
      "button",
      {
        id: "other-label",
        type: "button",
        "aria-haspopup": "dialog",
        "aria-pressed": String(isOther),
        title: "Relabel as (l)",
        onclick: actions.chooseLabel,
      },
      element("kbd", {}, "l"),
      element("bdi", {}, isOther ? record.new_label : "other label…"),
    );
    const note = element("textarea", {
      id: "note",
      maxlength: "10000", // as the reader of reviews takes
      rows: "1",
      placeholder: "Note (n)",
      "aria-label": "Note",
      oninput: (event) => actions.note(event.target.value),
    });
    note.value = record?.note ?? "";
    decisions.replaceChildren(
      element(
        "div",
        { class: "choices" },
        decide(`Keep ${rows.classes[rows.label[row]]}`, "k", "keep", -1, record, { class: "keep" }),
        ...offered.map((code, i) => decide(rows.classes[code], String(i + 1), "relabel", code, record)),
        others.length > 0 && more,
        decide("Drop row", "d", "drop", -1, record, { class: "drop" }),
      ),
      note,
    );
  }

  return {
    show(row, record) {
      showEvidence(row);
      showDecisions(row, record);
    },
    refresh: showDecisions,
    showNothing(text) {
      evidence.replaceChildren(element("p", { class: "empty" }, text));
      decisions.replaceChildren();
    },
  };
}
