import { defineComponent } from '../../../engine/component.js';

export default defineComponent({
  kind: 'operator',
  name: 'derive',
  summary: 'Adds or replaces columns by expressions.',
  options: async () => (await import('./options.js')).DeriveOptions,
  load: async () => (await import('./derive.js')).deriveOperator,
});
