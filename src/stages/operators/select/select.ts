import { kindOfColumns } from '../../../columns/kind-of-columns.js';
import { moveColumn } from '../../../columns/move-column.js';
import { type Column, columnIndex, findColumn, type Schema } from '../../../columns/schema.js';
import { invariant } from '../../../core/invariant.js';
import { suggestName } from '../../../core/nearest-name.js';
import type { OperatorFactory, PlanProblems } from '../../../engine/factories.js';
import type { Operator } from '../../../engine/operator.js';
import { handOver, OutputBatches } from '../../../engine/output-batches.js';
import type { StageContext } from '../../../engine/stage.js';
import { quote } from '../../../expressions/expression-error.js';
import type { SelectOptions } from './options.js';

/** Keeps, orders, renames or drops columns, without a copy. */
export const selectOperator: OperatorFactory<SelectOptions> = {
  plan(options, input, problems) {
    return planSelect(options, input, problems).output;
  },

  create(options, input, context) {
    return createSelect(planSelect(options, input, { add() {} }), input, context);
  },
};

interface SelectPlan {
  readonly output: Schema;
  /** For each column of the output, its index in the input. */
  readonly sources: readonly number[];
}

function planSelect({ columns, drop }: SelectOptions, input: Schema, problems: PlanProblems): SelectPlan {
  const names = input.columns.map((column) => column.name);
  const chosen: Column[] = [];
  const sources: number[] = [];
  const choose = (newName: string, oldName: string, path: readonly (string | number)[]) => {
    const column = findColumn(input, oldName);
    if (!column) {
      problems.add(
        path,
        `expected the name of a column, found ${quote(oldName)}${suggestName(oldName, names)}`,
      );
    } else if (chosen.some(({ name }) => name === newName)) {
      problems.add(path, `expected each column once, found ${quote(newName)} again`);
    } else {
      chosen.push(renamed(column, newName));
      sources.push(columnIndex(input, oldName));
    }
  };
  if (drop) {
    drop.forEach((name, i) => {
      if (names.includes(name)) return;
      problems.add(
        ['drop', i],
        `expected the name of a column, found ${quote(name)}${suggestName(name, names)}`,
      );
    });
    for (const name of names) if (!drop.includes(name)) choose(name, name, ['drop']);
    if (chosen.length === 0)
      problems.add(['drop'], 'expected at least one column to remain, found that all are dropped');
  } else if (Array.isArray(columns)) {
    columns.forEach((name, i) => {
      choose(name, name, ['columns', i]);
    });
  } else {
    for (const [newName, oldName] of Object.entries(columns ?? {})) {
      choose(newName, oldName, ['columns', newName]);
    }
  }
  return { output: { kind: kindOfColumns(input.kind, chosen), columns: chosen }, sources };
}

function renamed(column: Column, name: string): Column {
  if (column.name === name) return column;
  // The ids still belong to the dictionary that assigned them.
  return column.type === 'string'
    ? { ...column, name, dictionary: column.dictionary ?? column.name }
    : { ...column, name };
}

function createSelect(
  { output, sources }: SelectPlan,
  input: Schema,
  { dictionaries, batchRows }: StageContext,
): Operator {
  const batches = new OutputBatches(output, batchRows, dictionaries);
  // A column chosen under two names is moved once and copied for the second name.
  const steps = sources.map((from, to) => ({ from, to, first: sources.indexOf(from) }));
  const time = columnIndex(output, 'time');
  return {
    output,
    takesSelections: true,
    readsOnly: true,
    changesTime: time < 0 || sources[time] !== columnIndex(input, 'time'),
    process(batch, emit) {
      invariant(batch.columns.length === input.columns.length, 'select gets batches of its input schema');
      const target = batches.acquire(batch.capacity);
      for (const { from, to, first } of steps) {
        if (first === to) moveColumn(batch, from, target, to);
        else target.columns[to]!.set(target.columns[first]!);
      }
      handOver(batch, target);
      emit(target);
    },
    tally: () => ({}),
  };
}
