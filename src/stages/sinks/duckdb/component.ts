import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

export default defineComponent({
  kind: 'sink',
  name: 'duckdb',
  summary: 'Rows in a table of a DuckDB file, committed together with their checkpoint.',
  exactlyOnce: 'yes',
  loads: 'native',
  mayChange: ['create', 'rounds', 'memoryMb'],
  options: async () => (await import('./options.js')).DuckDbSinkOptions,
  facts: ({ mode }) => ({ isFenced: true, ...(mode === 'append' && { decides: true }) }),
  load: loadOnce(async () => (await import('./duckdb.js')).duckDbSink),
});
