import type { CalendarData } from '../calendars/calendar-data.js';
import type { Batch } from '../columns/batch.js';
import { type EventOrder, SYMBOLS_IN_ORDER } from '../columns/event-order.js';
import type { Schema } from '../columns/schema.js';
import type { PlainData } from '../core/plain-data.js';
import type { Nanos } from '../core/units.js';
import type { LastRows } from '../engine/last-rows.js';
import type { Source } from '../engine/source.js';
import type { SourceCapabilities } from '../engine/source-capabilities.js';
import type { StageHealth, StageStatistics } from '../wire/pipeline-report.js';
import type { SequenceNumbers } from '../wire/provider-capabilities.js';
import type { ProviderGate } from './provider-gate.js';

/**
 * A source behind the gate of its provider. Each `read` counts as a call, unless the source passes its
 * own calls through the gate. While the gate lets no call through, nothing is read. A read that fails but
 * may succeed later is retried. So an outage pauses the pipeline; it neither ends the pipeline nor burns
 * through retries.
 */
export class GatedSource implements Source {
  readonly schema: Schema;
  readonly capabilities: SourceCapabilities;
  readonly order: EventOrder;
  readonly sequences: SequenceNumbers | undefined;
  readonly calendar: CalendarData | undefined;
  readonly rowsOf: string | undefined;
  readonly tellsTime: boolean;
  readonly holdsRows: boolean;
  readonly #source: Source;
  readonly #gate: ProviderGate;
  /** Created once, so that a read allocates no function. */
  readonly #readSource: () => Promise<Batch | null> | Batch | null;
  #isStopped = false;
  /** Whether a source that holds rows has returned `null`: it is not read again. */
  #hasEnded = false;

  constructor(source: Source, gate: ProviderGate) {
    this.schema = source.schema;
    this.capabilities = source.capabilities;
    this.order = source.order ?? SYMBOLS_IN_ORDER;
    this.sequences = source.sequences;
    this.calendar = source.calendar;
    this.rowsOf = source.rowsOf;
    this.tellsTime = source.tellsTime === true;
    this.holdsRows = source.holdsRows === true;
    this.#source = source;
    this.#gate = gate;
    this.#readSource = () => (this.holdsRows ? this.#noteEnd(source.read()) : source.read());
  }

  standStill(ns: bigint): void {
    this.#source.standStill?.(ns);
  }

  get heldFrom(): Nanos | undefined {
    return this.#source.heldFrom;
  }

  get rowsEverHeld(): number {
    return this.#source.rowsEverHeld ?? 0;
  }

  get isCatchingUp(): boolean {
    return this.#source.isCatchingUp === true;
  }

  get heldByBreaker(): string | undefined {
    return this.#gate.heldByBreaker ?? this.#source.heldByBreaker;
  }

  get rowsRejected(): number {
    return this.#source.rowsRejected ?? 0;
  }

  get rowsLeftOut(): number {
    return this.#source.rowsLeftOut ?? 0;
  }

  get bytesIn(): number {
    return this.#source.bytesIn ?? 0;
  }

  async open(): Promise<void> {
    try {
      await this.#source.open?.();
    } catch (thrown) {
      this.#gate.nullIfStopped(thrown);
    }
  }

  close(): Promise<void> | void {
    this.#gate.stop();
    return this.#source.close?.();
  }

  stop(): Promise<void> | void {
    this.#isStopped = true;
    this.#gate.stop();
    return this.#source.stop();
  }

  position(): PlainData {
    return this.#source.position();
  }

  /**
   * With a budget or a breaker, any read may wait for a long time; until the wait is over, nothing is
   * read from the source.
   */
  positionForRead(): PlainData {
    return this.#source.position();
  }

  resume(position: PlainData): Promise<void> | void {
    return this.#source.resume(position);
  }

  goOnBehind(last: LastRows): void {
    this.#source.goOnBehind?.(last);
  }

  willBeFollowed(): void {
    this.#source.willBeFollowed?.();
  }

  health(): StageHealth {
    const { pausedBy } = this.#gate;
    if (pausedBy === undefined) return this.#source.health?.() ?? { status: 'ok' };
    return { status: 'degraded', reason: `paused: ${pausedBy}` };
  }

  statistics(): StageStatistics {
    return { ...this.#source.statistics?.(), ...this.#gate.statistics() };
  }

  read(): Promise<Batch | null> | Batch | null {
    // After a stop, a source gives what it holds and calls nobody.
    if (this.#source.gatesItsCalls || this.#isStopped) return this.#readUngated();
    const reading = this.#gate.read(this.#readSource);
    if (!this.holdsRows || !(reading instanceof Promise)) return reading;
    // The stop may have ended the wait for the gate, before the source was asked.
    return reading.then((batch) => {
      return batch === null && this.#isStopped && !this.#hasEnded ? this.#readUngated() : batch;
    });
  }

  #noteEnd(reading: Promise<Batch | null> | Batch | null): Promise<Batch | null> | Batch | null {
    if (reading instanceof Promise) return reading.then((batch) => this.#noteEnd(batch));
    if (reading === null) this.#hasEnded = true;
    return reading;
  }

  /** If a stop ended a call of the source, the read returns `null`. */
  #readUngated(): Promise<Batch | null> | Batch | null {
    const reading = this.#source.read();
    if (!(reading instanceof Promise)) return reading;
    return reading.catch((thrown: unknown) => this.#gate.nullIfStopped(thrown));
  }
}
