import { z } from 'zod';
import { PATH_CHARS_MAX } from '../core/glob.js';
import { IsolationOptions } from '../settings/isolation-options.js';
import { JobTermsSettings } from '../settings/job-terms.js';
import { StageName } from '../settings/stage-name.js';
import { SourceFrontOptions } from './source-front-options.js';

const name = 'expected 1 to 100 letters, digits, ".", "_" or "-", the first a letter or digit';

/** A stage in a spec: `use` names its component, the other keys are options that the component checks. */
export const StageSpec = z.looseObject({
  use: z
    .string('expected the name of a component')
    .min(1, 'expected the name of a component')
    .describe('Name of the component'),
  name: StageName.optional(),
});

const batchRows = 'expected 1 to 65536 rows';
const memory = 'expected a whole number of megabytes, 16 to 1048576';

/** Most operators that a pipeline may have. */
export const OPERATORS_MAX = 100;

/** The batcher of a spec that names none. */
export const DEFAULT_BATCHER = 'smart';

/** The outline of a spec: the part that does not depend on its components. */
export const PipelineSpec = z.strictObject({
  name: z
    .string(name)
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, name)
    .describe(
      'Names the job, and by default its files: 1 to 100 letters, digits, `.`, `_` or `-`; the first is a letter or digit',
    ),
  source: StageSpec.extend(SourceFrontOptions.shape).describe(
    'Where rows come from: `use` names a component, the other keys are its options',
  ),
  operators: z
    .array(StageSpec, 'expected a list of operators')
    .max(OPERATORS_MAX, `expected at most ${OPERATORS_MAX} operators`)
    .default([])
    .describe('What happens to the rows, in order: components with their options'),
  batcher: z
    .looseObject({
      use: z
        .string('expected the name of a component')
        .default(DEFAULT_BATCHER)
        .describe('Name of the component'),
      name: StageName.optional(),
    })
    .prefault({})
    .describe(
      'What closes a batch on its way to the sink: a component with its options. Without it, `smart`',
    ),
  sink: StageSpec.describe('Where rows go: a component with its options'),
  delivery: z
    .enum(['best-effort', 'exactly-once'], 'expected "best-effort" or "exactly-once"')
    .default('best-effort')
    .describe(
      'What is promised for each row at each sink: `exactly-once` takes a checkpoint store, and refuses every stage that cannot take part in checkpoints; with `best-effort`, it is what the stages have, which `tickloom explain` says',
    ),
  job: JobTermsSettings.optional().describe(
    'What its job is submitted with, where nothing else is said: priority, tenant, group, labels, and other jobs that it waits for',
  ),
  deadLetter: z
    .strictObject({
      path: z
        .string('expected the path of a file')
        .min(1, 'expected the path of a file')
        .max(PATH_CHARS_MAX, `expected a path of at most ${PATH_CHARS_MAX} characters`)
        .describe('The file, relative to the working directory. Made before the first row is read'),
      maxRows: z
        .int('expected a whole number of rows')
        .min(1, 'expected at least 1 row')
        .default(1_000_000)
        .describe('Rows that it takes of one run; one more stops the job'),
    })
    .optional()
    .describe(
      'Where rows go that cannot be used: JSON lines with file, line and reason. Without it, the first such row stops the job',
    ),
  batchRows: z
    .int(batchRows)
    .min(1, batchRows)
    .max(65_536, batchRows)
    .default(8_192)
    .describe('Rows that a batch has room for between the stages'),
  maxMemoryMb: z
    .int(memory)
    .min(16, memory)
    .max(1_048_576, memory)
    .default(1_024)
    .describe('Megabytes that columns may take, all stages together; above it, the job fails'),
  ...IsolationOptions.shape,
  seed: z
    .int('expected a whole number')
    .min(0, 'expected 0 or more')
    .default(0)
    .describe('For what is random in components that have no seed of their own'),
});

/** A spec as written by people, with the options of components unchecked. */
export type SpecOutline = z.input<typeof PipelineSpec>;
