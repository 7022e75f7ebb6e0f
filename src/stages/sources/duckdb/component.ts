import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

export default defineComponent({
  kind: 'source',
  name: 'duckdb',
  summary: 'Rows of a table or a query of a DuckDB file, in order of time.',
  exactlyOnce: 'yes',
  loads: 'native',
  mayChange: ['memoryMb'],
  options: async () => (await import('./options.js')).DuckDbSourceOptions,
  load: loadOnce(async () => (await import('./duckdb.js')).duckDbSource),
});
