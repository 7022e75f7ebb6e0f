/**
 * Spends from a budget in a thread of its own, and writes down each admission in shared memory, so
 * that those of a thread that was terminated are counted too. Told to `spend`, it begins, and tells
 * what it has seen when it is `done`; told to `cool`, it asks for a cooldown and tells when that was.
 */
import { setImmediate, setTimeout } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { openRates } from '../../dist/src/resilience/rate/rate.js';

const { handle, ref, mode, costs, callers, records, seed, gapMs, acquire } = workerData;
const rates = openRates(handle);
const limiter = rates.limiter(ref);
const rows = new BigInt64Array(records);
const capacity = Math.floor((rows.length - 1) / 3);
const seen = { granted: 0, permits: 0, refused: 0, codes: {}, waitedMsMax: 0 };
let random = seed;
let turn = 0;

/** Uniform in [0, 1): a run is as repeatable as threads are. */
function next() {
  random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
  return random / 2 ** 32;
}

/** The instant lies between the two. The count comes last: a row that counts is whole. */
function record(earliest, latest, cost) {
  const row = Number(rows[0]);
  if (row === capacity) throw new Error(`expected at most ${capacity} admissions in one thread`);
  rows[3 * row + 1] = earliest;
  rows[3 * row + 2] = latest;
  rows[3 * row + 3] = BigInt(cost);
  Atomics.store(rows, 0, BigInt(row + 1));
  seen.granted++;
  seen.permits += cost;
}

const nextCost = () => costs[turn++ % costs.length];

/** Takes in a tight loop that lets timers and messages have their turn now and then. */
async function spendByTrying(until) {
  while (performance.now() < until) {
    for (let i = 0; i < 2_000; i++) {
      const cost = nextCost();
      const earliest = process.hrtime.bigint();
      const wait = limiter.tryAcquire(cost);
      if (wait === 0) record(earliest, process.hrtime.bigint(), cost);
      else seen.refused++;
    }
    await setImmediate();
  }
}

/** Waits, one permit after the other; some of the calls give up. */
async function spendByWaiting(until) {
  for (;;) {
    const timeoutMs = until - performance.now();
    if (timeoutMs <= 0) return;
    const cost = nextCost();
    const { impatient = 0, ...options } = acquire;
    const giveUp = next() < impatient ? new AbortController() : undefined;
    if (giveUp && next() < 0.5) options.timeoutMs = next() * 20;
    else if (giveUp) globalThis.setTimeout(() => giveUp.abort(), next() * 20);
    try {
      const permit = await limiter.acquire({ timeoutMs, ...options, cost, signal: giveUp?.signal });
      record(permit.atNs, permit.atNs, cost);
      seen.waitedMsMax = Math.max(seen.waitedMsMax, permit.waitedNs / 1e6);
      permit.release();
    } catch (error) {
      const code = error.code === 20 ? 'ABORTED' : error.code;
      seen.codes[code] = (seen.codes[code] ?? 0) + 1;
      await setImmediate();
    }
    if (gapMs > 0) await setTimeout(gapMs);
  }
}

async function spend(forMs) {
  const until = performance.now() + forMs;
  const spendOne = mode === 'try' ? spendByTrying : spendByWaiting;
  await Promise.all(Array.from({ length: callers }, () => spendOne(until)));
  rates.close();
  parentPort.postMessage({ type: 'done', seen });
  parentPort.close();
}

function cool(ms) {
  const before = process.hrtime.bigint();
  rates.cooldown({ provider: ref.provider }, ms);
  parentPort.postMessage({ type: 'cooled', before, after: process.hrtime.bigint() });
}

parentPort.on('message', ({ type, ms }) => void (type === 'cool' ? cool(ms) : spend(ms)));
parentPort.postMessage({ type: 'ready' });
