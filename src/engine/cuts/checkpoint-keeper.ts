import { type Clock, sleep } from '../../core/clock.js';
import { PipelineError, RuntimeError } from '../../core/errors.js';
import { OnceAMinute } from '../../core/once-a-minute.js';
import { lacksRoom } from '../../core/output-error.js';
import type { PlainData } from '../../core/plain-data.js';
import { millis } from '../../core/units.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Checkpoint } from '../../wire/checkpoint.js';
import { blame } from '../blame.js';
import { LateCutError } from '../branches/late-cut-error.js';
import { RepeatingTimer } from '../repeating-timer.js';
import type { Durable, Sink } from '../sink.js';
import type { Named } from '../stage.js';
import { labelOf } from '../stage-label.js';
import { CheckpointDecision, type DecidingSink } from './checkpoint-decision.js';
import { CheckpointRequests } from './checkpoint-requests.js';

/** Saves the checkpoints of this run. */
export interface CheckpointSaver {
  /**
   * Resolves once the checkpoint is durable.
   * @throws {PipelineError} `FENCED` if another start has taken over the run.
   */
  save(checkpoint: Checkpoint): Promise<void>;
  /** Interval between checkpoints. */
  readonly everyMs: number;
  /** Time to the first checkpoint. It differs between jobs, so that they do not all sync at once. Default: `everyMs`. */
  readonly firstMs?: number;
  /** See `Fence`. */
  readonly keyId?: string | undefined;
  /** See `StageContext`. Default: the id of the run. */
  readonly databaseKey?: string | undefined;
}

/** A cut that was taken, and what is still to be done for it in the background. */
export interface Cut {
  /** Resolves once the sink has made its rows durable. */
  readonly durable: Promise<Durable>;
  /** Whether the rows become visible only with a `commit`. */
  readonly isPrepared: boolean;
  /** How many batches the pipeline had taken before the cut. */
  readonly turn: number;
  /** Completes the checkpoint. @param position - The position of the sink. */
  checkpoint(position: PlainData): Checkpoint;
}

export interface CheckpointKeeperParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly sink: Named<Sink>;
  /** The sink whose database decides which checkpoint counts, if there is one. */
  readonly decider?: DecidingSink | undefined;
  /** The checkpoint that the run goes on from, and its id at the database. */
  readonly checkpoint?: Checkpoint | undefined;
  /** If omitted, checkpoints are not saved, only returned to the callers that asked for them. */
  readonly saver?: CheckpointSaver | undefined;
  /** @throws What ends the run, if nothing may be saved and committed any more. */
  throwIfOver(): void;
  /** Called when a checkpoint should be taken as soon as possible. */
  onDue(): void;
  /** Called when the store has room again: `holdsIntake` has become false. */
  onRoom(): void;
  /** Called with the reason when nothing more may be delivered; `throwIfFailed` throws it, too. */
  onFailure(error: unknown): void;
}

/** The run fails after this many failed saves in a row. A lack of room does not count. */
export const SAVES_FAILED_MAX = 30;
/** The intake pauses after this many saves in a row for which the store had no room. */
export const SAVES_WITHOUT_ROOM_MAX = 3;
/** Longest pause between two attempts to save the last checkpoint, when there is nothing else to do. */
const SAVE_AGAIN_MS_MAX = 1_000;

/**
 * Decides when a checkpoint is due, and carries each one through: the sink prepares, the checkpoint is
 * saved, and once it is accepted, the sink makes the rows in it visible. Where the database of a sink decides,
 * the checkpoint is saved as undecided, and that sink commits first. This happens in the background,
 * one checkpoint at a time; a caller that asks meanwhile gets the next one.
 *
 * A failed save drops nothing: prepared rows wait for the next checkpoint. While the store has no room,
 * the intake is paused, which bounds the rows that wait. A refused save (`FENCED`) ends the run.
 */
export class CheckpointKeeper {
  readonly #parts: CheckpointKeeperParts;
  readonly #requests = new CheckpointRequests();
  readonly #timer: RepeatingTimer | undefined;
  readonly #stopping = new AbortController();
  readonly #decision: CheckpointDecision | undefined;
  #isTimeDue = false;
  #isTaking = false;
  /** The `turn` of the last accepted checkpoint. */
  #acceptedTurn = 0;
  #turn = 0;
  #failedInRow = 0;
  #withoutRoomInRow = 0;
  readonly #roomWarning: OnceAMinute;
  /** The checkpoint in progress; never rejects. */
  #underWay: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(parts: CheckpointKeeperParts) {
    this.#parts = parts;
    const { clock, saver, onDue, decider, checkpoint } = parts;
    if (saver && decider) this.#decision = new CheckpointDecision(decider, saver.databaseKey, checkpoint);
    this.#roomWarning = new OnceAMinute(clock);
    if (!saver) return;
    const { everyMs, firstMs = everyMs } = saver;
    const onTime = () => {
      if (this.#turn === this.#acceptedTurn) return; // nothing new since the last checkpoint
      this.#isTimeDue = true;
      onDue();
    };
    this.#timer = new RepeatingTimer(clock, toNanos(everyMs), onTime, toNanos(firstMs));
  }

  /** Whether checkpoints go to a store, which then decides which rows count. */
  get isKept(): boolean {
    return this.#parts.saver !== undefined;
  }

