// The files of reviews: given to the reviewer, and taken back.

import { element, number, toast } from "./dom.js";
import { isDecided, readReviews, reviewsCsv } from "./reviews.js";

// Whether there was anything to download.
export function downloadReviews(reviews, reviewer) {
  const decided = reviews.decided();
  if (!decided.length) {
    toast("Nothing is decided yet.");
    return false;
  }
  const minute = new Date().toISOString().slice(0, 16).replaceAll(":", "");
  const name = reviewer.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 40);
  // The mark at the start tells spreadsheets that it is UTF-8; our reader skips it.
  const content = new Blob(["\ufeff", reviewsCsv(decided)], { type: "text/csv;charset=utf-8" });
  const url = URL.createObjectURL(content);
  element("a", { href: url, download: `reviews-${name}-${minute}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
  reviews.markDownloaded();
  const notes = reviews.records().length - decided.length;
  const left = notes ? ` ${number(notes)} notes on rows without a decision are not in it.` : "";
  toast(`${number(decided.length)} decisions; put the file into the folder of reviews.${left}`);
  return true;
}

// Takes the decisions of a file that fit the page and are newer than those here.
export async function importReviews(file, reviews, labelOfId, classes) {
  let found;
  try {
    found = readReviews(await file.text(), labelOfId, classes);
  } catch (error) {
    toast(`${file.name} is no file of reviews: ${error.message}`);
    return;
  }
  const isNewer = (record) => {
    const known = reviews.get(record.id);
    return !isDecided(known) || Date.parse(known.reviewed_at) < Date.parse(record.reviewed_at);
  };
  const taken = found.records.filter(isNewer);
  if (taken.length) reviews.decide(taken);
  const others = "the others are older than those here, or speak of rows or labels that this page does not have.";
  toast(`${number(taken.length)} of ${number(found.total)} decisions taken; ${others}`);
}
