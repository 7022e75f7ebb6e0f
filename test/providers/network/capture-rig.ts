import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { copyRow, rowsOf } from '../../../src/columns/row-view.js';
import type { Clock } from '../../../src/core/clock.js';
import type { PlainData } from '../../../src/core/plain-data.js';
import type { Nanos } from '../../../src/core/units.js';
import { unlimitedGate } from '../../../src/engine/call-gate.js';
import type { Source } from '../../../src/engine/source.js';
import { providerSource } from '../../../src/providers/adapter/provider-source.js';
import type { ProviderFactory } from '../../../src/providers/contract/market-data-provider.js';
import type { FeedOptions } from '../../../src/providers/contract/own-options.js';
import { fromCaptures } from '../../../src/providers/network/captures/captures.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import type { ProviderCapabilities } from '../../../src/wire/provider-capabilities.js';
import { FakeNetwork } from '../../support/fake-network.js';
import { stageContext } from '../../support/stage-context.js';
import { START_MS } from './kept-rig.js';
import { createSampleVenue, sampleVenue } from './sample-venue.js';

export const SECRET = 'key-that-nobody-may-see';

/** Everything that a source gave, in order: rows as they are, records as they are. */
export type Given = unknown[];

interface SourceOptions extends Partial<FeedOptions> {
  readonly factory?: ProviderFactory<never>;
  readonly clock?: Clock;
  readonly capabilities?: ProviderCapabilities;
}

/** A source of the sample venue over a network in memory, or from a capture. */
export function sampleSource(network: FakeNetwork | undefined, options: SourceOptions) {
  const {
    factory = createSampleVenue,
    clock = new VirtualClock(),
    capabilities = sampleVenue.capabilities,
    ...feed
  } = options;
  const all = {
    stream: 'trades' as const,
    symbols: ['A', 'B'],
    ws: 'wss://sample.test',
    http: 'https://sample.test',
    key: SECRET,
    ...feed,
  };
  const context = stageContext({ clock, id: 'source', job: 'sample' });
  return providerSource(
    { name: 'sample-venue', capabilities },
    factory as ProviderFactory<unknown>,
    (name, given, given2) =>
      fromCaptures(name, given, given2, () => {
        if (!network) throw new Error('expected a replay');
        return {
          network: {
            openSocket: (url, asked) => network.openSocket(url, asked),
            request: (url, asked) => network.request(url, asked),
            close() {},
          },
          clock,
          gate: unlimitedGate,
          chance: () => 'sample',
        };
      }),
  ).create(all, context);
}

/** Reads a source until it ends or fails. */
export async function readAll(
  source: Source,
  given: Given = [],
  rowsMax = Infinity,
  batchesMax = Infinity,
): Promise<unknown> {
  let rows = 0;
  let batches = 0;
  try {
    for (let batch = await source.read(); batch; batch = await source.read()) {
      let at = 0;
      const records = (row: number) => {
        for (const { row: place, record } of batch?.controls ?? []) if (place === row) given.push(record);
      };
      for (const row of rowsOf(batch)) {
        records(at++);
        given.push(copyRow(row));
      }
      records(at);
      rows += batch.length;
      batch.release();
      if (rows >= rowsMax || ++batches >= batchesMax) return undefined;
    }
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Records a session that a script plays on a virtual clock. @returns What came of it, and its capture. */
export async function recordSession(
  folder: string,
  options: Partial<FeedOptions> & { readonly capabilities?: ProviderCapabilities },
  script: (network: FakeNetwork, clock: VirtualClock) => Promise<void>,
) {
  const clock = new VirtualClock({ wall: BigInt(START_MS) * 1_000_000n + 123n });
  const network = new FakeNetwork(clock);
  const source = sampleSource(network, { ...options, capture: folder, clock });
  await source.open?.();
  const given: Given = [];
  const reading = readAll(source, given);
  await clock.advance(0);
  await script(network, clock);
  await clock.advance(0);
  source.stop();
  const error = await reading;
  const closing = source.close?.();
  await clock.advance(10_000);
  await closing;
  const [name = ''] = readdirSync(folder).sort().slice(-1);
  const path = join(folder, name);
  return { given, error, path, network, text: gunzipSync(readFileSync(path)).toString('utf8') };
}

/** Plays a capture. @returns Everything that came of it. */
export async function replaySession(
  path: string,
  options: SourceOptions = {},
  {
    resume,
    rowsMax,
    batchesMax,
  }: { readonly resume?: PlainData; readonly rowsMax?: number; readonly batchesMax?: number } = {},
) {
  const { replay, ...others } = options;
  const source = sampleSource(undefined, { ...others, replay: { speed: 'max', ...replay, capture: path } });
  try {
    await source.open?.();
    if (resume !== undefined) source.resume(resume);
    const given: Given = [];
    const error = await readAll(source, given, rowsMax, batchesMax);
    return { given, error, position: source.position() };
  } finally {
    source.stop();
    await source.close?.();
  }
}

/** A clock on which each wait takes a turn of the loop, however long it is. */
export function turningClock(): Clock {
  let nowNs = 0n;
  return {
    now: () => nowNs as Nanos,
    wall: () => (1_700_000_000_000_000_000n + nowNs) as Nanos,
    setTimeout: (callback, delayMs) =>
      setImmediate(() => {
        nowNs += BigInt(Math.ceil(delayMs * 1e6));
        callback();
      }),
    clearTimeout: (handle) => clearImmediate(handle as NodeJS.Immediate),
  };
}
