import { isCancellation, providerErrorKind } from '../../core/provider-error-kind.js';
import { streamsOf } from '../../providers/contract/feed-options.js';
import type { MarketDataProvider } from '../../providers/contract/market-data-provider.js';
import type { ProviderCapabilities, StreamKind } from '../../wire/provider-capabilities.js';
import { type CheckRig, type RunningStream, rowsIn } from '../check-rig.js';
import { messageOf } from './declaration-checks.js';
import type { ProviderCheck } from './provider-check.js';
import { rowFindings, timeFindings } from './row-checks.js';

/** What can be checked of each stream of a provider. */
export function streamChecks(capabilities: ProviderCapabilities): ProviderCheck[] {
  return streamsOf(capabilities).flatMap((kind) => checksOf(kind));
}

const always = () => undefined;

function checksOf(kind: StreamKind): ProviderCheck[] {
  return [
    {
      id: `stream-rows:${kind}`,
      title: `streams ${kind} of the symbols asked for, in order, with the values that it declares`,
      leftOut: always,
      run: (rig) => checkRows(rig, kind),
    },
    {
      id: `stream-end:${kind}`,
      title: `ends its stream of ${kind} soon once it is told to, without an error, and writes nothing after it`,
      leftOut: always,
      run: (rig) => checkEnd(rig, kind),
    },
    {
      id: `stream-aborted:${kind}`,
      title: `begins no stream of ${kind} that was told to end before`,
      leftOut: always,
      run: (rig) => checkAborted(rig, kind),
    },
    {
      id: `stream-gate:${kind}`,
      title: `takes its calls for ${kind} to the gate, and has no row while that is shut`,
      leftOut: always,
      run: (rig) => checkGate(rig, kind),
    },
  ];
}

async function checkRows(rig: CheckRig, kind: StreamKind): Promise<string[]> {
  const { waitMs, graceMs, watchMs, rowsMin, symbols } = rig.options;
  const checked = await rig.make();
  const stopped = await connected(rig, checked.provider);
  if (stopped) return stopped;
  const stream = rig.stream(kind, checked);
  const missing = () => {
    const came = new Set(rowsIn(stream.written).map(({ symbol }) => symbol));
    return symbols.filter((symbol) => !came.has(symbol));
  };
  await rig.until(
    () => {
      stream.take();
      return rowsIn(stream.written).length >= rowsMin && missing().length === 0;
    },
    waitMs,
    stream.ended.catch(() => {}),
  );
  // Watched a while longer: a live stream never ends by itself.
  const { how } = await rig.within(stream.ended, watchMs);
  const found = how === 'pending' ? [] : await endedEarly(rig, stream);
  stream.abort();
  await rig.within(stream.ended, graceMs);
  const rows = rowsIn(stream.written);
  if (rows.length < rowsMin) {
    found.push(`expected ${rowsMin} rows within ${waitMs} ms, found ${rows.length}`);
  } else {
    for (const symbol of missing()) {
      found.push(`expected rows of "${symbol}" within ${waitMs} ms, found none`);
    }
  }
  const of = rig.capabilities.streams?.[kind];
  found.push(
    ...rowFindings(stream.written, { kind, symbols, maxDelayMs: of?.maxDelayMs, sequence: of?.sequence }),
  );
  found.push(...timeFindings(rows, rig.clock.wall()));
  const [first] = stream.written;
  if (kind === 'book' && first && !('record' in first && first.record.type === 'reset')) {
    found.push('expected a book to begin with a "reset", and then its snapshot');
  }
  return found;
}

async function checkEnd(rig: CheckRig, kind: StreamKind): Promise<string[]> {
  const { waitMs, graceMs, watchMs } = rig.options;
  const checked = await rig.make();
  const stopped = await connected(rig, checked.provider);
  if (stopped) return stopped;
  const stream = rig.stream(kind, checked);
  await rig.until(() => {
    stream.take();
    return stream.written.length > 0;
  }, waitMs);
  stream.abort();
  const found = await endFindings(rig, stream, `goes on ${graceMs} ms after its signal has aborted`);
  await rig.until(() => false, watchMs);
  stream.take();
  if (stream.late > 0) found.push(`wrote ${stream.late} rows or records after its signal had aborted`);
  return found;
}

async function checkAborted(rig: CheckRig, kind: StreamKind): Promise<string[]> {
  const checked = await rig.make();
  const stopped = await connected(rig, checked.provider);
  if (stopped) return stopped;
  const stream = rig.stream(kind, checked, AbortSignal.abort());
  const goesOn = `goes on ${rig.options.graceMs} ms, although it was told to end`;
  const found = await endFindings(rig, stream, goesOn);
  stream.take();
  return stream.written.length > 0 ? [...found, 'wrote rows although it was told to end'] : found;
}

async function checkGate(rig: CheckRig, kind: StreamKind): Promise<string[]> {
  const { watchMs } = rig.options;
  const checked = await rig.make();
  const stopped = await connected(rig, checked.provider);
  if (stopped) return stopped;
  const { gate } = checked;
  gate.isShut = true;
  const before = gate.calls;
  const stream = rig.stream(kind, checked);
  await rig.until(() => {
    stream.take();
    return stream.written.length > 0;
  }, watchMs);
  const found: string[] = [];
  if (rowsIn(stream.written).length > 0) found.push('has rows although its gate has let no call through');
  if (gate.calls === before) found.push('took no call to its gate');
  const early = await rig.within(stream.ended, 0);
  if (early.how === 'resolved') found.push('returned while its gate let no call through');
  if (early.how === 'rejected') {
    found.push(`failed while its gate let no call through: ${messageOf(early.error)}`);
  }
  stream.abort();
  if (early.how !== 'pending') return found;
  const waitsOn = 'waits on for its gate although its signal has aborted';
  return [...found, ...(await endFindings(rig, stream, waitsOn))];
}

/**
 * What is wrong with the end of a stream that was told to end. An error that says it was cancelled is none.
 *
 * @param goesOn - The finding if it does not end.
 */
async function endFindings(rig: CheckRig, { ended }: RunningStream, goesOn: string): Promise<string[]> {
  const end = await rig.within(ended, rig.options.graceMs);
  if (end.how === 'pending') return [goesOn];
  if (end.how === 'resolved' || isCancellation(end.error)) return [];
  return [`expected it to return once it is told to end, found an error: ${messageOf(end.error)}`];
}

/** What is wrong if a stream has ended that nobody told to. */
async function endedEarly(rig: CheckRig, { ended }: RunningStream): Promise<string[]> {
  const end = await rig.within(ended, 0);
  if (end.how === 'resolved') return ['returned although nobody told it to end'];
  if (end.how === 'pending') return [];
  const kind = providerErrorKind(end.error);
  return [`failed (${kind ?? 'an error without a kind'}): ${messageOf(end.error)}`];
}

/** @returns What is wrong; `undefined` once it is connected. */
export async function connected(rig: CheckRig, provider: MarketDataProvider): Promise<string[] | undefined> {
  const stopping = rig.stopping();
  const outcome = await rig.within(rig.connect({ provider }, stopping), rig.options.waitMs);
  if (outcome.how === 'resolved') return undefined;
  stopping.abort();
  return outcome.how === 'pending'
    ? [`did not connect within ${rig.options.waitMs} ms`]
    : [`did not connect: ${messageOf(outcome.error)}`];
}
