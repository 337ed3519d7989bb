// HTML elements and numbers as text.

const element = (tag, properties = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null));
  return made;
};
const section = (title, ...content) => element('section', {}, element('h2', {}, title), ...content);
const folded = (title, ...content) => element('details', {}, element('summary', {}, title), ...content);
const table = (rows, className = '') =>
  element('div', {className: 'scroll'}, element('table', {className}, element('tbody', {}, rows)));
const words = (key) => key.replaceAll('_', ' ');
const shown = (value) =>
  value === null || value === '' ? '-' : typeof value === 'object' ? JSON.stringify(value) : String(value);

const percent = (value) => `${value.toFixed(2)} %`;
const short = (value) => (value === null || value === undefined ? '-' : String(Number(value.toPrecision(4))));
const time = (seconds) => {
  const whole = Math.round(seconds),
    pad = (n) => String(n).padStart(2, '0');
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
};
const with_deviation = (of, key) =>
  percent(of[key]) + (of[`${key}_std`] > 0 ? ` ± ${of[`${key}_std`].toFixed(2)}` : '');
