import { z } from 'zod';
import { SourceGateOptions } from '../providers/source-gate-options.js';

const name = 'expected 1 to 100 letters, digits, ".", "_" or "-", the first a letter or digit';

/** A component: `use` names it, the other keys are its options and checked by the component. */
export const StageSpec = z.looseObject({
  use: z.string('expected the name of a component').min(1, 'expected the name of a component'),
});

const batchRows = 'expected 1 to 65536 rows';
const memory = 'expected a whole number of megabytes, 16 to 1048576';

export const OPERATORS_MAX = 100;

/** Its name may be left out. */
export const DEFAULT_BATCHER = 'smart';

/** The outline of a spec: what is true of all pipelines, whatever their components. */
export const PipelineSpec = z.strictObject({
  /** Names the job, and by default its files. */
  name: z.string(name).regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, name),
  source: StageSpec.extend(SourceGateOptions.shape),
  operators: z
    .array(StageSpec, 'expected a list of operators')
    .max(OPERATORS_MAX, `expected at most ${OPERATORS_MAX} operators`)
    .default([]),
  batcher: z
    .looseObject({ use: z.string('expected the name of a component').default(DEFAULT_BATCHER) })
    .prefault({}),
  sink: StageSpec,
  /** Rows that cannot be used are kept here as JSON lines, with file, line and reason. Without it, the first one stops the job. */
  deadLetter: z
    .strictObject({
      path: z.string('expected the path of a file').min(1, 'expected the path of a file'),
      /** Rows after which the job stops all the same. */
      maxRows: z.int('expected a whole number of rows').min(1, 'expected at least 1 row').default(1_000_000),
    })
    .optional(),
  /** Rows that a batch has room for between the stages. */
  batchRows: z.int(batchRows).min(1, batchRows).max(65_536, batchRows).default(8_192),
  /** Megabytes that columns may take, all stages together; above it, the job fails. */
  maxMemoryMb: z.int(memory).min(16, memory).max(1_048_576, memory).default(1_024),
  /** For what is random in components that have no seed of their own. */
  seed: z.int('expected a whole number').min(0, 'expected 0 or more').default(0),
});

/** A spec as people write it, whatever its components are. */
export type SpecOutline = z.input<typeof PipelineSpec>;
