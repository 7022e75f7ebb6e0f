import { Batch } from '../../../columns/batch.js';
import type { Clock } from '../../../core/clock.js';
import type { InputOnDemand, OpenOptions } from '../../../engine/input.js';
import { goesOnBehind } from './delivered-by-all.js';
import type { SequenceMarks } from './sequence-marks.js';
import type { SilenceWatch } from './silence-watch.js';

/** Rows that a source keeps which is open beside the current one. */
const HELD_ROWS_MAX = 65_536;
/** Batches that it keeps: each may have one row, or none. */
const HELD_BATCHES_MAX = 8_192;

export interface RouterLaneSettings {
  /** As in the options: `sources[1]`, or the name of the source. */
  readonly name: string;
  /** As in the spec: `sources[1]`, `sources.main`. */
  readonly id: string;
  readonly input: InputOnDemand;
  readonly clock: Clock;
  readonly silence: SilenceWatch;
  /** Makes what keeps the numbers of its rows, if those are compared. */
  newMarks?(): SequenceMarks;
  /** Called when something has happened. */
  onNews(): void;
}

/** One source of a router: opened, read and closed, as the router says. */
export class RouterLane {
  readonly name: string;
  readonly id: string;
  readonly input: InputOnDemand;
  readonly silence: SilenceWatch;
  readonly isReplay: boolean;
  /** Whether it can go on where it was left, so that it gives what it missed, or tells of it itself. */
  readonly isResumable: boolean;
  /** Whether it can go on behind rows that another source has given, if all have the same rows. */
  readonly goesOnBehind: boolean;
  readonly #settings: RouterLaneSettings;
  #isBehind = false;
  #given: SequenceMarks | undefined;
  #rowsEverHeld = 0;
  #phase: 'closed' | 'opening' | 'open' = 'closed';
  /** Which opening it is. What an earlier one still gives is dropped. */
  #opening = 0;
  /** When it was opened, or began to open. */
  #openedAt = 0n;
  #isReading = false;
  #batches: Batch[] = [];
  #rowsHeld = 0;
  /** Rows that have come since the router has last looked. */
  #newRows = 0;
  #failure: { readonly error: unknown } | undefined;
  #hasEnded = false;
  /** Whether it is silent and stays all the same, since nobody knows whether its market is open. */
  isSilent = false;
  /** What it failed with last, for messages. */
  cause: unknown;
  /** Rows that it has given, and how often it has failed. */
  rows = 0;
  failures = 0;

  constructor(settings: RouterLaneSettings) {
    const { name, id, input, silence } = settings;
    this.#settings = settings;
    this.name = name;
    this.id = id;
    this.input = input;
    this.silence = silence;
    this.isReplay = input.capabilities.delivery === 'replayable';
    this.isResumable = input.capabilities.delivery !== 'live-only';
    this.goesOnBehind = goesOnBehind(input);
  }

  get isClosed(): boolean {
    return this.#phase === 'closed';
  }

  get isOpen(): boolean {
    return this.#phase === 'open';
  }

  /** Which opening it is: each has a seam of its own. */
  get opening(): number {
    return this.#opening;
  }

  /** It is not read any more: this opening does not know what is delivered from now on. */
  overtaken(): void {
    this.#isBehind = false;
  }

  /** Whether this opening fetches what was missed behind the last rows of all sources, or tells of it itself. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** The last numbers of the rows that were dropped while it was open beside another source. */
  get given(): SequenceMarks | undefined {
    return this.#given;
  }

  /** Since when it has been opening; `undefined` if it does not. */
  get openingSince(): bigint | undefined {
    return this.#phase === 'opening' ? this.#openedAt : undefined;
  }

  /** For how long it has been open. */
  openFor(now: bigint): bigint {
    return this.#phase === 'open' ? now - this.#openedAt : 0n;
  }

  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** Whether it has nothing more, and everything was taken. */
  get hasEnded(): boolean {
    return this.#hasEnded && this.#batches.length === 0;
  }

  get batches(): readonly Batch[] {
    return this.#batches;
  }

