import { describe, expect, it } from 'vitest';
import * as checkpoints from '../../src/checkpoints/checkpoints.js';
import * as arrow from '../../src/columns/arrow/arrow.js';
import { DictionarySet } from '../../src/columns/dictionary.js';
import { RuntimeError } from '../../src/core/errors.js';
import * as main from '../../src/index.js';
import * as network from '../../src/providers/network/network.js';
import * as breaker from '../../src/resilience/breaker/breaker.js';
import * as rate from '../../src/resilience/rate/rate.js';
import * as resilience from '../../src/resilience/resilience.js';
import * as stages from '../../src/stages.js';
import * as testing from '../../src/testing/testing.js';

/** A number that is left out. */
const NONE = undefined as never;

type Calls = readonly ((wrong: never) => unknown)[];

const SPEC = { name: 'a', source: { use: 'synthetic', rows: 1 }, sink: { use: 'null' } } as const;
const BUDGET = { permits: 1, per: '1s' } as const;
const HANDLE = new rate.RateCoordinator({ providers: { p: BUDGET } }).handle();
const BREAKER = breaker.createBreaker({ name: 'b' });
const RATES = new rate.RateCoordinator({ providers: { p: BUDGET } });
const OPENED_RATES = rate.openRates(RATES.handle());
const PACER = new rate.Pacer(BUDGET);
const OPENED_PACER = rate.openPacer(PACER.handle());
const RESILIENCE = new resilience.ResilienceCoordinator({ providers: { p: BUDGET } });
const SERVER = new resilience.ResilienceServer(RESILIENCE);
const LINK = { post: () => {}, onMessage: () => {} };
const REMOTE = { handle: SERVER.handle(), link: LINK, onProblem: () => {} };
const OPENED_RESILIENCE = resilience.openResilience(RESILIENCE.handle());
const BATCH = new main.Batch(
  { kind: 'custom', columns: [{ name: 'a', type: 'int32' }] },
  1,
  new DictionarySet(),
);
const CALENDAR = await main.tradingCalendar('XNYS');
const NOW = main.nanos(1_700_000_000_000_000_000n);
const KEPT = {
  provider: 'p',
  context: {},
  writer: {},
  url: 'wss://x.test',
  session: () => ({ frame: () => {} }),
  signal: AbortSignal.abort(),
};
const PROVIDER = testing.fakeProvider({ trades: [] });
const OWNER = { host: 'h', process: 'p', thread: 1 };
const LEASE = { job: 'a', run: 'r', owner: OWNER, ttlMs: 0, epoch: 1 };
const LEASED = {
  port: new resilience.EmbeddedBudgetPort({ 'provider:p': BUDGET }),
  rates: RATES,
  budgets: [{ ref: { provider: 'p' } }],
  owner: 'o',
  clock: new testing.VirtualClock(),
  onProblem: () => {},
};

/** Calls of what is the same object for its owner and for other threads. */
const limiterCalls = (
  limiter: () => Pick<rate.Limiter, 'tryAcquire' | 'acquire' | 'reserve' | 'run'>,
): Calls => [
  (wrong) => limiter().tryAcquire(wrong ?? 0),
  (wrong) => limiter().acquire(wrong),
  (wrong) => limiter().acquire({ timeoutMs: wrong === 5 ? Number.NaN : wrong }),
  (wrong) => limiter().acquire({ signal: wrong ?? 0 }),
  (wrong) => limiter().reserve(wrong),
  (wrong) => limiter().reserve({ maxWaitMs: wrong === 5 ? Number.NaN : wrong }),
  (wrong) => limiter().run(wrong),
  (wrong) => limiter().run(() => 1, wrong),
];
const rateCalls = (
  rates: Pick<rate.RateClient, 'limiter' | 'status' | 'cooldown' | 'observeUsed' | 'throttled'>,
): Calls => [
  (wrong) => rates.limiter(wrong),
  (wrong) => rates.status(wrong),
  (wrong) => rates.cooldown(wrong, 1),
  (wrong) => rates.cooldown({ provider: 'p' }, wrong === 5 ? NONE : wrong),
  (wrong) => rates.observeUsed({ provider: 'p' }, wrong),
  (wrong) => rates.observeUsed({ provider: 'p' }, { used: wrong === 5 ? NONE : wrong }),
  (wrong) => rates.observeUsed({ provider: 'p' }, { used: 1, limit: wrong }),
  (wrong) => rates.throttled(wrong),
  (wrong) => rates.throttled({ provider: 'p', endpoint: wrong === 'text' ? (5 as never) : wrong }),
  ...limiterCalls(() => rates.limiter({ provider: 'p' })),
];
const breakerCalls = (of: breaker.Breaker): Calls => [
  (wrong) => of.execute(wrong),
  (wrong) => of.execute(() => 1, wrong),
  (wrong) => of.execute(() => 1, { timeoutMs: wrong === 5 ? 0 : wrong }),
  (wrong) => of.execute(() => 1, { signal: wrong ?? 0 }),
  (wrong) => of.whenCallable(wrong ?? 0),
];
const storeCalls = (store: checkpoints.CheckpointStore): Calls => [
  (wrong) => store.load(wrong === 'text' ? ('' as never) : wrong),
  (wrong) => store.claim('key', wrong),
  (wrong) => store.save('key', wrong, {} as never),
  (wrong) => store.save('key', { epoch: 1, owner: OWNER }, wrong),
  (wrong) => store.remove(wrong === 'text' ? ('' as never) : wrong),
];

