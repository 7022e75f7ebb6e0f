import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

export default defineComponent({
  kind: 'operator',
  name: 'sessions',
  summary: 'Keeps the rows of the hours in which a market is open, by its calendar.',
  exactlyOnce: 'yes',
  mayChange: ['calendar'],
  facts: () => ({ keepsNoState: true }),
  options: async () => (await import('./options.js')).SessionsOptions,
  load: loadOnce(async () => (await import('./sessions.js')).sessionsOperator),
});
