import type { Clock } from '../core/clock.js';
import { invariant } from '../core/invariant.js';
import type { CallGate } from '../engine/call-gate.js';
import type { Source } from '../engine/source.js';
import type { Resilience } from '../resilience/resilience-client.js';
import type { Logger } from '../telemetry/logger.js';
import type { SourceGateSettings } from '../wire/resolved-spec.js';

/** The budget and the breaker in front of a source. */
export interface GateOfSource {
  readonly gate: CallGate;
  wrap(source: Source): Source;
}

/** What a gate is made of, besides its settings. */
export interface GateParts {
  readonly resilience?: Resilience | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Opens the gate of a source. Imports its code on demand, so a source without a gate costs nothing. */
export async function openGateOf(
  settings: SourceGateSettings | undefined,
  { resilience, clock, log }: GateParts,
): Promise<GateOfSource | undefined> {
  if (settings === undefined) return undefined;
  invariant(resilience !== undefined, 'a spec that names budgets or breakers is made where they are');
  const { createGate } = await import('../providers/create-gate.js');
  const { GatedSource } = await import('../providers/gated-source.js');
  const gate = createGate(settings, { resilience, clock, log });
  return { gate, wrap: (source) => new GatedSource(source, gate) };
}
