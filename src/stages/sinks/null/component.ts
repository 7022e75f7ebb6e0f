import { defineComponent } from '../../../engine/component.js';

export default defineComponent({
  kind: 'sink',
  name: 'null',
  summary: 'Accepts all rows and keeps none.',
  options: async () => (await import('./options.js')).NullSinkOptions,
  load: async () => (await import('./null.js')).nullSink,
});