const jobStoreCalls = (store: main.JobStore): Calls => [
  (wrong) => store.putJob(wrong),
  (wrong) => store.putSchedule(wrong),
  (wrong) => store.deleteJob(wrong === 'text' ? ('' as never) : wrong),
  (wrong) => store.deleteSchedule(wrong === 'text' ? ('' as never) : wrong),
];
const leaseStoreCalls = (store: main.LeaseStore): Calls => [
  (wrong) => store.claim(wrong),
  (wrong) => store.claim({ ...LEASE, job: wrong === 'text' ? ('' as never) : wrong }),
  (wrong) => store.claim({ ...LEASE, owner: wrong }),
  (wrong) => store.claim({ ...LEASE, ttlMs: wrong === 5 ? (-1 as never) : wrong }),
  (wrong) => store.renew(wrong),
  (wrong) => store.renew({ ...LEASE, epoch: wrong === 5 ? (-1 as never) : wrong }),
  (wrong) => store.renew({ ...LEASE, owner: wrong }),
  (wrong) => store.release(wrong),
  (wrong) => store.release({ ...LEASE, job: wrong === 'text' ? ('' as never) : wrong }),
];

/** Calls with one argument that is wrong, by what is called. The type of that argument is what it should be. */
const CALLS: Readonly<Record<string, Calls>> = {
  createRuntime: [
    (wrong) => main.createRuntime(wrong),
    (wrong) => main.createRuntime({ budgets: wrong, logger: wrong }),
  ],
  createPipeline: [
    (wrong) => main.createPipeline(wrong).build(),
    (wrong) => main.createPipeline(SPEC, wrong),
    (wrong) => main.createPipeline(SPEC, { discoverIn: wrong }).build(),
  ],
  PipelineBuilder: [(wrong) => new main.PipelineBuilder(SPEC, wrong)],
  resolveSpec: [(wrong) => main.resolveSpec(wrong), (wrong) => main.resolveSpec(SPEC, wrong)],
  listComponents: [
    (wrong) => main.listComponents(wrong),
    (wrong) => main.listComponents({ discoverIn: wrong }),
  ],
  listInstruments: [
    (wrong) => main.listInstruments(wrong),
    (wrong) => main.listInstruments('binance-spot', wrong),
    (wrong) => main.listInstruments('binance-spot', { assetClass: wrong }),
    (wrong) => main.listInstruments('binance-spot', { signal: wrong ?? 0 }),
    (wrong) => main.listInstruments('binance-spot', { deadlineMs: wrong === 5 ? (0 as never) : wrong }),
  ],
  listOptions: [
    (wrong) => main.listOptions(wrong, { underlying: 'A' }),
    (wrong) => main.listOptions('binance-spot', wrong),
    (wrong) => main.listOptions('binance-spot', { underlying: wrong === 'text' ? ('' as never) : wrong }),
    (wrong) => main.listOptions('binance-spot', { underlying: 'A', expiry: wrong }),
  ],
  specJsonSchema: [(wrong) => main.specJsonSchema(wrong)],
  Registry: [(wrong) => new main.Registry([wrong]), (wrong) => new main.Registry().with([wrong])],
  hideSecrets: [(wrong) => main.hideSecrets([wrong, ''])],
  responseError: [(wrong) => Promise.reject(main.responseError(wrong, 'who', 0))],
  callbackSink: [(wrong) => main.callbackSink(wrong)],
  defineOperator: [(wrong) => main.defineOperator(wrong)],
  defineRowOperator: [(wrong) => main.defineRowOperator(wrong)],
  inputOption: [(wrong) => main.inputOption('source', wrong)],
  branchOption: [(wrong) => main.branchOption(wrong)],
  secret: [(wrong) => main.secret(wrong)],
  RateCoordinator: [
    (wrong) => new rate.RateCoordinator(wrong),
    (wrong) => new rate.RateCoordinator().set({ provider: 'p' }, wrong),
    (wrong) => new rate.RateCoordinator().set(wrong, BUDGET),
    (wrong) => new rate.RateCoordinator().remove(wrong),
    (wrong) => RATES.attach(wrong),
    (wrong) => RATES.reclaim(wrong === 5 ? NONE : wrong),
    ...rateCalls(RATES),
  ],
  Pacer: [
    (wrong) => new rate.Pacer(wrong),
    (wrong) => new rate.Pacer(BUDGET, wrong),
    (wrong) => PACER.set(wrong),
    (wrong) => PACER.cooldown(wrong === 5 ? NONE : wrong),
    (wrong) => PACER.attach(wrong),
    (wrong) => PACER.reclaim(wrong === 5 ? NONE : wrong),
    ...limiterCalls(() => PACER),
  ],
  openPacer: [
    (wrong) => rate.openPacer(wrong),
    (wrong) => rate.openPacer(HANDLE, wrong),
    ...limiterCalls(() => OPENED_PACER),
  ],
  openRates: [
    (wrong) => rate.openRates(wrong),
    (wrong) => rate.openRates(HANDLE, wrong),
    ...rateCalls(OPENED_RATES),
  ],
  createBreaker: [
    (wrong) => breaker.createBreaker(wrong),
    (wrong) => breaker.createBreaker({ name: 'b' }, wrong),
    (wrong) => breaker.createBreaker({ name: 'b' }, { saved: wrong ?? null }),
    (wrong) => BREAKER.configure(wrong),
    (wrong) => BREAKER.events(wrong),
    (wrong) => BREAKER.events({ capacity: wrong === 5 ? Number.NaN : wrong }),
    (wrong) => BREAKER.events({ signal: wrong ?? 0 }),
    (wrong) => BREAKER.subscribe(wrong),
    (wrong) => BREAKER.reclaim(wrong === 5 ? NONE : wrong),
    ...breakerCalls(BREAKER),
  ],
  openBreaker: [
    (wrong) => breaker.openBreaker(wrong),
    (wrong) => breaker.openBreaker(BREAKER.handle(), wrong),
    ...breakerCalls(breaker.openBreaker(BREAKER.handle())),
  ],
  ResilienceCoordinator: [
    (wrong) => new resilience.ResilienceCoordinator(wrong),
    (wrong) => new resilience.ResilienceCoordinator({ breakers: wrong }),
    (wrong) => RESILIENCE.breaker(wrong),
    (wrong) => RESILIENCE.limiter(wrong),
    (wrong) => RESILIENCE.throttled(wrong),
    (wrong) => RESILIENCE.attach(wrong),
    (wrong) => RESILIENCE.reclaim(wrong === 5 ? NONE : wrong),
  ],
  openResilience: [
    (wrong) => resilience.openResilience(wrong),
    (wrong) => resilience.openResilience(RESILIENCE.handle(), wrong),
    (wrong) => OPENED_RESILIENCE.breaker(wrong),
    (wrong) => OPENED_RESILIENCE.limiter(wrong),
    (wrong) => OPENED_RESILIENCE.throttled(wrong),
  ],
  ResilienceServer: [
    (wrong) => Promise.reject(new resilience.ResilienceServer(wrong)),
    (wrong) => Promise.reject(new resilience.ResilienceServer(RESILIENCE, wrong ?? null)),
    (wrong) => SERVER.serve(wrong === 'text' ? NONE : wrong, LINK),
    (wrong) => SERVER.serve('owner', wrong),
  ],
  openRemoteResilience: [
    (wrong) => resilience.openRemoteResilience(wrong),
    ...(['handle', 'link', 'onProblem'] as const).map(
      (part) => (wrong: never) => resilience.openRemoteResilience({ ...REMOTE, [part]: wrong }),
    ),
    (wrong) => resilience.openRemoteResilience({ ...REMOTE, clock: wrong ?? null }),
  ],
  FileCheckpointStore: [
    (wrong) => new checkpoints.FileCheckpointStore(wrong === 'text' ? ('' as never) : wrong),
    (wrong) => new checkpoints.FileCheckpointStore('folder', wrong),
    ...storeCalls(new checkpoints.FileCheckpointStore('folder')),
  ],
  MemoryCheckpointStore: storeCalls(new checkpoints.MemoryCheckpointStore()),
  FileJobStore: [
    (wrong) => Promise.reject(new main.FileJobStore(wrong === 'text' ? ('' as never) : wrong)),
    (wrong) => Promise.reject(new main.FileJobStore('folder', wrong)),
    (wrong) => Promise.reject(new main.FileJobStore('folder', { clock: wrong })),
    ...jobStoreCalls(new main.FileJobStore('folder')),
    ...leaseStoreCalls(new main.FileJobStore('folder').leases),
  ],
  MemoryJobStore: jobStoreCalls(new main.MemoryJobStore()),
  MemoryLeaseStore: [
    (wrong) => Promise.reject(new main.MemoryLeaseStore(wrong)),
    ...leaseStoreCalls(new main.MemoryLeaseStore()),
  ],
  HeldLease: [
    (wrong) => main.HeldLease.claim(wrong, LEASE),
    (wrong) => main.HeldLease.claim(new main.MemoryLeaseStore(), wrong),
    (wrong) => main.HeldLease.claim(new main.MemoryLeaseStore(), LEASE, wrong),
  ],
  EmbeddedBudgetPort: [
    (wrong) => Promise.reject(new resilience.EmbeddedBudgetPort(wrong)),
    (wrong) => Promise.reject(new resilience.EmbeddedBudgetPort({ 'provider:p': wrong })),
    (wrong) => LEASED.port.renew(wrong),
    (wrong) => LEASED.port.renew({ scope: wrong } as unknown as resilience.ShareRequest),
  ],
  BudgetLeases: [
    (wrong) => Promise.reject(new resilience.BudgetLeases(wrong)),
    ...(['port', 'rates', 'budgets', 'clock', 'onProblem'] as const).map(
      (part) => (wrong: never) => Promise.reject(new resilience.BudgetLeases({ ...LEASED, [part]: wrong })),
    ),
    (wrong) =>
      Promise.reject(new resilience.BudgetLeases({ ...LEASED, owner: wrong === 'text' ? NONE : wrong })),
    (wrong) =>
      Promise.reject(
        new resilience.BudgetLeases({ ...LEASED, budgets: [{ ref: { provider: 'p' }, breaker: wrong }] }),
      ),
  ],
  decodeCheckpoint: [(wrong) => checkpoints.decodeCheckpoint(wrong, 'bytes')],
  encodeCheckpoint: [(wrong) => checkpoints.encodeCheckpoint(wrong)],
  toArrow: [(wrong) => arrow.toArrow(BATCH, wrong)],
  fromArrow: [
    (wrong) => arrow.fromArrow(wrong),
    async (wrong) => arrow.fromArrow(await arrow.toArrow(BATCH), wrong),
  ],
  tradingCalendar: [
    (wrong) => main.tradingCalendar(wrong),
    (wrong) => main.tradingCalendar('XNYS', wrong),
    (wrong) => main.tradingCalendar('XNYS', { hours: wrong }),
  ],
  readCalendar: [
    (wrong) => main.readCalendar(wrong),
    (wrong) => main.readCalendar({ name: 'a', extends: 'XNYS', source: 'b' }, wrong),
    (wrong) => main.readCalendar({ name: 'a', extends: 'XNYS', source: wrong === 'text' ? NONE : wrong }),
  ],
  TradingCalendar: [
    (wrong) => main.TradingCalendar.of(wrong),
    (wrong) => main.TradingCalendar.of(CALENDAR.data, wrong),
    (wrong) => CALENDAR.at(wrong),
    (wrong) => CALENDAR.isOpen(wrong),
    (wrong) => CALENDAR.tradeDate(wrong),
    (wrong) => CALENDAR.nextOpen(wrong),
    (wrong) => CALENDAR.nextClose(wrong),
    (wrong) => CALENDAR.openBetween(wrong, NOW),
    (wrong) => CALENDAR.openBetween(NOW, wrong),
    (wrong) => CALENDAR.knownOpenBetween(wrong, NOW),
    (wrong) => CALENDAR.knownOpenBetween(NOW, wrong),
    (wrong) => CALENDAR.session(wrong),
    (wrong) => CALENDAR.sessions(wrong, '2026-01-01'),
    (wrong) => CALENDAR.sessions('2026-01-01', wrong),
  ],
  fakeProvider: [(wrong) => testing.fakeProvider(wrong)],
  checkProvider: [
    (wrong) => testing.checkProvider(wrong, { symbols: ['A'] }),
    (wrong) => testing.checkProvider(PROVIDER, wrong),
    (wrong) => testing.checkProvider(PROVIDER, { symbols: wrong }),
  ],
  assertProvider: [(wrong) => testing.assertProvider(wrong, { symbols: ['A'] })],
  keepConnected: [
    (wrong) => network.keepConnected(wrong),
    ...(['context', 'session', 'signal', 'writer'] as const).map(
      (part) => (wrong: never) =>
        network.keepConnected({ ...KEPT, [part]: wrong } as unknown as network.KeepConnectedOptions),
    ),
  ],
  BookSync: [
    (wrong) => Promise.reject(new network.BookSync(wrong)),
    (wrong) => Promise.reject(new network.BookSync(network.CONTIGUOUS_CHAIN, wrong)),
  ],
  SyncedBook: [(wrong) => Promise.reject(new network.SyncedBook(wrong))],
  evidenceTable: [(wrong) => testing.evidenceTable(wrong)],
  ProviderError: [
    (wrong) => Promise.reject(new main.ProviderError(wrong, 'message')),
    (wrong) => Promise.reject(new main.ProviderError('throttled', 'message', wrong)),
  ],
};

