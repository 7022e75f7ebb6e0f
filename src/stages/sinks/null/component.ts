import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

export default defineComponent({
  kind: 'sink',
  name: 'null',
  summary: 'Accepts all rows and keeps none.',
  exactlyOnce: 'yes',
  options: async () => (await import('./options.js')).NullSinkOptions,
  facts: () => ({ isFenced: true }),
  load: loadOnce(async () => (await import('./null.js')).nullSink),
});