  /** Opens it. It may be closed before it is open. */
  open(options: OpenOptions = {}): void {
    const opening = ++this.#opening;
    const { input, clock, silence, onNews } = this.#settings;
    this.#phase = 'opening';
    this.#openedAt = clock.now();
    this.#failure = undefined;
    this.#hasEnded = false;
    this.isSilent = false;
    this.#isBehind = options.behind !== undefined;
    this.#given = undefined;
    this.#rowsEverHeld = 0;
    silence.begin();
    input.open(options).then(
      () => {
        if (opening !== this.#opening || this.#phase !== 'opening') return;
        this.#phase = 'open';
        this.#openedAt = clock.now();
        silence.begin();
        onNews();
      },
      (error: unknown) => {
        if (opening !== this.#opening) return;
        this.#failure = { error };
        onNews();
      },
    );
  }

  /** Closes it. What it has and nobody took is dropped. @param toGoOn - Whether the next opening goes on where it is. */
  close(toGoOn = false): void {
    this.#opening++;
    this.#phase = 'closed';
    this.#isReading = false;
    this.drop();
    void this.#settings.input.close({ toGoOn });
  }

  /** Begins a read, unless one is in progress or there is nothing to read. What comes at once is there on return. */
  read(): void {
    if (this.#phase !== 'open' || this.#isReading || this.#failure || this.#hasEnded) return;
    const opening = this.#opening;
    const isCurrent = () => opening === this.#opening;
    try {
      const reading = this.input.read();
      if (reading === null || reading instanceof Batch) {
        this.#arrive(reading);
        return;
      }
      this.#isReading = true;
      reading.then(
        (batch) => {
          if (!isCurrent()) batch?.release();
          else {
            this.#isReading = false;
            this.#arrive(batch);
            this.#settings.onNews();
          }
        },
        (error: unknown) => {
          if (!isCurrent()) return;
          this.#isReading = false;
          this.#failure = { error };
          this.#settings.onNews();
        },
      );
    } catch (error) {
      this.#failure = { error };
    }
  }

  /** Rows that have come since it was last asked. */
  takeNewRows(): number {
    const rows = this.#newRows;
    if (rows > 0) this.isSilent = false;
    this.#newRows = 0;
    this.rows += rows;
    return rows;
  }

  /** Whether rows have come, since it was last asked, that its source holds back. */
  holdsMore(): boolean {
    const { rowsEverHeld } = this.input;
    const isMore = rowsEverHeld > this.#rowsEverHeld;
    this.#rowsEverHeld = rowsEverHeld;
    return isMore;
  }

  /** Time in which nobody listened does not count. */
  standStill(ns: bigint): void {
    this.#openedAt += ns;
    this.silence.standStill(ns);
  }

  take(): Batch | undefined {
    const batch = this.#batches.shift();
    if (batch) this.#rowsHeld -= batch.length;
    return batch;
  }

  /** Puts batches of a checkpoint in front. */
  putBack(batches: readonly Batch[]): void {
    this.#batches = [...batches, ...this.#batches];
    for (const { length } of batches) this.#rowsHeld += length;
  }

  /** Drops what has come. */
  drop(): void {
    for (const batch of this.#batches.splice(0)) batch.release();
    this.#rowsHeld = 0;
  }

  /**
   * Keeps only the latest rows, and of those only what the current source has not delivered yet. It is called before
   * each read, so that only the last batch may be one that tells the time and nothing else.
   * @param isSeen - Whether a batch was delivered as a whole.
   */
  keepLatest(isSeen: (batch: Batch) => boolean): void {
    const last = this.#batches.at(-1);
    if (last && onlyTellsTime(last)) this.#batches.pop()!.release();
    while (this.#batches.length > 0) {
      const first = this.#batches[0]!;
      const isTooMuch = this.#rowsHeld > HELD_ROWS_MAX || this.#batches.length > HELD_BATCHES_MAX;
      if (!isTooMuch && !isSeen(first)) return;
      this.#noteGiven(first);
      this.take()?.release();
    }
  }

  /** Behind a `reset`, numbers have nothing to do with those before. */
  #noteGiven(batch: Batch): void {
    if (batch.controls.some(({ record }) => record.type === 'reset')) this.#given = undefined;
    else {
      this.#given ??= this.#settings.newMarks?.();
      this.#given?.note(batch);
    }
  }

  #arrive(batch: Batch | null): void {
    if (batch === null) {
      this.#hasEnded = true;
      return;
    }
    const { length } = batch;
    if (length > 0) {
      this.silence.note(batch);
      this.#newRows += length;
    }
    this.#rowsHeld += length;
    this.#batches.push(batch);
  }
}

const onlyTellsTime = ({ length, controls }: Batch): boolean =>
  length === 0 && controls.every(({ record }) => record.type === 'watermark');
