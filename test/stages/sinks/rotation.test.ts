import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ControlRecord } from '../../../src/columns/control-record.js';
import type { Row } from '../../../src/columns/row-view.js';
import type { Schema } from '../../../src/columns/schema.js';
import type { Nanos } from '../../../src/core/units.js';
import type { PartEncoder } from '../../../src/formats/part-encoder.js';
import type { Output } from '../../../src/outputs/output.js';
import { PartWriter } from '../../../src/stages/sinks/files/part-writer.js';
import { Rotation } from '../../../src/stages/sinks/files/rotation.js';
import { rotationLimits } from '../../../src/stages/sinks/files/rotation-limits.js';
import { jsonlSink } from '../../../src/stages/sinks/jsonl/jsonl.js';
import { JsonlSinkOptions } from '../../../src/stages/sinks/jsonl/options.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { seconds } from '../../support/file-runs.js';
import { batchOf, contextOf, TICKS, temporaryDirectory, ticks } from './sink-rows.js';

const START = 1_704_067_200_000_000_000n;
const MINUTE = 60_000_000_000n;
const minute = (count: number): Row => ({ time: START + BigInt(count) * MINUTE, symbol: 'A', price: 1 });
const watermark = (minutes: number, symbol?: string): ControlRecord => ({
  type: 'watermark',
  at: (START + BigInt(minutes) * MINUTE) as Nanos,
  ...(symbol !== undefined && { symbol }),
});

async function startSink(bounded: boolean, options: Record<string, unknown> = {}, name = 'out') {
  const path = join(temporaryDirectory(), name);
  const context = contextOf('job', { stream: { order: { scope: 'all', maxDelayNs: 0 }, bounded } });
  const sink = jsonlSink.create(JsonlSinkOptions.parse({ path, ...options }), TICKS, context);
  await sink.open();
  const writeMixed = (rows: readonly Row[], controls: readonly { row: number; record: ControlRecord }[]) =>
    sink.write(batchOf(TICKS, rows, context.dictionaries, controls));
  const write = (rows: readonly Row[], controls: readonly ControlRecord[] = []) =>
    writeMixed(
      rows,
      controls.map((record) => ({ row: rows.length, record })),
    );
  const parts = () =>
    readdirSync(path)
      .sort()
      .map((name) => seconds(join(path, name)).map((second) => second / 60));
  return { sink, path, write, writeMixed, parts };
}

describe('data that has no end', () => {
  it('is in a new file each hour of its time', async () => {
    const { sink, write, parts } = await startSink(false);
    await write([minute(10), minute(59), minute(60)]);
    expect(parts()).toEqual([[10, 59]]);
    await write([minute(119), minute(50), minute(200)]);
    expect(parts()).toEqual([
      [10, 59],
      [60, 119, 50],
    ]);
    await sink.close();
  });

  it('begins a new file for rows behind the watermark that has ended one, in the same batch', async () => {
    const { sink, write, writeMixed, parts } = await startSink(false);
    await write([minute(10)]);
    await writeMixed([minute(50), minute(61), minute(55)], [{ row: 0, record: watermark(60) }]);
    await writeMixed([minute(62)], [{ row: 1, record: watermark(120) }]);
    expect(parts()).toEqual([[10], [50], [61, 55, 62]]);
    await sink.close();
  });

  it('ends a file when the watermark says that its hour is over, and no row comes', async () => {
    const { sink, write, parts } = await startSink(false);
    await write([minute(10)]);
    await write([], [watermark(59), watermark(60, 'A')]);
    expect(parts()).toEqual([]);
    await write([], [watermark(60)]);
    expect(parts()).toEqual([[10]]);
    await write([], [watermark(120), watermark(180)]);
    expect(parts()).toHaveLength(1);
    await sink.close();
  });

  it('is rotated as the spec says where it says so', async () => {
    const { sink, write, parts } = await startSink(false, { rotate: { rows: 2 } });
    await write([minute(10), minute(200), minute(400)]);
    expect(parts()).toEqual([[10, 200]]);
    await sink.close();
  });
});

