import { DictionarySet } from '../../src/columns/dictionary.js';
import { type BadRow, InvalidRowError } from '../../src/core/errors.js';
import { unlimitedGate } from '../../src/engine/call-gate.js';
import type { Rejects } from '../../src/engine/rejects.js';
import type { StageContext } from '../../src/engine/stage.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { SimulatedClock } from './simulated-clock.js';

/** What a stage is given, with a clock that stands still and no log. */
export function stageContext(overrides: Partial<StageContext> = {}): StageContext {
  const dictionaries = overrides.dictionaries ?? new DictionarySet();
  return {
    job: 'test',
    id: 'stage',
    clock: new SimulatedClock(),
    seed: 0,
    log: silentLogger,
    dictionaries,
    memory: dictionaries.memory,
    batchRows: 64,
    rejects: new RecordedRejects(),
    gate: unlimitedGate,
    stream: { order: { scope: 'all', maxDelayNs: 0 }, bounded: true },
    inputs: {},
    branches: {},
    wake() {},
    ...overrides,
  };
}

/** Rejects kept in memory, or the first one thrown. */
export class RecordedRejects implements Rejects {
  readonly rows: BadRow[] = [];
  readonly keepsRows: boolean;
  flushes = 0;

  constructor({ keepsRows = true } = {}) {
    this.keepsRows = keepsRows;
  }

  get count(): number {
    return this.rows.length;
  }

  add(row: BadRow): void {
    this.rows.push(row);
    if (!this.keepsRows) throw new InvalidRowError(row);
  }

  async flush(): Promise<void> {
    this.flushes++;
  }
}

/** Collects what `plan` finds wrong, as `path: message`. */
export function collectProblems() {
  const found: string[] = [];
  return {
    found,
    add(path: readonly (string | number)[], message: string) {
      found.push(`${path.join('.')}: ${message}`);
    },
  };
}
