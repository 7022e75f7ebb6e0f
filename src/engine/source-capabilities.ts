/** What a restart may rely on for a source. */
export interface SourceCapabilities {
  /**
   * `replayable`: reading again from any position returns the same rows. `resumable`: missed data can be
   * fetched later. `live-only`: missed data is lost.
   */
  readonly delivery: 'replayable' | 'resumable' | 'live-only';
  /** Whether the data ends by itself. */
  readonly bounded: boolean;
}
