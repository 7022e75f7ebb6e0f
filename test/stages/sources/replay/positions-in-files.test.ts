import { afterAll, describe, expect, it } from 'vitest';
import { DictionarySet } from '../../../../src/columns/dictionary.js';
import { csvFormat } from '../../../../src/formats/csv/csv-format.js';
import type { FileDecoder, FileDirection, RowPosition } from '../../../../src/formats/file-decoder.js';
import { Descriptors } from '../../../../src/formats/lent-descriptors.js';
import { BlockPools } from '../../../../src/stages/sources/replay/block-pools.js';
import type { FileCursor, FileReading } from '../../../../src/stages/sources/replay/file-cursor.js';
import { filesInTime } from '../../../../src/stages/sources/replay/files-in-time.js';
import { openCursor } from '../../../../src/stages/sources/replay/open-cursor.js';
import { ReplayOptions } from '../../../../src/stages/sources/replay/options.js';
import type { PositionInFile } from '../../../../src/stages/sources/replay/replay-position.js';
import { scratchFolder } from '../../../support/recorded-data.js';
import { stageContext } from '../../../support/stage-context.js';
import { TIMED_ROWS, timedCsv } from '../../../support/timed-files.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

/** How a file is read in blocks of four rows, and what its decoders are told. */
function fileReading(path: string) {
  const options = ReplayOptions.parse({ path, ...TIMED_ROWS });
  const schema = csvFormat.plan(options, { add() {} });
  const directions: FileDirection[] = [];
  const resumed: RowPosition[] = [];
  const decoders: FileDecoder[] = [];
  const context = stageContext({ dictionaries: new DictionarySet(), batchRows: 4 });
  const reading: FileReading = {
    schema,
    context,
    descriptors: new Descriptors(),
    blocks: new BlockPools(schema, context.dictionaries),
    tally: { rowsRejected: 0, bytesIn: 0 },
    heldRows: { bytes: 0 },
    isStopped: () => false,
    async openDecoder(file, quiet, direction, bytes) {
      directions.push(direction);
      const decoder = await csvFormat.open(file, options, quiet, direction, bytes);
      decoders.push(decoder);
      const resume = decoder.resume.bind(decoder);
      decoder.resume = async (position) => {
        resumed.push(position);
        await resume(position);
      };
      return decoder;
    },
  };
  return { reading, directions, resumed, decoders };
}

async function toldDecoders(name: string, times: readonly number[]) {
  const path = SCRATCH.write(`${name}.csv`, timedCsv(times.map((ms, id) => ({ ms, id }))));
  const { reading, directions, resumed } = fileReading(path);
  const [file] = (await filesInTime([path], reading))!;
  const open = (position?: PositionInFile): Promise<FileCursor | undefined> =>
    openCursor(file!, reading, { chunkBytes: 8_192, rows: 4 }, position);
  return { open, directions, resumed };
}

describe('the decoder of a file', () => {
  it('is told the time of the row before the one that it goes on with', async () => {
    const { open, directions, resumed } = await toldDecoders('forward', [10, 11, 12, 13, 14, 15, 16]);
    const first = (await open())!;
    expect(first.position()).toMatchObject({ line: 2, previousNs: undefined });
    await first.fill(4);
    first.next = 2;
    expect(first.position()).toMatchObject({ line: 2, skip: 2, reported: 6, previousNs: undefined });
    first.next = 4;
    const position = first.position();
    expect(position).toMatchObject({ line: 6, skip: 0, previousNs: 13_000_000n });
    await first.close();

    const second = (await open(position))!;
    expect(resumed).toEqual([{ offset: 'time,id\n'.length + 4 * 5, line: 6, previousNs: 13_000_000n }]);
    await second.fill(4);
    expect([...second.block!.float64('price').subarray(0, second.block!.length)]).toEqual([4, 5, 6]);
    await second.close();
    expect(directions).toEqual(['ascending', 'ascending', 'ascending']);
  });

  it('is told the direction of a file that runs backwards, and the row before each block', async () => {
    const { open, directions, resumed } = await toldDecoders(
      'backward',
      [19, 18, 17, 16, 15, 14, 13, 12, 11],
    );
    const cursor = (await open())!;
    while (await cursor.fill(4)) cursor.next = cursor.block!.length;
    await cursor.close();
    expect(directions).toEqual(['ascending', 'descending', 'descending']); // peek, index, blocks
    expect(resumed.map(({ line, previousNs }) => [line, previousNs])).toEqual([
      [10, 12_000_000n],
      [6, 16_000_000n],
      [2, undefined],
    ]);
  });
});

describe('a peek at a file', () => {
  it('ends after a thousand rows, though none of them can be used', async () => {
    const path = SCRATCH.write('bad.csv', `time,id\n${'x,1\n'.repeat(20_000)}`);
    const { reading, decoders } = fileReading(path);
    expect(await filesInTime([path], reading)).toMatchObject([
      { firstNs: undefined, direction: 'ascending' },
    ]);
    expect(decoders.map(({ rowsRejected }) => rowsRejected)).toEqual([1_000]);
  });
});
