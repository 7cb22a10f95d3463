// The dialog in which any label is chosen: type to filter, Enter decides, Esc leaves the row as it is.

import { swatch } from "./colors.js";
import { byId, element } from "./dom.js";

// `choose(code)` is called once per choice, after the dialog has closed.
export function createLabelPicker(rows, choose) {
  const dialog = byId("label-dialog");
  const field = byId("label-filter");
  const list = byId("label-options");
  const empty = byId("label-none");
  const lowered = rows.classes.map((name) => name.toLowerCase());
  let offered = []; // codes of the labels that may be chosen
  let matches = []; // codes of those that pass the filter, as listed
  let active = -1; // place in `matches`

  function pick(code) {
    dialog.close();
    choose(code);
  }

  function setActive(place) {
    list.children[active]?.setAttribute("aria-selected", "false");
    active = place;
    const option = list.children[active];
    field.removeAttribute("aria-activedescendant");
    if (!option) return;
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", option.id);
  }

  function filter() {
    const text = field.value.trim().toLowerCase();
    matches = offered.filter((code) => lowered[code].includes(text));
    list.replaceChildren(
      ...matches.map((code, place) =>
        element(
          "li",
          { id: `label-option-${place}`, role: "option", "aria-selected": "false", onclick: () => pick(code) },
          swatch(rows, code),
          element("bdi", {}, rows.classes[code]),
        ),
      ),
    );
    empty.hidden = matches.length > 0;
    active = -1;
    // An empty field chooses nothing: Enter right after opening must not decide.
    setActive(text && matches.length ? 0 : -1);
  }

  field.addEventListener("input", filter);
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter") {
      event.preventDefault();
      if (active >= 0) pick(matches[active]);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      const from = active < 0 && step < 0 ? 0 : active;
      if (matches.length) setActive((from + step + matches.length) % matches.length);
    } else if (event.key === "Escape") {
      // Closed here and not by the browser, which may take a moment: the next key belongs to the page again.
      event.preventDefault();
      dialog.close();
    }
  });
  byId("label-cancel").addEventListener("click", () => dialog.close());

  return (labels) => {
    offered = labels;
    field.value = "";
    filter();
    dialog.showModal();
    field.focus();
  };
}
