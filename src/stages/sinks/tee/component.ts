import { defineComponent } from '../../../engine/component.js';

export default defineComponent({
  kind: 'sink',
  name: 'tee',
  summary: 'All rows to each of several sinks.',
  mayChange: ['cutDeadlineMs'],
  options: async () => (await import('./options.js')).TeeSinkOptions,
  load: async () => (await import('./tee.js')).teeSink,
});
