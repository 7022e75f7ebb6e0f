import type { SinkFactory, SourceFactory } from '../engine/factories.js';

/** Stages given in code that replace those of the spec. They only work in the calling thread. */
export interface StageOverrides {
  readonly source?: SourceFactory<unknown>;
  readonly sink?: SinkFactory<unknown>;
}
