import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { RuntimeError } from '../../../src/core/errors.js';
import { ProviderError } from '../../../src/core/provider-error.js';
import { Random } from '../../../src/core/random.js';
import { CaptureFile, WAITING_BYTES_MAX } from '../../../src/providers/network/captures/capture-file.js';
import { asLine, messageOfLine, parseLine } from '../../../src/providers/network/captures/capture-lines.js';
import { readCapture } from '../../../src/providers/network/captures/read-capture.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { tried } from '../../support/deep.js';
import { FakeNetwork } from '../../support/fake-network.js';
import { scratchFolder } from '../../support/recorded-data.js';
import { readAll, recordSession, replaySession, SECRET, sampleSource, turningClock } from './capture-rig.js';

const scratch = scratchFolder();
afterAll(() => scratch.remove());
let folders = 0;
const newFolder = () => join(scratch.folder, `captures-${folders++}`);

/** A trade at the present. */
const trade = (network: FakeNetwork, clock: VirtualClock, n: number, s = 'A') =>
  network.last.json({ s, n, ms: Number(clock.wall() / 1_000_000n), p: 100 + n });

describe('a line of a capture', () => {
  it('keeps texts, bytes and line breaks exactly', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc
            .string({ unit: 'grapheme' })
            .map((text) => ({ bytes: new Uint8Array(Buffer.from(text)), isText: true })),
          fc.constantFrom('', '\n', '"', '"\n"', '\r', 'a b', ' ').map((text) => ({
            bytes: new Uint8Array(Buffer.from(text)),
            isText: true,
          })),
          fc.uint8Array().map((bytes) => ({ bytes, isText: false })),
        ),
        ({ bytes, isText }) => {
          const { kind, body } = asLine('<', bytes, isText);
          expect(Buffer.from(body).includes(10)).toBe(false);
          const line = Buffer.concat([Buffer.from(`1723161253937085768 7 ${kind} `), body]);
          const parsed = parseLine(line, () => 'here');
          const message = messageOfLine(parsed, () => 'here');
          expect(parsed).toMatchObject({ atNs: 1723161253937085768n, connection: 7 });
          expect(message.isText).toBe(isText);
          expect(Buffer.from(message.bytes).equals(bytes)).toBe(true);
        },
      ),
    );
  });

  it('is refused with its place if it is none', () => {
    for (const text of [
      '',
      'x',
      '1 2',
      '1 2 ? body',
      'x 1 < body',
      '1 x < body',
      '1723161253937085768 {"a":1}',
    ]) {
      expect(() => parseLine(Buffer.from(text), () => '"c", line 3')).toThrow('"c", line 3: expected');
    }
  });
});

