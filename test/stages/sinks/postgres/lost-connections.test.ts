import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../../../src/checkpoints/memory-checkpoint-store.js';
import { ColumnMemory } from '../../../../src/columns/column-memory.js';
import type { Schema } from '../../../../src/columns/schema.js';
import { systemClock } from '../../../../src/core/clock.js';
import { nanos } from '../../../../src/core/units.js';
import { PG_COPY_HEADER, PG_COPY_TRAILER } from '../../../../src/formats/pg-copy/pg-copy-encoder.js';
import type { OpenSpec } from '../../../../src/plan/typed-spec.js';
import { createPipeline } from '../../../../src/runtime/pipeline-builder.js';
import { PostgresSinkOptions } from '../../../../src/stages/sinks/postgres/options.js';
import { wantedFields } from '../../../../src/stages/sinks/postgres/table-fields.js';
import { TableWriter } from '../../../../src/stages/sinks/postgres/table-writer.js';
import { silentLogger } from '../../../../src/telemetry/logger.js';
import type { PipelineReport } from '../../../../src/wire/pipeline-report.js';
import { tried } from '../../../support/deep.js';
import { FaultProxy } from '../../../support/fault-proxy.js';
import {
  hasPostgres,
  postgresConnection,
  postgresTitle,
  scratchSchema,
} from '../../../support/postgres-server.js';
import { scratchFolder } from '../../../support/recorded-data.js';
import { stoppedAfter, watched } from '../../../support/stopped-process.js';
import '../../../support/property-seed.js';

const ROWS = 400;
const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const ROUNDS = Number(process.env.TICKLOOM_ROUNDS ?? tried(12, 40, 200));
const TIME_LIMIT = 60_000 + ROUNDS * 10_000;

