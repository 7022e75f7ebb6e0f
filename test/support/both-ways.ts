import { expect } from 'vitest';
import { Batch } from '../../src/columns/batch.js';
import { Dictionary, DictionarySet } from '../../src/columns/dictionary.js';
import type { Row } from '../../src/columns/row-view.js';
import type { BadRow } from '../../src/core/errors.js';
import { csvFormat } from '../../src/formats/csv/csv-format.js';
import type { FileBytes } from '../../src/formats/file-bytes.js';
import type { FileDirection, RowPosition } from '../../src/formats/file-decoder.js';
import { kernelsOfThread } from '../../src/formats/kernels/kernels.js';
import { ReplayOptions } from '../../src/stages/sources/replay/options.js';
import { rowsIn } from './batch-rows.js';
import type { ReplayInput } from './replayed.js';
import { RecordedRejects, stageContext } from './stage-context.js';

/** Runs a step with kernels, or without, as under `TICKLOOM_NO_WASM=1`; whatever the environment says. */
export async function byKernels<Result>(isBy: boolean, step: () => Promise<Result>): Promise<Result> {
  const before = process.env.TICKLOOM_NO_WASM;
  if (isBy) delete process.env.TICKLOOM_NO_WASM;
  else process.env.TICKLOOM_NO_WASM = '1';
  try {
    if ((kernelsOfThread() !== undefined) !== isBy) throw new Error('expected kernels as asked for');
    return await step();
  } finally {
    if (before === undefined) delete process.env.TICKLOOM_NO_WASM;
    else process.env.TICKLOOM_NO_WASM = before;
  }
}

export interface HeldFileSettings {
  /** Lengths of the chunks, over and over again. */
  readonly chunks?: readonly number[];
  readonly batchRows?: number;
  readonly direction?: FileDirection;
  /** Whether a bad row ends the reading, as it does without a file of dead letters. */
  readonly stopsAtBadRow?: boolean;
  /** Different texts that a dictionary takes. */
  readonly textsMax?: number;
}

/** All that can be seen of a file that was decoded. */
export interface Decoded {
  readonly rows: Row[];
  /** The line of each row. */
  readonly lines: number[];
  readonly rejected: readonly BadRow[];
  readonly error: string | undefined;
  /** After each batch. */
  readonly places: RowPosition[];
  /** The strings of each dictionary, in order of id. */
  readonly texts: Readonly<Record<string, readonly string[]>>;
}

class BoundedDictionaries extends DictionarySet {
  readonly #bounded = new Map<string, Dictionary>();
  readonly #textsMax: number | undefined;

  constructor(textsMax: number | undefined) {
    super();
    this.#textsMax = textsMax;
  }

  override get(name: string): Dictionary {
    if (this.#textsMax === undefined) return super.get(name);
    const dictionary = this.#bounded.get(name) ?? new Dictionary(name, this.#textsMax);
    this.#bounded.set(name, dictionary);
    return dictionary;
  }
}

/** Decodes a file that is in memory. */
export async function decodeBytes(
  content: Uint8Array,
  input: Omit<ReplayInput, 'path'>,
  {
    chunks = [content.length],
    batchRows = 64,
    direction,
    stopsAtBadRow = false,
    textsMax,
  }: HeldFileSettings = {},
): Promise<Decoded> {
  const options = ReplayOptions.parse({ path: 'x.csv', ...input });
  const rejects = new RecordedRejects({ keepsRows: !stopsAtBadRow });
  const dictionaries = new BoundedDictionaries(textsMax);
  const context = stageContext({ rejects, batchRows, dictionaries });
  const batch = new Batch(csvFormat.plan(options, { add() {} }), batchRows, context.dictionaries);
  const found = {
    rows: [] as Row[],
    lines: [] as number[],
    rejected: rejects.rows,
    error: undefined as string | undefined,
    places: [] as RowPosition[],
  };
  try {
    const bytes = heldBytes(content, chunks);
    const decoder = await csvFormat.open('x.csv', options, context, direction, bytes);
    const lines = new Int32Array(batchRows);
    for (let hasMore = true; hasMore; ) {
      batch.length = 0;
      try {
        hasMore = await decoder.read(batch, () => false, lines);
      } finally {
        found.rows.push(...rowsIn(batch));
        found.lines.push(...lines.subarray(0, batch.length));
        found.places.push(decoder.position());
      }
    }
  } catch (error) {
    found.error = String(error);
  }
  return { ...found, texts: dictionaries.snapshot() };
}

/** Expects that a file is decoded in the same way with kernels and without. @returns What came of it. */
export async function decodeBothWays(
  content: Uint8Array,
  input: Omit<ReplayInput, 'path'>,
  settings: HeldFileSettings = {},
): Promise<Decoded> {
  const decode = () => decodeBytes(content, input, settings);
  const expected = await byKernels(false, decode);
  expect(await byKernels(true, decode)).toEqual(expected);
  return expected;
}

function heldBytes(content: Uint8Array, chunks: readonly number[]): FileBytes {
  let at = 0;
  let read = 0;
  return {
    isPacked: false,
    identity: { dev: 0, ino: 0, size: content.length },
    async next() {
      if (at >= content.length) return null;
      const chunk = content.slice(at, at + Math.max(1, chunks[read++ % chunks.length]!));
      at += chunk.length;
      return chunk;
    },
    async seek(offset) {
      at = offset;
    },
    async close() {},
  };
}
