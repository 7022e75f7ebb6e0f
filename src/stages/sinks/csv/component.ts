import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

export default defineComponent({
  kind: 'sink',
  name: 'csv',
  summary: 'CSV, one file or parts in a directory.',
  exactlyOnce: 'yes',
  mayChange: ['rotate', 'ifExists', 'openPartsMax'],
  options: async () => (await import('./options.js')).CsvSinkOptions,
  facts: () => ({ isFenced: true }),
  load: loadOnce(async () => (await import('./csv.js')).csvSink),
});
