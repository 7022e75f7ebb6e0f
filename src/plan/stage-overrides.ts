import type { SinkFactory, SourceFactory } from '../engine/factories.js';

/** Stages given in code, in place of the spec's. They live in the calling thread only. */
export interface StageOverrides {
  readonly source?: SourceFactory<unknown>;
  readonly sink?: SinkFactory<unknown>;
}
