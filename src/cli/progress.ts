import { rowsPending } from '../shared-memory/counters.js';
import type { JobInfo, RuntimeEvent } from '../supervision/job.js';
import { formatBytes, formatCount, formatRate } from './figures.js';
import { errorLines } from './summary.js';
import { plainText, type Terminal } from './terminal.js';

const LIVE_MS = 200;
const PLAIN_MS = 2_000;

const ENDED: ReadonlySet<JobInfo['state']> = new Set(['completed', 'stopped', 'failed']);

export interface ProgressContext {
  readonly terminal: Terminal;
  readonly list: () => readonly JobInfo[];
  readonly nowMs?: () => number;
}

/**
 * Shows on standard error how far the jobs are: drawn in place where that is a terminal, else by a
 * line now and then. An error is told when it happens, once.
 */
export class Progress {
  readonly #context: ProgressContext;
  readonly #nowMs: () => number;
  readonly #beganMs: number;
  readonly #rates = new Map<string, Rate>();
  #timer: NodeJS.Timeout | undefined;
  #endDiversion: () => void = () => {};
  /** Lines that are drawn and to be drawn over. */
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

  /** The last state stays on a terminal. */
  stop(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#endDiversion();
    if (this.#context.terminal.isLive) this.refresh();
    this.#drawn = [];
  }

  /** Lines of their own, above what is drawn. */
  note(text: string): void {
    this.#draw(text, this.#drawn);
  }

  tell(event: RuntimeEvent): void {
    const { isLive } = this.#context.terminal;
    if (event.type === 'job.ended') {
      const { report } = event;
      if (report.error) this.note(errorLines(report));
      else if (!isLive) this.note(`${report.name}: ${report.outcome} (${report.reason})\n`);
    } else if (!isLive && !ENDED.has(event.state)) {
      const reason = event.reason === undefined ? '' : ` (${plainText(event.reason, 300)})`;
      this.note(`${event.name}: ${event.state}${reason}\n`);
    }
  }

  refresh(): void {
    const { terminal, list } = this.#context;
    const jobs = list();
    if (!terminal.isLive) {
      for (const job of jobs) if (!ENDED.has(job.state)) terminal.say(`${this.#line(job)}\n`);
      return;
    }
    const lines = jobs.map((job) => this.#line(job));
    const linesMax = Math.max(1, terminal.rows - 2);
    if (lines.length > linesMax) {
      // Those that still run are of more interest.
      const order = [...jobs.keys()].sort((a, b) => Number(isOver(jobs[a]!)) - Number(isOver(jobs[b]!)));
      const shown = order.slice(0, linesMax - 1).map((i) => lines[i]!);
      this.#draw('', [...shown, `… and ${jobs.length - shown.length} more jobs`]);
    } else {
      this.#draw('', lines);
    }
  }

  /** In one write, so that nothing is seen half drawn. */
  #draw(above: string, lines: readonly string[]): void {
    const { terminal } = this.#context;
    const { columns } = terminal;
    // In a window that was made narrower, the terminal has wrapped them.
    const rows = this.#drawn.reduce((sum, { length }) => sum + Math.max(1, Math.ceil(length / columns)), 0);
    // A key that was pressed meanwhile (`^C`) has moved the cursor to the right.
    const erasure = rows > 0 ? `\r\x1b[${rows}A\x1b[0J` : '';
    this.#drawn = lines.map((line) => line.slice(0, Math.max(1, columns - 1)));
    terminal.say(`${erasure}${above}${this.#drawn.map((line) => `${line}\n`).join('')}`);
  }

  #line(job: JobInfo): string {
    const { counters } = job;
    const parts = [
      `${job.name}: ${job.state}`,
      `${formatCount(counters.rowsIn)} in`,
      `${formatCount(counters.rowsOut)} out`,
    ];
    if (!isOver(job)) {
      parts.push(formatRate(this.#rate(job)), `${formatCount(rowsPending(counters))} inside`);
    }
    if (counters.rowsRejected > 0) parts.push(`${formatCount(counters.rowsRejected)} rejected`);
    if (counters.bytesOut > 0) parts.push(`${formatBytes(counters.bytesOut)} written`);
    return parts.join('  ');
  }

  /** Rows a second since the last look, at the first one since the beginning. */
  #rate({ id, counters }: JobInfo): number {
    const atMs = this.#nowMs();
    const last = this.#rates.get(id) ?? { rows: 0, atMs: this.#beganMs };
    this.#rates.set(id, { rows: counters.rowsIn, atMs });
    return atMs > last.atMs ? ((counters.rowsIn - last.rows) * 1_000) / (atMs - last.atMs) : 0;
  }
}

const isOver = ({ state }: JobInfo): boolean => ENDED.has(state);

interface Rate {
  readonly rows: number;
  readonly atMs: number;
}
