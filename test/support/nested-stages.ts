import { z } from 'zod';
import { Batch } from '../../src/columns/batch.js';
import { loadBatch, saveBatch } from '../../src/columns/saved-batch.js';
import type { Schema } from '../../src/columns/schema.js';
import type { PlainData } from '../../src/core/plain-data.js';
import { type Component, defineComponent } from '../../src/engine/component.js';
import type { SourceFactory } from '../../src/engine/factories.js';
import type { Input } from '../../src/engine/input.js';
import type { Emit, Operator } from '../../src/engine/operator.js';
import type { StageContext } from '../../src/engine/stage.js';
import { inputLine, inputOperators, inputSource } from '../../src/settings/input-options.js';
import { rowsIn } from './batch-rows.js';
import { type Stream, watching } from './pipeline-rig.js';

export const NUMBERS: Schema = { kind: 'custom', columns: [{ name: 'n', type: 'float64' }] };

/** Small components with inputs, over numbers. `told` takes what they do, in order. */
export function nestedStages(told: string[] = []): Component[] {
  const life = (id: string) => ({
    open: () => void told.push(`open ${id}`),
    close: () => void told.push(`close ${id}`),
  });
  const numbersOf = (context: StageContext, numbers: readonly number[]): Batch => {
    const batch = new Batch(NUMBERS, Math.max(1, numbers.length), context.dictionaries);
    batch.float64('n').set(numbers);
    batch.length = numbers.length;
    return batch;
  };

  const counting = defineComponent({
    kind: 'source',
    name: 'counting',
    summary: 'Counts from a number on.',
    mayChange: ['batch'],
    options: async () =>
      z.strictObject({
        from: z.int('expected a whole number').default(1),
        rows: z.int().default(10),
        batch: z.int().default(1),
        key: z.string().meta({ writeOnly: true }).optional(),
        path: z.string().optional(),
      }),
    load: async () => ({
      plan: () => NUMBERS,
      files: ({ path }) => (path === undefined ? {} : { reads: [{ path, at: ['path'] }] }),
      create({ from, rows, batch }, context) {
        let at = 0;
        let isStopped = false;
        return {
          ...life(`counting ${from}`),
          schema: NUMBERS,
          capabilities: { delivery: 'replayable', bounded: true },
          async read() {
            if (isStopped || at >= rows) return null;
            const count = Math.min(batch, rows - at);
            const numbers = Array.from({ length: count }, (_, i) => from + at + i);
            at += count;
            return numbersOf(context, numbers);
          },
          stop() {
            told.push(`stop counting ${from}`);
            isStopped = true;
          },
          position: () => at,
          positionForRead: () => undefined,
          resume(position) {
            at = position as number;
          },
        };
      },
    }),
  });

  /** Each row plus all rows before it. */
  const running = defineComponent({
    kind: 'operator',
    name: 'running',
    summary: 'Sums up.',
    options: async () => z.strictObject({ times: z.int('expected a whole number').default(1) }),
    load: async () => ({
      plan: (_options, input) => input,
      create({ times }, output) {
        let sum = 0;
        return {
          ...life('running'),
          output,
          process(batch, emit) {
            const column = batch.float64('n');
            for (let row = 0; row < batch.length; row++) {
              sum += column[row]! * times;
              column[row] = sum;
            }
            emit(batch);
          },
          snapshot: () => sum,
          restore(state) {
            sum = state as number;
          },
        };
      },
    }),
  });

  /** Emits each row in a batch of its own, so that batches wait to be read. */
  const splitting = defineComponent({
    kind: 'operator',
    name: 'splitting',
    summary: 'One row a batch.',
    options: async () => z.strictObject({}),
    load: async () => ({
      plan: (_options, input) => input,
      create: (_options, output, context) => ({
        output,
        process(batch, emit) {
          const numbers = [...batch.float64('n').subarray(0, batch.length)];
          batch.release();
          for (const number of numbers) emit(numbersOf(context, [number]));
        },
      }),
    }),
  });

  /** Each row × 1000 plus the next number of its input, which it waits for. */
  const zip = defineComponent({
    kind: 'operator',
    name: 'zip',
    summary: 'Adds the next number of an input.',
    options: async () =>
      z.strictObject({
        with: inputSource(),
        operators: inputOperators().optional(),
        scale: z.int().default(1_000),
      }),
    load: async () => ({
      plan(_options, input, problems, { inputs }) {
        const columns = inputs.with!.columns.map(({ name }) => name);
        if (!columns.includes('n'))
          problems.add(['with'], `expected a column "n", found ${columns.join(', ')}`);
        return input;
      },
      create({ scale }, output, { inputs }) {
        const side = sideOf(inputs.with!);
        return {
          ...life('zip'),
          output,
          async process(batch, emit) {
            const column = batch.float64('n');
            for (let row = 0; row < batch.length; row++)
              column[row] = column[row]! * scale + (await side.next());
            emit(batch);
          },
          snapshot: side.snapshot,
          restore: side.restore,
        };
      },
    }),
  });

  /** Passes its rows on, and emits those of its input whenever there are some. */
  const weave = defineComponent({
    kind: 'operator',
    name: 'weave',
    summary: 'Emits what its input has.',
    options: async () => z.strictObject({ with: inputSource(), operators: inputOperators().optional() }),
    load: async () => ({
      plan: (_options, input) => input,
      create: (_options, output, context) => new Weave(output, context, told),
    }),
  });

  /** One number of each source in turn. */
  const turns = defineComponent({
    kind: 'source',
    name: 'turns',
    summary: 'Reads its sources in turn.',
    options: async () => z.strictObject({ sources: z.array(inputLine()) }),
    load: async () => ({
      plan: () => NUMBERS,
      create(_options, context) {
        const sides = Object.values(context.inputs).map(sideOf);
        let turn = 0;
        return {
          ...life('turns'),
          schema: NUMBERS,
          capabilities: { delivery: 'replayable', bounded: true },
          async read() {
            const number = await sides[turn % sides.length]!.next();
            if (number === -1) return null;
            turn++;
            return numbersOf(context, [number]);
          },
          stop() {},
          position: () => ({ turn, sides: sides.map((side) => side.snapshot()) }),
          resume(position) {
            const saved = position as unknown as { turn: number; sides: PlainData[] };
            turn = saved.turn;
            saved.sides.forEach((state, i) => {
              sides[i]!.restore(state);
            });
          },
        };
      },
    }),
  });

  return [counting, running, splitting, zip, weave, turns];
}

