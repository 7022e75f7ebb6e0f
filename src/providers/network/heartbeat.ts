import type { Clock, TimerHandle } from '../../core/clock.js';
import type { Socket } from '../contract/network.js';

/** How a dead connection is noticed. */
export interface HeartbeatOptions {
  /** Ms between two pings. Default: 15000. 0: none is sent. */
  readonly pingEveryMs?: number | undefined;
  /** What is sent. Default: a ping of the WebSocket protocol. */
  readonly ping?: string | Uint8Array | (() => string | Uint8Array) | undefined;
  /**
   * Without any message, ping or pong for so many ms, the connection is closed; it may take a quarter longer.
   * Default: 45000. 0: never.
   */
  readonly silenceMsMax?: number | undefined;
}

const PING_EVERY_MS = 15_000;
const SILENCE_MS_MAX = 45_000;
/** In how many steps silence is measured, so that a message need not look at the clock. */
const STEPS = 4;

/** Sends the pings of a connection, and notices that nothing comes any more. */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #socket: Socket;
  readonly #options: HeartbeatOptions;
  readonly #onSilence: (silenceMs: number) => void;
  #timers: TimerHandle[] = [];
  #isEnded = false;
  #quietSteps = 0;
  /** While nothing is read, silence means nothing. */
  isPaused = false;

  constructor(
    clock: Clock,
    socket: Socket,
    options: HeartbeatOptions,
    onSilence: (silenceMs: number) => void,
  ) {
    this.#clock = clock;
    this.#socket = socket;
    this.#options = options;
    this.#onSilence = onSilence;
  }

  start(): void {
    const { pingEveryMs = PING_EVERY_MS, silenceMsMax = SILENCE_MS_MAX } = this.#options;
    if (pingEveryMs > 0) this.#repeat(0, pingEveryMs, () => this.#ping());
    if (silenceMsMax > 0) this.#repeat(1, silenceMsMax / STEPS, () => this.#step(silenceMsMax));
  }

  /** Something came. */
  heard(): void {
    this.#quietSteps = 0;
  }

  end(): void {
    this.#isEnded = true;
    for (const timer of this.#timers) this.#clock.clearTimeout(timer);
    this.#timers = [];
  }

  #repeat(at: number, everyMs: number, act: () => void): void {
    this.#timers[at] = this.#clock.setTimeout(() => {
      act();
      if (!this.#isEnded) this.#repeat(at, everyMs, act);
    }, everyMs);
  }

  #ping(): void {
    const { ping } = this.#options;
    if (ping === undefined) this.#socket.ping();
    else this.#socket.send(typeof ping === 'function' ? ping() : ping);
  }

  #step(silenceMsMax: number): void {
    if (this.isPaused) this.#quietSteps = 0;
    else if (++this.#quietSteps > STEPS) this.#onSilence(silenceMsMax);
  }
}
