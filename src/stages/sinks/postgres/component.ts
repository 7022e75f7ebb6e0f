import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

export default defineComponent({
  kind: 'sink',
  name: 'postgres',
  summary: 'Rows of a PostgreSQL table, committed together with the checkpoint.',
  exactlyOnce: 'yes',
  // A password is changed, a server moves: the database itself knows which run it has rows of.
  mayChange: ['connection', 'create', 'rounds', 'belowMicros', 'reconnectFor'],
  options: async () => (await import('./options.js')).PostgresSinkOptions,
  facts: ({ mode }) => ({ isFenced: true, ...(mode === 'append' && { decides: true }) }),
  load: loadOnce(async () => (await import('./postgres.js')).postgresSink),
});
