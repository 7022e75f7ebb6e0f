import { describe, expect, it } from 'vitest';
import { Progress } from '../../src/cli/progress.js';
import type { Terminal } from '../../src/cli/terminal.js';
import { Counters } from '../../src/shared-memory/counters.js';
import type { JobInfo, JobState } from '../../src/supervision/job.js';
import { cutShortReport } from '../../src/wire/cut-short-report.js';

/** What a terminal shows that knows the two sequences that are used, and wraps long lines. */
class Screen implements Terminal {
  readonly isLive = true;
  readonly tableColumns = Number.POSITIVE_INFINITY;
  columns: number;
  readonly rows: number;
  /** As a person sees them, those that have scrolled out included. */
  #lines: string[] = [''];
  takes: (lines: string) => void = () => {};

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
  }

  say(text: string): void {
    const up = '(\r?)\x1b\\[(\\d+)A\x1b\\[0J';
    for (const [part, isReturned, rows] of text.matchAll(new RegExp(`${up}|\\n|[^\\n\\x1b]+`, 'g'))) {
      if (rows !== undefined) {
        const at = this.#lines.length - 1 - Number(rows);
        if (at < 0) throw new Error('the cursor went above the first line');
        const left = isReturned ? '' : this.#lines[at]!.slice(0, this.#lines.at(-1)!.length);
        this.#lines = [...this.#lines.slice(0, at), left];
      } else if (part === '\n') {
        this.#lines.push('');
      } else {
        const line = this.#lines.at(-1)! + part;
        this.#lines.splice(-1, 1, ...(line.match(new RegExp(`.{1,${this.columns}}`, 'gu')) ?? []));
      }
    }
  }

  /** Makes the window narrower, as terminals that wrap again do. */
  narrow(columns: number): void {
    const text = this.#lines.join('\n');
    this.columns = columns;
    this.#lines = [''];
    this.say(text);
  }

  divert(take: (lines: string) => void): () => void {
    this.takes = take;
    return () => {
      this.takes = () => {};
    };
  }

  async print(text: string): Promise<void> {
    this.say(text);
  }

  get shown(): string[] {
    return this.#lines.slice(0, -1);
  }
}

function jobOf(name: string, rowsIn = 0, state: JobState = 'running'): JobInfo {
  return {
    id: name,
    name,
    state,
    revision: 1,
    counters: { ...new Counters().read(), rowsIn },
    history: [],
    runs: [],
  };
}

function startProgress({ columns = 80, rows = 24, jobs = [jobOf('a'), jobOf('b')] } = {}) {
  const screen = new Screen(columns, rows);
  let listed = jobs;
  let nowMs = 0;
  const progress = new Progress({ terminal: screen, list: () => listed, nowMs: () => nowMs });
  const refresh = (afterMs = 200, next = listed) => {
    nowMs += afterMs;
    listed = next;
    progress.refresh();
  };
  return { screen, progress, refresh };
}

const reportOf = (name: string) => ({
  id: 'job-1',
  name,
  runs: [],
  ...cutShortReport({
    outcome: 'failed',
    error: { code: 'SINK_FAILED', message: 'disk full', retryable: true, causes: ['ENOSPC'] },
    counters: new Counters().read(),
    durationMs: 1,
  }),
});

