import { z } from 'zod';
import { PipelineError } from '../../core/errors.js';
import { COUNTERS } from '../../shared-memory/counters.js';
import { countValues } from '../../wire/count-values.js';
import type { FromProcess, FromWatch } from '../../wire/process-messages.js';

/** The longest list is that of the outputs of a run: 100,000 parts and their paths fit. */
export const TALK_BYTES_MAX = 16 << 20;
export const WATCH_BYTES_MAX = 65_536;
const TALK_VALUES_MAX = 500_000;
const WATCH_VALUES_MAX = 1_000;

/** As far as a cell of shared memory goes. */
const INT64_MAX = 2n ** 63n - 1n;
const instant = z.bigint().min(0n).max(INT64_MAX);
/** Cells have instants, too: 104 days after the start of a machine, those are above the integers that are exact. */
const cell = z
  .number()
  .refine((value) => Number.isInteger(value) && Math.abs(value) <= 2 ** 62, 'no integer');

/** What is said of a process comes from it, and code of users runs there: it may be anything. */
const MemoryCopy = z.object({
  nowNs: instant,
  cells: z.array(cell).length(COUNTERS.length),
  place: z.int().min(0).max(1_000_000),
  held: z.object({ place: z.int().min(0).max(1_000_000), sinceNs: instant }).optional(),
});

const text = z.string().max(100_000);
const WireErrorData = z.looseObject({ code: text, message: text, retryable: z.boolean() });

const Notice = z.union([
  z.literal('begun'),
  z.strictObject({ epoch: z.int(), rowsOut: z.int() }),
  z.strictObject({
    level: z.enum(['debug', 'info', 'warn', 'error']),
    fields: z.record(text, z.unknown()),
    text,
  }),
]);

const Outcome = z.object({
  report: z.looseObject({
    outcome: z.enum(['completed', 'stopped', 'failed']),
    reason: text,
    error: WireErrorData.optional(),
    counters: z.record(text, z.number()),
    rowsPending: z.number(),
    durationMs: z.number(),
    outputs: z.array(text),
    stages: z.array(z.looseObject({ stage: text, use: text })),
  }),
  leftovers: z.array(text),
});

const of = { for: z.literal('actor') };
const count = z.number().min(0).max(Number.MAX_SAFE_INTEGER);
const Provider = z.string().max(1_000);
const ToDealer = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('renew'),
    id: z.int(),
    request: z.strictObject({
      scope: z.string().max(1_000),
      owner: text,
      request: z.int().min(1),
      holds: z.int().min(0),
      cooldownMs: z.number().min(0).max(1e12),
      inFlight: z.int().min(0),
      demand: z.strictObject({ permits: count, isShort: z.boolean(), wanted: count }).optional(),
      breaker: z.unknown().optional(),
    }),
  }),
  z.strictObject({
    type: z.literal('breaker'),
    provider: Provider,
    state: z.enum(['open', 'halfOpen', 'closed']),
    openLeftMs: z.number().min(0).max(1e12).optional(),
    version: z.int().min(0),
  }),
]);

const Actor = z.discriminatedUnion('type', [
  z.object({ ...of, type: z.literal('hello'), nowNs: instant }),
  z.object({ ...of, type: z.literal('notice'), notice: Notice }),
  z.object({ ...of, type: z.literal('answer'), id: z.int(), value: z.unknown(), mirror: MemoryCopy }),
  z.object({ ...of, type: z.literal('refusal'), id: z.int(), message: text }),
  z.object({ ...of, type: z.literal('outcome'), outcome: Outcome, mirror: MemoryCopy }),
  z.object({ ...of, type: z.literal('fault'), error: WireErrorData, isCaught: z.boolean() }),
]);

const Talk = z.union([Actor, z.strictObject({ for: z.literal('budgets'), message: ToDealer })]);

const Watch = z.discriminatedUnion('type', [
  z.object({ type: z.literal('mirror'), mirror: MemoryCopy }),
  z.object({ type: z.literal('memory'), rssBytes: z.number() }),
]);

/** A message, and how many values are in it. */
export interface ReadMessage<Message> {
  readonly message: Message;
  readonly values: number;
}

/** @throws {PipelineError} if it is no message of ours. */
export const readTalk = (message: unknown): ReadMessage<FromProcess> =>
  read(Talk, message, TALK_VALUES_MAX) as ReadMessage<FromProcess>;

/** @throws {PipelineError} if it is no message of ours. */
export const readWatch = (message: unknown): ReadMessage<FromWatch> =>
  read(Watch, message, WATCH_VALUES_MAX) as ReadMessage<FromWatch>;

/** Counted first: a check of a list walks it, holes included, before it looks at its length. */
function read(form: z.ZodType, message: unknown, valuesMax: number): ReadMessage<unknown> {
  const values = countValues(message, valuesMax);
  if (values > valuesMax) throw noMessage(`more than ${valuesMax} values, or data that is round or too deep`);
  const { success, data, error } = form.safeParse(message);
  if (success) return { message: data, values };
  const [issue] = error.issues;
  const where = issue?.path.join('.') || 'the whole of it';
  throw noMessage(`${where}: ${issue?.message}`);
}

const noMessage = (problem: string) =>
  new PipelineError(
    'INTERNAL',
    `Expected a message of a process of tickloom, found another one (${problem})`,
  );