describe('a capture', () => {
  it('is one file for each start, of lines that a person can read', async () => {
    const folder = newFolder();
    const session = () =>
      recordSession(folder, {}, async (network, clock) => {
        trade(network, clock, 1);
        await clock.advance(5);
        network.last.pong();
        network.last.drop(1_001, 'bye');
      });
    const { text, path } = await session();
    await session();
    expect(readdirSync(folder)).toHaveLength(2);
    expect(path).toMatch(/sample-20240101T000000\.000Z-[a-z0-9]{20}\.capture\.gz$/);
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => line.slice(line.indexOf(' ') + 1));
    expect(lines).toEqual([
      '0 capture {"version":1,"provider":"sample-venue","job":"sample","chance":"sample"}',
      '1 ask {"method":"GET","url":"https://sample.test/account"}',
      '1 answer {"status":200,"headers":{}}',
      '1 < {}',
      '2 open {"url":"wss://sample.test/stream"}',
      '2 opened ',
      '2 > {"subscribe":["A","B"],"id":1,"apiKey":"[redacted]"}',
      expect.stringMatching(/^2 < \{"s":"A","n":1,/),
      '2 . ',
      '2 closed {"code":1001,"reason":"bye","isOwn":false}',
      expect.stringMatching(/^0 end/),
    ]);
    expect(text.slice(0, 19)).toBe('1704067200000000123');
  });

  it('keeps neither query nor user of a URL, nor secrets of what was sent', async () => {
    const { text } = await recordSession(newFolder(), {}, async (network, clock) => {
      network.onOpen = () => new ProviderError('unavailable', `no wss://sample.test/?token=${SECRET}`);
      network.last.drop();
      await clock.advance(1_000);
    });
    expect(text).toContain(' failed ');
    expect(text).not.toContain(SECRET);
  });

  it('can be read up to where it was cut off', async () => {
    const { path } = await recordSession(newFolder(), {}, async (network, clock) => {
      for (let n = 1; n <= 5_000; n++) {
        trade(network, clock, n);
        if (n % 100 === 0) await clock.advance(500);
      }
    });
    const whole = readFileSync(path);
    for (const share of [0.3, 0.8, 0.999]) {
      const cut = scratch.write(
        `cut-${share}.capture.gz`,
        whole.subarray(0, Math.floor(whole.length * share)),
      );
      let lines = 0;
      for await (const some of readCapture(cut)) lines += some.length;
      expect(lines).toBeGreaterThan(5_000 * share * 0.5);
      const { error, given } = await replaySession(cut);
      expect(error).toBeUndefined();
      expect(given.length).toBeGreaterThan(5_000 * share * 0.5);
    }
  });

  const fileParts = (directory: string, clock: VirtualClock, pressures: boolean[] = []) => ({
    directory,
    job: 'j',
    clock,
    log: silentLogger,
    onPressure: (isHigh: boolean) => pressures.push(isHigh),
  });

  /** A file whose writes wait until they are let go on. */
  function heldFile() {
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const written: Buffer[] = [];
    const openFile = async () =>
      ({
        async write(bytes: Uint8Array, at = 0) {
          await held;
          written.push(Buffer.from(bytes.subarray(at)));
          return { bytesWritten: bytes.length - at, buffer: bytes };
        },
        async sync() {},
        async close() {},
      }) as never;
    return { written, letGo: () => letGo(), openFile };
  }

  it('says at its end what is lost up to there, and takes nothing more', async () => {
    const { written, letGo, openFile } = heldFile();
    const clock = new VirtualClock();
    const file = new CaptureFile({ ...fileParts(newFolder(), clock), openFile });
    await file.open();
    const body = Buffer.alloc(1_024 * 1_024, 'x');
    while (file.linesLost < 3) file.add('1', 1, '<', body);
    const closing = file.close('2');
    file.add('3', 1, '<', 'too late');
    letGo();
    await closing;
    file.add('3', 1, '<', 'too late');
    const text = gunzipSync(Buffer.concat(written)).toString('utf8');
    expect(text.slice(-40)).toMatch(/x\n2 0 lost \{"lines":3\}\n2 0 end \n$/);
    expect(text).not.toContain('too late');
    expect(clock.timersPending).toBe(0);
  });

  it('makes the supplier wait rather than hold more than its bound, and says what is lost beyond', async () => {
    const pressures: boolean[] = [];
    const { written, letGo, openFile } = heldFile();
    const file = new CaptureFile({ ...fileParts(newFolder(), new VirtualClock(), pressures), openFile });
    await file.open();
    const body = Buffer.alloc(1_024 * 1_024, 'x');
    for (let bytes = 0; bytes <= WAITING_BYTES_MAX; bytes += body.length) file.add('1', 1, '<', body);
    expect(pressures).toEqual([true]);
    while (file.linesLost < 3) file.add('1', 1, '<', body);
    letGo();
    await new Promise<void>((resolve) => {
      const look = () => (pressures.length === 2 ? resolve() : setImmediate(look));
      look();
    });
    expect(pressures).toEqual([true, false]);
    file.add('2', 1, '<', 'after');
    await file.close('3');
    const text = gunzipSync(Buffer.concat(written)).toString('utf8');
    expect(text.slice(-60)).toContain('2 0 lost {"lines":3}\n2 1 < after\n3 0 end \n');
  });

  it('tells of a file that cannot be written, and the stream goes on', async () => {
    const errors: unknown[] = [];
    const clock = new VirtualClock();
    const file = new CaptureFile({
      ...fileParts(newFolder(), clock),
      log: { ...silentLogger, error: (fields: unknown) => errors.push(fields) } as never,
      openFile: async () =>
        ({
          write: () => Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' })),
          async sync() {},
          async close() {},
        }) as never,
    });
    await file.open();
    file.add('1', 1, '<', 'x');
    await clock.advance(1_000);
    await file.close('2');
    file.add('1', 1, '<', 'x');
    expect(errors).toMatchObject([{ code: 'ENOSPC' }]);
    expect(file.failure).toMatchObject({ code: 'ENOSPC' });
    expect(clock.timersPending).toBe(0);
  });

  it('fails at its start where it cannot be written at all', async () => {
    const path = scratch.write('a-file', 'x');
    await expect(sampleSource({} as FakeNetwork, { capture: path }).open?.()).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
    });
  });
});

