import { formatPath, type SpecProblem } from '../core/errors.js';
import type { ResolvedBranch, ResolvedStage } from '../wire/resolved-spec.js';
import type { Path } from '../wire/stage-tree.js';

/** What a sink is given, and where it stands in the spec. */
interface BatcherAndSink {
  readonly batcher: ResolvedStage;
  readonly batcherPath: Path;
  readonly sink: ResolvedStage;
  readonly sinkPath: Path;
}

/**
 * Returns the batchers whose `key` brings rows of a symbol out of order for an operator in a branch behind them that keeps time:
 * batches come in the order in which they close, and only by `symbol` do all rows of one stay in order.
 */
export function problemsOfKeys(batcher: ResolvedStage, sink: ResolvedStage): SpecProblem[] {
  return problemsIn({ batcher, batcherPath: ['batcher'], sink, sinkPath: ['sink'] });
}

function problemsIn({ batcher, batcherPath, sink, sinkPath }: BatcherAndSink): SpecProblem[] {
  const branches = Object.values(sink.branches ?? {}).map((branch) => {
    return { branch, path: [...sinkPath, ...branch.at] };
  });
  const inside = branches.flatMap(({ branch, path }) =>
    problemsIn({
      batcher: branch.batcher,
      batcherPath: [...path, 'batcher'],
      sink: branch.sink,
      sinkPath: path,
    }),
  );
  const groups = batcher.facts?.groupsBy;
  if (!groups || groups.column === 'symbol') return inside;
  const [late] = branches.flatMap(({ branch, path }) => timeKeepersIn(branch, path));
  if (!late) return inside;
  const message =
    `expected "symbol", or no key, found "${groups.column}": rows of a symbol would come to ${formatPath(late.path)} ` +
    `("${late.use}") out of order, and be late; give the key to the batchers of the branches`;
  return [{ path: [...batcherPath, groups.option], message }, ...inside];
}

function timeKeepersIn(
  { operators, sink }: ResolvedBranch,
  path: Path,
): readonly { readonly path: Path; readonly use: string }[] {
  const own = operators.flatMap(({ use, facts }, i) =>
    facts?.keepsTime ? [{ path: [...path, 'operators', i], use }] : [],
  );
  const inside = Object.values(sink.branches ?? {}).flatMap((branch) =>
    timeKeepersIn(branch, [...path, ...branch.at]),
  );
  return [...own, ...inside];
}
