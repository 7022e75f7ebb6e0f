import type { Named, RunningBranch, Stage } from '../stage.js';

/**
 * Whether the rows that a sink passes on must say where they were read. Operators may have to name a row;
 * batchers and sinks do not, and to keep places costs about a copy of each selection.
 */
export function needsOriginsInBranches({ branches = {} }: Named<Stage>): boolean {
  return Object.values(branches).some(needsOrigins);
}

const needsOrigins = ({ operators, sink }: RunningBranch): boolean =>
  operators.length > 0 || needsOriginsInBranches(sink);
