import { z } from 'zod';
import { isCount, type PlainData } from '../core/plain-data.js';
import type { JobState, JobWish } from '../supervision/job.js';
import { ownerProblem } from '../wire/checkpoint.js';

/*
 * The forms of records, as a file has them. Fields that a form does not name are kept: one that is merely new needs no
 * other version of the schema.
 */

/** A state without a place here does not compile. */
const STATES: Readonly<Record<JobState, true>> = {
  queued: true,
  starting: true,
  running: true,
  paused: true,
  draining: true,
  restarting: true,
  backingOff: true,
  completed: true,
  stopped: true,
  failed: true,
  dead: true,
};
const WISHES: Readonly<Record<JobWish, true>> = { run: true, pause: true, stop: true };

const keysOf = <K extends string>(of: Readonly<Record<K, true>>) => Object.keys(of) as K[];

const text = z.string();
const count = z.int().min(0);
const instant = z.number();
const plain = z.custom<PlainData>((value) => value !== undefined, 'expected data');
const state = z.enum(keysOf(STATES));

const Transition = z.looseObject({
  state,
  atMs: instant,
  reason: text.optional(),
  attempt: count.optional(),
  nextStartAtMs: instant.optional(),
});

const Run = z.looseObject({
  attempt: count,
  revision: count.optional(),
  epoch: count.optional(),
  startedAtMs: instant,
  endedAtMs: instant.optional(),
  outcome: z.enum(['completed', 'stopped', 'failed']).optional(),
  error: z
    .looseObject({ code: text, message: text, retryable: z.boolean(), stage: text.optional() })
    .optional(),
  nextStartAtMs: instant.optional(),
});

const Restarts = z.looseObject({
  policy: z.looseObject({
    policy: z.enum(['on-failure', 'always']),
    backOffMs: z.number().min(0),
    backOffMaxMs: z.number().min(0),
    stableAfterMs: z.number().min(0),
    maxRestarts: count,
    withinMs: z.number().min(0),
  }),
  endsInRow: count,
  decidedAtMs: z.array(instant),
  random: z.tuple([z.number(), z.number(), z.number(), z.number()]),
});

const Bounds = z.looseObject({
  maxRows: count.optional(),
  sliceRows: count.optional(),
  maxDurationMs: z.number().min(0).optional(),
  untilMs: instant.optional(),
  isSlice: z.boolean().optional(),
});

const Dependency = z.looseObject({
  job: text,
  id: text.optional(),
  on: z.enum(['started', 'ready', 'completed', 'succeeded']),
});

const Job = z.looseObject({
  id: text.min(1),
  name: text.min(1),
  sequence: z.number(),
  submittedAtMs: instant,
  spec: plain,
  isResolved: z.boolean().optional(),
  specFolder: text.optional(),
  options: plain,
  dependsOn: z.array(Dependency).optional(),
  instantMs: instant.optional(),
  wish: z.enum(keysOf(WISHES)),
  state,
  history: z.array(Transition),
  runs: z.array(Run),
  restarts: Restarts.optional(),
  deadlineAtMs: instant.optional(),
  bounds: Bounds.optional(),
  durationAtMs: instant.optional(),
  isStable: z.boolean().optional(),
  isContinued: z.boolean().optional(),
});

const Schedule = z.looseObject({
  name: text.min(1),
  spec: plain,
  schedule: plain,
  options: plain,
  progress: plain,
});

const Lease = z.looseObject({
  job: text.min(1),
  run: text,
  epoch: z.custom<number>((value) => isCount(value) && value > 0, 'expected a whole number above 0'),
  owner: z.custom((value) => ownerProblem(value, 'owner') === undefined, 'expected an owner'),
  ttlMs: count,
  isReleased: z.boolean().optional(),
});

/** Kinds of records, by the word that a file has for them. */
export const RECORD_SCHEMAS = { job: Job, schedule: Schedule, lease: Lease } as const;
export type RecordKind = keyof typeof RECORD_SCHEMAS;

/** The field of a record that it is kept under. */
export const KEY_FIELDS = { job: 'id', schedule: 'name', lease: 'job' } as const satisfies Record<
  RecordKind,
  string
>;

/** What is wrong with a record; `undefined` if nothing is. Values are not said: a spec may hold credentials. */
export function recordProblem(kind: RecordKind, key: string, record: unknown): string | undefined {
  const result = RECORD_SCHEMAS[kind].safeParse(record);
  const [issue] = result.error?.issues ?? [];
  if (issue) return `${[kind, ...issue.path.map(String)].join('.')}: ${issue.message}`;
  const field = KEY_FIELDS[kind];
  const found = (record as Readonly<Record<string, unknown>>)[field]; // it has the form of a record
  return found === key ? undefined : `${kind}.${field}: expected the key that the record is kept under`;
}
