import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

export default defineComponent({
  kind: 'source',
  name: 'postgres',
  summary: 'Rows of a table or a query of PostgreSQL, in order of time.',
  exactlyOnce: 'yes',
  mayChange: ['connection', 'chunkRows', 'reconnects'],
  options: async () => (await import('./options.js')).PostgresSourceOptions,
  load: loadOnce(async () => (await import('./postgres.js')).postgresSource),
});
