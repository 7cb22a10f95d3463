// What was decided: one record for each row, in the columns of the review files.

import { formatCsv, parseCsv } from "./csv.js";

export const COLUMNS = ["id", "class_label", "decision", "new_label", "reviewer", "reviewed_at", "note"];
const DECISIONS = ["keep", "relabel", "drop"];

// A file of UTF-8 has no lone surrogates, and the reader of reviews takes no NUL.
export function cleanText(text) {
  return text.toWellFormed().replaceAll("\0", "");
}

export function isDecided(record) {
  return DECISIONS.includes(record?.decision);
}

// A record with a note and no decision is kept here and not written to the file.
export class Reviews {
  #byId = new Map();
  #ofOtherPages = []; // records of rows or labels that this page does not have; they go into the file all the same
  #past = []; // of each step, the records that it replaced

  load(records, isOfPage = () => true) {
    this.#byId = new Map(records.filter(isOfPage).map((record) => [record.id, record]));
    this.#ofOtherPages = records.filter((record) => !isOfPage(record));
  }

  records() {
    return [...this.#ofOtherPages, ...this.#byId.values()];
  }

  decided() {
    return this.records().filter(isDecided);
  }

  markDownloaded() {
    for (const record of this.decided()) record.downloaded = true;
  }

  get(id) {
    return this.#byId.get(id);
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  decide(records) {
    this.#past.push(records.map((record) => [record.id, this.get(record.id)]));
    for (const record of records) this.#byId.set(record.id, record);
  }

  // Typing is no step of its own.
  setNote(record) {
    if (record.note || isDecided(record)) this.#byId.set(record.id, record);
    else this.#byId.delete(record.id);
  }

  // The ids that changed.
  undo() {
    const step = this.#past.pop() ?? [];
    for (const [id, before] of step) {
      if (before) this.#byId.set(id, before);
      else this.#byId.delete(id);
    }
    return step.map(([id]) => id);
  }
}

export function reviewsCsv(records) {
  const byTime = records.toSorted((a, b) => (a.reviewed_at < b.reviewed_at ? -1 : 1));
  return formatCsv([COLUMNS, ...byTime.map((record) => COLUMNS.map((column) => record[column]))]);
}

// The records of a file that speak of rows of this page and of the labels that these have now.
export function readReviews(text, labelOfId, classes) {
  const [header = [], ...lines] = parseCsv(text);
  const missing = COLUMNS.filter((column) => column !== "note" && !header.includes(column));
  if (missing.length) throw new Error(`no column ${missing.join(", ")}`);
  const records = lines.map((cells) =>
    Object.fromEntries(COLUMNS.map((column) => [column, cells[header.indexOf(column)] ?? ""])),
  );
  return {
    records: records.filter((record) => fits(record, labelOfId, classes)),
    total: records.length,
  };
}

function fits(record, labelOfId, classes) {
  const relabels = record.decision === "relabel";
  return (
    isDecided(record) &&
    labelOfId(record.id) === record.class_label &&
    (relabels
      ? record.new_label !== record.class_label && classes.includes(record.new_label)
      : !record.new_label) &&
    record.reviewer.trim() !== "" &&
    !Number.isNaN(Date.parse(record.reviewed_at))
  );
}
