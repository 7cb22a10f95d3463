// CSV as RFC 4180 has it.

// Every cell is quoted, so that nothing in a cell needs a rule of its own. Cells are not changed: a guard against
// spreadsheets that calculate (a mark before =, +, - and @) would come back as part of a label.
export function formatCsv(records) {
  const line = (cells) => cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(",");
  return records.map((cells) => `${line(cells)}\r\n`).join("");
}

export function parseCsv(text) {
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r|$)/y;
  const records = [];
  let cells = [];
  cell.lastIndex = text.startsWith("\ufeff") ? 1 : 0;
  while (cell.lastIndex < text.length || cells.length) {
    const found = cell.exec(text);
    if (!found) throw new Error(`line ${records.length + 1}: see to its quotes`);
    cells.push(found[1] === undefined ? found[2] : found[1].replaceAll('""', '"'));
    if (found[3] !== ",") {
      if (cells.some(Boolean)) records.push(cells);
      cells = [];
    }
  }
  return records;
}