describe('progress on a terminal', () => {
  it('is drawn over in place, with the rate since the last look', () => {
    const { screen, refresh } = startProgress();
    refresh(1_000, [jobOf('a', 20_000), jobOf('b', 5)]);
    refresh(200, [jobOf('a', 50_000), jobOf('b', 5, 'completed')]);
    expect(screen.shown).toEqual([
      'a: running  50,000 in  0 out  150 k/s  50,000 inside',
      'b: completed  5 in  0 out',
    ]);
  });

  it('says what a job waits for that has no row yet', () => {
    const states = ['queued', 'starting', 'running', 'paused', 'completed'] as const;
    const { screen, refresh } = startProgress({ jobs: states.map((state) => jobOf(state, 0, state)) });
    refresh();
    expect(screen.shown).toEqual([
      'queued: queued  waits for a thread',
      'starting: starting  opens its stages',
      'running: running  waits for the first row',
      'paused: paused  waits to be resumed',
      'completed: completed  0 in  0 out',
    ]);
  });

  it('says what is gathered, not what stands before it in the file, until rows are written', () => {
    const { screen, refresh } = startProgress();
    const job = (state: JobState, bytesOut: number): JobInfo => {
      const { counters, ...rest } = jobOf('a', 50_000, state);
      return { ...rest, counters: { ...counters, rowsOut: 50_000, bytesOut } };
    };
    refresh(1_000, [job('running', 4)]);
    expect(screen.shown[0]).toMatch(/0 inside {2}50,000 to be written$/);
    refresh(1_000, [job('running', 1_200_000)]);
    expect(screen.shown[0]).toMatch(/0 inside {2}1\.2 MB written$/);
    refresh(1_000, [job('completed', 700)]);
    expect(screen.shown[0]).toMatch(/50,000 out {2}700 B written$/);
  });

  it('knows a rate at the first look', () => {
    const { screen, refresh } = startProgress({ jobs: [jobOf('a', 2_000)] });
    refresh(2_000);
    expect(screen.shown[0]).toContain('1000/s');
  });

  it('keeps each job on one line of a narrow window', () => {
    const { screen, refresh } = startProgress({ columns: 12 });
    for (let i = 0; i < 5; i++) refresh();
    expect(screen.shown).toEqual(['a: running ', 'b: running ']);
  });

  it('leaves nothing behind when the window is made narrower under it', () => {
    const { screen, refresh } = startProgress({ columns: 60 });
    refresh();
    screen.narrow(10);
    refresh();
    expect(screen.shown).toEqual(['a: runnin', 'b: runnin']);
  });

  it('shows no more jobs than the window has lines, those that run first', () => {
    const jobs = ['a', 'b', 'c', 'd', 'e', 'f'].map((name, i) =>
      jobOf(name, 0, i < 3 ? 'completed' : 'running'),
    );
    const { screen, refresh } = startProgress({ rows: 6, jobs });
    for (let i = 0; i < 3; i++) refresh();
    expect(screen.shown.map((line) => line.slice(0, 1))).toEqual(['d', 'e', 'f', '…']);
    expect(screen.shown.at(-1)).toBe('… and 3 more jobs');
  });

  it('puts notes, errors and what others write above what is drawn', () => {
    const { screen, progress, refresh } = startProgress();
    progress.start();
    refresh();
    progress.note('SIGINT: draining\n');
    progress.tell({ type: 'job.ended', report: reportOf('bad') });
    screen.takes('[a] from a module\n');
    refresh();
    progress.stop();
    expect(screen.shown).toEqual([
      'SIGINT: draining',
      'bad failed: disk full [SINK_FAILED]',
      '  caused by: ENOSPC',
      '[a] from a module',
      expect.stringMatching(/^a: running/),
      expect.stringMatching(/^b: running/),
    ]);
  });

  it('tells why a run was given up once, and not once more where it backs off', () => {
    const plain = { ...new Screen(200, 24), isLive: false, said: '' };
    const terminal = Object.assign(plain, {
      say: (text: string) => {
        plain.said += text;
      },
      divert: () => () => {},
      print: async () => {},
    });
    const progress = new Progress({ terminal, list: () => [] });
    const step = (state: JobState, reason?: string) =>
      progress.tell({ type: 'job.state', id: 'job-1', name: 'a', state, atMs: 0, ...(reason && { reason }) });
    step('draining', 'it is stuck');
    step('backingOff', 'it is stuck');
    step('starting');
    step('backingOff', 'it is stuck');
    expect(plain.said).toBe(
      'a: draining (it is stuck)\na: backing off\na: starting\na: backing off (it is stuck)\n',
    );
  });

  it('draws over what a pressed key has put beside it', () => {
    const { screen, progress, refresh } = startProgress();
    refresh();
    screen.say('^C');
    progress.note('SIGINT: draining\n');
    expect(screen.shown.map((line) => line.slice(0, 7))).toEqual(['SIGINT:', 'a: runn', 'b: runn']);
  });

  it('leaves the last state behind when it stops, and is not drawn over by what follows', async () => {
    const { screen, progress, refresh } = startProgress();
    progress.start();
    refresh();
    progress.stop();
    progress.stop();
    progress.note('later\n');
    expect(screen.shown.map((line) => line.slice(0, 5))).toEqual(['a: ru', 'b: ru', 'later']);
  });
});
