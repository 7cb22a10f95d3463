// Reads what views/triage_page/data.py wrote: columns, by number of the row.

const ARRAYS = { uint8: Uint8Array, uint16: Uint16Array, int32: Int32Array, float32: Float32Array };

function unpack({ dtype, base64 }) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new ARRAYS[dtype](bytes.buffer);
}

function listReader({ ends, codes, values }) {
  const [end, code, value] = [ends, codes, values].map(unpack);
  return (row) => {
    const list = [];
    for (let i = row ? end[row - 1] : 0; i < end[row]; i++) list.push({ code: code[i], value: value[i], place: i });
    return list;
  };
}

// Rows from `count` on are only mentioned as neighbors: they have an id, a headline and a label.
export function readRows(data) {
  const columns = ["label", "suggestion", "kind", "reason", "rank", "score", "two_topics", "reviewed", "conflict"];
  const reasons = unpack(data.reason);
  return {
    ...data,
    ...Object.fromEntries(columns.map((name) => [name, unpack(data[name])])),
    duplicateOf: unpack(data.duplicate_of),
    reason: (row) => data.reasons[reasons[row]],
    neighbors: listReader(data.neighbors),
    // by place among the neighbors of all rows: in force, where `label` is upstream's, which a decision has to name
    neighborLabel: unpack(data.neighbor_labels),
    candidates: listReader(data.candidates),
    tally: listReader(data.tally),
    maps: data.maps.map((map) => ({ ...map, x: unpack(map.x), y: unpack(map.y) })),
  };
}
