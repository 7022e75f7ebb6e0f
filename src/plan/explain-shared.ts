import type { Schema } from '../columns/schema.js';
import type { ResolvedSpec, ResolvedStage, SourceGateSettings } from '../wire/resolved-spec.js';
import { placesOf, placesOfBranch, placesOfInput } from '../wire/stage-tree.js';
import type { StageProbe } from './stage-probe.js';

/** What stages of a job share. Plain data. */
export interface ExplainedShares {
  /** Columns that the branches of a sink share: nobody writes to them. */
  readonly columns: readonly {
    /** The path of the sink in the spec. */
    readonly sink: string;
    readonly branches: readonly string[];
    /** Stages that may write: each takes a copy of its own of columns that are shared when it gets them. */
    readonly copies: readonly string[];
  }[];
  /** Budgets of the settings, with the sources that spend from them. Other jobs may do so, too. */
  readonly budgets: readonly SharedName[];
  /** Breakers of the settings, with the sources that they guard. They guard those of other jobs, too. */
  readonly breakers: readonly SharedName[];
}

/** Something of the settings that sources name. */
export interface SharedName {
  readonly name: string;
  /** Paths of the sources in the spec. */
  readonly sources: readonly string[];
}

/**
 * Says what the stages of a job share.
 *
 * @param into - The columns that each stage is given, by id.
 */
export async function explainShares(
  spec: ResolvedSpec,
  into: ReadonlyMap<string, Schema>,
  probe: StageProbe,
): Promise<ExplainedShares> {
  const gates = gatesOf(spec);
  return {
    columns: await sharedColumns(spec, into, probe),
    budgets: grouped(gates.map(({ source, gate }) => ({ source, name: budgetName(gate) }))),
    breakers: grouped(gates.map(({ source, gate }) => ({ source, name: gate.breaker }))),
  };
}

async function sharedColumns(
  spec: ResolvedSpec,
  into: ReadonlyMap<string, Schema>,
  probe: StageProbe,
): Promise<ExplainedShares['columns']> {
  const columns: ExplainedShares['columns'][number][] = [];
  for (const owner of placesOf<ResolvedStage>(spec)) {
    const branches = Object.values(owner.stage.branches ?? {}).map((branch) => placesOfBranch(owner, branch));
    if (branches.length < 2) continue; // one branch alone shares nothing
    const copies: string[] = [];
    for (const { operators, batcher, sink } of branches) {
      for (const place of [...operators, batcher, sink]) {
        if (await probe.readsOnly(place, into.get(place.id))) continue;
        copies.push(place.id);
        break; // those behind it get its copy
      }
    }
    columns.push({ sink: owner.id, branches: branches.map(({ sink }) => sink.id), copies });
  }
  return columns;
}

interface SourceGate {
  readonly source: string;
  readonly gate: SourceGateSettings;
}

function gatesOf(spec: ResolvedSpec): SourceGate[] {
  const own = spec.gate ? [{ source: 'source', gate: spec.gate }] : [];
  const nested = placesOf<ResolvedStage>(spec).flatMap((owner) =>
    Object.values(owner.stage.inputs ?? {}).flatMap((input) =>
      input.gate ? [{ source: placesOfInput(owner, input).source.id, gate: input.gate }] : [],
    ),
  );
  return [...own, ...nested];
}

function budgetName({ budget }: SourceGateSettings): string | undefined {
  if (!budget) return undefined;
  const { provider, endpoint, tenant } = budget;
  return `${provider}${endpoint === undefined ? '' : `, endpoint ${endpoint}`}${tenant === undefined ? '' : `, tenant ${tenant}`}`;
}

function grouped(
  named: readonly { readonly source: string; readonly name: string | undefined }[],
): SharedName[] {
  const groups = new Map<string, string[]>();
  for (const { source, name } of named) {
    if (name !== undefined) groups.set(name, [...(groups.get(name) ?? []), source]);
  }
  return [...groups].map(([name, sources]) => ({ name, sources }));
}
