import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

export default defineComponent({
  kind: 'sink',
  name: 'parquet',
  summary: 'Parquet files in a directory.',
  exactlyOnce: 'yes',
  // Each column chunk states its own compression, and rows that are not yet in a chunk are saved as rows.
  mayChange: ['compression', 'rowGroupRows', 'rotate', 'ifExists', 'openPartsMax'],
  options: async () => (await import('./options.js')).ParquetSinkOptions,
  facts: () => ({ isFenced: true }),
  load: loadOnce(async () => (await import('./parquet.js')).parquetSink),
});
