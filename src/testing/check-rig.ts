import type { Batch } from '../columns/batch.js';
import type { ControlRecord } from '../columns/control-record.js';
import { DictionarySet } from '../columns/dictionary.js';
import { copyRow, type Row, rowsOf } from '../columns/row-view.js';
import { type Clock, systemClock, turnOfTheLoop } from '../core/clock.js';
import type { PlainData } from '../core/plain-data.js';
import { sharedAbort } from '../core/shared-abort.js';
import type { CallGate } from '../engine/call-gate.js';
import { FeedBuffer } from '../providers/adapter/feed-buffer.js';
import { FeedWriter } from '../providers/adapter/feed-writer.js';
import { STREAM_FUNCTIONS } from '../providers/adapter/stream-source.js';
import type { ProviderDefinition } from '../providers/contract/define-provider.js';
import { feedSchema } from '../providers/contract/feed-schema.js';
import type { MarketDataProvider, ProviderStatus } from '../providers/contract/market-data-provider.js';
import { LazyNetwork } from '../providers/network/lazy-network.js';
import type { OwnedNetwork } from '../providers/network/owned-network.js';
import { chanceOf } from '../providers/network/seeded-chance.js';
import { silentLogger } from '../telemetry/logger.js';
import type { HistoryKind, StreamKind } from '../wire/provider-capabilities.js';
import type { ProviderCheckOptions } from './check-options.js';
import type { VirtualClock } from './virtual-clock.js';

/** A row or a record of a stream, in order. */
export type Written = { readonly row: Row } | { readonly record: ControlRecord };

/** What a promise came to within a time. */
export type Outcome<T> =
  | { readonly how: 'resolved'; readonly value: T }
  | { readonly how: 'rejected'; readonly error: unknown }
  | { readonly how: 'pending' };

/** A gate that counts, and can be shut. */
export interface CheckedGate extends CallGate {
  /** How many calls were taken to it. */
  readonly calls: number;
  /** Whether it lets none through. */
  isShut: boolean;
  /**
   * Whether it takes the first answer of each call for lost: the call runs to its end, and is made again as after a
   * transient error.
   */
  losesAnswers: boolean;
}

/** A provider under check, and what it has told. */
export interface Checked {
  readonly provider: MarketDataProvider;
  readonly gate: CheckedGate;
  readonly statuses: readonly ProviderStatus[];
}

/** A page of history. */
export interface HistoryPage {
  readonly written: readonly Written[];
  readonly next: PlainData;
}

/** A stream that runs. */
export interface RunningStream {
  readonly written: readonly Written[];
  /** Rows and records that were written once it was told to end. */
  readonly late: number;
  readonly ended: Promise<void>;
  take(): void;
  abort(): void;
}

/** The options with their defaults. */
type RigOptions = Omit<ProviderCheckOptions, 'waitMs' | 'graceMs' | 'watchMs' | 'rowsMin' | 'pagesMax'> & {
  readonly waitMs: number;
  readonly graceMs: number;
  readonly watchMs: number;
  readonly rowsMin: number;
  readonly pagesMax: number;
};

const BATCH_ROWS = 1_024;
/** In how many steps a virtual clock goes through a wait. */
const STEPS = 200;

/** Makes providers for checks, runs their functions, and bounds every wait. */
export class CheckRig {
  readonly clock: Clock;
  readonly options: RigOptions;
  readonly #definition: ProviderDefinition;
  readonly #open = new Set<MarketDataProvider>();
  readonly #networks = new WeakMap<MarketDataProvider, OwnedNetwork>();
  readonly #stopping = new Set<AbortController>();
  readonly #running = new Set<Promise<unknown>>();

  constructor(definition: ProviderDefinition, options: ProviderCheckOptions) {
    this.#definition = definition;
    this.clock = options.clock ?? systemClock;
    const { waitMs = 10_000, graceMs = 10_000, watchMs = 500, rowsMin = 1, pagesMax = 100 } = options;
    this.options = { ...options, waitMs, graceMs, watchMs, rowsMin, pagesMax };
  }

