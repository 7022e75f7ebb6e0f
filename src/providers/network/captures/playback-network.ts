import type { Clock } from '../../../core/clock.js';
import { ProviderError } from '../../../core/provider-error.js';
import type {
  Frame,
  HttpAnswer,
  RequestOptions,
  Socket,
  SocketEnd,
  SocketListener,
  SocketOptions,
} from '../../contract/network.js';
import type { OwnedNetwork } from '../owned-network.js';
import { ReceivedAnswer } from '../received-answer.js';
import { ReceivedFrame } from '../received-frame.js';
import { shownUrl } from '../shown-url.js';
import { type CaptureLine, fieldsOfLine, messageOfLine } from './capture-lines.js';
import { failureOf } from './failure-note.js';

/** What waits for a line of the capture: the opening of a socket, or an answer. */
interface Ask {
  readonly key: string;
  resolve(value: PlayedSocket | HttpAnswer): void;
  reject(error: unknown): void;
  isOver: boolean;
}

/** A connection or a request of the capture. */
interface Recorded {
  readonly key: string;
  readonly isSocket: boolean;
  ask?: Ask | undefined;
  /** What came of it before anybody asked. */
  outcome?: ((ask: Ask) => void) | undefined;
  readonly socket: PlayedSocket;
  /** An answer whose body is in the next line. */
  answer?: Readonly<Record<string, unknown>> | undefined;
}

/** Messages of a connection that nobody has asked for. */
const EARLY_MAX = 100_000;
/** Instants that a provider takes from the clock differ from those of the recorded run, by how late its timers were. */
const LATE_NS_MAX = 1_000_000_000n;

/** Messages of the capture that came after this side had closed their connection. */
interface Unread {
  readonly key: string;
  readonly firstAt: () => string;
  messages: number;
  /** Whether they came so long after it that the recorded run cannot have closed it there. */
  isDiverging: boolean;
}

/**
 * The network of a playback. What is asked for is found by its URL without the query, and its label, in the order of
 * asking. Nothing is sent to anybody.
 */
export class PlaybackNetwork implements OwnedNetwork {
  readonly #who: string;
  readonly #clock: Clock;
  readonly #unread = new Map<string, Unread>();
  readonly #recorded = new Map<number, Recorded>();
  readonly #unclaimed = new Map<string, Recorded[]>();
  readonly #asks = new Map<string, Ask[]>();
  readonly #known = new Set<string>();
  readonly #pausedSockets = new Set<PlayedSocket>();
  #onResume: (() => void) | undefined;
  #isClosed = false;

  /** @param clock - That of the capture. */
  constructor(provider: string, clock: Clock) {
    this.#who = `Provider "${provider}"`;
    this.#clock = clock;
  }