/** What may happen between a provider and its venue. */
const anyStep = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('trade' as const), s: fc.constantFrom('A', 'B') }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('wait' as const), us: fc.integer({ min: 0, max: 400_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('silence' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('drop' as const, 'close' as const, 'nonsense' as const) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('refuse' as const, 'throttle' as const, 'pong' as const) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('text' as const),
      text: fc.constantFrom('{\n"x":1}', '"\\n"', '1'),
    }),
  },
);

describe('a replay', () => {
  it('gives exactly the rows of the recorded session, whatever happened in it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { maxLength: 40 }), async (steps) => {
        let n = 0;
        const { given, path } = await recordSession(newFolder(), {}, async (network, clock) => {
          for (const step of steps) {
            if (step.do === 'wait') await clock.advance(step.us / 1_000);
            else if (step.do === 'silence') await clock.advance(70_000);
            else if (step.do === 'refuse')
              network.onOpen = refuseOnce(network, new ProviderError('unavailable', 'no'));
            else if (step.do === 'throttle') {
              network.onOpen = refuseOnce(
                network,
                new ProviderError('throttled', 'slow', { retryAfterMs: 3_000 }),
              );
            } else if (step.do === 'trade') trade(network, clock, ++n, step.s);
            else if (step.do === 'drop') network.last.drop();
            else if (step.do === 'close') network.last.drop(1_000, 'bye');
            else if (step.do === 'pong') network.last.pong();
            else if (step.do === 'nonsense') network.last.text('{"s":');
            else if (step.do === 'text') network.last.text(step.text);
            await clock.advance(0);
          }
        });
        const first = await replaySession(path);
        expect(first.error).toBeUndefined();
        expect(first.given).toEqual(given);
        expect((await replaySession(path)).given).toEqual(given);
      }),
      { numRuns: tried(20, 60, 200) },
    );
  });

  it('replays snapshots of books, each with its own answer', async () => {
    const { given, path } = await recordSession(newFolder(), { stream: 'book' }, async (network, clock) => {
      const latest = new Map([
        ['A', 0],
        ['B', 0],
      ]);
      network.onRequest = async (url) => {
        const symbol = new URL(url).searchParams.get('symbol');
        await new Promise<void>((resolve) => clock.setTimeout(resolve, symbol === 'A' ? 300 : 100));
        return {
          body: JSON.stringify({
            id: latest.get(symbol ?? ''),
            ms: 1_704_067_200_000,
            bids: [[symbol === 'A' ? 10 : 20, 1]],
          }),
        };
      };
      const change = (s: string, u: number) => {
        latest.set(s, u);
        network.last.json({ s, U: u, u, ms: Number(clock.wall() / 1_000_000n), p: 5, q: u });
      };
      for (let u = 1; u < 9; u++) {
        change('A', u);
        if (u !== 6) change('B', u);
        await clock.advance(200);
      }
    });
    expect(given.filter((one) => (one as { type?: string }).type === 'gap')).toHaveLength(1);
    expect(given.length).toBeGreaterThan(12);
    expect(await replaySession(path, { stream: 'book' })).toMatchObject({ given, error: undefined });
  });

  it('replays a history, each page with its own answer', async () => {
    const folder = newFolder();
    const history = {
      stream: undefined,
      history: 'trades',
      from: '2024-01-01T00:00:00Z',
      to: '2024-01-02T00:00:00Z',
    } as const;
    const clock = new VirtualClock();
    const network = new FakeNetwork(clock);
    let asked = 0;
    network.onRequest = (url) => {
      if (url.includes('/account')) return {};
      if (++asked === 2) return { status: 429, headers: { 'retry-after': '5' } };
      const { searchParams } = new URL(url);
      const page = Number(searchParams.get('page'));
      return { body: JSON.stringify(page < 3 ? [page * 10 + 1, page * 10 + 2] : []) };
    };
    const given: unknown[] = [];
    const read = async (source: ReturnType<typeof sampleSource>, into: unknown[]) => {
      await source.open?.();
      const error = await readAll(source, into);
      await source.close?.();
      return error;
    };
    // The gate of the test makes no call again: the first run fails, as one without a budget may.
    const failing = sampleSource(network, { ...history, clock, capture: folder });
    expect(await read(failing, given)).toMatchObject({ kind: 'throttled' });
    given.length = 0;
    expect(await read(sampleSource(network, { ...history, clock, capture: folder }), given)).toBeUndefined();
    expect(given).toHaveLength(12);
    const paths = readdirSync(folder).map((name) => join(folder, name));
    const whole = paths.sort((a, b) => readFileSync(a).length - readFileSync(b).length)[1] ?? '';
    const again: unknown[] = [];
    expect(
      await read(sampleSource(undefined, { ...history, replay: { capture: whole } }), again),
    ).toBeUndefined();
    expect(again).toEqual(given);
  });

  it('keeps the pace that was asked for', async () => {
    const { path, given } = await recordSession(newFolder(), {}, async (network, clock) => {
      for (let n = 1; n <= 10; n++) {
        await clock.advance(1_000);
        trade(network, clock, n);
      }
    });
    const clock = new VirtualClock();
    const playing = replaySession(path, { clock, replay: { capture: path, speed: 10 } });
    let isDone = false;
    void playing.then(() => {
      isDone = true;
    });
    // Reading the file takes turns of the loop, which a virtual clock does not wait for.
    const turns = async () => {
      for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
    };
    await turns();
    for (let ms = 0; ms < 990; ms += 10) {
      await clock.advance(10);
      await turns();
    }
    expect(isDone).toBe(false);
    await clock.advance(1_000);
    await turns();
    expect((await playing).given).toEqual(given);
  });

  it('goes on from a checkpoint within it', async () => {
    const { path, given } = await recordSession(newFolder(), {}, async (network, clock) => {
      for (let n = 1; n <= 200; n++) {
        trade(network, clock, n);
        if (n % 7 === 0) await clock.advance(10);
      }
    });
    const first = await replaySession(path, {}, { rowsMax: 50 });
    const second = await replaySession(path, {}, { resume: first.position });
    expect(first.given.length).toBeLessThan(200);
    expect([...first.given, ...second.given]).toEqual(given);
    await expect(replaySession(path, {}, { resume: null })).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
    });
  });

  it('goes on with each record once, wherever it was stopped', async () => {
    const { path, given } = await recordSession(newFolder(), {}, async (network, clock) => {
      for (let n = 1; n <= 12; n++) {
        trade(network, clock, n);
        await clock.advance(10);
        if (n % 2 === 1) continue;
        for (let drops = n % 3; drops >= 0; drops--) {
          network.last.drop();
          await clock.advance(200);
          network.last.pong();
          await clock.advance(10);
        }
      }
    });
    expect(given.filter((one) => (one as { type?: string }).type === 'gap').length).toBeGreaterThan(5);
    const paced = () => ({ clock: turningClock(), replay: { capture: path, speed: 1 } });
    let batches = 0;
    for (let stoppedAt = 0; stoppedAt < given.length; batches++) {
      const first = await replaySession(path, paced(), { batchesMax: batches + 1 });
      stoppedAt = first.given.length;
      const { position: resume } = first;
      for (const options of [{}, paced()]) {
        const rest = await replaySession(path, options, { resume });
        expect([...first.given, ...rest.given]).toEqual(given);
        // And once more, from where a resumed run has stopped.
        const part = await replaySession(path, options, { resume, batchesMax: 1 });
        const last = await replaySession(path, {}, { resume: part.position });
        expect([...first.given, ...part.given, ...last.given]).toEqual(given);
      }
    }
    expect(batches).toBeGreaterThan(12);
  });

  it('says so if the provider opens what the capture has not', async () => {
    const { path } = await recordSession(newFolder(), {}, async () => {});
    const { error } = await replaySession(path, { ws: 'wss://other.test' } as never);
    expect(error).toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining('expected "socket wss://other.test/stream" in the capture, found'),
    });
  });

  it('fails rather than end without rows if it closes a connection of which more was recorded', async () => {
    const { path, text } = await recordSession(newFolder(), {}, async (network, clock) => {
      for (let n = 1; n <= 100; n++) {
        trade(network, clock, n);
        await clock.advance(10);
      }
    });
    writeFileSync(path, text.replace('"n":2,', '"n":2-'));
    const { given, error } = await replaySession(path);
    expect(given).toHaveLength(1);
    expect(error).toMatchObject({
      kind: 'protocol',
      message: expect.stringMatching(/98 messages were not read, the first one at .*, line 10:/),
    });
  });

  it('fails if it went on with a later connection than was recorded', async () => {
    const { path, text } = await recordSession(newFolder(), {}, async (network, clock) => {
      for (let n = 1; n <= 100; n++) {
        if (n === 90) network.last.drop();
        await clock.advance(100);
        trade(network, clock, n);
      }
    });
    writeFileSync(path, text.replace('"n":2,', '"n":2-'));
    const { given, error } = await replaySession(path);
    expect(given.length).toBeGreaterThan(10);
    expect(error).toMatchObject({ kind: 'protocol', message: expect.stringContaining('87 messages') });
  });

  it('stopped in the middle ends without a word about the rest', async () => {
    const { path } = await recordSession(newFolder(), {}, async (network, clock) => {
      for (let n = 1; n <= 100; n++) {
        if (n === 50) network.last.drop();
        await clock.advance(100);
        trade(network, clock, n);
      }
    });
    const source = sampleSource(undefined, { replay: { capture: path } });
    await source.open?.();
    (await source.read())?.release();
    source.stop();
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(await readAll(source)).toBeUndefined();
    await source.close?.();
  });

  it('cut off before an answer fails rather than wait for it', async () => {
    const history = {
      stream: undefined,
      history: 'trades',
      from: '2024-01-01T00:00:00Z',
      to: '2024-01-02T00:00:00Z',
    } as const;
    const lines = [
      '0 capture {"version":1,"chance":"sample"}',
      '1 ask {"method":"GET","url":"https://sample.test/account"}',
      '1 answer {"status":200,"headers":{}}',
      '1 < {}',
      '2 ask {"method":"GET","url":"https://sample.test/trades","label":"A"}',
    ];
    const path = scratch.write('unanswered', lines.map((line) => `1704067200000000123 ${line}\n`).join(''));
    const { error } = await replaySession(path, history);
    expect(error).toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining('expected an answer to "GET https://sample.test/trades A"'),
    });
  });

  it('takes no silence for the end of a connection while its supplier was let wait', async () => {
    const at = (ms: number, line: string) => `${BigInt(1_704_067_200_000 + ms) * 1_000_000n} ${line}\n`;
    const rowAt = (ms: number, n: number) =>
      at(ms, `2 < {"s":"A","n":${n},"ms":${1_704_067_200_000 + ms},"p":${n}}`);
    const path = scratch.write(
      'held',
      [
        at(0, '0 capture {"version":1,"chance":"sample"}'),
        at(0, '1 ask {"method":"GET","url":"https://sample.test/account"}'),
        at(0, '1 answer {"status":200,"headers":{}}'),
        at(0, '1 < {}'),
        at(0, '2 open {"url":"wss://sample.test/stream"}'),
        at(0, '2 opened '),
        rowAt(1, 1),
        at(2, '2 held '),
        at(300_000, '2 freed '),
        rowAt(301_000, 2),
      ].join(''),
    );
    const { given, error } = await replaySession(path);
    expect(error).toBeUndefined();
    expect(given).toMatchObject([{ price: 1 }, { price: 2 }]);
  });

  it('is closed in time though the provider goes on', async () => {
    const { path } = await recordSession(newFolder(), {}, async () => {});
    const clock = new VirtualClock();
    const factory = () => ({ connect: async () => {}, streamTrades: () => new Promise<void>(() => {}) });
    const source = sampleSource(undefined, { clock, factory, replay: { capture: path } });
    await source.open?.();
    expect(await source.read()).toBeNull();
    const closing = source.close?.();
    await clock.advance(5_000);
    await closing;
    expect(clock.timersPending).toBe(0);
  });

  it('loses no row of a reader that is slow', async () => {
    const rows = 150_000;
    const { path } = await recordSession(newFolder(), {}, async (network, clock) => {
      for (let n = 1; n <= rows; n++) {
        trade(network, clock, n);
        if (n % 1_000 === 0) await clock.advance(1);
      }
    });
    const source = sampleSource(undefined, { replay: { capture: path } });
    await source.open?.();
    let seen = 0;
    for (let batch = await source.read(); batch; batch = await source.read()) {
      seen += batch.length;
      expect(batch.controls).toEqual([]);
      batch.release();
      if (seen < 20_000) await new Promise((resolve) => setImmediate(resolve));
    }
    await source.close?.();
    expect(seen).toBe(rows);
  });

  it('gives what stands before a line that is none, and then fails with its place', async () => {
    const { path, text, given } = await recordSession(newFolder(), {}, async (network, clock) => {
      for (let n = 1; n <= 10; n++) {
        trade(network, clock, n);
        await clock.advance(1);
      }
    });
    const lines = text.split('\n');
    lines.splice(-6, 0, 'nonsense');
    writeFileSync(path, lines.join('\n'));
    const { given: again, error } = await replaySession(path);
    expect(error).toMatchObject({
      code: 'INPUT_CORRUPT',
      message: expect.stringContaining(`line ${lines.length - 6}: expected`),
    });
    expect(again.length).toBeGreaterThan(4);
    expect(again).toEqual(given.slice(0, again.length));
  });

  it('of a directory says that it cannot be read', async () => {
    const path = newFolder();
    mkdirSync(path);
    await expect(replaySession(path)).rejects.toMatchObject({
      code: 'INPUT_UNREADABLE',
      message: expect.stringContaining('cannot read the capture'),
    });
  });

  it('of a file that is damaged says where, whatever is wrong in it', async () => {
    const { path, text } = await recordSession(newFolder(), {}, async (network, clock) => {
      for (let n = 1; n <= 3; n++) {
        trade(network, clock, n);
        network.last.text('{\n"x":1}');
        await clock.advance(10);
      }
      network.last.drop();
    });
    writeFileSync(path, text.replace('"{\\n', '{\\n'));
    const { error, given } = await replaySession(path);
    expect(given).toHaveLength(1);
    expect(error).toMatchObject({
      code: 'INPUT_CORRUPT',
      message: expect.stringContaining('line 9: expected'),
    });

    const random = new Random(7);
    for (let run = 0; run < 300; run++) {
      const from = random.below(text.length);
      writeFileSync(
        path,
        text.slice(0, from) + '{"\\x '[random.below(5)] + text.slice(from + random.below(30)),
      );
      const outcome = await replaySession(path).catch((thrown: unknown) => ({ error: thrown }));
      if (outcome.error !== undefined) expect(outcome.error).toBeInstanceOf(RuntimeError);
    }
  });

  it('of damaged gzip says so, and behind which line', async () => {
    const { path } = await recordSession(newFolder(), {}, async (network, clock) => {
      for (let n = 1; n <= 300; n++) {
        trade(network, clock, n);
        await clock.advance(20);
      }
    });
    const bytes = readFileSync(path);
    const secondPart = bytes.indexOf(Buffer.from([0x1f, 0x8b, 8]), 1);
    bytes[secondPart - 8]! ^= 0xff; // the check of the first part
    writeFileSync(path, bytes);
    await expect(replaySession(path)).rejects.toMatchObject({
      code: 'INPUT_CORRUPT',
      message: expect.stringMatching(/behind line \d+: expected data of gzip/),
    });
  });

  it.each([
    ['no file', undefined, 'INPUT_MISSING'],
    ['a file that is no capture', 'time,price\n1,2\n', 'INPUT_CORRUPT'],
    ['an empty file', '', 'INPUT_CORRUPT'],
    ['a capture of another release', '1704067200000000123 0 capture {"version":2}\n', 'INPUT_CORRUPT'],
    ['a zipped file that is no capture', gzipSync('1 2 3'), 'INPUT_CORRUPT'],
  ])('of %s fails at its start', async (_, content, code) => {
    const path = join(newFolder(), 'x');
    mkdirSync(join(path, '..'));
    if (content !== undefined) writeFileSync(path, content);
    await expect(replaySession(path)).rejects.toMatchObject({ code });
  });
});

function refuseOnce(network: FakeNetwork, error: Error) {
  return () => {
    network.onOpen = () => {};
    return error;
  };
}
