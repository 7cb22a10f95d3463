// What the point under the pointer is.

import { byId, element, textElement } from "./dom.js";
import { kindName } from "./kinds.js";

export function createTooltip(rows, map) {
  const tooltip = byId("tooltip");
  const panel = tooltip.parentElement;

  function fill(row) {
    const suggestion = rows.suggestion[row];
    const labels = rows.classes[rows.label[row]] + (suggestion >= 0 ? ` → ${rows.classes[suggestion]}` : "");
    tooltip.replaceChildren(
      textElement("strong", rows.headlines[row] || "(no headline)"),
      textElement("span", labels),
      element("small", {}, kindName(rows.kinds[rows.kind[row]])),
    );
  }

  // Row -1 is none.
  return (row, x, y) => {
    if (map.marked.hovered !== row) {
      map.marked.hovered = row;
      map.drawMarks();
      panel.classList.toggle("over-point", row >= 0);
      tooltip.hidden = row < 0;
      if (row >= 0) fill(row);
    }
    if (row < 0) return;
    const left = Math.min(x + 14, map.view.width - tooltip.offsetWidth - 6);
    const below = y + 18;
    const top = below + tooltip.offsetHeight > map.view.height ? y - tooltip.offsetHeight - 10 : below;
    tooltip.style.transform = `translate(${Math.max(6, left)}px, ${Math.max(6, top)}px)`;
  };
}