/** Numbers of an input one by one; −1 past its end. */
function sideOf(input: Input) {
  let numbers: number[] = [];
  return {
    async next(): Promise<number> {
      while (numbers.length === 0) {
        const batch = await input.read();
        if (!batch) return -1;
        numbers = rowsIn(batch).map(({ n }) => n as number);
        batch.release();
      }
      return numbers.shift()!;
    },
    snapshot: (): PlainData => [...numbers],
    restore(state: PlainData) {
      numbers = [...(state as number[])];
    },
  };
}

class Weave implements Operator {
  readonly output: Schema;
  readonly #context: StageContext;
  readonly #told: string[];
  readonly #batches: Batch[] = [];
  #reading: Promise<void> | undefined;
  #isOver = false;
  #failure: unknown;

  constructor(output: Schema, context: StageContext, told: string[]) {
    this.output = output;
    this.#context = context;
    this.#told = told;
  }

  get hasMore(): boolean {
    return this.#batches.length > 0 || this.#failure !== undefined;
  }

  process(batch: Batch, emit: Emit): void {
    emit(batch);
    this.#readOn();
  }

  emitMore(emit: Emit): void {
    if (this.#failure !== undefined) throw this.#failure;
    for (const batch of this.#batches.splice(0)) emit(batch);
    this.#readOn();
  }

  async flush(emit: Emit): Promise<void> {
    while (!this.#isOver) {
      this.#readOn();
      await this.#reading;
      if (this.#failure !== undefined) throw this.#failure;
      for (const batch of this.#batches.splice(0)) emit(batch);
    }
  }

  snapshot(): PlainData {
    return { batches: this.#batches.map(saveBatch), isOver: this.#isOver };
  }

  restore(state: PlainData): void {
    const { batches, isOver } = state as { batches: PlainData[]; isOver: boolean };
    const { dictionaries } = this.#context;
    this.#batches.push(...batches.map((saved) => loadBatch(saved, this.output, dictionaries)));
    this.#isOver = isOver;
    this.#context.wake();
  }

  #readOn(): void {
    if (!this.#isOver) this.#reading ??= this.#read();
  }

  async #read(): Promise<void> {
    try {
      const batch = await this.#context.inputs.with!.read();
      for (const { record } of batch?.controls ?? []) {
        if (record.type === 'watermark') this.#told.push(`watermark ${record.at}`);
      }
      if (batch) this.#batches.push(batch);
      else this.#isOver = true;
    } catch (error) {
      this.#failure = error;
    }
    this.#reading = undefined;
    this.#context.wake();
  }
}

/** A live source in the hands of a test, as a component: each `push` is one read. */
export function liveComponent(
  name: string,
  make: SourceFactory<unknown>['create'],
  schema: Schema,
): Component {
  return defineComponent({
    kind: 'source',
    name,
    summary: 'Fed by hand.',
    options: async () => z.strictObject({}),
    load: async () => ({ plan: () => schema, create: make }),
  });
}

/** An operator that shows a test all that goes past. */
export const watchingComponent = (look: (stream: Stream) => void): Component =>
  defineComponent({
    kind: 'operator',
    name: 'watching',
    summary: 'Shows what goes past.',
    options: async () => z.strictObject({}),
    load: async () => ({
      plan: (_options, input) => input,
      create: (_options, input) => watching(input, look),
    }),
  });

/** An operator that holds each batch until the test lets it go. */
export function gatedComponent() {
  let open = () => {};
  const isOpen = new Promise<void>((resolve) => {
    open = resolve;
  });
  const component = defineComponent({
    kind: 'operator',
    name: 'gated',
    summary: 'Waits.',
    options: async () => z.strictObject({}),
    load: async () => ({
      plan: (_options, input) => input,
      create: (_options, output) => ({
        output,
        async process(batch, emit) {
          await isOpen;
          emit(batch);
        },
      }),
    }),
  });
  return { component, open };
}
