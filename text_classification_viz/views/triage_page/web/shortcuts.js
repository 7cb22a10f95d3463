// Keys. None of them collides with another, nor works while someone types.

import { element } from "./dom.js";

const TYPES = "input, textarea, select";

// `groups`: title -> list of [keys shown, what it does, the keys, action].
export function setUpShortcuts(groups, dialog) {
  const actions = new Map(
    Object.values(groups).flatMap((list) =>
      list.flatMap(([, , keys, action]) => keys.map((key) => [key, action])),
    ),
  );
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.matches(TYPES)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const action = actions.get(event.key.length === 1 ? event.key.toLowerCase() : event.key);
    if (!action) return;
    event.preventDefault();
    action(event.key);
  });
  const sections = Object.entries(groups).map(([title, list]) =>
    element(
      "section",
      {},
      element("h3", {}, title),
      element(
        "dl",
        {},
        ...list.flatMap(([shown, meaning]) => [
          element("dt", {}, ...shown.split(" ").map((key) => element("kbd", {}, key))),
          element("dd", {}, meaning),
        ]),
      ),
    ),
  );
  dialog.querySelector(".keys").append(...sections);
}
