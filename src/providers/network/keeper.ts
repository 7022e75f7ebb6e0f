import { sleep } from '../../core/clock.js';
import { InvalidOptionsError } from '../../core/errors.js';
import { messageOf, ProviderError } from '../../core/provider-error.js';
import { millis } from '../../core/units.js';
import type { Socket } from '../contract/network.js';
import { BackOff } from './back-off.js';
import type { KeepConnectedOptions, MaximumAge } from './keep-connected-options.js';
import { KeptConnection, type Session } from './kept-connection.js';
import { nextAttemptAfter } from './next-attempt.js';
import { openedInTime } from './opened-in-time.js';
import { RowGaps } from './row-gaps.js';
import { Subscriber } from './subscribe.js';

/** How long the end of a socket is waited for. The network of the host takes 2 s at most. */
const CLOSED_MS_MAX = 3_000;
/** How long a login may take. */
const OPENED_MS_MAX = 60_000;
const MARGIN_MS = 300_000;
const OVERLAP_MS = 2_000;
/** How long the rows of a new connection are waited for before it takes over without any. */
const QUIET_MS_MAX = 30_000;

/** What a connection came to: another one that has taken over, or its end. */
type Outcome = { readonly next: KeptConnection } | { readonly error: unknown };

/** Keeps a subscription over one connection after another: see `keepConnected`. */
export class Keeper {
  readonly #options: KeepConnectedOptions;
  readonly #backOff: BackOff;
  readonly #gaps: RowGaps;
  /** Sockets that are not closed. */
  readonly #open = new Set<KeptConnection>();
  #generation = 0;
  /** The connection of which the next sign of life says that it is subscribed. */
  #unproven: KeptConnection | undefined;

  constructor(options: KeepConnectedOptions) {
    const { writer } = options;
    this.#options = options;
    this.#backOff = this.#newBackOff();
    this.#gaps = new RowGaps((gap) => writer.gap(gap));
  }

