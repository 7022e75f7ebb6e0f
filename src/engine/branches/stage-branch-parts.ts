import type { DictionarySet } from '../../columns/dictionary.js';
import type { EventOrder } from '../../columns/event-order.js';
import type { Schema } from '../../columns/schema.js';
import type { Clock } from '../../core/clock.js';
import type { QueueSettings } from '../../settings/queue-options.js';
import type { Logger } from '../../telemetry/logger.js';
import type { BranchTree, OwnerPlace } from '../../wire/stage-tree.js';
import type { Batcher } from '../batcher.js';
import type { NamedOperator } from '../operator-rows.js';
import type { KeptRejects } from '../rejects.js';
import type { Sink } from '../sink.js';
import type { Named, Stage } from '../stage.js';

/** The parts that a branch is built from. Its places are those of `placesInBranch`. */
export interface StageBranchParts extends BranchTree<Named<Stage>> {
  /** Its path in the spec, which is that of its sink: `sink.routes.large`. */
  readonly id: string;
  /** What its sink is called in a checkpoint. */
  readonly key: string;
  /** The place of the sink that passes rows on. */
  readonly owner: OwnerPlace;
  readonly operators: readonly NamedOperator[];
  readonly batcher: Named<Batcher>;
  readonly sink: Named<Sink>;
  readonly queue: QueueSettings;
  /** Schema of the batches that it is given. */
  readonly input: Schema;
  /** Event order of their rows. */
  readonly order: EventOrder;
  readonly dictionaries: DictionarySet;
  readonly clock: Clock;
  readonly rejects: KeptRejects;
  /** Adds the id of the branch to its lines. */
  readonly log: Logger;
}