describe.runIf(hasPostgres)(postgresTitle('the sink "postgres", whose connections are cut,'), () => {
  let schema: Awaited<ReturnType<typeof scratchSchema>>;
  let proxy: FaultProxy;
  let whole: (string | null)[][];
  let tables = 0;
  beforeAll(async () => {
    schema = await scratchSchema();
    proxy = await FaultProxy.start(postgresConnection());
    const table = newTable();
    await createPipeline(specOf(table)).run();
    whole = await rowsOf(table);
    expect(whole).toHaveLength(ROWS);
  });
  afterAll(async () => {
    await proxy?.close();
    await schema?.remove();
  });

  const newTable = () => `t${tables++}`;
  const specOf = (table: string, options: object = {}) =>
    ({
      name: 'job',
      source: { use: 'synthetic', rows: ROWS, symbols: 4 },
      batchRows: 50,
      batcher: { maxRows: 50 },
      sink: {
        use: 'postgres',
        connection: { ...postgresConnection(), host: '127.0.0.1', port: proxy.port },
        table: `${schema.name}.${table}`,
        create: 'if-missing',
        ...options,
      },
    }) as OpenSpec;
  const rowsOf = (table: string) => schema.texts(`SELECT * FROM ${table} ORDER BY time, symbol`);

  /** Cuts at one message, and then no more. */
  const cutOnce = (at: number, when: 'before' | 'after') => {
    const first = proxy.messages;
    let isCut = false;
    proxy.cuts = (event) => {
      if (isCut || event.when !== when || event.message - first !== at) return false;
      isCut = true;
      return true;
    };
    return () => isCut;
  };

  it.each([
    ['append without a store', {}, false],
    ['append with a store', {}, true],
    ['upsert', { mode: 'upsert', key: ['time', 'symbol'] }, true],
  ])(
    'has every row once, wherever one connection is cut: %s',
    async (_name, options, isKept) => {
      for (const when of ['before', 'after'] as const) {
        for (let at = 12; ; at += tried(7, 3, 1)) {
          const table = newTable();
          const isCut = cutOnce(at, when);
          const store = new MemoryCheckpointStore();
          const start = () => createPipeline(specOf(table, options), isKept ? { store } : {});
          const pipeline = start();
          const running = pipeline.run();
          if (isKept) pipeline.checkpoint().catch(() => undefined);
          let report = await running;
          // What is cut while it opens is for whoever starts it again.
          if (report.outcome !== 'completed') {
            expect([at, when, report.error]).toMatchObject([at, when, { retryable: true }]);
            report = await start().run();
          }
          expect([at, when, report.outcome]).toEqual([at, when, 'completed']);
          expect([at, when, await rowsOf(table)]).toEqual([at, when, whole]);
          await schema.client.query(`DROP TABLE ${table}`);
          if (!isCut()) break;
        }
      }
    },
    TIME_LIMIT * 3,
  );

  it('neither repeats nor gives up a commit whose answer is lost', async () => {
    const table = newTable();
    let lost = 0;
    proxy.cuts = ({ bytes, when }) => when === 'after' && bytes.includes('; COMMIT') && lost++ < 3;
    const report = await createPipeline(specOf(table), { store: new MemoryCheckpointStore() }).run();
    proxy.cuts = () => false;
    expect(report.outcome).toBe('completed');
    expect(lost).toBeGreaterThan(0);
    expect(await rowsOf(table)).toEqual(whole);
  });

  it.each([
    ['while it is asked about a commit', 'txid_status', {}],
    ['while rows are sent again', 'FROM STDIN', { store: new MemoryCheckpointStore() }],
  ])('has every row once if the next connection is lost %s, too', async (_name, where, options) => {
    const table = newTable();
    let copies = 0;
    let cuts = 0;
    proxy.cuts = ({ bytes, when }) => {
      if (when === 'before' && bytes.includes('FROM STDIN')) copies++;
      if (cuts === 0) {
        const isHere = where === 'FROM STDIN' ? when === 'before' : when === 'after';
        if (copies < 3 || !isHere || !bytes.includes(where === 'FROM STDIN' ? where : 'COMMIT')) return false;
      } else if (cuts > 3 || when === 'after' || !bytes.includes(where)) return false;
      cuts++;
      return true;
    };
    const report = await createPipeline(specOf(table), options).run();
    proxy.cuts = () => false;
    expect(report.outcome).toBe('completed');
    expect(cuts).toBe(4);
    expect(await rowsOf(table)).toEqual(whole);
  });

  it('gives up, so that another start may help, where the same statement ends every connection', async () => {
    const table = newTable();
    let copies = 0;
    proxy.cuts = ({ bytes, when }) => when === 'before' && bytes.includes('FROM STDIN') && copies++ >= 0;
    const { error } = await createPipeline(specOf(table)).run();
    proxy.cuts = () => false;
    expect(error).toMatchObject({ retryable: true });
    expect(copies).toBe(7);
  });

  it('gives nothing up in silence if rows are refused while they are sent again', async () => {
    const table = newTable();
    await schema.client.query(`CREATE TABLE ${table} (LIKE t0, UNIQUE (time, symbol))`);
    let copies = 0;
    let conflict: Promise<unknown> | undefined;
    let isCut = false;
    proxy.cuts = ({ bytes, when }) => {
      if (when === 'before' && bytes.includes('FROM STDIN') && ++copies === 4) {
        isCut = true;
        // Once the server has taken the transaction back, somebody else has the first row.
        conflict = schema.client
          .query(`INSERT INTO ${table} SELECT * FROM t0 ORDER BY time, symbol LIMIT 1`)
          .finally(() => {
            isCut = false;
          });
      }
      return isCut;
    };
    const store = new MemoryCheckpointStore();
    const start = () =>
      createPipeline(
        { ...specOf(table), deadLetter: { path: `${SCRATCH.folder}/dead.jsonl` } },
        { store },
      ).run();
    const { error } = await start();
    proxy.cuts = () => false;
    await conflict;
    expect(error).toMatchObject({ code: 'SINK_FAILED', retryable: true });
    expect(await start()).toMatchObject({ outcome: 'completed', counters: { rowsRejected: 1 } });
    expect(await rowsOf(table)).toEqual(whole);
  });

  it('ends the connection that is lost where the server has not noticed, and waits for nothing of its own', async () => {
    const table = newTable();
    await schema.client.query(`CREATE TABLE ${table} (LIKE t0, UNIQUE (time, symbol))`);
    let parts = 0;
    let isCut = false;
    // Of a transaction whose rows the server has, and whose COMMIT it has not.
    proxy.cuts = ({ bytes, when }) => {
      if (when === 'after' && bytes.includes('FROM STDIN')) parts++;
      if (isCut || parts < 3 || when === 'after' || !bytes.includes('COMMIT')) return false;
      isCut = true;
      return true;
    };
    proxy.isHalfOpen = true;
    const report = await createPipeline(specOf(table)).run();
    proxy.cuts = () => false;
    proxy.isHalfOpen = false;
    proxy.cutAll();
    expect(isCut).toBe(true);
    expect(report).toMatchObject({ outcome: 'completed', counters: { rowsRejected: 0 } });
    expect(await rowsOf(table)).toEqual(whole);
  });

  it('takes a server for gone that falls silent at a commit, and asks on another connection', async () => {
    const table = newTable();
    let parts = 0;
    let isMute = false;
    proxy.mutes = ({ bytes }) => {
      if (bytes.includes('FROM STDIN')) parts++;
      if (isMute || parts < 3 || !bytes.includes('COMMIT')) return false;
      isMute = true;
      return true;
    };
    const connection = { ...postgresConnection(), host: '127.0.0.1', port: proxy.port, connectTimeout: '2s' };
    const report = await createPipeline(specOf(table, { connection })).run();
    proxy.mutes = () => false;
    expect(isMute).toBe(true);
    expect(report.outcome).toBe('completed');
    expect(await rowsOf(table)).toEqual(whole);
  });

  it('counts how long it reconnects anew once rows were sent again, however long the transaction is', async () => {
    await schema.client.query('CREATE TABLE numbers (n int4)');
    let ahead = 0n;
    const clock = { ...systemClock, now: () => nanos(systemClock.now() + ahead) };
    const options = PostgresSinkOptions.parse({
      connection: { ...postgresConnection(), host: '127.0.0.1', port: proxy.port },
      table: `${schema.name}.numbers`,
    });
    const input: Schema = { kind: 'custom', columns: [{ name: 'n', type: 'int32' }] };
    const writer = new TableWriter({
      options,
      wanted: wantedFields(input, options),
      holder: undefined,
      clock,
      log: silentLogger,
      random: () => 0,
      memory: new ColumnMemory(2 ** 20).share('rows'),
      stopping: undefined,
      knownWaits: undefined,
    });
    await writer.open(true);
    // One row of one column of 4 bytes.
    const row = Buffer.from([0, 1, 0, 0, 0, 4, 0, 0, 0, 7]);
    const copy = () => Buffer.concat([PG_COPY_HEADER, row, PG_COPY_TRAILER]);
    await writer.add(copy());
    for (let losses = 0; losses < 3; losses++) {
      proxy.cutAll();
      await writer.add(copy());
      ahead += 3_600_000_000_000n;
    }
    await writer.commit();
    await writer.close();
    expect(await schema.texts('SELECT count(*)::text FROM numbers')).toEqual([['4']]);
  });

  it('does not try again with a password that the server refuses, and tells it nowhere', async () => {
    const spec = specOf(newTable(), {
      connection: { ...postgresConnection(), user: 'tickloom_nobody', password: 'a-secret-password' },
    });
    const { error } = await createPipeline(spec).run();
    expect(error).toMatchObject({ code: 'PROVIDER_AUTHENTICATION', retryable: false });
    expect(JSON.stringify(error)).not.toContain('a-secret-password');
  });

  it('fails so that another start may help once it could not reconnect for long enough', async () => {
    const table = newTable();
    let isGone = false;
    proxy.cuts = ({ bytes }) => {
      isGone ||= bytes.includes('FROM STDIN');
      return isGone;
    };
    const { error } = await createPipeline(specOf(table, { reconnectFor: '300ms' }), {
      store: new MemoryCheckpointStore(),
    }).run();
    proxy.cuts = () => false;
    expect(error).toMatchObject({ retryable: true });
    expect(await rowsOf(table)).toEqual([]);
  });

  it(
    'has every row once, however often processes are stopped and connections cut',
    async () => {
      const kills = fc.array(
        fc.record({ lives: fc.integer({ min: 4, max: 60 }), cut: fc.integer({ min: 0, max: 120 }) }),
        {
          minLength: 1,
          maxLength: 4,
        },
      );
      await fc.assert(
        fc.asyncProperty(kills, fc.boolean(), async (deaths, isAfter) => {
          const table = newTable();
          const store = new MemoryCheckpointStore();
          const zombies: { goOn(): void; readonly run: Promise<PipelineReport> }[] = [];
          const isOver = async () => (await store.load('job'))?.ended?.isPublished === true;
          for (const { lives, cut } of deaths) {
            if (await isOver()) break;
            cutOnce(cut, isAfter ? 'after' : 'before');
            const { step, isStopped, goOn } = stoppedAfter(lives);
            const pipeline = createPipeline(specOf(table), {
              store: watched(store, step),
              checkpointEveryMs: 10,
            });
            const run = pipeline.run();
            // A cut while the run is taken over is for whoever starts it again.
            const ended = run.catch((error: unknown) => expect(error).toMatchObject({ retryable: true }));
            if ((await Promise.race([ended, isStopped])) === 'stopped') zombies.push({ goOn, run });
          }
          proxy.cuts = () => false;
          for (let starts = 0; starts < 10 && !(await isOver()); starts++) {
            await createPipeline(specOf(table), { store, checkpointEveryMs: 10 }).run();
          }
          expect(await rowsOf(table)).toEqual(whole);
          for (const { goOn } of zombies) goOn();
          for (const { run } of zombies) {
            const code = await run.then(
              ({ outcome, error }) => error?.code ?? outcome,
              ({ code }) => code as string,
            );
            expect(['FENCED', 'completed']).toContain(code);
          }
          expect(await rowsOf(table)).toEqual(whole);
          await schema.client.query(`DROP TABLE IF EXISTS ${table}`);
        }),
        { numRuns: ROUNDS },
      );
    },
    TIME_LIMIT,
  );
});
