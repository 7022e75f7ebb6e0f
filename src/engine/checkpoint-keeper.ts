import { type Clock, sleep } from '../core/clock.js';
import { PipelineError, RuntimeError } from '../core/errors.js';
import { OnceAMinute } from '../core/once-a-minute.js';
import { lacksRoom } from '../core/output-error.js';
import type { PlainData } from '../core/plain-data.js';
import { millis } from '../core/units.js';
import type { Logger } from '../telemetry/logger.js';
import type { Checkpoint } from '../wire/checkpoint.js';
import { blame } from './blame.js';
import { CheckpointRequests } from './checkpoint-requests.js';
import { RepeatingTimer } from './repeating-timer.js';
import type { Durable, Sink } from './sink.js';
import type { Named } from './stage.js';

/** Whoever accepts the checkpoints of this run. */
export interface CheckpointSaver {
  /**
   * Settles once the checkpoint will survive.
   * @throws {PipelineError} `FENCED` when somebody else has taken over the run.
   */
  save(checkpoint: Checkpoint): Promise<void>;
  /** Between two of them. */
  readonly everyMs: number;
  /** To the first one: differs from job to job, so that not all of them sync at once. Default: `everyMs`. */
  readonly firstMs?: number;
}

/** A cut that was taken: what comes of it behind the flow. */
export interface Cut {
  /** What the sink has made durable of it. */
  readonly durable: Promise<Durable>;
  /** Whether it is for `commit` to make it visible. */
  readonly isPrepared: boolean;
  /** How many batches the pipeline had taken. */
  readonly turn: number;
  /** @param position - Of the sink. */
  checkpoint(position: PlainData): Checkpoint;
}

export interface CheckpointKeeperParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly sink: Named<Sink>;
  /** Without one, a checkpoint is for whoever asked. */
  readonly saver?: CheckpointSaver | undefined;
  /** A checkpoint is to be taken as soon as it can be. */
  onDue(): void;
  /** The store has room again after it had none: `holdsIntake` has become false. */
  onRoom(): void;
  /** Nothing more may be delivered; `throwIfFailed` says why. */
  onFailure(): void;
}

/** Checkpoints in a row that could not be saved, before the run fails. A lack of room does not count. */
export const SAVES_FAILED_MAX = 30;
/** Checkpoints in a row for which the store had no room, before the intake pauses. */
export const SAVES_WITHOUT_ROOM_MAX = 3;
/** At the end nothing else is to be done: from one attempt to the next. */
const SAVE_AGAIN_MS_MAX = 1_000;

/**
 * Decides when a checkpoint is due, and sees each through: the sink prepares, the checkpoint is saved,
 * and once it was accepted, what it lists may be seen. All of it goes on behind the flow, one at a time;
 * who asks meanwhile gets the next one.
 *
 * A save that fails drops nothing: what was prepared waits for the next checkpoint. While the store has
 * no room, what waits is bounded by reading no more. One that is refused (`FENCED`) ends the run.
 */
export class CheckpointKeeper {
  readonly #parts: CheckpointKeeperParts;
  readonly #requests = new CheckpointRequests();
  readonly #timer: RepeatingTimer | undefined;
  readonly #stopping = new AbortController();
  #isTimeDue = false;
  /** Of the last one that was accepted. */
  #acceptedTurn = 0;
  #turn = 0;
  #failedInRow = 0;
  #withoutRoomInRow = 0;
  readonly #roomWarning: OnceAMinute;
  /** Never rejects. */
  #underWay: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(parts: CheckpointKeeperParts) {
    this.#parts = parts;
    const { clock, saver, onDue } = parts;
    this.#roomWarning = new OnceAMinute(clock);
    if (!saver) return;
    const { everyMs, firstMs = everyMs } = saver;
    const onTime = () => {
      if (this.#turn === this.#acceptedTurn) return; // nothing has come since
      this.#isTimeDue = true;
      onDue();
    };
    this.#timer = new RepeatingTimer(clock, toNanos(everyMs), onTime, toNanos(firstMs));
  }

  /** Whether checkpoints go to a store, which decides what counts. */
  get isKept(): boolean {
    return this.#parts.saver !== undefined;
  }

