import { systemClock } from '../../core/clock.js';
import { InvalidOptionsError, PipelineError } from '../../core/errors.js';
import { randomId } from '../../core/random-id.js';
import { readList } from '../../providers/adapter/list-pages.js';
import { ProviderConnection } from '../../providers/adapter/provider-connection.js';
import { ITEMS_AT_ONCE } from '../../providers/contract/provider-list.js';
import { createGate } from '../../providers/create-gate.js';
import { LazyNetwork } from '../../providers/network/lazy-network.js';
import { builtIn } from '../../registry/built-in.js';
import { componentOf } from '../../registry/load-stage.js';
import { definitionOf } from '../../registry/provider-component.js';
import type { Logger } from '../../telemetry/logger.js';
import type { ListRequest } from './user-code.js';

/** Who reads a list. */
export interface ListReader {
  /** Is given a few items at a time, as a JSON text. */
  post(items: string): void;
  readonly log: Logger;
}

/**
 * Loads a provider into the calling thread and reads a list of it to its end, through the gate.
 *
 * @throws {InvalidOptionsError} if its own options are refused.
 */
export async function listHere(
  { job, stage, list, gate: settings, resilience: handle }: ListRequest,
  { post, log }: ListReader,
): Promise<void> {
  const { use } = stage;
  const definition = definitionOf(await componentOf(builtIn, 'source', stage));
  if (!definition)
    throw new PipelineError('SPEC_INVALID', `"${use}" is a source, and no provider: it has no lists`);
  const checked = (await definition.options()).safeParse(stage.options);
  if (!checked.success) {
    const problems = checked.error.issues.map(({ path, message }) => [path.join('.'), message].join(': '));
    throw new InvalidOptionsError(use, problems);
  }
  const factory = await definition.load(checked.data);
  const clock = systemClock;
  // Imported here: the thread of a job whose spec names no budget is not to load it.
  const resilience = handle && (await import('../../resilience/resilience-client.js')).openResilience(handle);
  const gate = createGate(settings, { use, resilience, clock, log });
  const means = { network: new LazyNetwork(use, clock), clock, gate, chance: randomId };
  const connection = new ProviderConnection(use, factory, checked.data, means, { job, log, clock });
  // A provider that waits for nothing that could come keeps no thread: the deadline is to end it, and say so.
  const alive = setInterval(() => {}, 2 ** 31 - 1);
  try {
    await readList(connection, list, (items) => {
      for (let at = 0; at < items.length; at += ITEMS_AT_ONCE) {
        post(JSON.stringify(items.slice(at, at + ITEMS_AT_ONCE)));
      }
    });
  } finally {
    clearInterval(alive);
    gate.stop();
    await connection.close(undefined);
    resilience?.close();
  }
}
