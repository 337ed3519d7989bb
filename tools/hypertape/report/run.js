// The sections that show one run, each an element or null.

const head = (run) => {
  const {summary, config} = run;
  const lines = [
    element(
      'h1',
      {},
      [several ? name_of(run) : `hypertape ${config.command}`, config.dataset, config.network]
        .filter((part) => part)
        .join(', '),
    ),
  ];
  if (!is_done(run)) {
    const written = new Date(document.lastModified).toLocaleString();
    lines.push(
      element('p', {className: 'unfinished'}, `Not finished: still running, or stopped. As of ${written}.`),
    );
    if (config.command === 'distill' && summary?.interrupted) {
      lines.push(element('p', {className: 'note'}, `To continue it: hypertape distill --resume ${run.folder}`));
    }
  }
  if (summary?.test_accuracy !== undefined) {
    const compared = [];
    if (summary.initial_accuracy !== undefined)
      compared.push(`${with_deviation(summary, 'initial_accuracy')} before training`);
    if (summary.real_images)
      compared.push(`${with_deviation(summary.real_images, 'test_accuracy')} with random real images instead`);
    lines.push(
      element(
        'p',
        {className: 'headline'},
        element('b', {}, with_deviation(summary, 'test_accuracy')),
        ' test accuracy',
        compared.length ? `, ${compared.join(', ')}` : '',
      ),
    );
  }
  return lines;
};

const figures = (run) => {
  const {summary} = run,
    log = run.tables.log,
    of_log = log?.iteration ? log : null,
    list = [];
  const add = (name, value) => list.push(element('div', {}, element('span', {}, name), value));
  if (run.images) add('distilled images', String(run.images.count));
  if (run.images)
    add(
      run.images.ordered ? 'steps × epochs' : 'steps, unordered',
      run.images.ordered ? `${run.images.steps} × ${run.images.learning_rates.length}` : String(run.images.steps),
    );
  const iteration = summary?.iterations || of_log?.iteration.at(-1);
  if (iteration)
    add(
      'outer iterations',
      run.config.iterations && !is_done(run) ? `${iteration} of ${run.config.iterations}` : String(iteration),
    );
  const best = summary?.hold_out_score ?? (of_log && Math.max(...of_log.hold_out_score));
  if (best !== undefined && best !== null) add('best on held-out images', percent(best));
  if (of_log?.certificate) {
    const worst = Math.max(...of_log.certificate.filter((value) => value !== null));
    if (Number.isFinite(worst)) add('certificate, largest difference', worst.toExponential(1));
  }
  if (summary?.networks_tested) add('networks tested', String(summary.networks_tested));
  if (summary?.networks) add('networks in the pool', String(summary.networks));
  const seconds = summary?.wall_seconds ?? of_log?.seconds.at(-1);
  if (seconds !== undefined) add('time', time(seconds));
  if (summary?.peak_rss_mb) add('peak memory', `${Math.round(summary.peak_rss_mb)} MB`);
  return list.length ? element('div', {className: 'figures'}, list) : null;
};

const comparison = (run) => {
  const {summary} = run;
  if (summary?.test_accuracy === undefined) return null;
  const what =
    run.config.command === 'baseline'
      ? words(summary.method)
      : run.config.command === 'pretrain'
        ? 'trained networks'
        : 'distilled images';
  const rows = [[what, summary]];
  if (summary.real_images) rows.push(['random real images, same labels', summary.real_images]);
  if (summary.hard_labels) {
    rows.push([`${what}, hard labels`, summary.hard_labels]);
    if (summary.hard_labels.real_images)
      rows.push(['random real images, hard labels', summary.hard_labels.real_images]);
  }
  for (const neighbor of summary.neighbors ?? []) rows.push([`K = ${neighbor.k}, ${neighbor.distance}`, neighbor]);
  const all = rows.map(([name, of]) => [name, of.test_accuracy, with_deviation(of, 'test_accuracy')]);
  if (summary.initial_accuracy !== undefined)
    all.push(['before training', summary.initial_accuracy, with_deviation(summary, 'initial_accuracy')]);
  if (all.length === 1) return null;
  const gain = summary.real_images
    ? element(
        'p',
        {className: 'note'},
        `Gain of the distilled images over random real ones: ${summary.real_images.gain.toFixed(2)} points.`,
      )
    : null;
  return section('Comparison with baselines', bars(all, 100, 'own'), gain);
};

