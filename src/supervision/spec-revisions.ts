import { PipelineError, type WireError } from '../core/errors.js';
import { hideSecrets } from '../core/hide-secrets.js';
import { unreachable } from '../core/invariant.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import { secretsOfSpec } from '../wire/stages-of-spec.js';
import { isEndState, type JobState } from './job.js';

/** A spec of a job. */
export interface SpecRevision {
  readonly spec: ResolvedSpec;
  /** 1 for the spec that the job was submitted with, one more with each change. */
  readonly revision: number;
}

/** How an update has ended: with the spec that the job goes on with. */
export interface UpdateEnd {
  readonly revision: number;
  /** Why it goes on with the spec that it had. */
  readonly error?: WireError;
}

/** What the machine of the job has come to. */
export interface JobStep {
  readonly state: JobState;
  /** Whether the run that begins, or is to begin, has to show that it runs at all. */
  readonly isOnTrial: boolean;
  /** Of the last run. */
  readonly error: WireError | undefined;
}

interface Update {
  readonly before: SpecRevision;
  readonly after: SpecRevision;
  /**
   * `ending`: the run with the spec before has not ended. `onTrial`: the one with the spec after has not come to run.
   * `fallingBack`: it never did, and one with the spec before is to follow.
   */
  phase: 'ending' | 'onTrial' | 'fallingBack';
  /** Why it never ran. */
  reason: WireError | undefined;
  resolve(): void;
  reject(error: PipelineError): void;
}

/** The spec of a job, and the one that is about to take its place. */
export class SpecRevisions {
  readonly #job: string;
  readonly #onEnd: (end: UpdateEnd) => void;
  #current: SpecRevision | undefined;
  #last = 1;
  #update: Update | undefined;
  /** Removes the secrets of the specs from the list of texts that this thread hides. */
  #showSecrets: () => void;

  /**
   * @param spec - Of a job that has ended, no more than the name is left.
   * @param onEnd - Called when an update has ended and the job goes on. Must not throw.
   */
  constructor(spec: ResolvedSpec | { readonly name: string }, onEnd: (end: UpdateEnd) => void) {
    this.#job = spec.name;
    this.#onEnd = onEnd;
    this.#current = 'source' in spec ? { spec, revision: 1 } : undefined;
    this.#showSecrets = hideSecrets('source' in spec ? secretsOfSpec(spec) : []);
  }

  /** Missing once the job has ended, so that a list of ended jobs holds no specs. */
  get spec(): ResolvedSpec | undefined {
    return this.#current?.spec;
  }

  /** Of the spec that the run at work has, or the next one will have. */
  get revision(): number {
    return this.#current?.revision ?? this.#last;
  }

  get isUpdating(): boolean {
    return this.#update !== undefined;
  }

  /** Takes a spec for the next run, if none is at work. */
  replace(spec: ResolvedSpec): void {
    this.#current = this.#next(spec);
    this.#onEnd({ revision: this.revision });
  }

  /**
   * Takes a spec for the run after the one at work, which is about to end.
   *
   * @returns Resolves once it runs.
   * @throws {PipelineError} `UPDATE_FELL_BACK` if it never ran; `JOB_STATE` if the job ended before that.
   */
  begin(spec: ResolvedSpec): Promise<void> {
    return new Promise((resolve, reject) => {
      const before = this.#current!; // nobody asks for another run of a job that has ended
      this.#update = { before, after: this.#next(spec), phase: 'ending', reason: undefined, resolve, reject };
    });
  }

  /** Follows the job. Called for each step of its machine, before anything is done about it. */
  reach(step: JobStep): void {
    const update = this.#update;
    if (!update) return;
    const { state, isOnTrial, error } = step;
    switch (update.phase) {
      case 'ending':
        if (isEndState(state)) this.#giveUp(update, step);
        else if (state === 'backingOff') {
          update.phase = 'onTrial';
          this.#current = update.after;
        }
        return;
      case 'onTrial':
        if (runs(state)) this.#succeed(update);
        else if (isEndState(state)) this.#giveUp(update, step);
        else if (state === 'backingOff' && !isOnTrial) {
          update.phase = 'fallingBack';
          update.reason = error;
          this.#current = update.before;
        }
        return;
      case 'fallingBack':
        // It runs, or its own policy says what becomes of it: no more is tried for the update.
        if (runs(state) || isEndState(state) || (state === 'backingOff' && error !== update.reason))
          this.#fallBack(update);
        return;
      default:
        unreachable(update.phase);
    }
  }

  /** The job has ended. */
  release(): void {
    this.#showSecrets();
    this.#current = undefined;
  }

  #next(spec: ResolvedSpec): SpecRevision {
    const [showBefore, showOwn] = [this.#showSecrets, hideSecrets(secretsOfSpec(spec))];
    this.#showSecrets = () => {
      showBefore();
      showOwn();
    };
    this.#last++;
    return { spec, revision: this.#last };
  }

  #succeed(update: Update): void {
    this.#update = undefined;
    this.#onEnd({ revision: update.after.revision });
    update.resolve();
  }

  #fallBack({ before, after, reason, reject }: Update): void {
    this.#update = undefined;
    const why = reason?.message ?? 'its thread was lost';
    const message = `The changed spec of job "${this.#job}" (revision ${after.revision}) did not run, and the job goes on with the one before (revision ${before.revision}): ${why}`;
    const error = new PipelineError('UPDATE_FELL_BACK', message);
    this.#onEnd({ revision: before.revision, error: error.toWire() });
    reject(error);
  }

  #giveUp({ reject }: Update, { state, error }: JobStep): void {
    this.#update = undefined;
    const why = error ? `: ${error.message}` : '';
    reject(
      new PipelineError(
        'JOB_STATE',
        `Job "${this.#job}" is ${state}, and ended before it ran with the changed spec${why}`,
      ),
    );
  }
}

const runs = (state: JobState): boolean => state === 'running' || state === 'paused' || state === 'completed';
