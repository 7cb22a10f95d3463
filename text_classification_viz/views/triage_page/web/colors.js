// Colors of classes, and of the theme as the style sheet has it.

import { element } from "./dom.js";

const DARKEST_ON_DARK = 0.16; // relative luminance below which a color is lightened on a dark ground
const BRIGHTEST_TEXT = 0.22; // above which one is darkened for letters on a light ground

function channels(hex) {
  return [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
}

function luminance(hex) {
  const [red, green, blue] = channels(hex).map((value) => (value / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function mix(hex, target, share) {
  return `#${channels(hex)
    .map((value) =>
      Math.round(value + (target - value) * share)
        .toString(16)
        .padStart(2, "0"),
    )
    .join("")}`;
}

// Letters and dots stay readable: pale hues are darkened on a light ground, deep ones lightened on a dark one.
export function dotColor(hex, isDark) {
  return isDark && luminance(hex) < DARKEST_ON_DARK ? mix(hex, 255, 0.35) : hex;
}

export function letterColor(hex, isDark) {
  if (isDark) return mix(hex, 255, luminance(hex) < DARKEST_ON_DARK ? 0.6 : 0.3);
  return luminance(hex) > BRIGHTEST_TEXT ? mix(hex, 0, 0.4) : mix(hex, 0, 0.15);
}

// The palette repeats beyond its number.
export function classColor(rows, code) {
  return code < 0 ? "#888888" : rows.colors[code % rows.colors.length];
}

export function swatch(rows, code) {
  const node = element("span", { class: "swatch" });
  node.style.setProperty("--color", classColor(rows, code));
  return node;
}

const THEMES = ["light dark", "light", "dark"];

export function isDark() {
  const scheme = document.documentElement.style.colorScheme || THEMES[0];
  return scheme === "dark" || (scheme === THEMES[0] && matchMedia("(prefers-color-scheme: dark)").matches);
}

// Dark or light as the system says until someone chooses.
export function setUpTheme(button, saved, save, onChange) {
  const apply = (scheme) => {
    document.documentElement.style.colorScheme = scheme;
    button.setAttribute("aria-label", isDark() ? "Use light colors" : "Use dark colors");
    onChange();
  };
  button.addEventListener("click", () => {
    const scheme = isDark() ? "light" : "dark";
    save(scheme);
    apply(scheme);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
    apply(document.documentElement.style.colorScheme),
  );
  apply(THEMES.includes(saved) ? saved : THEMES[0]);
}
