// The page: one run, or several side by side.

const compared_figures = [
  ['test accuracy', (s) => s.test_accuracy !== undefined && with_deviation(s, 'test_accuracy')],
  ['before training', (s) => s.initial_accuracy !== undefined && with_deviation(s, 'initial_accuracy')],
  ['random real images', (s) => s.real_images && with_deviation(s.real_images, 'test_accuracy')],
  ['gain', (s) => s.real_images && s.real_images.gain.toFixed(2)],
  ['best hold-out', (s) => s.hold_out_score !== undefined && percent(s.hold_out_score)],
  ['protocol', (s) => s.protocol && `${s.protocol.name}, ${s.protocol.labels} labels`],
  ['time', (s) => s.wall_seconds !== undefined && time(s.wall_seconds)],
  ['memory', (s) => s.peak_rss_mb !== undefined && `${Math.round(s.peak_rss_mb)} MB`],
];
const overview = () => {
  const names = runs.map((run) =>
    element('th', {scope: 'col'}, element('a', {href: `#run-${runs.indexOf(run)}`}, name_of(run))),
  );
  const row = (title, cells) =>
    element(
      'tr',
      {},
      element('th', {scope: 'row'}, title),
      cells.map((cell) => element('td', {}, cell)),
    );
  const rows = compared_figures
    .map(([title, of]) => [title, runs.map((run) => (run.summary && of(run.summary)) || '-')])
    .filter(([, cells]) => cells.some((cell) => cell !== '-'))
    .map(([title, cells]) => row(title, cells));
  const ignored = new Set(['command_line', 'out', 'version', 'threads', 'weights_checksum', 'theta_layout']);
  const keys = [...new Set(runs.flatMap((run) => Object.keys(run.config)))].filter((key) => !ignored.has(key));
  const differing = keys
    .map((key) => [key, runs.map((run) => (key in run.config ? shown(run.config[key]) : '-'))])
    .filter(([, cells]) => cells.some((cell) => cell !== cells[0]))
    .map(([key, cells]) => row(words(key), cells));
  const header = () =>
    element(
      'tr',
      {},
      element('th'),
      names.map((name) => name.cloneNode(true)),
    );
  const accuracy = runs
    .filter((run) => run.summary?.test_accuracy !== undefined)
    .map((run) => [name_of(run), run.summary.test_accuracy, with_deviation(run.summary, 'test_accuracy')]);
  const logs = runs.filter((run) => run.tables.log?.iteration);
  const over = (title, column, unit, by) =>
    chart(
      title,
      by === 'iteration' ? by : 'seconds of training',
      unit,
      logs.map((run) => ({name: name_of(run), x: run.tables.log[by], y: run.tables.log[column]})),
    );
  return [
    element('h1', {}, `hypertape: ${runs.length} runs`),
    section('Results', table([header(), ...rows]), accuracy.length ? bars(accuracy, 100) : null),
    section('Settings that differ', differing.length ? table([header(), ...differing]) : element('p', {}, 'None.')),
    logs.length
      ? section(
          'Curves',
          charts(
            over('Accuracy on held-out images', 'hold_out_score', ' %', 'iteration'),
            over('Accuracy on held-out images over time', 'hold_out_score', ' %', 'seconds'),
            over('Outer loss', 'loss', '', 'iteration'),
          ),
        )
      : null,
    ...runs.map((run, i) =>
      element(
        'details',
        {id: `run-${i}`, className: 'run'},
        element('summary', {}, element('b', {}, name_of(run))),
        ...whole_run(run).filter((part) => part),
      ),
    ),
  ];
};

const page = document.getElementById('page');
page.append(
  ...(several ? overview() : whole_run(runs[0])).filter((part) => part),
  element('footer', {className: 'note'}, `Written by hypertape ${version}.`),
);
document.title = several
  ? `hypertape: ${runs.map(name_of).join(', ')}`
  : `hypertape ${runs[0].config.command}: ${name_of(runs[0])}`;
for (const link of document.querySelectorAll('a[href^="#run-"]')) {
  link.addEventListener('click', () => {
    document.querySelector(link.getAttribute('href')).open = true;
  });
}

// An unfinished run rewrites the file as it evaluates.
if (!runs.every(is_done)) {
  const reload = () =>
    document.hidden || document.querySelector('dialog, details[open]') ? setTimeout(reload, 2000) : location.reload();
  setTimeout(reload, 10000);
}
