// Elements made by hand. Text is only ever text here: nothing of the data is parsed as HTML.

export function byId(id) {
  return document.getElementById(id);
}

// `on...` attributes are listeners; false, null and undefined leave an attribute or a child out.
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== false && child != null));
  return node;
}

// Text of a row; <bdi> keeps its writing direction from its surroundings.
export function textElement(tag, text, attributes = {}) {
  return element(tag, { dir: "auto", ...attributes }, element("bdi", {}, text));
}

export function number(value) {
  return value.toLocaleString("en");
}

export function percent(value) {
  return `${Math.round(100 * value)} %`;
}

let hideToast;

export function toast(text) {
  const output = byId("toast");
  output.textContent = text;
  output.hidden = false;
  clearTimeout(hideToast);
  hideToast = setTimeout(() => (output.hidden = true), 5000);
}
