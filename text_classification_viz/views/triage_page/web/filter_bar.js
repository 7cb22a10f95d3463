// The controls over the filters: kinds, classes, suggestion, status and search.

import { swatch } from "./colors.js";
import { byId, element, number } from "./dom.js";
import { kindGlyph, kindName } from "./kinds.js";

const SEARCH_DELAY = 120; // milliseconds after the last letter

export function createFilterBar(rows, criteria, onChange) {
  const counts = (codes, n) => {
    const totals = Array.from({ length: n }, () => 0);
    for (let row = 0; row < rows.count; row++) totals[codes[row]]++;
    return totals;
  };

  // Buttons that switch members of a set; double or shift click leaves only this one, and once more all again.
  const toggles = (set, codes, describe) => {
    const buttons = new Map();
    const refresh = () => {
      for (const [code, button] of buttons) button.setAttribute("aria-pressed", String(set.has(code)));
    };
    const only = (code) => {
      const alone = set.size === 1 && set.has(code);
      for (const other of codes) {
        if (alone || other === code) set.add(other);
        else set.delete(other);
      }
    };
    for (const code of codes) {
      const click = (event) => {
        if (event.shiftKey) only(code);
        else if (!set.delete(code)) set.add(code);
        onChange();
      };
      const doubleClick = () => {
        only(code); // the two clicks before it have undone each other
        onChange();
      };
      const { title, content } = describe(code);
      const attributes = { type: "button", class: "toggle", title, onclick: click, ondblclick: doubleClick };
      buttons.set(code, element("button", attributes, ...content));
    }
    return { buttons: [...buttons.values()], refresh };
  };

  const kindCounts = counts(rows.kind, rows.kinds.length);
  const kinds = toggles(
    criteria.kinds,
    [...rows.kinds.keys()].filter((kind) => kindCounts[kind]),
    (kind) => ({
      title: rows.meanings[kind],
      content: [
        kindGlyph(rows.kinds[kind]),
        kindName(rows.kinds[kind]),
        element("small", {}, number(kindCounts[kind])),
      ],
    }),
  );
  byId("kinds").replaceChildren(...kinds.buttons);

  const classCounts = counts(rows.label.subarray(0, rows.count), rows.classes.length);
  const classes = toggles(criteria.classes, [...rows.classes.keys()], (code) => ({
    title: rows.classes[code],
    content: [
      swatch(rows, code),
      element("bdi", {}, rows.classes[code]),
      element("small", {}, number(classCounts[code])),
    ],
  }));
  byId("legend").replaceChildren(...classes.buttons);

  const suggestion = byId("suggestion");
  const suggested = new Set(rows.suggestion);
  suggestion.append(
    ...[...rows.classes.keys()]
      .filter((code) => suggested.has(code))
      .map((code) => element("option", { value: code }, rows.classes[code])),
  );
  suggestion.addEventListener("change", () => {
    criteria.suggestion = Number(suggestion.value);
    onChange();
  });

  const status = byId("status");
  status.addEventListener("change", () => {
    criteria.status = status.value;
    onChange();
  });

  const search = byId("search");
  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      criteria.search = search.value;
      onChange();
    }, SEARCH_DELAY);
  });

  return {
    refresh() {
      kinds.refresh();
      classes.refresh();
      search.value = criteria.search;
      suggestion.value = String(criteria.suggestion);
      status.value = criteria.status;
    },
  };
}
