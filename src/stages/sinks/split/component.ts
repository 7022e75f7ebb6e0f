import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

export default defineComponent({
  kind: 'sink',
  name: 'split',
  summary: 'Each row to the sinks whose condition it meets.',
  exactlyOnce: 'by its stages',
  mayChange: ['cutDeadlineMs'],
  facts: ({ otherwise }) => ({ leavesRowsUnrouted: otherwise === undefined }),
  options: async () => (await import('./options.js')).SplitSinkOptions,
  load: loadOnce(async () => (await import('./split.js')).splitSink),
});
