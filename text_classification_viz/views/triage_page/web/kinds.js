// The ring that marks each kind of finding on the map and in the filters. Rings differ in form and weight and not in
// hue, which tells the classes. Which kinds there are and what they mean comes with the data.

const RING_COLOR = { light: "#16191d", dark: "#f2f4f7" };

const RINGS = {
  mislabelled: { line: 2.1, opacity: 1 },
  contested: { line: 1.3, opacity: 0.65 },
  ambiguous: { line: 1, opacity: 0.35 },
  atypical: { line: 1.3, opacity: 0.9, corners: 4 },
  near_duplicate: { line: 1.3, opacity: 0.9, corners: 3 },
  uninformative: { line: 1.3, opacity: 0.9, corners: 6 },
  none: { line: 1, opacity: 0.6 },
};

export function kindName(kind) {
  return kind === "none" ? "no finding" : kind.replaceAll("_", " ");
}

// An SVG path around the origin.
function ringPath(kind, radius) {
  const { corners } = RINGS[kind];
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
  const line = RINGS[kind].line * Math.min(1, dotRadius / 2.6);
  const radius = dotRadius + 1 + line / 2;
  context.lineWidth = line;
  context.globalAlpha = RINGS[kind].opacity * opacity;
  context.strokeStyle = RING_COLOR[isDark ? "dark" : "light"];
  context.stroke(new Path2D(ringPath(kind, radius)));
}

// The same ring for a button or a cell, in the color of the text around it.
export function kindGlyph(kind) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS(svg.namespaceURI, "path");
  for (const [name, value] of Object.entries({ class: "glyph", viewBox: "-7 -7 14 14", "aria-hidden": "true" }))
    svg.setAttribute(name, value);
  path.setAttribute("d", ringPath(kind, 4.5));
  path.setAttribute("stroke-width", Math.max(RINGS[kind].line, 1));
  if (kind === "none") path.setAttribute("stroke-dasharray", "1.5 2");
  svg.append(path);
  return svg;
}
