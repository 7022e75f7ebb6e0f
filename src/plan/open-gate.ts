import type { Clock } from '../core/clock.js';
import type { CallGate } from '../engine/call-gate.js';
import type { Source } from '../engine/source.js';
import type { Resilience } from '../resilience/resilience-client.js';
import type { Logger } from '../telemetry/logger.js';
import type { SourceGateSettings } from '../wire/resolved-spec.js';

/** The budget and the breaker in front of one instance of a source: a stop or a close of the source ends it. */
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

/**
 * Returns what makes the gate of a source, for each instance of it. Imports its code on demand: sources that call no provider have none.
 *
 * @param settings - The budget and the breaker in front of it, if the spec names any. Without them, only the
 *   calls that the source itself takes to the gate pass it, not its reads.
 * @param use - Name of the source, for messages about a provider that the spec does not name.
 */
export async function openGateOf(
  settings: SourceGateSettings | undefined,
  use: string,
  parts: GateParts,
): Promise<() => GateOfSource> {
  const { createGate } = await import('../providers/create-gate.js');
  const { GatedSource } = await import('../providers/gated-source.js');
  return () => {
    const gate = createGate(settings ?? {}, { ...parts, use });
    return {
      gate,
      wrap: (source) => (settings || source.gatesItsCalls ? new GatedSource(source, gate) : source),
    };
  };
}
