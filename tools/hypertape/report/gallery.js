// The distilled images, each enlarged on a click.

const label_of = (run, item) => class_name(run, item.label);
const description = (run, item, i) => {
  const {images} = run;
  const where = images.ordered ? `step ${item.step}, ` : '';
  const label = item.weights
    ? `soft label, largest for ${label_of(run, item)} (${short(item.weights[item.label])})`
    : `class ${label_of(run, item)}`;
  return `Distilled image ${i + 1} of ${images.count}: ${where}${label}, ${images.width} × ${images.height} pixels`;
};
const open_image = (run, start) => {
  const {images} = run,
    dialog = element('dialog', {ariaLabel: 'A distilled image'});
  let at = start;
  const show = () => {
    const item = images.items[at],
      text = description(run, item, at);
    const turn = (by, name) =>
      element(
        'button',
        {
          type: 'button',
          disabled: !images.items[at + by],
          onclick: () => {
            at += by;
            show();
          },
        },
        name,
      );
    const weights = item.weights && [...item.weights.keys()].sort((a, b) => item.weights[b] - item.weights[a]);
    const most = item.weights ? Math.max(...item.weights) : 1;
    dialog.replaceChildren(
      element('img', {src: item.src, alt: text}),
      element('p', {}, text),
      ...(weights
        ? [
            bars(
              weights.map((k) => [class_name(run, k), item.weights[k], short(item.weights[k])]),
              most,
            ),
          ]
        : []),
      element(
        'nav',
        {},
        turn(-1, 'Previous'),
        element('button', {type: 'button', onclick: () => dialog.close()}, 'Close'),
        turn(1, 'Next'),
      ),
    );
  };
  dialog.addEventListener('keydown', (event) => {
    const by = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (by && images.items[at + by]) {
      at += by;
      show();
    }
  });
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  show();
  dialog.showModal();
};
const gallery = (run) => {
  const {images} = run;
  if (!images) return null;
  const tile = (item, i) =>
    element(
      'button',
      {type: 'button', title: 'Enlarge', onclick: () => open_image(run, i)},
      element('img', {src: item.src, alt: description(run, item, i), loading: 'lazy'}),
      item.weights
        ? element(
            'div',
            {className: 'weights', ariaHidden: 'true'},
            item.weights.map((weight) =>
              element('i', {style: `height: ${Math.max(0, (100 * weight) / Math.max(...item.weights))}%`}),
            ),
          )
        : null,
      label_of(run, item),
    );
  const tiles = images.items.map((item, i) => [item.step, tile(item, i)]);
  const rates = (step) => images.learning_rates.map((epoch) => short(epoch[step - 1])).join(', ');
  const blocks = [...new Set(images.items.map((item) => item.step))].map((step) => [
    images.ordered
      ? element('h3', {}, `Step ${step}: learning rate${images.learning_rates.length > 1 ? 's' : ''} ${rates(step)}`)
      : null,
    element(
      'div',
      {className: 'gallery'},
      tiles.filter(([of]) => of === step).map(([, made]) => made),
    ),
  ]);
  const note = [
    images.soft ? 'Labels are soft: the bars under an image show its class weights.' : null,
    images.items.length < images.count ? `Showing the first ${images.items.length} of ${images.count}.` : null,
    run.summary ? null : 'The best state so far.',
  ]
    .filter((text) => text)
    .join(' ');
  const strip = run.strip
    ? folded(
        'How the images of the first step evolved',
        element('img', {
          src: run.strip,
          className: 'strip',
          alt: 'Images of the first step at successive iterations, one row each, the last at the bottom',
        }),
      )
    : null;
  return section('Distilled images', note ? element('p', {className: 'note'}, note) : null, ...blocks.flat(), strip);
};
