import { rowsPending } from '../shared-memory/counters.js';
import { isEndState, type JobInfo, type JobTransition, type RuntimeEvent } from '../supervision/job.js';
import { formatBytes, formatCount, formatMs, formatRate } from './figures.js';
import { errorLines } from './summary.js';
import { plainText, type Terminal } from './terminal.js';

const LIVE_MS = 200;
const PLAIN_MS = 2_000;

export interface ProgressContext {
  readonly terminal: Terminal;
  readonly list: () => readonly JobInfo[];
  readonly nowMs?: () => number;
}

/**
 * Shows the progress of jobs on standard error: redrawn in place if that is a terminal, otherwise as a
 * line from time to time. Each error is printed once, when it happens.
 */
export class Progress {
  readonly #context: ProgressContext;
  readonly #nowMs: () => number;
  readonly #beganMs: number;
  readonly #rates = new Map<string, Rate>();
  /** Of jobs whose last step it was, as it was told. */
  readonly #whyDraining = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #endDiversion: () => void = () => {};
  /** Lines on the screen that the next drawing replaces. */
  #drawn: readonly string[] = [];

  constructor(context: ProgressContext) {
    this.#context = context;
    this.#nowMs = context.nowMs ?? (() => performance.now());
    this.#beganMs = this.#nowMs();
  }

  start(): void {
    const { isLive } = this.#context.terminal;
    if (isLive) this.#endDiversion = this.#context.terminal.divert((lines) => this.note(lines));
    this.#timer = setInterval(() => this.refresh(), isLive ? LIVE_MS : PLAIN_MS);
  }

  /** Stops redrawing. On a terminal, the final state stays visible. */
  stop(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#endDiversion();
    if (this.#context.terminal.isLive) this.refresh();
    this.#drawn = [];
  }

  /** Prints separate lines above the drawn ones. */
  note(text: string): void {
    this.#draw(text, this.#drawn);
  }

  tell(event: RuntimeEvent): void {
    const { isLive } = this.#context.terminal;
    if (event.type === 'job.ended') {
      const { report } = event;
      this.#whyDraining.delete(report.name);
      if (report.error) this.note(errorLines(report));
      else if (!isLive) this.note(`${report.name}: ${report.outcome} (${report.reason})\n`);
    } else if (
      event.type === 'job.state' &&
      (!isLive || event.state === 'backingOff') &&
      !isEndState(event.state)
    ) {
      this.note(`${event.name}: ${stepText(event)}${this.#newReason(event)}\n`);
    }
  }

  /** The reason of a step, unless it has been told: a run that was given up ends for what it was given up for. */
  #newReason({ name, state, reason }: JobTransition & { readonly name: string }): string {
    const text = reason === undefined ? '' : ` (${plainText(reason, 300)})`;
    const isTold = state === 'backingOff' && text === this.#whyDraining.get(name);
    if (state === 'draining') this.#whyDraining.set(name, text);
    else this.#whyDraining.delete(name);
    return isTold ? '' : text;
  }

  refresh(): void {
    const { terminal, list } = this.#context;
    const jobs = list();
    if (!terminal.isLive) {
      for (const job of jobs) if (!isEndState(job.state)) terminal.say(`${this.#line(job)}\n`);
      return;
    }
    const lines = jobs.map((job) => this.#line(job));
    const linesMax = Math.max(1, terminal.rows - 2);
    if (lines.length > linesMax) {
      // Jobs that are still running are more interesting.
      const order = [...jobs.keys()].sort((a, b) => Number(isOver(jobs[a]!)) - Number(isOver(jobs[b]!)));
      const shown = order.slice(0, linesMax - 1).map((i) => lines[i]!);
      this.#draw('', [...shown, `… and ${jobs.length - shown.length} more jobs`]);
    } else {
      this.#draw('', lines);
    }
  }

  /** Draws in a single write, so that no half-drawn state is visible. */
  #draw(above: string, lines: readonly string[]): void {
    const { terminal } = this.#context;
    const { columns } = terminal;
    // If the window was made narrower, the terminal has wrapped the lines.
    const rows = this.#drawn.reduce((sum, { length }) => sum + Math.max(1, Math.ceil(length / columns)), 0);
    // A key pressed meanwhile (`^C`) has moved the cursor to the right.
    const erasure = rows > 0 ? `\r\x1b[${rows}A\x1b[0J` : '';
    this.#drawn = lines.map((line) => line.slice(0, Math.max(1, columns - 1)));
    terminal.say(`${erasure}${above}${this.#drawn.map((line) => `${line}\n`).join('')}`);
  }

  #line(job: JobInfo): string {
    const { counters, state } = job;
    const title = `${job.name}: ${STATE_TEXTS[state] ?? state}`;
    const awaited = counters.rowsIn === 0 ? AWAITED[state] : undefined;
    if (awaited !== undefined) return `${title}  ${awaited}`;
    const parts = [title, `${formatCount(counters.rowsIn)} in`, `${formatCount(counters.rowsOut)} out`];
    if (!isOver(job)) {
      parts.push(formatRate(this.#rate(job)), `${formatCount(rowsPending(counters))} inside`);
    }
    if (counters.rowsRejected > 0) parts.push(`${formatCount(counters.rowsRejected)} rejected`);
    const written = writtenText(job);
    if (written !== undefined) parts.push(written);
    return parts.join('  ');
  }

  /** Rows per second since the last call; on the first call, since the start. */
  #rate({ id, counters }: JobInfo): number {
    const atMs = this.#nowMs();
    const last = this.#rates.get(id) ?? { rows: 0, atMs: this.#beganMs };
    this.#rates.set(id, { rows: counters.rowsIn, atMs });
    return atMs > last.atMs ? ((counters.rowsIn - last.rows) * 1_000) / (atMs - last.atMs) : 0;
  }
}

/** What a job waits for that has no row yet. */
const AWAITED: Readonly<Partial<Record<JobInfo['state'], string>>> = {
  queued: 'waits for a thread',
  starting: 'opens its stages',
  running: 'waits for the first row',
  paused: 'waits to be resumed',
  restarting: 'ends its run for the next one',
  backingOff: 'waits for its next start',
};

const STATE_TEXTS: Readonly<Partial<Record<JobInfo['state'], string>>> = { backingOff: 'backing off' };

/** A step of a job, with the number of its run and when that starts. */
function stepText({ state, atMs, attempt, nextStartAtMs }: JobTransition): string {
  const text = STATE_TEXTS[state] ?? state;
  if (nextStartAtMs !== undefined) return `${text}, starts again in ${formatMs(nextStartAtMs - atMs)}`;
  return attempt === undefined ? text : `${text}, run ${attempt}`;
}

/** Files of fewer bytes have no rows yet, only what stands before them. */
const WRITTEN_BYTES_MIN = 1_000;

function writtenText(job: JobInfo): string | undefined {
  const { bytesOut, rowsOut } = job.counters;
  if (bytesOut === 0) return undefined;
  if (isOver(job) || bytesOut >= WRITTEN_BYTES_MIN) return `${formatBytes(bytesOut)} written`;
  return `${formatCount(rowsOut)} to be written`;
}

const isOver = ({ state }: JobInfo): boolean => isEndState(state);

interface Rate {
  readonly rows: number;
  readonly atMs: number;
}
