import { copyRow, type Row, rowsOf } from '../../src/columns/row-view.js';
import type { Sink } from '../../src/engine/sink.js';
import type { SinkCapabilities } from '../../src/engine/sink-capabilities.js';

export type Step = 'write' | 'prepare' | 'commit' | 'flush';

/** A sink whose steps a test can hold up or let fail. Its position is the number of rows written so far. */
export function gatedSink({ delivery = 'transactional' as SinkCapabilities['delivery'] } = {}) {
  const rows: Row[] = [];
  const held = new Map<Step, { readonly isOpen: Promise<void>; open(): void }>();
  const told: string[] = [];
  let failure: Error | undefined;
  let visible = 0;
  const step = async (name: Step) => {
    await held.get(name)?.isOpen;
    if (failure) throw failure;
  };
  const sink: Sink = {
    capabilities: { delivery },
    open: () => void told.push('open'),
    close: () => void told.push('close'),
    async write(batch) {
      const taken = Array.from(rowsOf(batch), copyRow);
      batch.release();
      await step('write');
      rows.push(...taken);
    },
    async prepare() {
      const count = rows.length;
      await step('prepare');
      return { rows: count, position: count };
    },
    async commit(position) {
      await step('commit');
      visible = position as number;
    },
    async flush() {
      await step('flush');
      visible = rows.length;
      return { rows: visible, position: visible };
    },
    resume(position) {
      rows.length = 0;
      rows.push(...Array.from({ length: position as number }, (): Row => ({})));
      visible = rows.length;
    },
    outputs: () => ['somewhere'],
    get bytesOut() {
      return 10 * rows.length;
    },
  };
  return {
    sink,
    rows,
    told,
    get visible() {
      return visible;
    },
    /** From now on, calls of this step wait. @returns A function that lets them go on. */
    hold(name: Step): () => void {
      let open = () => {};
      const isOpen = new Promise<void>((resolve) => {
        open = resolve;
      });
      held.set(name, { isOpen, open });
      return () => {
        held.delete(name);
        open();
      };
    },
    fail(error: Error): void {
      failure = error;
    },
  };
}
