/** What a restart may rely on in a sink. */
export interface SinkCapabilities {
  /**
   * `transactional`: a crash discards what was written since the last commit.
   * `idempotent`: writing a row again changes nothing. `append`: a row written again is duplicated.
   */
  readonly delivery: 'transactional' | 'idempotent' | 'append';
  /**
   * Whether its database decides which checkpoint counts: it commits rows and checkpoint as one (`Sink.decide`). At most
   * one sink of a plan can.
   */
  readonly decides?: boolean | undefined;
}
