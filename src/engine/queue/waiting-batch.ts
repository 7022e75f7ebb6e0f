import type { Batch } from '../../columns/batch.js';
import type { PlacedControl } from '../../columns/control-record.js';
import type { DictionarySet } from '../../columns/dictionary.js';
import type { Schema } from '../../columns/schema.js';

/** A batch in a queue. */
export interface WaitingBatch<Note> {
  batch: Batch;
  note: Note;
  /** How many seals had been set when it was put. */
  seal: number;
  /** Whether the queue made the batch itself and may append to it. */
  isOwn: boolean;
}

/** What a queue needs in order to make batches itself. */
export interface BatchMaking {
  readonly schema: Schema;
  readonly dictionaries: DictionarySet;
  /** @throws {PipelineError} `QUEUE_FULL` if there are too many records for one batch. */
  checkControls(controls: readonly PlacedControl[]): void;
}

/** Control records in one batch: they are never dropped, and somebody must notice if they pile up. */
export const CONTROLS_MAX = 65_536;
