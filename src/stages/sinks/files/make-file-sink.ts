import type { Schema } from '../../../columns/schema.js';
import type { PlanProblems } from '../../../engine/factories.js';
import type { StageContext } from '../../../engine/stage.js';
import type { PartEncoder } from '../../../formats/part-encoder.js';
import type { IfExists, Output } from '../../../outputs/output.js';
import type { PartitionOptions, RotateOptions } from './file-output-options.js';
import { FileSink } from './file-sink.js';
import type { EndedParts } from './part-writer.js';
import { PartWriter } from './part-writer.js';
import { PartitionWriters } from './partition-writers.js';
import { Partitioner, partitionedSchema, partitionProblems } from './partitioner.js';
import { Rotation } from './rotation.js';
import { checkRotation, rotationLimits } from './rotation-limits.js';
import { SingleWriter } from './single-writer.js';

/** Options that all sinks of files share. */
export interface FileSinkOptions extends PartitionOptions {
  readonly ifExists: IfExists;
  readonly rotate?: RotateOptions | undefined;
}

export interface FileSinkParts {
  readonly options: FileSinkOptions;
  readonly input: Schema;
  readonly context: StageContext;
  readonly output: Output;
  readonly makeEncoder: () => PartEncoder;
}

export function makeFileSink({ options, input, context, output, makeEncoder }: FileSinkParts): FileSink {
  const ended: EndedParts = { rows: 0, parts: 0, bytes: 0 };
  const schema = fileSchema(options, input);
  const limits = rotationLimits(options.rotate, schema, context, output.isOneFile);
  const makeRotation = () => new Rotation(schema, limits);
  const { partitionBy, openPartsMax: openMax } = options;
  const { dictionaries, log } = context;
  const writers = partitionBy
    ? new PartitionWriters({
        output,
        partitioner: new Partitioner(input, partitionBy, dictionaries),
        makeEncoder,
        makeRotation,
        ended,
        openMax,
        log,
      })
    : new SingleWriter(new PartWriter(output, makeEncoder(), makeRotation(), ended), output);
  return new FileSink(output, writers, { ended, startsOver: STARTS_OVER[options.ifExists] });
}

/** The schema of the files. */
export const fileSchema = ({ partitionBy }: PartitionOptions, input: Schema): Schema =>
  partitionBy ? partitionedSchema(input, partitionBy) : input;

/** Reports problems with the options that all sinks of files share. */
export function checkFileSink(
  options: FileSinkOptions,
  isSingleFile: boolean,
  input: Schema,
  problems: PlanProblems,
): void {
  checkRotation(options.rotate, isSingleFile, input, problems);
  const { partitionBy } = options;
  if (!partitionBy) return;
  if (isSingleFile) {
    problems.add(['partitionBy'], 'expected a directory as "path" to partition, found the name of one file');
  }
  for (const problem of partitionProblems(input, partitionBy)) problems.add(['partitionBy'], problem);
}

/** By `ifExists`. */
const STARTS_OVER = { error: 'refuses', replace: 'replaces', append: undefined } as const;
