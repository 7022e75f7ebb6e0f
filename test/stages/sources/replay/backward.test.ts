import { appendFileSync, renameSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { PlainData } from '../../../../src/core/plain-data.js';
import { TimeSteps } from '../../../../src/stages/sources/replay/file-peek.js';
import { FlakyFileSystem } from '../../../support/flaky-file-system.js';
import { scratchFolder } from '../../../support/recorded-data.js';
import { drainRows, openReplay, type ReplayInput, replay } from '../../../support/replayed.js';
import { RecordedRejects } from '../../../support/stage-context.js';
import { idsOf, readTimed, TIMED_ROWS, timedCsv, timedGzip } from '../../../support/timed-files.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const write = (content: string | Uint8Array): string => SCRATCH.writeNew(content);

/** Newest first: some rows hold line ends in quotes, some are bad, some have the instant of the one before. */
function newestFirst(rows: number, badEvery = 11) {
  let text = 'time,id,note\n';
  let line = 2;
  const good: { id: number; line: number }[] = [];
  const bad: number[] = [];
  for (let i = 0; i < rows; i++) {
    const ms = 10_000_000 - Math.floor(i / 3) * 2;
    const isBad = i % badEvery === badEvery - 1;
    const isQuoted = i % 5 === 2;
    if (isBad) bad.push(line);
    else good.push({ id: i, line });
    text += `${ms},${isBad ? 'x' : i},${isQuoted ? '"a\n""b"",\r\nc"' : 'n'}\n`;
    line += isQuoted ? 3 : 1;
  }
  return { text, good, bad };
}

describe('a replay of a file whose newest row comes first', () => {
  it.each([['plain'], ['gzip']])('gives its rows oldest first (%s)', async (form) => {
    const trades = [6, 5, 4, 3, 2, 1].map((minute) => ({ ms: minute * 60_000, id: minute }));
    const path = write(form === 'gzip' ? timedGzip(trades) : timedCsv(trades));
    const { rows } = await readTimed({ path, ...TIMED_ROWS });
    expect(idsOf(rows)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(rows.map(({ spot }) => spot.line)).toEqual([7, 6, 5, 4, 3, 2]);
    const listed = await replay({ path, ...TIMED_ROWS, order: 'listed' });
    expect(listed.rows.map(({ price }) => price)).toEqual([6, 5, 4, 3, 2, 1]);
  });

  it.each([['plain'], ['gzip']])(
    'gives them across blocks, from any position, with each bad row told once (%s)',
    async (form) => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 3, max: 150 }),
          fc.constantFrom(3, 7, 11, 1_000),
          fc.constantFrom(1, 7, 8_192),
          fc.constantFrom(1, 10, 8_192),
          fc.nat({ max: 160 }),
          fc.boolean(),
          async (rows, badEvery, batchRows, batchRowsLater, stopAfter, besideAnother) => {
            const { text, good, bad } = newestFirst(rows, badEvery);
            // Times must fall more than once.
            if (new Set(good.map(({ id }) => Math.floor(id / 3))).size < 3) return;
            const file = write(form === 'gzip' ? gzipSync(text, { level: 1 }) : text);
            const path = besideAnother ? [file, write(timedCsv([{ ms: 20_000_000, id: -1 }]))] : [file];
            const input: ReplayInput = { path, ...TIMED_ROWS };
            const expected = good.map(({ id }) => id).toReversed();
            if (besideAnother) expected.push(-1);
            const whole = await readTimed(input, { batchRows });
            expect(idsOf(whole.rows)).toEqual(expected);
            const lineOf = new Map(good.map(({ id, line }) => [id, line]));
            lineOf.set(-1, 2);
            for (const { id, spot } of whole.rows) expect(spot.line).toBe(lineOf.get(id));
            expect(whole.rejects.map(({ line }) => line).sort((a, b) => a - b)).toEqual(bad);
            expect(whole.rowsRejected).toBe(bad.length);

            const batches = Math.ceil(stopAfter / batchRows);
            const first = await readTimed(input, { batchRows, batches });
            const second = await readTimed(input, { batchRows: batchRowsLater, resumeAt: first.position });
            expect([...idsOf(first.rows), ...idsOf(second.rows)]).toEqual(expected);
            const told = [...first.rejects, ...second.rejects].map(({ line }) => line);
            expect(told.sort((a, b) => a - b)).toEqual(bad);
            expect(first.rowsRejected + second.rowsRejected).toBe(bad.length);
          },
        ),
        { numRuns: 80 },
      );
    },
  );

  it.each([
    ['plain', (text: string) => text],
    ['gzip', (text: string) => gzipSync(text, { level: 1 })],
  ])('tells each bad row once, wherever a stop comes in the middle of a read (%s)', async (_form, pack) => {
    const { text, good, bad } = newestFirst(41, 4);
    const path = write(pack(`${text}9000000,x,n\n`));
    bad.push(text.split('\n').length); // behind the last good row
    const expected = good.map(({ id }) => id).toReversed();
    for (let stopAt = 0; stopAt < 120; stopAt += 3) {
      const flaky = new FlakyFileSystem(20);
      const { source, rejects } = await openReplay({ path, ...TIMED_ROWS }, { batchRows: 8, fs: flaky.fs });
      let calls = 0;
      flaky.isFailing = () => {
        if (calls++ === stopAt) source.stop();
        return false;
      };
      const ids: number[] = [];
      for (let batch = await source.read(); batch; batch = await source.read()) {
        ids.push(...batch.float64('price').subarray(0, batch.length));
        batch.release();
      }
      const resumeAt = JSON.parse(JSON.stringify(source.position()));
      await source.close?.();
      const rest = await readTimed({ path, ...TIMED_ROWS }, { resumeAt });
      expect([...ids, ...idsOf(rest.rows)]).toEqual(expected);
      const told = [...rejects.rows, ...rest.rejects].map(({ line }) => line);
      expect(told.sort((a, b) => a - b)).toEqual(bad);
      expect(source.rowsRejected! + rest.rowsRejected).toBe(bad.length);
    }
  });

  it('tells each bad row once where reads of it fail, again and again, in what stands behind its last row too', async () => {
    const { text, good, bad } = newestFirst(40, 5);
    // The last block is full, so that these are read before it, on their own.
    const path = write(`${text}${'9000000,x,n\n'.repeat(6)}`);
    for (let i = 0; i < 6; i++) bad.push(text.split('\n').length + i);
    const expected = good.map(({ id }) => id).toReversed();
    let failures = 0;
    for (let failAt = 0; failAt < 140; failAt += 4) {
      const ids: number[] = [];
      const told: number[] = [];
      let rowsRejected = 0;
      let resumeAt: PlainData | undefined;
      for (const callsUntil of [failAt, failAt - 1, Number.POSITIVE_INFINITY]) {
        const flaky = new FlakyFileSystem(20);
        const options = { batchRows: 8, fs: flaky.fs };
        const { source, rejects } = await openReplay({ path, ...TIMED_ROWS }, options);
        if (resumeAt !== undefined) await source.resume(resumeAt);
        let calls = 0;
        flaky.isFailing = () => calls++ === callsUntil;
        try {
          for (let batch = await source.read(); batch; batch = await source.read()) {
            ids.push(...batch.float64('price').subarray(0, batch.length));
            batch.release();
          }
        } catch {
          failures++;
        }
        resumeAt = JSON.parse(JSON.stringify(source.position())) as PlainData;
        told.push(...rejects.rows.map(({ line }) => line));
        rowsRejected += source.rowsRejected!;
        await source.close?.();
      }
      expect(ids, `at ${failAt}`).toEqual(expected);
      expect(
        told.sort((a, b) => a - b),
        `at ${failAt}`,
      ).toEqual(bad);
      expect(rowsRejected).toBe(bad.length);
    }
    expect(failures).toBeGreaterThan(50);
  });

  it('gives no row twice where it is gone on with and fails before it has given one, and tells no bad row twice', async () => {
    const { text, good, bad } = newestFirst(40, 5);
    const path = write(text);
    const input: ReplayInput = { path, ...TIMED_ROWS };
    const expected = good.map(({ id }) => id).toReversed();
    for (const batches of [1, 2]) {
      const first = await readTimed(input, { batchRows: 8, batches });
      expect(first.rows).toHaveLength(batches * 8);
      let failures = 0;
      for (let failAt = 0; ; failAt++) {
        // It fails twice: what the first of these has told, the second tells no more, nor who comes after it.
        let resumeAt = first.position;
        const told = first.rejects.map(({ line }) => line);
        const failuresBefore = failures;
        for (const at of [failAt, failAt - 1]) {
          const flaky = new FlakyFileSystem(60);
          const { source, rejects } = await openReplay(input, { batchRows: 8, fs: flaky.fs, resumeAt });
          let calls = 0;
          flaky.isFailing = () => calls++ === at;
          const read = async () => source.read();
          const batch = await read().catch(() => undefined);
          if (batch) {
            batch.release();
          } else {
            failures++;
            resumeAt = JSON.parse(JSON.stringify(source.position())) as PlainData;
            told.push(...rejects.rows.map(({ line }) => line));
          }
          await source.close?.();
        }
        if (failures === failuresBefore) break; // a row came before that many calls
        const rest = await readTimed(input, { resumeAt });
        expect([...idsOf(first.rows), ...idsOf(rest.rows)], `at ${failAt}`).toEqual(expected);
        told.push(...rest.rejects.map(({ line }) => line));
        expect(
          told.sort((a, b) => a - b),
          `at ${failAt}`,
        ).toEqual(bad);
      }
      expect(failures).toBeGreaterThan(20);
    }
  });

  it('counts its bytes once, plain and packed', async () => {
    const { text } = newestFirst(20_000);
    const plain = await readTimed({ path: write(text), ...TIMED_ROWS }, { batchRows: 512 });
    const packed = await readTimed({ path: write(gzipSync(text)), ...TIMED_ROWS }, { batchRows: 512 });
    expect(plain.bytesIn).toBe(text.length - 'time,id,note\n'.length);
    expect(packed.bytesIn).toBe(text.length);
    expect(idsOf(packed.rows)).toEqual(idsOf(plain.rows));
  });

  it('is merged with files that run forward', async () => {
    const forward = Array.from({ length: 50 }, (_, i) => ({ ms: 2 * i, id: 2 * i }));
    const backward = Array.from({ length: 50 }, (_, i) => ({ ms: 2 * i + 1, id: 2 * i + 1 })).toReversed();
    for (const content of [timedCsv(backward), timedGzip(backward)]) {
      const path = [write(timedCsv(forward)), write(content)];
      const { rows } = await readTimed({ path, ...TIMED_ROWS }, { batchRows: 16 });
      expect(idsOf(rows)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    }
  });

  it('is refused with advice when it is packed and too large to be held', async () => {
    // A row takes 20 bytes and its line 4: 128 MB hold 5.6 million.
    const part = (from: number) =>
      Array.from({ length: 100_000 }, (_, i) => `${30_000_000 - from - i},1\n`).join('');
    const members = [gzipSync('time,id\n')];
    for (let from = 0; from < 7_000_000; from += 100_000) members.push(gzipSync(part(from), { level: 1 }));
    const path = write(Buffer.concat(members));
    const { error } = await replay({ path, ...TIMED_ROWS }, { batchRows: 8_192 });
    expect(error).toMatchObject({
      code: 'INPUT_UNREADABLE',
      message: expect.stringContaining(
        'Unpack it (a plain file is read backwards), sort it, or set "order: listed"',
      ),
    });
  });

  it('is refused when it has become shorter than its position', async () => {
    for (const pack of [(text: string) => text, (text: string) => gzipSync(text)]) {
      const rows = Array.from({ length: 50 }, (_, i) => ({ ms: 100 - i, id: i }));
      const path = write(pack(timedCsv(rows)));
      const { position } = await readTimed({ path, ...TIMED_ROWS }, { batchRows: 5, batches: 2 });
      SCRATCH.write(path.slice(SCRATCH.folder.length + 1), pack(timedCsv(rows.slice(0, 20))));
      await expect(readTimed({ path, ...TIMED_ROWS }, { resumeAt: position })).rejects.toMatchObject({
        code: 'CHECKPOINT_INVALID',
        message: expect.stringContaining('it has changed'),
      });
    }
  });

  it.each<[string, (path: string, text: string) => void]>([
    ['was replaced', (path, text) => renameSync(write(`time,id\n2000,0\n${text.slice(8)}`), path)],
    ['has grown', (path) => appendFileSync(path, '1,1\n')],
  ])('fails where it %s before its turn came, since its rows stand elsewhere now', async (_, change) => {
    const first = Array.from({ length: 30 }, (_, i) => ({ ms: i, id: i }));
    const text = timedCsv(Array.from({ length: 30 }, (_, i) => ({ ms: 1_100 - i, id: 100 - i })));
    const path = [write(timedCsv(first)), write(text)];
    const { source } = await openReplay({ path, ...TIMED_ROWS }, { batchRows: 8 });
    (await source.read())!.release();
    change(path[1]!, text);
    const { rows, error } = await drainRows(source);
    expect(rows).toHaveLength(22);
    expect(error).toMatchObject({
      code: 'INPUT_UNREADABLE',
      message: expect.stringContaining('leave input files as they are until the job has ended'),
    });
  });

  it('frees all that it holds when it is stopped or closed in the middle', async () => {
    const { text } = newestFirst(5_000);
    for (const content of [text, gzipSync(text)]) {
      for (const isStopped of [true, false]) {
        const path = write(content);
        const { source, context } = await openReplay({ path, ...TIMED_ROWS }, { batchRows: 64 });
        (await source.read())!.release();
        expect(context.memory.current).toBeGreaterThan(0);
        if (isStopped) source.stop();
        if (isStopped) expect(await source.read()).toBeNull();
        await source.close?.();
        context.memory.close();
        expect(context.memory.holders).toEqual({});
      }
    }
  });

  it('tells each bad row once when it is stopped while it tells one', async () => {
    const lines = Array.from({ length: 400 }, (_, i) => (i % 3 === 1 ? 'x,1\n' : `${900 - i},${i}\n`));
    const path = write(`time,id\n${lines.join('')}${'x,2\n'.repeat(50)}`);
    for (const stopAt of [1, 2, 49, 50, 51, 60, 183]) {
      const rejects = new RecordedRejects();
      const { source } = await openReplay({ path, ...TIMED_ROWS }, { batchRows: 89, rejects });
      const add = rejects.add.bind(rejects);
      rejects.add = (row) => {
        add(row);
        if (rejects.count === stopAt) source.stop();
      };
      let rows = 0;
      for (let batch = await source.read(); batch; batch = await source.read()) {
        rows += batch.length;
        batch.release();
      }
      const resumeAt = JSON.parse(JSON.stringify(source.position()));
      await source.close?.();
      const second = await readTimed({ path, ...TIMED_ROWS }, { batchRows: 89, resumeAt });
      expect(rows + second.rows.length).toBe(267);
      expect(rejects.count + second.rejects.length).toBe(183);
    }
  });

  it('stops at a bad row where bad rows are to stop it, before it gives rows of its block', async () => {
    const path = write('time,id\n9,9\n8,8\n7,x\n6,6\n5,5\n');
    const { rows, error } = await replay(
      { path, ...TIMED_ROWS },
      {
        batchRows: 2,
        rejects: {
          keepsRows: false,
          count: 0,
          add(row) {
            throw new Error(`line ${row.line}`);
          },
          async flush() {},
        },
      },
    );
    expect(rows).toEqual([]);
    expect(error).toMatchObject({ message: 'line 4' });
  });
});