  #newBackOff(): BackOff {
    const { backOff = {}, context } = this.#options;
    return new BackOff(backOff, () => context.random());
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    const onAbort = () => {
      for (const connection of this.#open) connection.fail(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      let next: KeptConnection | undefined;
      while (!signal.aborted) {
        const outcome = await this.#oneConnection(next);
        next = 'next' in outcome ? outcome.next : undefined;
        if ('error' in outcome && !signal.aborted) await this.#recover(outcome.error);
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      for (const connection of this.#open) connection.fail(signal.reason);
      await Promise.all([...this.#open].map((connection) => this.#closedInTime(connection)));
    }
  }

  async #oneConnection(next: KeptConnection | undefined): Promise<Outcome> {
    try {
      const connection = next ?? (await this.#begin(false));
      const outcome = await this.#live(connection);
      if ('error' in outcome) await this.#closedInTime(connection);
      return outcome;
    } catch (error) {
      return { error };
    }
  }

  /** Opens a connection and subscribes. @param isStandby - Whether another one is still there. */
  async #begin(isStandby: boolean): Promise<KeptConnection> {
    const { provider, context, writer, signal, heartbeat = {}, subscriptions } = this.#options;
    const { clock, gate } = context;
    if (!isStandby) context.status({ state: 'connecting' });
    const socket = await this.#openSocket();
    const connection: KeptConnection = new KeptConnection({
      provider,
      generation: ++this.#generation,
      socket,
      clock,
      writer,
      heartbeat,
      isStandby,
      onRows: (timeMs, receivedMs) => this.#rows(timeMs, receivedMs),
      onSign: (receivedMs) => {
        if (this.#unproven === connection) this.#proven(receivedMs);
      },
      // At once: rows may stand right behind the answer, and are not those of before it.
      onAcknowledge: (id) => {
        if (subscriber.acknowledge(id)) this.#gaps.subscribed(this.#presentMs(connection.lastMs));
      },
    });
    const subscriber = new Subscriber({ provider, clock, gate, socket, signal: connection.signal });
    this.#open.add(connection);
    void connection.closed.then(() => this.#open.delete(connection));
    try {
      const session = this.#options.session(connection);
      if (signal.aborted) throw signal.reason;
      connection.start(session);
      this.#checkOverlap(session);
      if (!isStandby) context.status({ state: 'connected' });
      const settingUp = async () => {
        const { openedMsMax = OPENED_MS_MAX } = this.#options;
        await openedInTime(session, connection.signal, { provider, clock, msMax: openedMsMax });
        if (subscriptions) await subscriber.subscribe(subscriptions);
      };
      await untilOver(connection, settingUp());
      session.subscribed?.();
    } catch (error) {
      connection.fail(error);
      await this.#closedInTime(connection);
      throw error;
    }
    // An answer says that the supplier has read what was sent before. Without one to wait for, any sign does.
    this.#unproven = connection;
    if (!subscriptions || subscriptions.acknowledgeMsMax !== undefined) this.#proven(connection.lastMs);
    if (!isStandby) context.status({ state: 'subscribed' });
    return connection;
  }

  /** @throws {InvalidOptionsError} if a connection that stands by would keep what it waits for. */
  #checkOverlap(session: Session): void {
    const { maximumAge, subscriptions } = this.#options;
    if (maximumAge?.replace !== 'overlap' || session.hasRows !== undefined) return;
    if (session.opened === undefined && subscriptions?.acknowledgeMsMax === undefined) return;
    throw new InvalidOptionsError('keepConnected', [
      'maximumAge.replace: expected a session with "hasRows", found none: with "overlap", a session with "opened" or ' +
        '"acknowledgeMsMax" must tell answers from rows, which are kept',
    ]);
  }

  async #openSocket(): Promise<Socket> {
    const { context, url, socket: socketOptions, signal, connectCost } = this.#options;
    let opened: Socket | undefined;
    const open = async (own: AbortSignal) => {
      opened?.close(); // the gate may take an attempt for failed that was none
      const target = typeof url === 'function' ? await url(own) : url;
      opened = await context.network.openSocket(target, { ...socketOptions, signal: own });
      return opened;
    };
    try {
      const socket = await context.gate.call(open, { cost: connectCost, signal });
      signal.throwIfAborted();
      return socket;
    } catch (error) {
      opened?.close();
      throw error;
    }
  }

  /** Follows a connection until it ends, or another one has taken over. */
  async #live(connection: KeptConnection): Promise<Outcome> {
    const { maximumAge } = this.#options;
    if (!maximumAge) return { error: await connection.ended };
    const isDue = await this.#endsFirst(connection, this.#replaceAfterMs(maximumAge));
    if (!isDue) return { error: await connection.ended };
    if (maximumAge.replace !== 'overlap') {
      const planned = new PlannedEnd(this.#options.provider);
      connection.fail(planned);
      return { error: planned };
    }
    return this.#replace(connection, maximumAge.overlapMs ?? OVERLAP_MS);
  }

  /** Lets another connection take over from one that still delivers. */
  async #replace(old: KeptConnection, overlapMs: number): Promise<Outcome> {
    // Of its own: the rows of the old connection say nothing of whether a new one will stay.
    const backOff = this.#newBackOff();
    for (;;) {
      const beginning = this.#begin(true).then(
        (next) => ({ next }),
        (error: unknown) => ({ error }),
      );
      const first = await Promise.race([beginning, old.ended.then(() => undefined)]);
      if (first === undefined) {
        this.#broke(await old.ended);
        const late = await beginning;
        if (!('next' in late)) return late;
        this.#takeOver(late.next);
        if (!late.next.isOver) this.#options.context.status({ state: 'subscribed' }); // it was told as disconnected
        return late;
      }
      if ('next' in first) {
        const { next } = first;
        await this.#overlap(old, next, overlapMs);
        if (old.isOver || !next.isOver) {
          old.fail(new PlannedEnd(this.#options.provider));
          this.#takeOver(next);
          return first;
        }
        if (await this.#isHopeless(old, await next.ended, backOff)) return { error: await old.ended };
      } else if (await this.#isHopeless(old, first.error, backOff)) return { error: await old.ended };
    }
  }

  /** Both connections deliver. Resolves once one has ended, or they have for long enough. */
  async #overlap(old: KeptConnection, next: KeptConnection, overlapMs: number): Promise<void> {
    const { clock } = this.#options.context;
    const over = new AbortController();
    const end = () => over.abort();
    void old.ended.then(end);
    void next.ended.then(end);
    next.whenOverfull(end);
    void next.keeps.then(() => sleep(clock, millis(overlapMs), over.signal)).then(end);
    await sleep(clock, millis(QUIET_MS_MAX + overlapMs), over.signal);
    end();
  }

  #takeOver(next: KeptConnection): void {
    this.#options.context.log.info(
      { provider: this.#options.provider, generation: next.generation },
      'a new connection has taken over',
    );
    next.takeOver();
  }

  /** After a replacement that failed: waits before another, unless none can help. */
  async #isHopeless(old: KeptConnection, thrown: unknown, backOff: BackOff): Promise<boolean> {
    const { provider, context } = this.#options;
    const { mayCallAgain, waitMs, error } = this.#judge(thrown, backOff);
    const fields = { provider, error: messageOf(error) };
    if (!mayCallAgain) {
      context.log.error(fields, 'no new connection: the old one stays until it ends');
      return true;
    }
    context.log.warn({ ...fields, waitMs }, 'no new connection yet');
    return !(await this.#endsFirst(old, waitMs));
  }

  /** Waits so long, or until a connection ends. @returns Whether the time has passed first. */
  async #endsFirst(connection: KeptConnection, ms: number): Promise<boolean> {
    await sleep(this.#options.context.clock, millis(ms), connection.signal);
    return !connection.isOver;
  }

  #replaceAfterMs({ ageMs, marginMs = MARGIN_MS }: MaximumAge): number {
    return Math.max(ageMs / 2, ageMs - marginMs * (1 + this.#options.context.random()));
  }

  /** Waits before the next connection. @throws what another connection does not help against. */
  async #recover(thrown: unknown): Promise<void> {
    const { provider, context, signal } = this.#options;
    const { mayCallAgain, waitMs, error } = this.#judge(thrown, this.#backOff);
    if (!mayCallAgain) throw error;
    this.#broke(error);
    if (waitMs === 0) return;
    context.log.warn({ provider, waitMs, error: messageOf(error) }, 'no connection, the next one follows');
    await sleep(context.clock, millis(waitMs), signal);
  }

  #judge(
    thrown: unknown,
    backOff: BackOff,
  ): {
    readonly mayCallAgain: boolean;
    readonly waitMs: number;
    readonly error: unknown;
  } {
    if (thrown instanceof PlannedEnd) return { mayCallAgain: true, waitMs: 0, error: thrown };
    const { provider, context } = this.#options;
    const { mayHelp, askedMs, error } = nextAttemptAfter(thrown, `Provider "${provider}"`, context.clock);
    return { mayCallAgain: mayHelp, waitMs: mayHelp ? Math.max(askedMs, backOff.failed()) : 0, error };
  }

  #broke(error: unknown): void {
    const reason = messageOf(error) || 'the connection ended';
    this.#unproven = undefined;
    this.#gaps.broke(reason);
    this.#options.context.status({ state: 'disconnected', reason });
  }

  #rows(timeMs: number, receivedMs: number): void {
    this.#gaps.rows(timeMs, receivedMs);
    if (this.#backOff.isBackingOff) this.#backOff.rows(Number(this.#options.context.clock.now()) / 1e6);
  }

  /** @param receivedMs - When the message came that says so: a replay has it again, to the ms. NaN: now. */
  #proven(receivedMs: number): void {
    this.#unproven = undefined;
    this.#gaps.subscribed(this.#presentMs(receivedMs));
  }

  #presentMs(receivedMs: number): number {
    return Number.isNaN(receivedMs) ? Number(this.#options.context.clock.wall() / 1_000_000n) : receivedMs;
  }

  async #closedInTime(connection: KeptConnection): Promise<void> {
    const over = new AbortController();
    void connection.closed.then(() => over.abort());
    await sleep(this.#options.context.clock, millis(CLOSED_MS_MAX), over.signal);
    this.#open.delete(connection);
  }
}

/** A connection that was closed since it would have been closed soon. */
class PlannedEnd extends ProviderError {
  constructor(provider: string) {
    super('disconnected', `Provider "${provider}": the connection was replaced before its maximum age`);
  }
}

/** Waits for what is done on a connection. @throws why the connection ended, if it does before. */
async function untilOver(connection: KeptConnection, work: Promise<void>): Promise<void> {
  const ended = connection.ended.then((error) => {
    throw error;
  });
  ended.catch(() => {}); // when the work is done first
  work.catch(() => {}); // when the connection ends first
  await Promise.race([work, ended]);
}
