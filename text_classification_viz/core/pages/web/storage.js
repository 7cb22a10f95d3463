// What the browser keeps between visits. A browser may refuse to keep anything for files.

export function openStorage(key) {
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
  const reviewsKey = `label-triage:${key}`;
  return {
    works: write("label-triage:probe", 1),
    loadReviews: () => read(reviewsKey, []),
    saveReviews: (records) => write(reviewsKey, records),
    loadSetting: (name) => read(`label-triage:${name}`, ""),
    saveSetting: (name, value) => write(`label-triage:${name}`, value),
    onOtherTab: (callback) => {
      addEventListener("storage", (event) => event.key === reviewsKey && callback());
    },
  };
}
