import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

export default defineComponent({
  kind: 'sink',
  name: 'console',
  summary: 'The first rows as a table on the terminal.',
  exactlyOnce: {
    cannot: 'prints the rows since the last checkpoint again after a restart',
    instead: 'write files (parquet, csv, jsonl), and look into them with tickloom show',
  },
  mayChange: ['rows', 'to'],
  options: async () => (await import('./options.js')).ConsoleSinkOptions,
  load: loadOnce(async () => (await import('./console.js')).consoleSink),
});
