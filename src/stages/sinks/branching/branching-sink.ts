import { type Batch, releaseAll } from '../../../columns/batch.js';
import type { TimerHandle } from '../../../core/clock.js';
import { PipelineError } from '../../../core/errors.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { Branch, BranchCut, BranchPosition } from '../../../engine/branch.js';
import { LateCutError } from '../../../engine/branches/late-cut-error.js';
import { refuseMismatch } from '../../../engine/cuts/state-mismatch.js';
import type { Durable, Sink } from '../../../engine/sink.js';
import type { SinkCapabilities } from '../../../engine/sink-capabilities.js';
import type { StageContext } from '../../../engine/stage.js';
import type { StageStatistics } from '../../../wire/pipeline-report.js';

/** Decides which rows go to which branch. */
export interface RowRouter {
  open?(): void;
  close?(): void;
  /**
   * Divides a batch, whose ownership it takes. If that fails, it has released whatever it made of it; a batch
   * that is still whole is released by the caller.
   *
   * @returns What each branch gets, in their order; nothing for one that gets neither rows nor control records.
   */
  divide(batch: Batch): readonly (Batch | undefined)[];
  /** Its own counts. */
  statistics?(): StageStatistics;
  /** Called before the first batch, with earlier counts. */
  restore?(counts: StageStatistics): void;
}

export interface BranchingOptions {
  /** How long a branch may take for its part of a cut. */
  readonly cutDeadlineMs: number;
}

type BranchStates = Readonly<Record<string, PlainData>>;

/**
 * A sink that passes its rows on to branches. A cut goes through all of them or none: it waits for each branch
 * to reach it, up to a deadline. After the end of the stream, there is no deadline: nothing would be gained by
 * another attempt.
 */
export class BranchingSink implements Sink {
  readonly capabilities: SinkCapabilities;
  readonly readsOnly = true;
  readonly #branches: readonly Branch[];
  readonly #router: RowRouter;
  readonly #clock: StageContext['clock'];
  readonly #cutDeadlineMs: number;
  #hasEnded = false;

  constructor({ branches, clock }: StageContext, { cutDeadlineMs }: BranchingOptions, router: RowRouter) {
    this.#branches = Object.values(branches);
    this.#router = router;
    this.#clock = clock;
    this.#cutDeadlineMs = cutDeadlineMs;
    this.capabilities = { delivery: weakestOf(this.#branches) };
  }

  get bytesOut(): number {
    return this.#branches.reduce((sum, { bytesOut }) => sum + bytesOut, 0);
  }

  open(): void {
    this.#router.open?.();
  }

  close(): void {
    this.#router.close?.();
  }

  write(batch: Batch): Promise<void> | void {
    this.#hasEnded ||= batch.controls.some(({ record }) => record.type === 'end');
    const shares = this.#divide(batch);
    let waits: Promise<void>[] | undefined;
    let given = 0;
    try {
      for (const branch of this.#branches) {
        const share = shares[given++];
        const waiting = share && branch.give(share);
        if (waiting) waits = [...(waits ?? []), waiting];
      }
    } catch (error) {
      releaseAll(shares.slice(given).filter((share) => share !== undefined));
      throw error;
    }
    if (waits) return Promise.all(waits).then(() => undefined);
  }

  prepare(isEnd: boolean): Promise<Durable> {
    this.#hasEnded ||= isEnd;
    return this.#cut((branch) => branch.prepare(isEnd));
  }

  flush(): Promise<Durable> {
    return this.#cut((branch) => branch.flush());
  }

  async commit(position: PlainData, expectTime?: () => void): Promise<void> {
    const { branches } = savedSink(position);
    this.#expect(branches);
    await Promise.all(this.#branches.map((branch) => branch.commit(branches[branch.key]!, expectTime)));
  }

  async resume(position: PlainData): Promise<void> {
    const { branches, counts } = savedSink(position);
    this.#expect(branches);
    this.#router.restore?.(counts);
    for (const branch of this.#branches) await branch.resume(branches[branch.key]!);
  }

  outputs(): readonly string[] {
    return this.#branches.flatMap((branch) => branch.outputs());
  }

  statistics(): StageStatistics {
    return this.#router.statistics?.() ?? {};
  }

  #divide(batch: Batch): readonly (Batch | undefined)[] {
    try {
      return this.#router.divide(batch);
    } catch (error) {
      releaseAll([batch]);
      throw error;
    }
  }

  async #cut(begin: (branch: Branch) => BranchCut): Promise<Durable> {
    const counts = this.statistics(); // now: rows that are written later are behind the cut
    const cuts = this.#branches.map(begin);
    let positions: readonly BranchPosition[];
    try {
      positions = await this.#inTime(cuts);
    } catch (error) {
      for (const cut of cuts) cut.abandon();
      throw error;
    }
    const states = positions.map(({ position }, i) => [this.#branches[i]!.key, position]);
    return {
      rows: positions.reduce((sum, { rows }) => sum + rows, 0),
      position: { branches: Object.fromEntries(states) as BranchStates, counts },
    };
  }

  async #inTime(cuts: readonly BranchCut[]): Promise<readonly BranchPosition[]> {
    const all = Promise.all(cuts.map(({ done }) => done));
    if (this.#hasEnded) return all;
    let timer: TimerHandle;
    const late = new Promise<never>((_, reject) => {
      const look = () => {
        const leftMs = this.#cutDeadlineMs - Math.max(...cuts.map((cut) => cut.stillMs()));
        if (leftMs > 0) {
          timer = this.#clock.setTimeout(look, Math.max(1, leftMs)); // all go on, however slowly
          return;
        }
        const unfinished = cuts.flatMap((cut) => cut.abandon());
        reject(new LateCutError(unfinished, this.#cutDeadlineMs));
      };
      timer = this.#clock.setTimeout(look, this.#cutDeadlineMs);
    });
    try {
      return await Promise.race([all, late]);
    } finally {
      this.#clock.clearTimeout(timer);
    }
  }

  /** A new branch would lack the rows that came before. */
  #expect(states: BranchStates): void {
    const known = this.#branches.map(({ key }) => key);
    const strange = Object.keys(states).filter((key) => !known.includes(key));
    const missing = known.filter((key) => !Object.hasOwn(states, key));
    refuseMismatch({ of: 'a sink with other branches', missing, strange });
  }
}

interface SavedSink {
  readonly branches: BranchStates;
  readonly counts: StageStatistics;
}

function savedSink(position: PlainData): SavedSink {
  const { branches, counts } = (position ?? {}) as Partial<SavedSink>;
  if (isObject(branches) && isObject(counts)) return { branches, counts };
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    'Expected the state of a sink with branches, {branches, counts}, found something else',
  );
}

const isObject = <T>(value: T | undefined): value is T => typeof value === 'object' && value !== null;

const WEAKEST_FIRST = ['append', 'idempotent', 'transactional'] as const;

function weakestOf(branches: readonly Branch[]): SinkCapabilities['delivery'] {
  const has = (delivery: string) => branches.some(({ capabilities }) => capabilities.delivery === delivery);
  return WEAKEST_FIRST.find(has) ?? 'transactional';
}