  get capabilities() {
    return this.#definition.capabilities;
  }

  /** Timers that wait, where the clock can tell. */
  get timersPending(): number | undefined {
    return (this.clock as Partial<VirtualClock>).timersPending;
  }

  /** @param own - The provider's own options, as a spec has them. */
  async make(own = this.options.options ?? {}): Promise<Checked> {
    const schema = await this.#definition.options();
    const parsed = schema.safeParse(own);
    if (!parsed.success) throw new Error(`its options are refused: ${parsed.error.issues[0]?.message}`);
    const factory = await this.#definition.load(parsed.data);
    const statuses: ProviderStatus[] = [];
    let calls = 0;
    const gate: CheckedGate = {
      isShut: false,
      losesAnswers: false,
      get calls() {
        return calls;
      },
      async call(call, { signal } = {}) {
        calls++;
        const own = signal ?? sharedAbort().signal;
        own.throwIfAborted();
        if (gate.isShut) await abortOf(own);
        own.throwIfAborted();
        if (gate.losesAnswers) {
          await call(own);
          own.throwIfAborted();
        }
        return call(own);
      },
    };
    const network = new LazyNetwork(this.#definition.name, this.clock);
    const provider = factory(parsed.data, {
      job: 'check',
      clock: this.clock,
      log: silentLogger,
      gate,
      network,
      random: chanceOf('check'),
      status: (event) => statuses.push(event),
    });
    this.#networks.set(provider, network);
    this.#open.add(provider);
    return { provider, gate, statuses };
  }

  /** Waits for a promise, at most so long. Never rejects. */
  async within<T>(promise: Promise<T> | T, ms: number): Promise<Outcome<T>> {
    let outcome: Outcome<T> = { how: 'pending' };
    const watching = Promise.resolve(promise).then(
      (value) => {
        outcome = { how: 'resolved', value };
      },
      (error: unknown) => {
        outcome = { how: 'rejected', error };
      },
    );
    await this.until(() => outcome.how !== 'pending', ms, watching);
    return outcome;
  }

  /** Lets time pass until something holds, at most so long. @returns Whether it holds. */
  async until(holds: () => boolean, ms: number, changes?: Promise<unknown>): Promise<boolean> {
    await turnOfTheLoop();
    const virtual = this.clock as Partial<VirtualClock>;
    for (let step = 0; step < STEPS && !holds(); step++) {
      const stepMs = ms / STEPS;
      if (virtual.advance) await (this.clock as VirtualClock).advance(stepMs);
      else await this.#pause(stepMs, changes);
    }
    return holds();
  }

  /** Begins a stream of a kind. */
  stream(kind: StreamKind, { provider }: Checked, signal?: AbortSignal): RunningStream {
    const of = this.capabilities.streams?.[kind];
    const interval = kind === 'bars' ? (of?.intervals?.[0] ?? '') : undefined;
    const buffer = this.#buffer(feedSchema(kind, of ?? {}, interval), !of?.untimed);
    const writer = new FeedWriter(buffer);
    const stopping = this.stopping();
    const written: Written[] = [];
    let late = 0;
    let isStopped = false;
    const take = () => {
      for (let batch = buffer.take(); batch; batch = buffer.take()) {
        const all = writtenIn(batch);
        if (isStopped) late += all.length;
        else written.push(...all);
        batch.release();
      }
    };
    const request = { symbols: this.options.symbols, interval: interval ?? '' };
    const run = async () => {
      await provider[STREAM_FUNCTIONS[kind]]?.(request, writer, signal ?? stopping.signal);
    };
    const ended = this.#track(run());
    return {
      written,
      get late() {
        return late;
      },
      ended,
      take,
      abort() {
        take();
        isStopped = true;
        stopping.abort();
      },
    };
  }

  /** Asks for a page of history. @returns Its rows and records, and the next cursor. */
  async page(
    kind: HistoryKind,
    { provider }: Checked,
    symbol: string,
    cursor: PlainData,
    signal: AbortSignal = this.stopping().signal,
  ): Promise<HistoryPage> {
    const of = this.capabilities.history?.[kind];
    const interval = kind === 'bars' ? (of?.intervals?.[0] ?? '') : '';
    const buffer = this.#buffer(feedSchema(kind, of ?? {}, interval === '' ? undefined : interval), true);
    const writer = new FeedWriter(buffer);
    const { fromMs, toMs } = this.span();
    const request = { symbol, fromMs, toMs, cursor, rowsWanted: BATCH_ROWS };
    const ask = async () =>
      kind === 'bars'
        ? provider.historicalBars?.({ ...request, interval }, writer, signal)
        : provider.historicalTicks?.({ ...request, kind }, writer, signal);
    const next = await this.#track(ask());
    const written: Written[] = [];
    for (let batch = buffer.take(); batch; batch = buffer.take()) {
      written.push(...writtenIn(batch));
      batch.release();
    }
    return { written, next: next ?? null };
  }

  /** The span of history to ask for, in ms since 1970. */
  span(): { readonly fromMs: number; readonly toMs: number } {
    const { from, to } = this.options.history ?? { from: '', to: '' };
    return { fromMs: Date.parse(from), toMs: Date.parse(to) };
  }

  /** What aborts at the end of a check, or before. */
  stopping(): AbortController {
    const stopping = sharedAbort();
    this.#stopping.add(stopping);
    return stopping;
  }

  /** Logs a provider in. */
  connect({ provider }: Pick<Checked, 'provider'>, { signal } = this.stopping()): Promise<void> {
    return this.#track((async () => provider.connect?.(signal))());
  }

  /** Closes a provider that was made. Call it once for each. */
  async closeOne({ provider }: Pick<Checked, 'provider'>): Promise<Outcome<void>> {
    this.#open.delete(provider);
    const outcome = await this.within((async () => provider.close?.())(), this.options.graceMs);
    await this.#networks.get(provider)?.close();
    return outcome;
  }

  /** Ends whatever still runs, and closes the providers that are open. */
  async close(): Promise<void> {
    for (const stopping of this.#stopping) stopping.abort();
    this.#stopping.clear();
    const running = Promise.allSettled(this.#running);
    this.#running.clear();
    await this.within(running, this.options.graceMs);
    for (const provider of this.#open) await this.closeOne({ provider });
  }

  /** Keeps something that has to end before its provider is closed. Who looks at it is told of its error. */
  #track<T>(running: Promise<T>): Promise<T> {
    const done = () => this.#running.delete(running);
    this.#running.add(running);
    running.then(done, done);
    return running;
  }

  #buffer(schema: ReturnType<typeof feedSchema>, needsTimes: boolean): FeedBuffer {
    return new FeedBuffer({
      schema,
      batchRows: BATCH_ROWS,
      dictionaries: new DictionarySet(),
      clock: this.clock,
      needsTimes,
    });
  }

  #pause(ms: number, changes: Promise<unknown> | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.clock.setTimeout(resolve, ms);
      void changes?.then(() => {
        this.clock.clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** The rows alone. */
export const rowsIn = (written: readonly Written[]): Row[] =>
  written.flatMap((one) => ('row' in one ? [one.row] : []));

function writtenIn(batch: Batch): Written[] {
  const all: Written[] = [];
  const { controls } = batch;
  const recordsAt = (row: number) => {
    for (const { row: at, record } of controls) if (at === row) all.push({ record });
  };
  let at = 0;
  for (const row of rowsOf(batch)) {
    recordsAt(at++);
    all.push({ row: copyRow(row) });
  }
  recordsAt(at);
  return all;
}

/** Resolves once a signal aborts. */
export function abortOf(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
