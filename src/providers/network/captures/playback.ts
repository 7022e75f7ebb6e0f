import { type Clock, endOfTurn, sleepUntil, turnOfTheLoop } from '../../../core/clock.js';
import { PipelineError } from '../../../core/errors.js';
import { sharedAbort } from '../../../core/shared-abort.js';
import { quoted } from '../../../core/shown-text.js';
import type { Nanos } from '../../../core/units.js';
import { CAPTURE_VERSION, fieldsOfLine } from './capture-lines.js';
import { PlaybackClock } from './playback-clock.js';
import { PlaybackNetwork } from './playback-network.js';
import { type PlacedLine, readCapture } from './read-capture.js';

export interface PlaybackParts {
  readonly provider: string;
  readonly path: string;
  /** How many times faster than real time; `max`: without a wait. */
  readonly speed: number | 'max';
  /** For the pace. */
  readonly clock: Clock;
}

/** Whom a playback feeds. */
export interface PlaybackReader {
  /** Whether rows of it have room; nothing is played before. */
  readonly hasRoom: boolean;
  whenRoom(): Promise<void>;
  /**
   * Resolves once the rows that wait have been read; `undefined` if none do. A timer comes after them, as it did where
   * they were read as they came: what has been read says whether anything is silent.
   */
  whenRead(): Promise<void> | undefined;
  /** The capture is through, or it failed. */
  onEnd(failure?: { readonly error: unknown }): void;
}

/** After so many lines, files and timers of the system have their turn. */
const LINES_A_TURN = 1_024;

/**
 * Plays a capture: moves its clock to the next line, or the next timer that somebody has set on it, and waits until
 * everything that follows from it is done. So a provider does the same each time, at any speed.
 */
export class Playback {
  readonly clock = new PlaybackClock();
  readonly network: PlaybackNetwork;
  /** What random numbers followed from in the recorded run. */
  chance = '';
  readonly #parts: PlaybackParts;
  readonly #stopping = sharedAbort();
  readonly #chunks: AsyncGenerator<readonly PlacedLine[]>;
  /** Lines that were read and are not played, from `#at` on. */
  #lines: readonly PlacedLine[] = [];
  #at = 0;
  #reader: PlaybackReader | undefined;
  #startNs = 0n;
  #realStart = 0n as Nanos;
  #running: Promise<void> | undefined;
  #isBusy = false;
  #onBusy: (() => void) | undefined;

  constructor(parts: PlaybackParts) {
    this.#parts = parts;
    this.network = new PlaybackNetwork(parts.provider, this.clock);
    this.#chunks = readCapture(parts.path);
  }

  /** Who reads what is played. */
  attach(reader: PlaybackReader): void {
    this.#reader = reader;
  }

  /**
   * Whether a function of the provider runs. Time stands still otherwise: a thread may take as long as it wants between
   * the login and the first read.
   */
  setBusy(isBusy: boolean): void {
    this.#isBusy = isBusy;
    if (isBusy) this.#onBusy?.();
  }

  /** Reads the first line, and begins to play. @throws {PipelineError} `INPUT_CORRUPT` if it is no capture of this release. */
  async open(): Promise<void> {
    try {
      this.#begin(this.#next() ?? (await this.#read()));
    } catch (error) {
      await this.#chunks.return(undefined);
      throw error;
    }
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    this.#onBusy?.();
    this.network.close();
    await this.#running;
    await this.#chunks.return(undefined);
  }

  #begin(first: PlacedLine | undefined): void {
    const { path, clock } = this.#parts;
    const { version, chance } = first?.kind === 'capture' ? fieldsOfLine(first, first.where) : {};
    if (!first || version !== CAPTURE_VERSION) {
      const found = version === undefined ? 'none' : `version ${String(version)}`;
      throw new PipelineError(
        'INPUT_CORRUPT',
        `${quoted(path)}: expected a capture of version ${CAPTURE_VERSION}, found ${found}`,
      );
    }
    this.chance = String(chance);
    this.clock.begin(first.atNs);
    this.#startNs = first.atNs;
    this.#realStart = clock.now();
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    try {
      let line = this.#next() ?? (await this.#read());
      for (let played = 1; line && !signal.aborted; played++) {
        await (played % LINES_A_TURN === 0 ? turnOfTheLoop() : endOfTurn());
        // What else waited for the same goes first, and may end with less room.
        for (let held = this.#heldUp(); held && !signal.aborted; held = this.#heldUp()) {
          await held;
          await endOfTurn();
        }
        const timerNs = this.clock.nextNs;
        const isTimer = timerNs !== undefined && timerNs <= line.atNs;
        const reading = isTimer ? this.#reader?.whenRead() : undefined;
        if (reading) {
          await reading;
          continue;
        }
        if (this.#parts.speed !== 'max')
          await this.#untilDue(isTimer ? timerNs : line.atNs, this.#parts.speed);
        if (signal.aborted) break;
        if (this.clock.nextNs !== timerNs) continue; // the reader has had room again meanwhile
        if (isTimer) {
          this.clock.fire();
          await turnOfTheLoop(); // for what yields before it does what it is there for
        } else {
          this.clock.moveTo(line.atNs);
          this.network.play(line, line.where);
          line = this.#next() ?? (await this.#read());
        }
      }
      await turnOfTheLoop();
      if (!this.#isBusy) await this.#whenBusy();
      const divergence = this.network.divergence();
      this.#reader?.onEnd(divergence && { error: divergence });
    } catch (error) {
      this.#reader?.onEnd({ error });
      this.network.fail(error);
    } finally {
      this.network.close();
    }
  }

  /** Resolves once what keeps lines from being played has passed. `undefined` if nothing does. */
  #heldUp(): Promise<void> | undefined {
    if (!this.#isBusy) return this.#whenBusy();
    if (this.network.isPaused) return this.network.whenNonePaused();
    return this.#reader && !this.#reader.hasRoom ? this.#reader.whenRoom() : undefined;
  }

  async #whenBusy(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#onBusy = resolve;
    });
    this.#onBusy = undefined;
  }

  #next(): PlacedLine | undefined {
    return this.#lines[this.#at++];
  }

  /** Reads on. @returns The next line; `undefined` at the end. */
  async #read(): Promise<PlacedLine | undefined> {
    const { value } = await this.#chunks.next();
    this.#lines = value ?? [];
    this.#at = 0;
    return this.#next();
  }

  async #untilDue(atNs: bigint, speed: number): Promise<void> {
    const { clock } = this.#parts;
    const realNs = BigInt(Math.round(Number(atNs - this.#startNs) / speed));
    const due = (this.#realStart + realNs) as Nanos;
    if (due > clock.now()) await sleepUntil(clock, due, this.#stopping.signal);
  }
}
