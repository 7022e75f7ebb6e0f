import { z } from 'zod';
import { parseOptions } from '../../settings/parse-options.js';
import { PERMITS_MAX } from '../../shared-memory/scope-record.js';
import type { ToDealer } from './remote-messages.js';

const text = z.string().min(1).max(1_024);
const count = z.int().min(0);
const ms = z.number().min(0);

const Renewal = z
  .object({
    scope: text,
    owner: text,
    request: z.int().min(1),
    holds: count,
    cooldownMs: ms,
    demand: z.object({ permits: count, isShort: z.boolean(), wanted: count.max(PERMITS_MAX) }).optional(),
    inFlight: count,
  })
  .refine(({ request, holds }) => holds < request, {
    path: ['holds'],
    error: 'expected less than "request"',
  });

const Message = z.discriminatedUnion('type', [
  z.object({ type: z.literal('renew'), id: count, request: Renewal }),
  z.object({
    type: z.literal('breaker'),
    provider: text,
    state: z.enum(['open', 'halfOpen', 'closed']),
    openLeftMs: ms.optional(),
    version: count,
  }),
]);

/**
 * Checks a message of another process. Code of users runs there, and can write to any pipe: a number that is none would
 * break the law of a budget for all.
 *
 * @throws {InvalidOptionsError} naming every refused field.
 */
export const toDealer = (message: unknown): ToDealer =>
  // Fields that may be missing are never there and undefined, since messages are plain data.
  parseOptions('message', Message, message) as ToDealer;
