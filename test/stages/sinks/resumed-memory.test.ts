import { describe, expect, it } from 'vitest';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import { ParquetPartEncoder } from '../../../src/formats/parquet/parquet-encoder.js';
import type { PartEncoder } from '../../../src/formats/part-encoder.js';
import type { TextDialect } from '../../../src/formats/text/text-column.js';
import { TextPartEncoder } from '../../../src/formats/text/text-encoder.js';
import type { FileMark, OutputFile, ResumedFile } from '../../../src/outputs/output-file.js';
import { batchOf, TICKS, ticks } from './sink-rows.js';

/** A file that forgets what is written to it. */
function countedFile(): OutputFile {
  let bytes = 0;
  return {
    name: 'counted',
    get bytes() {
      return bytes;
    },
    get mark(): FileMark {
      return { bytes, checksum: 0 };
    },
    write: async (written: Uint8Array) => {
      bytes += written.length;
    },
  };
}

const DIALECT: TextDialect = {
  timeFormat: 'iso',
  before: () => Buffer.from(','),
  text: (value) => Buffer.from(value),
  nullText: '',
  nonFinite: String,
};

const FORMATS: Readonly<Record<string, (dictionaries: DictionarySet) => PartEncoder>> = {
  parquet: (dictionaries) =>
    new ParquetPartEncoder(TICKS, 'none', 64, dictionaries, dictionaries.memory.share('row group')),
  'text in gzip': (dictionaries) => {
    const format = { dialect: DIALECT, header: Buffer.from('h\n'), rowEnd: Buffer.from('\n'), gzip: true };
    return new TextPartEncoder(TICKS, format, dictionaries.memory.share('text'));
  },
};

describe.each(Object.entries(FORMATS))('an encoder of %s that is gone on with', (_format, make) => {
  it('keeps no view of the journal that it was given, which may be large', async () => {
    const first = make(new DictionarySet());
    await first.begin(countedFile());
    for (let batch = 0; batch < 4; batch++) await first.rows(batchOf(TICKS, ticks(50)), 0, 50);
    const { state, log, tail } = await first.cut(true);
    const journal = Buffer.from(new Uint8Array(Buffer.concat([...log, ...tail])).buffer); // of its own
    const logBytes = log.reduce((sum, { length }) => sum + length, 0);
    const resumed: ResumedFile = {
      file: countedFile(),
      state,
      log: [journal.subarray(0, logBytes)],
      tail: [journal.subarray(logBytes)],
    };
    const second = make(new DictionarySet());
    await second.goOn(resumed);
    const cut = await second.cut(true);
    expect(Buffer.concat([...cut.log, ...cut.tail]).equals(journal)).toBe(true);
    for (const kept of [...cut.log, ...cut.tail]) expect(kept.buffer).not.toBe(journal.buffer);
    for (const encoder of [first, second]) encoder.close?.();
  });
});
