// The kinds of finding: what they mean, and the ring that marks them on the map and in the filters. Rings differ
// in form and weight and not in hue, which tells the classes.

const RING_COLOR = { light: "#16191d", dark: "#f2f4f7" };

export const KINDS = {
  mislabelled: { name: "mislabelled", meaning: "The label is likely wrong", line: 2.1, opacity: 1 },
  contested: { name: "contested", meaning: "The label is not among the likely ones", line: 1.3, opacity: 0.65 },
  ambiguous: { name: "ambiguous", meaning: "Likely about a second topic as well", line: 1, opacity: 0.35 },
  atypical: { name: "atypical", meaning: "Unlike all other rows", line: 1.3, opacity: 0.9, corners: 4 },
  near_duplicate: {
    name: "near duplicate",
    meaning: "Says the same as another row",
    line: 1.3,
    opacity: 0.9,
    corners: 3,
  },
  uninformative: {
    name: "uninformative",
    meaning: "Hardly any words to judge by",
    line: 1.3,
    opacity: 0.9,
    corners: 6,
  },
  none: { name: "no finding", meaning: "Nothing speaks against the label", line: 1, opacity: 0.6 },
};

// An SVG path around the origin.
function ringPath(kind, radius) {
  const { corners } = KINDS[kind];
  if (!corners)
    return `M${-radius} 0a${radius} ${radius} 0 1 1 ${2 * radius} 0a${radius} ${radius} 0 1 1 ${-2 * radius} 0Z`;
  const places = Array.from({ length: corners }, (_, i) => {
    const angle = (2 * Math.PI * i) / corners - Math.PI / 2;
    return `${1.25 * radius * Math.cos(angle)} ${1.25 * radius * Math.sin(angle)}`;
  });
  return `M${places.join("L")}Z`;
}

// Around a dot; around small ones, which are many, the line is finer.
export function drawRing(context, kind, dotRadius, opacity, isDark) {
  const line = KINDS[kind].line * Math.min(1, dotRadius / 2.6);
  const radius = dotRadius + 1 + line / 2;
  context.lineWidth = line;
  context.globalAlpha = KINDS[kind].opacity * opacity;
  context.strokeStyle = RING_COLOR[isDark ? "dark" : "light"];
  context.stroke(new Path2D(ringPath(kind, radius)));
}

// The same ring for a button or a cell, in the colour of the text around it.
export function kindGlyph(kind) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS(svg.namespaceURI, "path");
  for (const [name, value] of Object.entries({ class: "glyph", viewBox: "-7 -7 14 14", "aria-hidden": "true" }))
    svg.setAttribute(name, value);
  path.setAttribute("d", ringPath(kind, 4.5));
  path.setAttribute("stroke-width", Math.max(KINDS[kind].line, 1));
  if (kind === "none") path.setAttribute("stroke-dasharray", "1.5 2");
  svg.append(path);
  return svg;
}
