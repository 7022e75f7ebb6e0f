import type { Clock } from '../../core/clock.js';
import { PipelineError } from '../../core/errors.js';
import { sharedAbort } from '../../core/shared-abort.js';
import { cutText, describeValue } from '../../core/shown-text.js';
import type { Nanos } from '../../core/units.js';
import type { StageContext } from '../../engine/stage.js';
import type { Logger } from '../../telemetry/logger.js';
import type { StageHealth, StageStatistics } from '../../wire/pipeline-report.js';
import type {
  MarketDataProvider,
  ProviderFactory,
  ProviderStatus,
} from '../contract/market-data-provider.js';
import type { PlaybackReader } from '../network/captures/playback.js';
import type { FeedMeans } from '../network/feed-means.js';
import { chanceOf } from '../network/seeded-chance.js';
import { watchedGate } from './attempts.js';

const STATES: readonly unknown[] = [
  'connecting',
  'connected',
  'subscribed',
  'degraded',
  'disconnected',
] satisfies readonly ProviderStatus['state'][];
const REASON_CHARS_MAX = 500;

/** How long a function of a provider may take to end once it was asked to, and to close. */
const END_MS_MAX = 5_000;

/**
 * The provider of one source: made and connected when the source is opened, and closed with it. Keeps what it tells
 * of its connection.
 */
export class ProviderConnection {
  readonly name: string;
  readonly #make: () => MarketDataProvider;
  readonly #clock: Clock;
  /** For what has to end in time: that of a capture stands still at its end. */
  readonly #hostClock: Clock;
  readonly #log: Logger;
  readonly #means: FeedMeans;
  readonly #stopping = sharedAbort();
  #provider: MarketDataProvider | undefined;
  #status: ProviderStatus | undefined;
  #disconnects = 0;
  #subscribedAt: Nanos | undefined;

  constructor(
    name: string,
    factory: ProviderFactory<unknown>,
    options: unknown,
    means: FeedMeans,
    context: Pick<StageContext, 'job' | 'log' | 'clock'>,
  ) {
    const { job, log } = context;
    const { network, clock } = means;
    const gate = watchedGate(means.gate);
    this.name = name;
    this.#clock = clock;
    this.#hostClock = context.clock;
    this.#log = log;
    this.#means = means;
    const status = (event: ProviderStatus) => this.#note(event);
    this.#make = () =>
      factory(options, { job, clock, log, gate, network, random: chanceOf(means.chance()), status });
  }

  /** Aborts when the source is asked to end. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  /** @throws {PipelineError} `MODULE_INVALID` if it lacks a function that its capabilities promise. */
  async open(...functions: readonly (keyof MarketDataProvider)[]): Promise<void> {
    await this.#means.open?.();
    const provider = this.#make();
    const needed = functions.find((each) => typeof provider?.[each] !== 'function');
    if (needed !== undefined) {
      const found = provider && typeof provider === 'object' ? 'none' : describeValue(provider);
      throw new PipelineError(
        'MODULE_INVALID',
        `Provider "${this.name}": expected a function "${needed}", as its capabilities say, found ${found}`,
      );
    }
    this.#provider = provider;
    this.setBusy(true);
    try {
      await provider.connect?.(this.signal);
    } catch (error) {
      if (!this.signal.aborted) throw error; // otherwise it ends as it was asked to
    } finally {
      this.setBusy(false);
    }
  }

  /** The provider. Only while it is open. */
  get provider(): MarketDataProvider {
    return this.#provider as MarketDataProvider; // `open` has made it
  }

  /** Whether what it gives was recorded, and so ends. */
  get isReplay(): boolean {
    return this.#means.attach !== undefined;
  }

  /** Says who reads the rows of a replay. */
  attach(reader: PlaybackReader): void {
    this.#means.attach?.(reader);
  }

  /** Says whether a function of the provider runs. */
  setBusy(isBusy: boolean): void {
    this.#means.setBusy?.(isBusy);
  }

  /** When it last said that it is subscribed, in ns since 1970 UTC. */
  get subscribedAt(): Nanos | undefined {
    return this.#subscribedAt;
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** @param running - What of its functions is still running. */
  async close(running: Promise<unknown> | undefined): Promise<void> {
    this.stop();
    if (running && !(await this.#endsInTime(running))) {
      this.#log.warn(
        { provider: this.name, waitedMs: END_MS_MAX },
        'the provider goes on although its signal has aborted',
      );
    }
    try {
      await this.#closeProvider();
    } finally {
      await this.#means.network.close();
    }
  }

  async #closeProvider(): Promise<void> {
    const provider = this.#provider;
    this.#provider = undefined;
    const closing = provider?.close?.();
    if (closing === undefined) return;
    if (await this.#endsInTime(Promise.resolve(closing))) return await closing;
    this.#log.warn(
      { provider: this.name, waitedMs: END_MS_MAX },
      'the provider does not close: it is left behind',
    );
  }

  health(): StageHealth {
    const trouble = this.#means.trouble?.();
    if (trouble !== undefined) return { status: 'degraded', reason: trouble };
    const { state, reason } = this.#status ?? {};
    if (state !== 'degraded' && state !== 'disconnected') return { status: 'ok' };
    return { status: 'degraded', reason: `${state}${reason === undefined ? '' : `: ${reason}`}` };
  }

  statistics(): StageStatistics {
    return { disconnects: this.#disconnects, ...this.#means.statistics?.() };
  }

  async #endsInTime(running: Promise<unknown>): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#hostClock.setTimeout(() => resolve(false), END_MS_MAX);
      const end = () => {
        this.#hostClock.clearTimeout(timer);
        resolve(true);
      };
      running.then(end, end);
    });
  }

  #note({ state, reason }: ProviderStatus): void {
    if (!STATES.includes(state)) return; // of a later contract
    const why = reason === undefined ? {} : { reason: cutText(String(reason), REASON_CHARS_MAX) };
    if (state === 'disconnected' && this.#status?.state !== 'disconnected') this.#disconnects++;
    if (state === 'subscribed') this.#subscribedAt = this.#clock.wall();
    this.#status = { state, ...why };
    const fields = { provider: this.name, state, ...why };
    if (state === 'degraded' || state === 'disconnected') this.#log.warn(fields, 'provider status');
    else this.#log.info(fields, 'provider status');
  }
}
