import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

export default defineComponent({
  kind: 'sink',
  name: 'tee',
  summary: 'All rows to each of several sinks.',
  exactlyOnce: 'by its stages',
  mayChange: ['cutDeadlineMs'],
  options: async () => (await import('./options.js')).TeeSinkOptions,
  load: loadOnce(async () => (await import('./tee.js')).teeSink),
});