describe('the direction of a file', () => {
  const of = (...times: number[]) => {
    const words = new Int32Array(2 * times.length);
    new BigInt64Array(words.buffer).set(times.map(BigInt));
    const whole = new TimeSteps();
    whole.note(words, times.length);
    const byRow = new TimeSteps();
    for (let row = 0; row < times.length; row++) byRow.note(words.subarray(2 * row, 2 * row + 2), 1);
    expect(byRow.direction).toBe(whole.direction);
    return whole.direction;
  };

  it('is told by falls and no rises, or far more of them; one fall beside equal times tells nothing', () => {
    expect(of()).toBe('ascending');
    expect(of(5)).toBe('ascending');
    expect(of(5, 5, 5)).toBe('ascending');
    expect(of(5, 5, 4)).toBe('ascending'); // one row in disorder, as it may well be
    expect(of(5, 5, 4, 4, 3)).toBe('descending');
    expect(of(1, 2, 1)).toBe('ascending');
    expect(of(9, 8, 7, 6, 7, 6, 5, 4, 3)).toBe('ascending');
    expect(of(9, 8, 7, 6, 7, 6, 5, 4, 3, 2)).toBe('descending');
    expect(of(-5, -6)).toBe('descending');
  });

  it('is told where the times of a zone fall through the hour that its clock shows twice', async () => {
    // Every half hour through the night, newest first: 02:30 to 00:00, the hour from one o'clock twice.
    const local = ['02:30', '02:00', '01:30', '01:00', '01:30', '01:00', '00:30', '00:00'];
    const path = write(
      `time,id,note\n${local.map((time, i) => `2024-11-03 ${time}:00,${i},n`).join('\n')}\n`,
    );
    const columns = { ...TIMED_ROWS.columns, time: { from: 'time', zone: 'America/New_York' } };
    const { rows } = await replay({ path, ...TIMED_ROWS, columns });
    const first = BigInt(Date.parse('2024-11-03T04:00:00Z')) * 1_000_000n;
    expect(rows.map(({ time }) => Number((time as bigint) - first) / 60e9)).toEqual(
      local.map((_, i) => i * 30),
    );
  });
});
