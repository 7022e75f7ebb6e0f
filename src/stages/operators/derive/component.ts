import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

export default defineComponent({
  kind: 'operator',
  name: 'derive',
  summary: 'Adds or replaces columns by expressions.',
  facts: () => ({ keepsNoState: true }),
  exactlyOnce: 'yes',
  options: async () => (await import('./options.js')).DeriveOptions,
  load: loadOnce(async () => (await import('./derive.js')).deriveOperator),
});