  async openSocket(url: string | URL, { signal, label }: SocketOptions = {}): Promise<Socket> {
    signal?.throwIfAborted();
    return (await this.#ask(keyOf('socket', url, label), signal)) as PlayedSocket; // by its key
  }

  async request(
    url: string | URL,
    { signal, label, method = 'GET' }: RequestOptions = {},
  ): Promise<HttpAnswer> {
    signal?.throwIfAborted();
    return (await this.#ask(keyOf(method, url, label), signal)) as HttpAnswer; // by its key
  }

  /** Nothing more is played: what waits, and what is asked for from now on, is not there. */
  close(): void {
    this.#isClosed = true;
    for (const asks of this.#asks.values()) for (const ask of asks) ask.reject(this.#atEnd(ask.key));
    this.#asks.clear();
    for (const { ask } of this.#recorded.values())
      if (ask && !ask.isOver) ask.reject(this.#unanswered(ask.key));
    this.#recorded.clear();
    this.#onResume?.();
  }

  /** What waits fails. */
  fail(error: unknown): void {
    for (const asks of this.#asks.values()) for (const ask of asks) ask.reject(error);
    for (const { ask } of this.#recorded.values()) ask?.reject(error);
  }

  /** Whether a socket is paused: its messages would come all the same. */
  get isPaused(): boolean {
    return this.#pausedSockets.size > 0;
  }

  /** Resolves once none is. */
  async whenNonePaused(): Promise<void> {
    if (!this.isPaused) return;
    await new Promise<void>((resolve) => {
      this.#onResume = resolve;
    });
    this.#onResume = undefined;
  }

  /** Why what was played is not the recorded run: something is not in the capture, or was not read of it. */
  divergence(): ProviderError | undefined {
    for (const [key, asks] of this.#asks) {
      if (!asks.some(({ isOver }) => !isOver)) continue;
      if (!this.#known.has(key)) return this.#atEnd(key);
      const unread = this.#unread.get(key);
      if (unread) return this.#notRead(unread);
    }
    for (const unread of this.#unread.values()) if (unread.isDiverging) return this.#notRead(unread);
    return undefined;
  }

  /** Does what a line tells of. */
  play(line: CaptureLine, where: () => string): void {
    const { connection, kind } = line;
    if (kind === 'open' || kind === 'ask') {
      const { url, label, method } = fieldsOfLine(line, where);
      const key = `${kind === 'open' ? 'socket' : method} ${url} ${label ?? ''}`;
      const socket = new PlayedSocket(connection, this.#clock, {
        paused: (isPaused) => this.#paused(socket, isPaused),
        unread: (firstAt, isDiverging) => this.#countUnread(key, firstAt, isDiverging),
      });
      const recorded: Recorded = { key, isSocket: kind === 'open', socket };
      this.#recorded.set(connection, recorded);
      this.#known.add(key);
      this.#claim(recorded);
      return;
    }
    const recorded = this.#recorded.get(connection);
    if (recorded) this.#follow(recorded, line, where);
  }

  #follow(recorded: Recorded, line: CaptureLine, where: () => string): void {
    const { socket } = recorded;
    switch (line.kind) {
      case 'opened':
        this.#settle(recorded, (ask) => ask.resolve(socket));
        return;
      case 'failed': {
        const error = failureOf(fieldsOfLine(line, where));
        this.#settle(recorded, (ask) => ask.reject(error));
        return;
      }
      case 'answer':
        recorded.answer = fieldsOfLine(line, where);
        return;
      case '<':
      case '<j':
      case '<b': {
        const { bytes, isText } = messageOfLine(line, where);
        if (!recorded.isSocket) {
          this.#answer(recorded, bytes);
          return;
        }
        const { atNs } = line;
        const frame = new ReceivedFrame(bytes, isText, Number(atNs / 1_000_000n), Number(atNs % 1_000_000n));
        socket.deliver(frame, where);
        return;
      }
      case '.':
        socket.sign();
        return;
      case 'held':
      case 'freed':
        socket.held(line.kind === 'held');
        return;
      case 'closed': {
        const { code, reason, isOwn, error } = fieldsOfLine(line, where);
        socket.ended({
          code: Number(code),
          reason: String(reason),
          isOwn: isOwn === true,
          ...(error !== undefined && { error: failureOf(error as Readonly<Record<string, unknown>>) }),
        });
        return;
      }
      default: // what was sent, and lines about the capture itself
    }
  }

  #answer(recorded: Recorded, body: Uint8Array): void {
    const { status, headers } = recorded.answer ?? {};
    const answer = new ReceivedAnswer(`${this.#who} (replay)`, {
      status: Number(status),
      headers: { ...(headers as Readonly<Record<string, string>>) },
      body,
    });
    this.#settle(recorded, (ask) => ask.resolve(answer));
  }

  #settle(recorded: Recorded, outcome: (ask: Ask) => void): void {
    if (recorded.ask) outcome(recorded.ask);
    else recorded.outcome = outcome;
  }

  #ask(key: string, signal: AbortSignal | undefined): Promise<PlayedSocket | HttpAnswer> {
    return new Promise((resolve, reject) => {
      const onAbort = () => end(() => reject(signal?.reason));
      const end = (settle: () => void) => {
        if (ask.isOver) return;
        ask.isOver = true;
        signal?.removeEventListener('abort', onAbort);
        settle();
      };
      const ask: Ask = {
        key,
        isOver: false,
        resolve: (value) => end(() => resolve(value)),
        reject: (error) => end(() => reject(error)),
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const recorded = this.#unclaimed.get(key)?.shift();
      if (recorded) this.#bind(recorded, ask);
      else if (this.#isClosed) ask.reject(this.#atEnd(key));
      else this.#asks.set(key, [...(this.#asks.get(key) ?? []), ask]);
    });
  }

  #claim(recorded: Recorded): void {
    const ask = this.#asks.get(recorded.key)?.shift();
    if (ask) {
      this.#bind(recorded, ask);
      return;
    }
    const list = this.#unclaimed.get(recorded.key);
    if (list) list.push(recorded);
    else this.#unclaimed.set(recorded.key, [recorded]);
  }

  #bind(recorded: Recorded, ask: Ask): void {
    recorded.ask = ask;
    recorded.outcome?.(ask);
    recorded.outcome = undefined;
    if (this.#isClosed && !ask.isOver) ask.reject(this.#unanswered(ask.key));
  }

  #paused(socket: PlayedSocket, isPaused: boolean): void {
    if (isPaused) this.#pausedSockets.add(socket);
    else this.#pausedSockets.delete(socket);
    if (this.#pausedSockets.size === 0) this.#onResume?.();
  }

  #countUnread(key: string, firstAt: () => string, isDiverging: boolean): void {
    const unread = this.#unread.get(key) ?? { key, firstAt, messages: 0, isDiverging };
    unread.messages++;
    unread.isDiverging ||= isDiverging;
    this.#unread.set(key, unread);
  }

  #notRead({ key, messages, firstAt }: Unread): ProviderError {
    return new ProviderError(
      'protocol',
      `${this.#who}: expected "${key.trim()}" to be kept as it was recorded, found it closed earlier: ${messages} messages were not read, the first one at ${firstAt()}: was it recorded by other code, with other options, or with a breaker that tried a failure again?`,
    );
  }

  #unanswered(key: string): ProviderError {
    return new ProviderError(
      'not-found',
      `${this.#who}: expected an answer to "${key.trim()}" in the capture, found its end: it was cut off, or the recorded run was stopped`,
    );
  }

  #atEnd(key: string): ProviderError {
    const known = [...this.#known].map((one) => `"${one.trim()}"`).slice(0, 5);
    const found = known.length === 0 ? 'nothing at all' : known.join(', ');
    return new ProviderError(
      'not-found',
      `${this.#who}: expected "${key.trim()}" in the capture, found ${found}: was it recorded with other options?`,
    );
  }
}

function keyOf(kind: string, url: string | URL, label: string | undefined): string {
  return `${kind} ${shownUrl(new URL(url))} ${label ?? ''}`;
}

/** Whom a socket of a capture tells. */
interface PlayedSocketOwner {
  paused(isPaused: boolean): void;
  unread(firstAt: () => string, isDiverging: boolean): void;
}

/** A socket of a capture. */
class PlayedSocket implements Socket {
  readonly id: number;
  readonly #clock: Clock;
  readonly #owner: PlayedSocketOwner;
  #listener: SocketListener | undefined;
  #early: Frame[] = [];
  #isHeld = false;
  #end: SocketEnd | undefined;
  #isClosed = false;
  /** When this side closed it, in ns since 1970. */
  #closedNs = 0n;

  constructor(id: number, clock: Clock, owner: PlayedSocketOwner) {
    this.id = id;
    this.#clock = clock;
    this.#owner = owner;
  }

  listen(listener: SocketListener): void {
    this.#listener = listener;
    if (this.#isHeld) listener.held?.(true);
    for (const frame of this.#early.splice(0)) this.#hand(frame);
    if (this.#end) this.#tell(this.#end);
  }

  send(): boolean {
    return !this.#isClosed && !this.#end;
  }

  ping(): void {}

  pause(): void {
    if (!this.#isClosed) this.#owner.paused(true);
  }

  resume(): void {
    this.#owner.paused(false);
  }

  close(code = 1_000): void {
    if (this.#isClosed || this.#end) return;
    this.#closeHere();
    this.#owner.paused(false);
    queueMicrotask(() => this.ended({ code, reason: '', isOwn: true }));
  }

  deliver(frame: Frame, where: () => string): void {
    if (this.#isClosed) this.#owner.unread(where, this.#clock.wall() - this.#closedNs > LATE_NS_MAX);
    if (this.#isClosed || this.#end) return;
    if (this.#listener) {
      this.#hand(frame);
      return;
    }
    if (this.#early.length >= EARLY_MAX) {
      throw new ProviderError(
        'protocol',
        `${where()}: expected the provider to listen to this connection, found it does not after ${EARLY_MAX} messages: was it recorded with other options?`,
      );
    }
    this.#early.push(frame);
  }

  sign(): void {
    if (!this.#isClosed && !this.#end) this.#listener?.alive?.();
  }

  held(isHeld: boolean): void {
    this.#isHeld = isHeld;
    if (!this.#isClosed && !this.#end) this.#listener?.held?.(isHeld);
  }

  ended(end: SocketEnd): void {
    if (this.#end) return;
    this.#end = end;
    this.#owner.paused(false);
    if (this.#listener) this.#tell(end);
  }

  #closeHere(): void {
    this.#isClosed = true;
    this.#closedNs = this.#clock.wall();
  }

  #hand(frame: Frame): void {
    if (this.#isClosed) return;
    try {
      this.#listener?.frame(frame);
    } catch (error) {
      this.#closeHere();
      this.ended({ code: 1_006, reason: '', isOwn: true, error });
    }
  }

  #tell(end: SocketEnd): void {
    this.#listener?.closed(end);
  }
}
