import { defineComponent } from '../../../engine/component.js';

export default defineComponent({
  kind: 'sink',
  name: 'split',
  summary: 'Each row to the sinks whose condition it meets.',
  mayChange: ['cutDeadlineMs'],
  facts: ({ otherwise }) => ({ leavesRowsUnrouted: otherwise === undefined }),
  options: async () => (await import('./options.js')).SplitSinkOptions,
  load: async () => (await import('./split.js')).splitSink,
});
