// The runs, read from the element #data, and their names.

const {version, runs} = JSON.parse(document.getElementById('data').textContent);
const several = runs.length > 1;

const parts = (run) => run.folder.split('/').filter((part) => part && part !== '.');
const name_of = (run) => {
  const last = parts(run).at(-1) ?? run.folder;
  return runs.filter((other) => (parts(other).at(-1) ?? other.folder) === last).length > 1 ? run.folder : last;
};
const is_done = (run) => run.summary !== null && !run.summary.interrupted;
/// Columns of a CSV file by name. Empty fields are null; fields that are not numbers stay text.
const columns = (text) => {
  const [head, ...rows] = text
    .trimEnd()
    .split('\n')
    .map((line) => line.split(','));
  const value = (field) =>
    field === undefined || field === '' ? null : Number.isNaN(Number(field)) ? field : Number(field);
  return Object.fromEntries(head.map((name, i) => [name, rows.map((row) => value(row[i]))]));
};
for (const run of runs) {
  for (const [name, text] of Object.entries(run.tables)) run.tables[name] = columns(text);
}
const class_name = (run, k) => {
  const names = run.config.class_names ?? run.images?.names ?? [];
  return names[k] ?? String(k);
};
