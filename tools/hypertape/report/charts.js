// Charts: lines with uPlot, bars in HTML.

const palettes = {
  light: ['#1f5fbf', '#c2410c', '#1d7a3e', '#8b3fa8', '#a16207', '#0e7490', '#be185d', '#4b5563'],
  dark: ['#7fb0ff', '#fb923c', '#6fce93', '#d59bef', '#fbbf24', '#67d5e8', '#f78fb8', '#b6bec9'],
};
const dark = matchMedia('(prefers-color-scheme: dark)');
const redraws = [];
dark.addEventListener('change', () => redraws.forEach((redraw) => redraw()));
/// A chart of lines [{name, x, y}], with a legend that follows the pointer, and the values as a table for screen
/// readers.
const chart = (title, x_name, unit, lines, {points = false, logarithmic = false} = {}) => {
  lines = lines.filter((line) => line.y.some((y) => y !== null));
  if (lines.length === 0) return null;
  const joined = lines.length === 1 ? [lines[0].x, lines[0].y] : uPlot.join(lines.map((line) => [line.x, line.y]));
  const span = (line) => {
    const known = line.y.map((y, i) => [line.x[i], y]).filter(([, y]) => y !== null),
      [first, last] = [known[0], known.at(-1)];
    return `${line.name}: ${short(first[1])}${unit} at ${first[0]}, ${short(last[1])}${unit} at ${last[0]}`;
  };
  const place = element('div', {
    role: 'img',
    ariaLabel: `Chart of ${title} over ${x_name}. ${lines.map(span).join('; ')}.`,
  });
  const header = element(
    'tr',
    {},
    [x_name, ...lines.map((line) => line.name)].map((name) => element('th', {scope: 'col'}, name)),
  );
  const values = () =>
    table([
      header,
      ...joined[0].map((_, i) =>
        element(
          'tr',
          {},
          joined.map((column) => element('td', {className: 'number'}, short(column[i]))),
        ),
      ),
    ]);
  const details = folded('Values');
  details.addEventListener('toggle', () => details.childElementCount === 1 && details.append(values()));
  const figure = element('figure', {}, element('figcaption', {}, title), place, details);
  let plot = null;
  const draw = () => {
    plot?.destroy();
    const style = getComputedStyle(document.documentElement),
      color = (name) => style.getPropertyValue(name).trim();
    const palette = palettes[dark.matches ? 'dark' : 'light'];
    const axis = {
      stroke: color('--faint'),
      grid: {stroke: color('--grid'), width: 1},
      ticks: {stroke: color('--grid'), width: 1},
    };
    plot = new uPlot(
      {
        width: Math.max(place.clientWidth, 200),
        height: 240,
        scales: {x: {time: false}, y: logarithmic ? {distr: 3} : {}},
        axes: [
          {...axis},
          {...axis, size: 62, values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : short(tick) + unit))},
        ],
        series: [
          {label: x_name, value: (_, x) => short(x)},
          ...lines.map((line, i) => ({
            label: line.name,
            stroke: palette[i % palette.length],
            width: 2,
            spanGaps: true,
            paths: points ? () => null : undefined,
            points: {show: points || line.y.length < 30, size: 5},
            value: (_, y) => (y === null ? '-' : short(y) + unit),
          })),
        ],
      },
      joined,
      place,
    );
  };
  redraws.push(draw);
  let width = 0;
  const fit = () => {
    if (place.clientWidth === width) return;
    width = place.clientWidth;
    if (plot === null) draw();
    else plot.setSize({width: Math.max(width, 200), height: 240});
  };
  new ResizeObserver(() => requestAnimationFrame(fit)).observe(place);
  return figure;
};
const charts = (...figures) => {
  const drawn = figures.filter((figure) => figure !== null);
  return drawn.length > 0 ? element('div', {className: 'charts'}, drawn) : null;
};
/// At most `most` elements, evenly spaced, including the first and the last.
const some = (all, most = 8) =>
  all.length <= most ? all : Array.from({length: most}, (_, i) => all[Math.floor((i * (all.length - 1)) / (most - 1))]);

/// Horizontal bars of [name, value, text] from 0 to `most`.
const bars = (rows, most, className = '') =>
  element(
    'div',
    {className: `bars ${className}`},
    rows.map(([name, value, text], i) => [
      element('div', {className: i === 0 ? 'first' : ''}, name),
      element(
        'div',
        {className: 'bar', ariaHidden: 'true'},
        element('i', {style: `width: ${Math.max(0, Math.min(100, (100 * value) / most))}%`}),
      ),
      element('div', {}, text),
    ]),
  );
