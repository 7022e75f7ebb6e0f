import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

export default defineComponent({
  kind: 'batcher',
  name: 'smart',
  summary: 'Groups rows for the sink by rows, bytes, age and key.',
  exactlyOnce: 'yes',
  facts: ({ key }) => (key === undefined ? {} : { groupsBy: { column: key, option: 'key' } }),
  options: async () => (await import('./options.js')).BatcherOptions,
  load: loadOnce(async () => (await import('./smart-batcher.js')).smartBatcher),
});
