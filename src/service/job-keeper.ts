import { type Clock, type TimerHandle, turnOfTheLoop } from '../core/clock.js';
import { PipelineError, toWireError, type WireError } from '../core/errors.js';
import type { PlainData } from '../core/plain-data.js';
import { NANOS_PER_MILLI } from '../core/units.js';
import type { JobRecord, JobStore, ScheduleRecord } from '../store/job-store.js';
import { isEndState, type JobWish } from '../supervision/job.js';
import type { JobActor } from '../supervision/job-actor.js';
import type { ScheduleRecords } from './schedules/schedule-records.js';

/** What of a record is as it was submitted. */
export type Submitted = Pick<JobRecord, 'spec' | 'isResolved' | 'specFolder' | 'options' | 'instantMs'>;

export interface JobKeeperContext {
  readonly store: JobStore;
  readonly clock: Clock;
  /** For how long a job without a policy must deliver rows to be stable. */
  readonly stableAfterMs: number;
  /** Called when the store has failed. `isRetried`: changes wait, and are tried again. Must not throw. */
  onFailed(error: WireError, how: { readonly isRetried: boolean }): void;
  /** Called when all changes that had waited are durable. Must not throw. */
  onRecovered(): void;
  /** Called when the store does not take the record of a job as it is. Must not throw. */
  onRefused(job: JobActor, error: WireError): void;
}

/** For how long the first change that there was no room for waits. Each further time it is twice as long. */
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 60_000;

/** How often it is looked at whether runs have become stable. */
const LOOK_MS = 1_000;

/**
 * Keeps the records of live jobs up to date in a store. What happens to jobs is written a turn of the event loop
 * later, all of it together and each job once, and nobody waits for it; submits and wishes are waited for. What cannot
 * be written for now, as on a full disk, waits and is tried again.
 */
export class JobKeeper implements ScheduleRecords {
  readonly #context: JobKeeperContext;
  readonly #live = new Map<string, Entry>();
  /** To be written. */
  readonly #changed = new Set<Entry>();
  /** Changes that were handed to the store and are not durable yet. */
  readonly #pending = new Set<Promise<void>>();
  #isWriting = false;
  #isClosing = false;
  /** The store is closed, or about to be. */
  #isClosed = false;
  #timer: TimerHandle;
  #isLooking = false;
  #failure: { readonly error: unknown } | undefined;
  /** Those that could not be written for now. They are in `#changed`, or tried again just now. */
  readonly #unwritten = new Set<Entry>();
  /** The store has failed for now, which was told. */
  #trouble: WireError | undefined;
  #retryTimer: TimerHandle;
  #isRetryDue = false;
  #retryMs = RETRY_MS;

  constructor(context: JobKeeperContext) {
    this.#context = context;
  }

  /**
   * Resolves once the job is durable.
   *
   * @throws What the store throws; then the job is not kept.
   */
  async add(job: JobActor, submitted: Submitted): Promise<void> {
    const { clock } = this.#context;
    const entry: Entry = {
      job,
      submitted,
      submittedAtMs: Number(clock.wall() / NANOS_PER_MILLI),
      wish: 'run',
      isStable: false,
      waiting: [],
    };
    this.#live.set(job.id, entry);
    try {
      await this.#change((store) => store.putJob(recordOf(entry)));
    } catch (error) {
      this.#drop(job.id);
      throw error;
    }
  }

  /** Goes on with a job that an earlier process has submitted, and writes what became of it. */
  addPast(job: JobActor, record: JobRecord): void {
    const { spec, isResolved, specFolder, options, instantMs, submittedAtMs, wish } = record;
    const submitted = { spec, isResolved, specFolder, options, instantMs };
    this.#live.set(job.id, { job, submitted, submittedAtMs, wish, isStable: false, waiting: [] });
    this.note(job);
  }

