import type { Batch } from '../../columns/batch.js';
import type { PlainData } from '../../core/plain-data.js';
import type { StageStatistics } from '../../wire/pipeline-report.js';
import { InputCounts } from '../intake/input-counts.js';
import type { SourceCounts } from '../intake/resume-point.js';
import type { SourceIntake } from '../intake/source-intake.js';
import { type LineFlow, LineRows } from '../line-rows.js';
import type { OperatorChain } from '../operator-chain.js';
import type { Source } from '../source.js';

export interface InputRowsParts {
  readonly source: Source;
  readonly intake: SourceIntake;
  readonly chain: OperatorChain;
}

/** What became of the rows of an input, over all starts of its run. */
export class InputRows {
  readonly #parts: InputRowsParts;
  readonly #counts: InputCounts;
  readonly #rows = new LineRows();
  /** Rows that the stage has read. */
  #out = 0;

  constructor(parts: InputRowsParts) {
    this.#parts = parts;
    this.#counts = new InputCounts(parts.intake.policy);
  }

  get rowsRejected(): number {
    return this.#counts.rowsRejected(this.#parts.intake.taken);
  }

  get rowsLeftOut(): number {
    const { intake, source } = this.#parts;
    return this.#counts.rowsLeftOut(intake.taken) + (source.rowsLeftOut ?? 0);
  }

  get bytesIn(): number {
    return this.#counts.bytesIn(this.#parts.intake.taken);
  }

  /** The stage has read a batch. */
  read({ length }: Batch): void {
    this.#out += length;
  }

  statistics(): StageStatistics {
    const { intake } = this.#parts;
    return {
      ...intake.statistics(),
      ...this.#rows.statistics(this.#flow(intake.received)),
      bytesIn: this.#counts.bytesIn(intake.received),
    };
  }

  /** The counts for a checkpoint. @param point - How far its source counts. */
  snapshot(point: SourceCounts): Readonly<Record<string, PlainData>> {
    return { ...this.#counts.snapshot(point), rows: this.#rows.cut(this.#flow(point)) };
  }

  /** Continues from a snapshot. Called once source and operators are restored: some restore their own counts. */
  restore({ rows, ...counts }: Readonly<Record<string, PlainData>>): void {
    const { received } = this.#parts.intake;
    this.#counts.restore(counts, received);
    this.#rows.restore(rows ?? null, this.#flow(received));
  }

  #flow(point: SourceCounts): LineFlow {
    const { intake, chain } = this.#parts;
    const { rowsRead, rowsRefused, rowsRejected } = this.#counts.snapshot(point);
    const operators = chain.tally();
    return {
      given: rowsRead + rowsRejected,
      policy: intake.policy,
      leftOut: this.#counts.rowsLeftOut(point),
      tally: { ...operators, rejected: operators.rejected + rowsRefused + rowsRejected },
      out: this.#out,
    };
  }
}
