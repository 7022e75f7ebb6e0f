/** What a spec can use, with the schema of each component's options. */
import type { z } from 'zod';
import type { Loads } from '../engine/stage.js';
import { BatcherOptions } from '../stages/batchers/smart/options.js';
import { BarsOptions } from '../stages/operators/bars/options.js';
import { DeriveOptions } from '../stages/operators/derive/options.js';
import { FilterOptions } from '../stages/operators/filter/options.js';
import { ModuleOptions } from '../stages/operators/module/options.js';
import { SelectOptions } from '../stages/operators/select/options.js';
import { ConsoleSinkOptions } from '../stages/sinks/console/options.js';
import { CsvSinkOptions } from '../stages/sinks/csv/options.js';
import { JsonlSinkOptions } from '../stages/sinks/jsonl/options.js';
import { NullSinkOptions } from '../stages/sinks/null/options.js';
import { ParquetSinkOptions } from '../stages/sinks/parquet/options.js';
import { ReplayOptions } from '../stages/sources/replay/options.js';
import { SyntheticOptions } from '../stages/sources/synthetic/options.js';

export type ComponentKind = 'source' | 'operator' | 'batcher' | 'sink';

export interface ComponentInfo {
  readonly kind: ComponentKind;
  /** What a spec says after `use`. */
  readonly name: string;
  readonly summary: string;
  readonly options: z.ZodType;
  readonly loads: Loads;
}

const component = (
  kind: ComponentKind,
  name: string,
  options: z.ZodType,
  summary: string,
): ComponentInfo => ({
  kind,
  name,
  summary,
  options,
  loads: 'javascript',
});

export const COMPONENTS: readonly ComponentInfo[] = [
  component(
    'source',
    'synthetic',
    SyntheticOptions,
    'Seeded random ticks, as fast as possible or at a rate, with faults on demand.',
  ),
  component(
    'source',
    'replay',
    ReplayOptions,
    'Recorded ticks from files, as fast as possible or at the speed of their time stamps.',
  ),
  component('operator', 'filter', FilterOptions, 'Keeps the rows for which an expression holds.'),
  component('operator', 'derive', DeriveOptions, 'Adds or replaces columns by expressions.'),
  component('operator', 'select', SelectOptions, 'Keeps, renames and orders columns.'),
  component(
    'operator',
    'bars',
    BarsOptions,
    'Bars by event time, one a symbol and window, each marked as complete or not.',
  ),
  component('operator', 'module', ModuleOptions, 'An operator of your own, from a JavaScript module.'),
  component('batcher', 'smart', BatcherOptions, 'Groups rows for the sink by rows, bytes, age and key.'),
  component('sink', 'parquet', ParquetSinkOptions, 'Parquet files in a directory.'),
  component('sink', 'csv', CsvSinkOptions, 'CSV, one file or parts in a directory.'),
  component('sink', 'jsonl', JsonlSinkOptions, 'JSON lines, one file or parts in a directory.'),
  component('sink', 'console', ConsoleSinkOptions, 'The first rows as a table on the terminal.'),
  component('sink', 'null', NullSinkOptions, 'Takes all rows and keeps none.'),
];

export function findComponent(kind: ComponentKind, name: string): ComponentInfo | undefined {
  return COMPONENTS.find((info) => info.kind === kind && info.name === name);
}