  /** Something has become of a job. */
  note(job: JobActor): void {
    const entry = this.#live.get(job.id);
    if (!entry) return;
    if (job.state === 'starting') entry.isStable = false;
    if (this.#isClosing && entry.isAtRest) return; // it ends because its runtime does
    this.#mark(entry);
    if (job.state === 'running') this.#lookLater();
  }

  /**
   * A job goes on with a changed spec. Resolves once that is durable, or the store has failed for good: then the next
   * process goes on with the spec before.
   */
  async changeSpec(job: JobActor, spec: PlainData): Promise<void> {
    const entry = this.#live.get(job.id);
    if (!entry) return;
    const { isResolved: _isResolved, ...submitted } = entry.submitted;
    entry.submitted = { ...submitted, spec };
    await this.#keep(entry).catch(() => {}); // it was told
  }

  /**
   * Resolves once the wish is durable, however long there is no room for it.
   *
   * @throws What the store throws if it has failed for good, or the runtime closes before there is room.
   */
  async wish(job: JobActor, wish: JobWish): Promise<void> {
    const entry = this.#live.get(job.id);
    if (!entry || entry.wish === wish) return;
    entry.wish = wish;
    entry.isAtRest = false;
    await this.#keep(entry);
  }

  /**
   * Forgets a job.
   *
   * @throws What the store throws.
   */
  async delete(id: string): Promise<void> {
    this.#writeChanged(); // those that depended on it have ended before
    const entry = this.#live.get(id);
    this.#drop(id);
    try {
      await this.#change((store) => store.deleteJob(id));
    } catch (error) {
      if (entry && isForNow(error)) {
        this.#live.set(id, entry); // its end may not be durable
        this.#mark(entry);
      }
      throw error;
    }
  }

  /** @throws What the store throws. */
  putSchedule(record: ScheduleRecord): Promise<void> {
    return this.#change((store) => store.putSchedule(record));
  }

  /** @throws What the store throws. */
  deleteSchedule(name: string): Promise<void> {
    return this.#change((store) => store.deleteSchedule(name));
  }

  /**
   * Forgets an ended job, for which there is no room any more. While the runtime closes, nothing is forgotten: most of
   * what ends then goes on in the next process, which forgets what has ended for good.
   */
  forget(id: string): void {
    if (this.#isClosing) return;
    void this.delete(id).catch(() => {}); // it was told
  }

  /** From now on, jobs end because their runtime does: the next start goes on with them. */
  beginClose(): void {
    if (this.#isClosing) return;
    this.#writeChanged();
    this.#isClosing = true;
    for (const entry of this.#live.values()) {
      const { state } = entry.job;
      entry.isAtRest = (state === 'queued' || state === 'backingOff') && entry.wish !== 'stop';
    }
  }

  /** Resolves once all is durable, or the store has failed, and the store is closed. */
  async close(): Promise<void> {
    this.#context.clock.clearTimeout(this.#timer);
    this.#context.clock.clearTimeout(this.#retryTimer);
    this.#isLooking = true; // no more
    this.#isRetryDue = true; // this is the last try
    await this.#writeChanged();
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
    if (this.#unwritten.size > 0 && this.#trouble) {
      const error = new PipelineError('STORE_FAILED', this.#trouble.message);
      this.#fail(error);
      for (const { waiting } of this.#unwritten) for (const { reject } of waiting.splice(0)) reject(error);
    }
    this.#isClosed = true;
    try {
      await this.#context.store.close();
    } catch (error) {
      this.#fail(error);
    }
  }

  #drop(id: string): void {
    const entry = this.#live.get(id);
    this.#live.delete(id);
    if (!entry) return;
    this.#changed.delete(entry);
    this.#unwritten.delete(entry);
    for (const { resolve } of entry.waiting.splice(0)) resolve();
  }

  #mark(entry: Entry): void {
    this.#changed.add(entry);
    if (!this.#isRetryDue) this.#writeSoon();
  }

  #writeSoon(): void {
    if (this.#isWriting) return;
    this.#isWriting = true;
    void this.#writeAll();
  }

  /** What changes while the store is at work is written together afterwards. */
  async #writeAll(): Promise<void> {
    while (this.#changed.size > 0 && !this.#isRetryDue) {
      await turnOfTheLoop();
      await this.#writeChanged();
    }
    this.#isWriting = false;
  }

  #writeChanged(): Promise<unknown> {
    const entries = [...this.#changed];
    this.#changed.clear();
    return Promise.all(entries.map((entry) => this.#write(entry)));
  }

  #keep(entry: Entry): Promise<void> {
    return new Promise((resolve, reject) => {
      entry.waiting.push({ resolve, reject });
      this.#changed.delete(entry);
      void this.#write(entry);
    });
  }

  async #write(entry: Entry): Promise<void> {
    const { job } = entry;
    const { id, state } = job;
    const record = this.#isClosing ? atRest(entry, recordOf(entry)) : recordOf(entry);
    const waiting = entry.waiting.splice(0);
    try {
      await this.#change((store) => store.putJob(record));
    } catch (error) {
      if (isForNow(error) && this.#live.get(id) === entry) {
        entry.waiting.push(...waiting);
        this.#unwritten.add(entry);
        this.#changed.add(entry);
        this.#retryLater();
        return;
      }
      this.#unwritten.delete(entry);
      if (isOfThisChange(error)) this.#context.onRefused(job, toWireError(error));
      for (const { reject } of waiting) reject(error);
      return;
    }
    this.#unwritten.delete(entry);
    if (isEndState(state) && this.#live.get(id) === entry) this.#live.delete(id);
    for (const { resolve } of waiting) resolve();
    this.#recover();
  }

  /** @throws What the store throws, also if it has failed for good before. */
  async #change(change: (store: JobStore) => Promise<void>): Promise<void> {
    if (this.#failure) throw this.#failure.error;
    if (this.#isClosed) {
      throw new PipelineError('RUNTIME_CLOSED', 'The runtime is closed, and its store of jobs with it');
    }
    let done: Promise<void> | undefined;
    try {
      done = change(this.#context.store);
      this.#pending.add(done);
      await done;
    } catch (error) {
      if (isForNow(error)) this.#failForNow(toWireError(error));
      else if (!isOfThisChange(error)) this.#fail(error);
      throw error;
    } finally {
      if (done) this.#pending.delete(done);
    }
    this.#recover();
  }

  #fail(error: unknown): void {
    if (this.#failure) return;
    this.#failure = { error };
    this.#context.onFailed(toWireError(error), { isRetried: false });
  }

  #failForNow(error: WireError): void {
    if (!this.#trouble) this.#context.onFailed(error, { isRetried: true });
    this.#trouble = error;
  }

  #retryLater(): void {
    if (this.#isRetryDue) return;
    this.#isRetryDue = true;
    const { clock } = this.#context;
    this.#retryTimer = clock.setTimeout(() => this.#retry(), this.#retryMs);
    clock.unref?.(this.#retryTimer);
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS_MAX);
  }

  #retry(): void {
    this.#isRetryDue = false;
    if (this.#changed.size > 0) this.#writeSoon();
  }

  /** A change was made: there is room again, also for those that wait. */
  #recover(): void {
    if (!this.#trouble || this.#isClosed) return;
    if (this.#unwritten.size > 0) {
      if (!this.#isRetryDue || this.#isClosing) return;
      this.#context.clock.clearTimeout(this.#retryTimer);
      this.#retry();
      return;
    }
    this.#trouble = undefined;
    this.#retryMs = RETRY_MS;
    this.#context.onRecovered();
  }

  #lookLater(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const { clock } = this.#context;
    this.#timer = clock.setTimeout(() => this.#look(), LOOK_MS);
    clock.unref?.(this.#timer);
  }

  #look(): void {
    this.#isLooking = false;
    let areSome = false;
    for (const entry of this.#live.values()) {
      const { job, isStable } = entry;
      if (isStable || job.state !== 'running') continue;
      const { stableAfterMs } = job.context.restarts?.policy ?? this.#context;
      if (job.hasDeliveredFor(stableAfterMs)) {
        entry.isStable = true;
        this.#mark(entry);
      } else areSome = true;
    }
    if (areSome) this.#lookLater();
  }
}

interface Entry {
  readonly job: JobActor;
  submitted: Submitted;
  readonly submittedAtMs: number;
  wish: JobWish;
  isStable: boolean;
  /** The runtime closes, and its record is as the next process needs it. */
  isAtRest?: boolean;
  /** Who waits for it to be durable. */
  readonly waiting: Waiting[];
}

interface Waiting {
  resolve(): void;
  reject(error: unknown): void;
}

/** The change was not made, and may be made later. */
const isForNow = (error: unknown): boolean => toWireError(error).retryable;

/** The store does not take this change, and takes others. */
const isOfThisChange = (error: unknown): boolean => toWireError(error).code === 'OPTIONS_INVALID';

function recordOf({ job, submitted, submittedAtMs, wish, isStable }: Entry): JobRecord {
  const { id, name, sequence, state, terms } = job;
  const { history, runs, restarts, deadlineAtMs, bounds, durationAtMs } = job.context;
  const dependsOn = terms?.dependsOn;
  const { spec, options, isResolved, specFolder, instantMs } = submitted;
  return {
    id,
    name,
    sequence,
    submittedAtMs,
    spec,
    ...(isResolved && { isResolved }),
    ...(specFolder !== undefined && { specFolder }),
    options,
    ...(dependsOn && { dependsOn }),
    ...(instantMs !== undefined && { instantMs }),
    wish,
    state,
    history,
    runs,
    ...(restarts && { restarts }),
    ...(state === 'backingOff' && deadlineAtMs !== undefined && { deadlineAtMs }),
    ...(bounds && { bounds }),
    ...(durationAtMs !== undefined && { durationAtMs }),
    ...(isStable && { isStable }),
    ...(job.isContinued && { isContinued: true }),
  };
}

/** A job that was suspended because its runtime closes waits in the queue of the next one. */
function atRest({ job, wish }: Entry, record: JobRecord): JobRecord {
  const { state } = job;
  const isOver = state === 'completed' || state === 'dead' || wish === 'stop';
  const mayGoOn = state === 'stopped' || (state === 'failed' && job.error?.retryable === true);
  return !isOver && mayGoOn ? { ...record, state: 'queued' } : record;
}
