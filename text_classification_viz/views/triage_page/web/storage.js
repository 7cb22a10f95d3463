// What the browser keeps between visits. A browser may refuse to keep anything for files.

// `place` stays as it is when the page is made anew, `version` does not: what was downloaded has had its turn by
// then, and what was not is still to be handed over.
export function openStorage(place, version) {
  const read = (name, otherwise) => {
    try {
      return JSON.parse(localStorage.getItem(name)) ?? otherwise;
    } catch {
      return otherwise;
    }
  };
  const write = (name, value) => {
    try {
      localStorage.setItem(name, JSON.stringify(value));
      return true;
    } catch {
      return false;
    }
  };
  const reviewsKey = `label-triage:${place}`;
  return {
    works: write("label-triage:probe", 1),
    loadReviews: () => {
      const kept = read(reviewsKey, { version, records: [] });
      return kept.version === version ? kept.records : kept.records.filter((record) => !record.downloaded);
    },
    saveReviews: (records) => write(reviewsKey, { version, records }),
    loadSetting: (name) => read(`label-triage:${name}`, ""),
    saveSetting: (name, value) => write(`label-triage:${name}`, value),
    onOtherTab: (callback) => {
      addEventListener("storage", (event) => event.key === reviewsKey && callback());
    },
  };
}
