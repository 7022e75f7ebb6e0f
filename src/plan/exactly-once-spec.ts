import type { Schema } from '../columns/schema.js';
import type { SpecProblem } from '../core/errors.js';
import type { Registry } from '../registry/registry.js';
import type { ResolvedSpec, ResolvedStage } from '../wire/resolved-spec.js';
import { placesOf, type StagePlace } from '../wire/stage-tree.js';
import { columnsInto } from './columns-into.js';
import { problemsOfExactlyOnce, type StagePart } from './exactly-once.js';
import { lossyBranches, lossySources } from './lossy-branches.js';
import { StageProbe } from './stage-probe.js';

/** What is checked with a spec. */
export interface ExactlyOnceCheck {
  readonly registry: Registry;
  readonly outputs: ReadonlyMap<string, Schema>;
  /** Whether source and sink are given in code: then only the pipeline itself can ask them. */
  readonly isInCode: { readonly source: boolean; readonly sink: boolean };
}

/**
 * Returns the stages of a checked spec with `delivery: exactly-once` that cannot take part in checkpoints, as far as
 * that is known without running user code. The pipeline asks all of them when it is made.
 */
export async function exactlyOnceProblems(
  spec: ResolvedSpec,
  { registry, outputs, isInCode }: ExactlyOnceCheck,
): Promise<SpecProblem[]> {
  if (spec.delivery !== 'exactly-once') return [];
  const into = columnsInto<ResolvedStage>(spec, outputs);
  const probe = new StageProbe(spec, registry);
  const places = placesOf<ResolvedStage>(spec).filter(
    ({ kind, isNested }) => isNested || !((kind === 'source' || kind === 'sink') && isInCode[kind]),
  );
  const parts = await Promise.all(places.map((place) => partOf(place, { probe, registry, into })));
  return problemsOfExactlyOnce(
    parts,
    [...lossySources(spec, outputs), ...lossyBranches(spec, into)],
    registry,
  );
}

async function partOf(
  place: StagePlace<ResolvedStage>,
  {
    probe,
    registry,
    into,
  }: { readonly probe: StageProbe; readonly registry: Registry; readonly into: ReadonlyMap<string, Schema> },
): Promise<StagePart> {
  const { kind, stage } = place;
  const { use, branches } = stage;
  const part = { place, use };
  if (kind === 'source') {
    const told = (await probe.capabilitiesOfSource(place))?.delivery ?? deliveryOfProvider(stage, registry);
    return { ...part, source: told };
  }
  if (kind === 'sink' && !branches) {
    return { ...part, sink: (await probe.capabilitiesOfSink(place, into.get(place.id)))?.delivery };
  }
  return part; // only the operators of users may lose their state, and they are not run here
}

/** What a provider has declared of a stream, unless it is a recording that is played back. */
function deliveryOfProvider({ use, options }: ResolvedStage, registry: Registry): 'live-only' | undefined {
  const { stream, replay } = (options ?? {}) as { readonly stream?: unknown; readonly replay?: unknown };
  const streams: Readonly<Record<string, { readonly delivery: string } | undefined>> =
    registry.find('source', use)?.provider?.capabilities.streams ?? {};
  const isLive = typeof stream === 'string' && streams[stream]?.delivery === 'live-only';
  return isLive && replay === undefined ? 'live-only' : undefined;
}
