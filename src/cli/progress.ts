import { rowsPending } from '../protocol/counters.js';
import type { JobInfo, RuntimeEvent } from '../supervisor/job.js';
import { formatBytes, formatCount, formatRate } from './figures.js';
import type { Terminal } from './terminal.js';

const LIVE_MS = 200;
const PLAIN_MS = 2_000;

const ENDED: ReadonlySet<JobInfo['state']> = new Set(['completed', 'stopped', 'failed']);

export interface ProgressContext {
  readonly terminal: Terminal;
  /** Draws in place. Otherwise a line now and then. */
  readonly isLive: boolean;
  readonly list: () => readonly JobInfo[];
  readonly nowMs?: () => number;
}

/** Shows on standard error how far the jobs are. */
export class Progress {
  readonly #context: ProgressContext;
  readonly #nowMs: () => number;
  readonly #rates = new Map<string, Rate>();
  #timer: NodeJS.Timeout | undefined;
  /** Lines that are drawn and to be drawn over. */
  #drawn = 0;

  constructor(context: ProgressContext) {
    this.#context = context;
    this.#nowMs = context.nowMs ?? (() => performance.now());
  }

  start(): void {
    this.#timer = setInterval(() => this.refresh(), this.#context.isLive ? LIVE_MS : PLAIN_MS);
  }

  /** The last state stays on a terminal. */
  stop(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#context.isLive) this.refresh();
    this.#drawn = 0;
  }

  /** A line of its own, above what is drawn. */
  note(text: string): void {
    const isDrawn = this.#drawn > 0;
    this.#erase();
    this.#context.terminal.say(text);
    if (isDrawn) this.refresh();
  }

  tell(event: RuntimeEvent): void {
    if (this.#context.isLive || event.type !== 'job.state') return;
    const reason = event.reason === undefined ? '' : ` (${event.reason.slice(0, 300)})`;
    this.#context.terminal.say(`${event.name}: ${event.state}${reason}\n`);
  }

  refresh(): void {
    const { terminal, isLive, list } = this.#context;
    const jobs = list();
    if (!isLive) {
      for (const job of jobs) if (!ENDED.has(job.state)) terminal.say(`${this.#line(job)}\n`);
      return;
    }
    const linesMax = Math.max(1, terminal.rows - 2);
    const shown = jobs.length <= linesMax ? jobs : jobs.slice(0, linesMax - 1);
    const lines = shown.map((job) => this.#line(job));
    if (shown.length < jobs.length) lines.push(`… and ${jobs.length - shown.length} more jobs`);
    const width = Math.max(20, terminal.columns - 1);
    this.#erase();
    terminal.say(lines.map((line) => `${line.slice(0, width)}\n`).join(''));
    this.#drawn = lines.length;
  }

  #erase(): void {
    if (this.#drawn > 0) this.#context.terminal.say(`\x1b[${this.#drawn}A\x1b[0J`);
    this.#drawn = 0;
  }

  #line(job: JobInfo): string {
    const { counters } = job;
    const parts = [
      `${job.name}: ${job.state}`,
      `${formatCount(counters.rowsIn)} in`,
      `${formatCount(counters.rowsOut)} out`,
    ];
    if (!ENDED.has(job.state)) {
      parts.push(formatRate(this.#rate(job)), `${formatCount(rowsPending(counters))} inside`);
    }
    if (counters.rowsRejected > 0) parts.push(`${formatCount(counters.rowsRejected)} rejected`);
    if (counters.bytesOut > 0) parts.push(`${formatBytes(counters.bytesOut)} written`);
    return parts.join('  ');
  }

  /** Rows a second since the last look. */
  #rate({ id, counters }: JobInfo): number {
    const atMs = this.#nowMs();
    const last = this.#rates.get(id);
    this.#rates.set(id, { rows: counters.rowsIn, atMs });
    return last && atMs > last.atMs ? ((counters.rowsIn - last.rows) * 1_000) / (atMs - last.atMs) : 0;
  }
}

interface Rate {
  readonly rows: number;
  readonly atMs: number;
}
