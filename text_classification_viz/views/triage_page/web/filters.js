// Which rows pass: pure functions over the columns.

export function defaultCriteria(rows) {
  return {
    search: "",
    kinds: new Set([...rows.kinds.keys()].filter((kind) => rows.kinds[kind] !== "none")),
    classes: new Set(rows.classes.keys()),
    suggestion: -1,
    status: "any",
    selected: null, // Uint8Array, 1 for each row of the selection on the map
  };
}

// Whether more is asked for than kinds and classes: then the map shows the other rows faintly.
export function isNarrow(criteria) {
  return Boolean(
    criteria.search.trim() || criteria.suggestion >= 0 || criteria.status !== "any" || criteria.selected,
  );
}

// Finds rows whose headline or description holds every word, whatever its case.
export function createSearch(rows) {
  let texts; // made at the first search
  return (query) => {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return () => true;
    texts ??= Array.from({ length: rows.count }, (_, row) =>
      `${rows.headlines[row] ?? ""}\n${rows.descriptions[row] ?? ""}`.toLowerCase(),
    );
    return (row) => words.every((word) => texts[row].includes(word));
  };
}

// Rows by rank that pass, whatever their status, and those of them whose status is asked for.
export function matchingRows(rows, criteria, search, isReviewed) {
  const finds = search(criteria.search);
  const inScope = [];
  for (let row = 0; row < rows.count; row++) {
    if (
      criteria.kinds.has(rows.kind[row]) &&
      criteria.classes.has(rows.label[row]) &&
      (criteria.suggestion < 0 || rows.suggestion[row] === criteria.suggestion) &&
      (!criteria.selected || criteria.selected[row]) &&
      finds(row)
    ) {
      inScope.push(row);
    }
  }
  const wanted = { any: () => true, open: (row) => !isReviewed(row), reviewed: isReviewed }[criteria.status];
  return { inScope, listed: Int32Array.from(inScope.filter(wanted)) };
}
