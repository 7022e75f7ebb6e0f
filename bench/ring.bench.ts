// Question: how many quotes a second go from one thread to another through a ring, and how late are they?
//
// The rates are of batches of 8,192 rows, as fast as both ends can; whoever reads them sums a column. Posted
// objects stand beside, four messages of 8,192 on their way at a time. For the delay, a thread brings a million
// rows a second, 256 every 256 µs, and the time is that from when they were due to when the other end has them.
// Two peers at the same pace, in turns, say what of it is the machine's: bare messages without rows, and threads that
// copy as many bytes as the rows have and do nothing else but wait for one another (`Atomics.wait`), than which none
// wakes sooner. Told is the median of the rounds.
import { once } from 'node:events';
import { MessageChannel, type TransferListItem, Worker } from 'node:worker_threads';
import { createRing } from '../src/shared-memory/ring-memory.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { measureRates, median } from './support/measure.js';
import { barePlaces, type EndReport, type RingEnd, runEnd } from './support/ring-ends.js';

const RING_BYTES = 1_048_576;
const ROWS = 8_192;
const BATCHES = 2_000;
const POSTED_BATCHES = 40;
const PACED_ROWS = 256;
const PACED_SECONDS = 1;
const PACED_ROUNDS = 9;

type Runs = (end: RingEnd) => Promise<EndReport>;

export default async function benchRing(context: BenchContext): Promise<BenchResult[]> {
  const workers = [newWorker(), newWorker()] as const;
  const [first, second] = [inWorker(workers[0]), inWorker(workers[1])];
  const rated = (name: string, isRing: boolean, read: Runs) => {
    const batches = isRing ? BATCHES : POSTED_BATCHES;
    const roles = isRing ? (['write', 'read'] as const) : (['post', 'take'] as const);
    const size = { batches, batchRows: ROWS };
    return { name, ours: isRing, count: batches * ROWS, run: () => stream(roles, size, first, read) };
  };
  try {
    const rates = await measureRates(
      'rows',
      [
        rated('through a ring, worker to worker', true, second),
        rated('posted objects, worker to worker', false, second),
        rated('through a ring, worker to main', true, runEnd),
        rated('posted objects, worker to main', false, runEnd),
      ],
      context,
    );
    const like = (name: string, to: string) => (name.includes(to) ? `through a ring, ${to}` : undefined);
    const results: BenchResult[] = rates.map((each) =>
      each.ours
        ? each
        : { ...each, like: like(each.name, 'worker to worker') ?? like(each.name, 'worker to main') },
    );
    for (const [to, read] of [
      ['worker', second],
      ['main', runEnd],
    ] as const) {
      context.progress(`delay, worker to ${to}`);
      const rounds: Record<'ring' | 'messages' | 'waits', (share: number) => number>[] = [];
      for (let round = 0; round < (context.quick ? 1 : PACED_ROUNDS); round++) {
        rounds.push({
          ring: await delays(context, ['write', 'read'], first, read),
          messages: await delays(context, ['ping', 'pong'], first, read),
          waits: await delays(context, ['notify', 'wait'], first, read),
        });
      }
      for (const [name, share] of [
        ['median', 0.5],
        ['p99', 0.99],
      ] as const) {
        const of = `delay at 1 M rows/s, worker to ${to}, ${name}`;
        const told = (way: 'ring' | 'messages' | 'waits') => median(rounds.map((round) => round[way](share)));
        const peer = (what: string, way: 'messages' | 'waits'): BenchResult => {
          return { name: `${what}, ${name}`, ours: false, like: of, value: told(way), unit: 'ms' };
        };
        results.push(
          { name: of, ours: true, value: told('ring'), unit: 'ms' },
          peer('bare messages instead', 'messages'),
          peer('bare copies and Atomics.wait instead', 'waits'),
        );
      }
    }
    return results;
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** Returns the delays of batches at a steady pace, in ms, by their share. */
async function delays(
  { quick }: BenchContext,
  roles: readonly [RingEnd['role'], RingEnd['role']],
  write: Runs,
  read: Runs,
): Promise<(share: number) => number> {
  const seconds = quick ? 0.2 : PACED_SECONDS;
  const batches = Math.round((seconds * 1e6) / PACED_ROWS);
  const size = { batches, batchRows: PACED_ROWS, everyNs: PACED_ROWS * 1_000 };
  const { latenciesNs } = await stream(roles, size, write, read);
  const sorted = latenciesNs!; // asked for by `everyNs`
  return (share) => sorted[Math.floor(share * (sorted.length - 1))]! / 1e6;
}

/** Lets rows go from one end to the other. Returns what the other one saw. */
async function stream(
  [from, to]: readonly [RingEnd['role'], RingEnd['role']],
  size: Pick<RingEnd, 'batches' | 'batchRows' | 'everyNs'>,
  write: Runs,
  read: Runs,
): Promise<EndReport> {
  const ring = createRing(RING_BYTES);
  const places = barePlaces(size);
  const { port1, port2 } = new MessageChannel();
  const [written, found] = await Promise.all([
    write({ ...size, role: from, ring, places, port: port1 }),
    read({ ...size, role: to, ring, places, port: port2 }),
  ]);
  if (found.rows !== written.rows) throw new Error(`expected ${written.rows} rows, found ${found.rows}`);
  return found;
}

const newWorker = (): Worker => new Worker(new URL('./support/ring.worker.js', import.meta.url));

const inWorker =
  (worker: Worker): Runs =>
  async (end) => {
    const transfer: TransferListItem[] = [end.port];
    worker.postMessage(end, transfer);
    const [report] = (await once(worker, 'message')) as [EndReport];
    return report;
  };