  get isDue(): boolean {
    return (this.#isTimeDue || this.#requests.waiting) && !this.#underWay && !this.#failure;
  }

  /** Nothing more is to be read: too much would wait for a checkpoint that the store has room for. */
  get holdsIntake(): boolean {
    return this.#withoutRoomInRow >= SAVES_WITHOUT_ROOM_MAX;
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error;
  }

  start(): void {
    this.#timer?.start();
  }

  /** The pipeline has taken a batch. */
  passed(): void {
    this.#turn++;
  }

  get turn(): number {
    return this.#turn;
  }

  ask(): Promise<Checkpoint> {
    const taken = this.#requests.add();
    if (this.isDue) this.#parts.onDue();
    return taken;
  }

  /**
   * Takes a cut, and sees to the rest behind the flow. Not while another one is under way.
   * @throws What `cut` throws: it ends the run, and those who wait are told too.
   */
  async take(cut: () => Promise<Cut>): Promise<void> {
    this.#isTimeDue = false;
    const requests = this.#requests.take();
    let taken: Cut;
    try {
      taken = await cut();
    } catch (error) {
      requests.reject(error);
      throw error;
    }
    this.#underWay = this.#keep(taken)
      .then(
        (checkpoint) => requests.resolve(checkpoint),
        (error) => requests.reject(error),
      )
      .finally(() => {
        this.#underWay = undefined;
        if (this.isDue) this.#parts.onDue();
      });
    if (!this.isKept) await this.#underWay;
  }

  /** No checkpoint is under way any more. Does not throw. */
  async settle(): Promise<void> {
    while (this.#underWay) await this.#underWay;
  }

  /**
   * Takes a cut behind all rows and waits until it was accepted: tried again and again, within a bound.
   * @returns `false` when a stop came before that.
   * @throws {PipelineError} `FENCED`, or `CHECKPOINT_FAILED` past the bound.
   */
  async takeLast(cut: () => Promise<Cut>): Promise<boolean> {
    await this.settle();
    this.throwIfFailed();
    const { clock, saver } = this.#parts;
    const requests = this.#requests.take();
    try {
      const taken = await cut();
      const again = millis(Math.min(SAVE_AGAIN_MS_MAX, saver?.everyMs ?? 0));
      for (;;) {
        try {
          requests.resolve(await this.#keep(taken));
          return true;
        } catch (error) {
          this.throwIfFailed();
          await sleep(clock, again, this.#stopping.signal);
          if (!this.#stopping.signal.aborted) continue;
          requests.reject(error);
          return false;
        }
      }
    } catch (error) {
      requests.reject(error);
      throw error;
    }
  }

  /** A save that fails from here on is not tried again. */
  stop(): void {
    this.#stopping.abort();
  }

  /** The run is over. */
  async close(): Promise<void> {
    this.#timer?.stop();
    await this.settle();
    this.#requests.refuse();
  }

  /** @throws What went wrong; where it ends the run, that is noted, too. */
  async #keep({ durable, isPrepared, turn, checkpoint }: Cut): Promise<Checkpoint> {
    const { sink, saver } = this.#parts;
    let position: PlainData;
    let taken: Checkpoint;
    try {
      ({ position } = await durable);
      taken = checkpoint(position);
    } catch (error) {
      throw this.#fail(error);
    }
    if (!saver) return taken;
    try {
      await saver.save(taken);
    } catch (error) {
      throw this.#refusedBy(error);
    }
    this.#failedInRow = 0;
    this.#acceptedTurn = turn;
    this.#hasRoom();
    if (!isPrepared) return taken;
    try {
      await blame('SINK_FAILED', `Sink "${sink.use}"`, () => sink.stage.commit?.(position));
    } catch (error) {
      throw this.#fail(error);
    }
    return taken;
  }

  #refusedBy(error: unknown): unknown {
    if (error instanceof RuntimeError && error.code === 'FENCED') return this.#fail(error);
    if (lacksRoom(error)) {
      this.#lackRoom(error);
      return error;
    }
    // Nothing will make it go well the next time: a checkpoint that is too large, no right to write there.
    if (error instanceof RuntimeError && !error.retryable) return this.#fail(error);
    this.#failedInRow++;
    this.#parts.log.warn(
      { err: error, failedInRow: this.#failedInRow },
      'checkpoint was not saved; the run goes on, and it is tried again',
    );
    if (this.#failedInRow < SAVES_FAILED_MAX) return error;
    const why = error instanceof Error ? error.message : String(error);
    return this.#fail(
      new PipelineError(
        'CHECKPOINT_FAILED',
        `Expected one of ${SAVES_FAILED_MAX} checkpoints in a row to be saved, found none that was; the last one: ${why}`,
        { cause: error, retryable: true },
      ),
    );
  }

  #lackRoom(error: unknown): void {
    const withoutRoomInRow = ++this.#withoutRoomInRow;
    const hasBegunToHold = withoutRoomInRow === SAVES_WITHOUT_ROOM_MAX;
    if (!this.#roomWarning.isDue() && !hasBegunToHold) return;
    this.#parts.log.warn(
      { err: error, withoutRoomInRow },
      this.holdsIntake
        ? 'the store of checkpoints has no room: nothing more is read until it has; free some space'
        : 'the store of checkpoints has no room: it is tried again; free some space',
    );
  }

  #hasRoom(): void {
    if (this.#withoutRoomInRow === 0) return;
    const { log, onRoom } = this.#parts;
    log.info({ withoutRoomInRow: this.#withoutRoomInRow }, 'the store of checkpoints has room again');
    this.#withoutRoomInRow = 0;
    this.#roomWarning.reset();
    onRoom();
  }

  #fail(error: unknown): unknown {
    this.#failure ??= { error };
    this.#parts.onFailure();
    return error;
  }
}

const toNanos = (ms: number): bigint => BigInt(Math.ceil(ms * 1e6));
