import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

export default defineComponent({
  kind: 'source',
  name: 'synthetic',
  summary: 'Seeded random ticks, as fast as possible or at a rate, with faults on demand.',
  exactlyOnce: 'yes',
  mayChange: ['rate'],
  facts: ({ seed }) => ({ usesSeed: seed === undefined }),
  options: async () => (await import('./options.js')).SyntheticOptions,
  load: loadOnce(async () => (await import('./synthetic.js')).syntheticSource),
});
