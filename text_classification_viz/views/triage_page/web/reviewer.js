// Who reviews: asked once, and kept.

import { byId, textElement } from "./dom.js";
import { cleanText } from "./reviews.js";

export function createReviewer(storage) {
  const dialog = byId("reviewer-dialog");
  const field = byId("reviewer-name");
  const button = byId("reviewer");
  let name = storage.loadSetting("reviewer");

  function show() {
    button.replaceChildren(name ? textElement("span", name) : "Your name…");
  }

  // Whether a name was given.
  function ask() {
    field.value = name;
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((resolve) => {
      const close = () => {
        const given = cleanText(field.value).trim();
        const isGiven = dialog.returnValue === "ok" && given !== "";
        if (isGiven) {
          name = given;
          storage.saveSetting("reviewer", name);
          show();
        }
        resolve(isGiven);
      };
      dialog.addEventListener("close", close, { once: true });
    });
  }

  button.addEventListener("click", ask);
  byId("reviewer-cancel").addEventListener("click", () => dialog.close());
  show();
  return { name: () => name, isKnown: async () => name !== "" || ask() };
}
