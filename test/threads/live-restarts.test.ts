import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import { Random } from '../../src/core/random.js';

const PROCESS = fileURLToPath(new URL('../support/live-process.mjs', import.meta.url));
const ROUNDS = Number(process.env.TICKLOOM_ROUNDS ?? 1);
const KILLS = 2;

interface Trade {
  readonly time: number;
  /** The number of the trade: the first of all was sent when the feed started, one each 50 µs. */
  readonly price: number;
}

interface Gap {
  readonly control: 'gap';
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

function start(folder: string, feedStart: number, overflow: string) {
  const child = spawn(process.execPath, [PROCESS, folder, String(feedStart), overflow], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += chunk;
  });
  const end = new Promise<string>((resolve) => {
    child.once('close', () => resolve(said));
  });
  return { child, end };
}

/** What the files hold, in the order in which they were written. */
function recorded(folder: string): (Trade | Gap)[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Trade | Gap);
}

const isGap = (line: Trade | Gap): line is Gap => 'control' in line && line.control === 'gap';
const isTrade = (line: Trade | Gap): line is Trade => 'price' in line;

describe('a live feed that is recorded by processes that are killed while their queue is full', () => {
  it.each(['block', 'drop-oldest', 'drop-newest'])(
    'has each trade once, or a gap where it was (%s)',
    async (overflow) => {
      for (let round = 0; round < ROUNDS; round++) {
        const random = new Random(round + 1);
        const folder = mkdtempSync(join(tmpdir(), 'tickloom-live-'));
        onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
        const feedStart = Date.now();
        const store = new FileCheckpointStore(join(folder, 'checkpoints'));
        const recordFor = async (ms: number, signal: NodeJS.Signals): Promise<string> => {
          const before = (await store.load('live'))?.takenAtMs;
          const { child, end } = start(folder, feedStart, overflow);
          while ((await store.load('live'))?.takenAtMs === before) await setTimeout(5);
          await setTimeout(ms);
          child.kill(signal);
          return end;
        };
        for (let kill = 0; kill < KILLS; kill++) await recordFor(random.next() * 300, 'SIGKILL');
        const end = await recordFor(300, 'SIGTERM');
        expect(JSON.parse(end)).toMatchObject({ outcome: 'completed', reason: 'drained' });

        const lines = recorded(join(folder, 'out'));
        const numbers = lines.filter(isTrade).map(({ price }) => price);
        expect(new Set(numbers).size).toBe(numbers.length);
        const gaps = lines.filter(isGap);
        expect(gaps.filter(({ reason }) => reason.startsWith('restart')).length).toBe(KILLS);
        const numberAt = (us: number) => (us - feedStart * 1_000) / 50;
        // A gap ends 1 ns after a row that was dropped, which the sink rounds down to the row's microsecond.
        const told = (number: number) =>
          gaps.some(({ from, to }) => numberAt(from) <= number && number <= numberAt(to));
        const there = new Set(numbers);
        const [first, last] = [Math.min(...numbers), Math.max(...numbers)];
        const lost: number[] = [];
        for (let number = first; number <= last; number++) {
          if (!there.has(number) && !told(number)) lost.push(number);
        }
        expect([round, lost]).toEqual([round, []]);
        const wide = gaps.filter(({ from, to }) =>
          numbers.some((number) => numberAt(from) < number && number < numberAt(to)),
        );
        expect([round, wide]).toEqual([round, []]);
      }
    },
    180_000 + ROUNDS * 20_000,
  );
});