const rate_names = (log) => Object.keys(log).filter((name) => name.startsWith('eta_'));
const rate_title = (name) => name.replace(/eta_step(\d+)_epoch(\d+)/, 'step $1, epoch $2');
const curves = (run) => {
  const {log, networks, linear, grid} = run.tables,
    all = [];
  const tested = networks ?? (log?.network && log);
  if (log?.iteration) {
    const line = (name, column) => ({name, x: log.iteration, y: log[column]});
    all.push(
      chart('Accuracy on held-out images', 'iteration', ' %', [line('held out', 'hold_out_score')]),
      chart('Outer loss', 'iteration', '', [line('loss', 'loss')], {
        logarithmic: log.loss.every((value) => value === null || value > 0),
      }),
      chart(
        'Learning rates of the inner steps',
        'iteration',
        '',
        some(rate_names(log)).map((name) => line(rate_title(name), name)),
      ),
    );
    if (log.certificate)
      all.push(
        chart('Certificate: relative difference', 'iteration', '', [line('difference', 'certificate')], {points: true}),
      );
  }
  if (run.images && run.images.ordered && run.images.steps > 1) {
    all.push(
      chart(
        'Final learning rates',
        'inner step',
        '',
        some(
          run.images.learning_rates.map((epoch, e) => ({
            name: `epoch ${e + 1}`,
            x: epoch.map((_, t) => t + 1),
            y: epoch,
          })),
        ),
        {points: run.images.steps < 3},
      ),
    );
  }
  if (tested?.test_accuracy?.length > 1) {
    const x = tested.test_accuracy.map((_, i) => i + 1);
    const lines = [{name: 'after', x, y: tested.test_accuracy}];
    if (tested.initial_accuracy) lines.push({name: 'before', x, y: tested.initial_accuracy});
    all.push(chart('Test accuracy of each network', 'network', ' %', lines, {points: true}));
  }
  if (linear) {
    const names = Object.keys(linear).filter(
      (name) => name !== 'points' && typeof linear[name][0] === 'number' && !name.includes('error'),
    );
    all.push(
      chart(
        'Expected loss after one step',
        'distilled points',
        '',
        names.map((name) => ({name, x: linear.points, y: linear[name]})),
      ),
    );
  }
  const drawn = charts(...all);
  const choice = grid ? folded('Schedules tried', data_table(grid)) : null;
  return drawn || choice ? section('Curves', drawn, choice) : null;
};
const data_table = (data) =>
  table([
    element(
      'tr',
      {},
      Object.keys(data).map((name) => element('th', {scope: 'col'}, words(name))),
    ),
    ...Object.values(data)[0].map((_, i) =>
      element(
        'tr',
        {},
        Object.values(data).map((column) => element('td', {}, shown(column[i]))),
      ),
    ),
  ]);

const confusion = (run) => {
  const data = run.tables.confusion;
  if (!data) return null;
  const size = data.class.length,
    count = (truth, taken) => data[String(taken)][truth];
  const sums = data.class.map((_, truth) =>
    data.class.reduce((sum, _, taken) => sum + count(truth, taken), data.nothing?.[truth] ?? 0),
  );
  const errors = [];
  for (let truth = 0; truth < size; ++truth) {
    for (let taken = 0; taken < size; ++taken) {
      if (truth !== taken && count(truth, taken) > 0) errors.push([truth, taken, count(truth, taken) / sums[truth]]);
    }
  }
  const worst = errors
    .sort((a, b) => b[2] - a[2])
    .slice(0, 5)
    .map(([truth, taken, share]) => `${class_name(run, truth)} as ${class_name(run, taken)} ${percent(100 * share)}`);
  const text = element('p', {}, worst.length ? `Most frequent errors: ${worst.join('; ')}.` : 'No errors.');
  if (size > 30) return section('Confusion matrix', text, folded('Counts', data_table(data)));
  const cell = (truth, taken) => {
    const share = count(truth, taken) / sums[truth] || 0;
    const color = truth === taken ? 'var(--good)' : 'var(--warn)';
    return element(
      'td',
      {
        title: `${class_name(run, truth)} classified as ${class_name(run, taken)}: ${percent(100 * share)}`,
        style: `background: color-mix(in srgb, ${color} ${Math.round(70 * share)}%, transparent)`,
      },
      String(count(truth, taken)),
    );
  };
  const rows = data.class.map((_, truth) =>
    element(
      'tr',
      {},
      element('th', {scope: 'row'}, class_name(run, truth)),
      data.class.map((_, taken) => cell(truth, taken)),
    ),
  );
  return section(
    'Confusion matrix',
    element(
      'p',
      {className: 'note'},
      'Rows: true class. Columns: predicted class. Test images, summed over all tested networks.',
    ),
    table(
      [
        element(
          'tr',
          {},
          element('td'),
          data.class.map((_, k) => element('th', {scope: 'col'}, class_name(run, k))),
        ),
        ...rows,
      ],
      'confusion',
    ),
    text,
  );
};

/// {a: {b: 1}} as [['a.b', 1]].
const flat = (value, key = '') =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
    ? Object.entries(value).flatMap(([name, inner]) => flat(inner, key ? `${key}.${name}` : name))
    : [[key, value]];
const key_table = (object) =>
  table(
    flat(object).map(([key, value]) =>
      element('tr', {}, element('th', {scope: 'row'}, key), element('td', {'data-key': key}, shown(value))),
    ),
  );

const repeat = (run) => {
  const command = run.config.command_line;
  if (!command) return null;
  const copy = element(
    'button',
    {
      type: 'button',
      className: 'copy',
      onclick: async () => {
        await navigator.clipboard?.writeText(command);
        copy.textContent = 'Copied';
      },
    },
    'Copy',
  );
  return section(
    'Reproduce this run',
    element('pre', {}, command),
    copy,
    element(
      'p',
      {className: 'note'},
      'Add --out DIR. The same version, seed and data give bit-identical results on any number of threads.',
    ),
  );
};
const protocol = (run) => (run.summary?.protocol ? section('Protocol', key_table(run.summary.protocol)) : null);
const settings = (run) =>
  section(
    'Settings and results',
    folded('All options (config.json)', key_table(run.config)),
    run.summary
      ? folded('All results (summary.json)', element('div', {className: 'summary'}, key_table(run.summary)))
      : null,
  );

const whole_run = (run) => [
  ...head(run),
  figures(run),
  comparison(run),
  gallery(run),
  curves(run),
  confusion(run),
  protocol(run),
  repeat(run),
  settings(run),
];