  get isDue(): boolean {
    return (this.#isTimeDue || this.#requests.waiting) && !this.#underWay && !this.#failure;
  }

  /** Whether a cut is due or being taken. */
  get isCutting(): boolean {
    return this.isDue || this.#isTaking;
  }

  /** Whether reading is paused, since too many rows would wait while the store has no room. */
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

  /** Called for each batch that the pipeline has taken. */
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
   * Takes a cut, and completes the checkpoint in the background. Not to be called while another one is in
   * progress.
   * @throws What `cut` throws, apart from a `LateCutError`. It ends the run, and waiting requests are
   *   rejected with it.
   */
  async take(cut: () => Promise<Cut>): Promise<void> {
    this.#isTimeDue = false;
    const requests = this.#requests.take();
    let taken: Cut;
    this.#isTaking = true;
    try {
      taken = await cut();
    } catch (error) {
      requests.reject(error);
      this.#decision?.takeBack();
      if (!(error instanceof LateCutError)) throw error;
      this.#refusedBy(error);
      return;
    } finally {
      this.#isTaking = false;
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

  /** Resolves when no checkpoint is in progress. Never rejects. */
  async settle(): Promise<void> {
    while (this.#underWay) await this.#underWay;
  }

  /**
   * Takes a cut after all rows and waits until it is accepted. Failed saves are retried up to a limit.
   * @returns `false` if a stop came first.
   * @throws {PipelineError} `FENCED`, or `CHECKPOINT_FAILED` beyond the limit.
   */
  async takeLast(cut: () => Promise<Cut>): Promise<boolean> {
    await this.settle();
    this.throwIfFailed();
    const { clock, saver } = this.#parts;
    const requests = this.#requests.take();
    try {
      const again = millis(Math.min(SAVE_AGAIN_MS_MAX, saver?.everyMs ?? 0));
      let taken: Cut | undefined;
      for (;;) {
        try {
          taken ??= await cut();
          requests.resolve(await this.#keep(taken));
          return true;
        } catch (error) {
          this.throwIfFailed();
          this.#decision?.takeBack();
          if (error instanceof LateCutError) {
            if (!taken) this.#refusedBy(error);
            taken = undefined; // of this one, nothing more comes
            this.throwIfFailed();
          } else if (!taken) throw error;
          else if (this.#decision && taken.isPrepared) taken = undefined; // taken back: its rows are in no cut now
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

  /** From now on, a failed save is not retried. */
  stop(): void {
    this.#stopping.abort();
  }

  /** Ends the keeper, at the end of the run. */
  async close(): Promise<void> {
    this.#timer?.stop();
    await this.settle();
    this.#requests.refuse();
  }

  /** @throws What failed; if it ends the run, it is also recorded as the failure. */
  async #keep({ durable, isPrepared, turn, checkpoint }: Cut): Promise<Checkpoint> {
    const { sink, saver, throwIfOver } = this.#parts;
    let position: PlainData;
    let taken: Checkpoint;
    try {
      ({ position } = await durable);
      taken = checkpoint(position);
    } catch (error) {
      this.#decision?.takeBack();
      throw error instanceof LateCutError ? this.#refusedBy(error) : this.#fail(error);
    }
    if (!saver) return taken;
    this.#expectTime();
    const decision = isPrepared ? this.#decision : undefined;
    try {
      await saver.save(decision?.undecided(taken) ?? taken);
    } catch (error) {
      decision?.takeBack();
      throw this.#refusedBy(error);
    }
    this.#failedInRow = 0;
    this.#acceptedTurn = turn;
    this.#hasRoom();
    if (!isPrepared) return taken;
    this.#expectTime(); // else the next start commits it: the checkpoint was accepted
    try {
      await decision?.decide();
      await blame('SINK_FAILED', labelOf('Sink', sink), () => sink.stage.commit?.(position, throwIfOver));
    } catch (error) {
      throw this.#fail(error);
    }
    return taken;
  }

  #expectTime(): void {
    try {
      this.#parts.throwIfOver();
    } catch (error) {
      throw this.#fail(error);
    }
  }

  #refusedBy(error: unknown): unknown {
    if (error instanceof RuntimeError && error.code === 'FENCED') return this.#fail(error);
    if (lacksRoom(error)) {
      this.#lackRoom(error);
      return error;
    }
    // A retry would fail the same way: the checkpoint is too large, or permission is missing.
    if (error instanceof RuntimeError && !error.retryable) return this.#fail(error);
    this.#failedInRow++;
    this.#parts.log.warn(
      { err: error, failedInRow: this.#failedInRow },
      'checkpoint was not saved; the run continues and will try again',
    );
    if (this.#failedInRow < SAVES_FAILED_MAX) return error;
    const why = error instanceof Error ? error.message : String(error);
    return this.#fail(
      new PipelineError(
        'CHECKPOINT_FAILED',
        `Expected one of ${SAVES_FAILED_MAX} checkpoints in a row to be saved, found none; the last error: ${why}`,
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
        ? 'the checkpoint store has no room: reading is paused until it has; free some space'
        : 'the checkpoint store has no room: the save is tried again; free some space',
    );
  }

  #hasRoom(): void {
    if (this.#withoutRoomInRow === 0) return;
    const { log, onRoom } = this.#parts;
    log.info({ withoutRoomInRow: this.#withoutRoomInRow }, 'the checkpoint store has room again');
    this.#withoutRoomInRow = 0;
    this.#roomWarning.reset();
    onRoom();
  }

  #fail(error: unknown): unknown {
    this.#failure ??= { error };
    this.#parts.onFailure(error);
    return error;
  }
}

const toNanos = (ms: number): bigint => BigInt(Math.ceil(ms * 1e6));
