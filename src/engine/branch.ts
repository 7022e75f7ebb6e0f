import type { Batch } from '../columns/batch.js';
import type { PlainData } from '../core/plain-data.js';
import type { SinkCapabilities } from './sink-capabilities.js';

/** A branch as the sink that passes rows on sees it: a queue, operators, a batcher and a sink. */
export interface Branch {
  /** Its path in the spec, which is that of its sink: `sink.routes.large`. */
  readonly id: string;
  /** What its state is called in a checkpoint. */
  readonly key: string;
  /** The capabilities of its sink. */
  readonly capabilities: SinkCapabilities;
  /** Bytes that its sink has written so far. */
  readonly bytesOut: number;
  /**
   * Gives it a batch, which it owns from now on.
   *
   * @returns A promise if there is no room for another batch: it settles once there is. A queue that leaves
   *   rows out when it is full always has room.
   * @throws What has failed in it, or what it was broken off with; the batch is then released.
   */
  give(batch: Batch): Promise<void> | void;
  /**
   * Begins its part of a cut after all batches that it was given: its operators and its sink keep what they
   * have, and the sink makes it durable, but nothing more visible. Only one cut is in progress at a time.
   *
   * @param isEnd - Whether no rows follow.
   */
  prepare(isEnd: boolean): BranchCut;
  /** The same, and the sink makes everything visible. */
  flush(): BranchCut;
  /** Makes the rows in a position of a cut visible. @param expectTime - See `Sink.commit`. */
  commit(position: PlainData, expectTime?: () => void): Promise<void>;
  /** Called before the first batch, with the position of a cut. */
  resume(position: PlainData): Promise<void>;
  /** The outputs, such as files, that can be read now. */
  outputs(): readonly string[];
}

/** The part of a branch in a cut. */
export interface BranchCut {
  /** Resolves once what is in front of the cut is durable at the sink. */
  readonly done: Promise<BranchPosition>;
  /** For how long the branch has finished nothing, in ms; 0 once this part is done. */
  stillMs(): number;
  /**
   * Takes the cut back. What is already in progress ends unseen.
   * @returns The branches that were still at work: this one or, where it waits for branches of its sink, those.
   */
  abandon(): readonly string[];
}

/** Where a branch stands after its part of a cut. */
export interface BranchPosition {
  /** Rows that are durable at its sink since `open`. */
  readonly rows: number;
  /** The states of its operators, its counts and the position of its sink. */
  readonly position: PlainData;
}