describe('data that has no end and no time', () => {
  const UNTIMED: Schema = { kind: 'custom', columns: [{ name: 'price', type: 'float64' }] };

  /** What a sink of these columns warns of as it is made. */
  function warningsOf(schema: Schema, bounded: boolean, options: object = {}): string[] {
    const warnings: string[] = [];
    const log = { ...silentLogger, warn: (_: object, text: string) => warnings.push(text) };
    const stream = { order: { scope: 'all', maxDelayNs: 0 }, bounded } as const;
    const path = join(temporaryDirectory(), 'out');
    jsonlSink.create(JsonlSinkOptions.parse({ path, ...options }), schema, contextOf('job', { stream, log }));
    return warnings;
  }

  it('is warned of, since a file of it ends by its size alone', () => {
    const warning = expect.stringMatching(/no timestamp column "time".*after 256 MB and not after 1 h/);
    expect(warningsOf(UNTIMED, false)).toEqual([warning]);
    expect(warningsOf(UNTIMED, true)).toEqual([]);
    expect(warningsOf(UNTIMED, false, { rotate: { rows: 2 } })).toEqual([]);
    expect(warningsOf(TICKS, false)).toEqual([]);
    expect(warningsOf(TICKS, false, { partitionBy: ['symbol', 'day'] })).toEqual([]);
  });

  it('is in a new file once one has 256 MB', async () => {
    const names: string[] = [];
    let bytes = 0;
    const begin = async () => ({
      name: String(names.push('file')),
      get bytes() {
        return bytes;
      },
      mark: { bytes: 0, checksum: 0 },
      write: async () => {},
    });
    const encoder: PartEncoder = {
      begin() {},
      rows() {},
      cut: () => expect.fail('cut'),
      goOn() {},
      async end() {},
      pendingBytes: 16,
    };
    const stream = { order: { scope: 'all', maxDelayNs: 0 }, bounded: false } as const;
    const limits = rotationLimits(undefined, UNTIMED, contextOf('job', { stream }), false);
    const output = { begin, end: async () => {} } as unknown as Output;
    const ended = { rows: 0, parts: 0, bytes: 0 };
    const writer = new PartWriter(output, encoder, new Rotation(UNTIMED, limits), ended);
    const row = batchOf(UNTIMED, [{ price: 1 }]);
    bytes = 256 * 1_048_576 - 17;
    await writer.take(row);
    expect([names.length, ended.parts]).toEqual([1, 0]);
    bytes++;
    await writer.take(row);
    expect([names.length, ended.parts]).toEqual([1, 1]);
    bytes = 0;
    await writer.take(row);
    expect([names.length, ended.rows]).toEqual([2, 2]);
  });
});

describe('data that has no end, in one file,', () => {
  it.each(['out.jsonl', 'out.jsonl.gz'])('is one part, which appears at the end: %s', async (name) => {
    const { sink, path, write } = await startSink(false, {}, name);
    await write([minute(10), minute(59), minute(60)]);
    await write([minute(200)], [watermark(400)]);
    expect([sink.statistics(), existsSync(path)]).toEqual([
      { parts: 0, partsOpen: 1, rowsInOpenParts: 4 },
      false,
    ]);
    await sink.flush();
    expect(sink.statistics()).toMatchObject({ parts: 1, partsOpen: 0 });
    expect(seconds(path).map((second) => second / 60)).toEqual([10, 59, 60, 200]);
    await sink.close();
  });
});

describe('data that ends', () => {
  it('is in one file', async () => {
    const { sink, write, parts } = await startSink(true);
    await write([minute(10), minute(200), minute(400)], [watermark(500)]);
    await sink.flush();
    expect(parts()).toEqual([[10, 200, 400]]);
    await sink.close();
  });
});

it('a file that begins with a control record ends by the rows in it, not by those of the file before', async () => {
  const { sink, write, parts } = await startSink(true, { rotate: { every: '1h' }, controls: true });
  await write([minute(10)], [watermark(60)]);
  const gap = { type: 'gap', from: START as Nanos, to: START as Nanos, reason: 'test' } as const;
  await write([], [gap]);
  await sink.prepare(false); // begins a file for the gap
  await write([...ticks(0), minute(70), minute(80)]);
  await sink.prepare(true);
  const { position } = await sink.prepare(true);
  await sink.commit(position);
  expect(readdirSync(join(sink.outputs()[0]!, '..'))).toHaveLength(2);
  expect(
    parts()
      .at(-1)
      ?.filter((at) => !Number.isNaN(at)),
  ).toEqual([70, 80]);
  await sink.close();
});