/** Exports that nothing is taken out of, and those for loops over rows, which check nothing for each row. */
const UNCHECKED = new Set([
  ...[
    'Batch',
    'BatchPool',
    'RowView',
    'rowsOf',
    'copyRow',
    'asBigInt64Array',
    'compareInt64',
    'readEpochMillis',
  ],
  ...['readInt64', 'readNanos', 'readSubMillis', 'writeEpochMillis', 'writeInt64', 'millis', 'nanos'],
  ...['VirtualClock', 'defineComponent', 'defineProvider', 'uncheckedSpec', 'classifyError'],
  ...['calendarNames', 'builtInCalendar', 'SequenceFilter'],
  // Made by functions of the package alone.
  ...['RateClient', 'ResilienceClient', 'CircuitBreaker', 'PipelineRuntime'],
]);

const WRONG: readonly unknown[] = [null, 5, 'text', true, [null], Symbol('wrong')];

describe('a public call', () => {
  const calls = Object.entries(CALLS).flatMap(([name, list]) =>
    list.map((call, i) => [`${name} ${i}`, call] as const),
  );

  it.each(calls)('with a wrong argument fails with an error that has a code: %s', async (_, call) => {
    for (const wrong of WRONG) {
      const thrown = await Promise.resolve()
        .then(() => call(wrong as never))
        .then(
          () => undefined,
          (error: unknown) => error,
        );
      expect([wrong, thrown]).toEqual([wrong, expect.any(RuntimeError)]);
    }
  });

  it('is among those above, whatever entry it is of', () => {
    const exported = [main, stages, rate, breaker, resilience, checkpoints, arrow, testing, network].flatMap(
      (entry) =>
        Object.entries(entry)
          .filter(([, value]) => typeof value === 'function' && !(value.prototype instanceof Error))
          .map(([name]) => name),
    );
    expect([...new Set(exported)].filter((name) => !UNCHECKED.has(name) && !(name in CALLS))).toEqual([]);
  });
});
