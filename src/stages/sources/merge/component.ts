import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

export default defineComponent({
  kind: 'source',
  name: 'merge',
  summary: 'Several sources of any kind as one stream in order of time.',
  exactlyOnce: 'by its stages',
  mayChange: ['rowsMax', 'idle'],
  options: async () => (await import('./options.js')).MergeOptions,
  load: loadOnce(async () => (await import('./merge.js')).mergeSource),
});
