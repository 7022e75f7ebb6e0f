import type { JobReport } from '../supervision/job.js';
import { isLine } from '../wire/left-out-rows.js';
import type { StageReport } from '../wire/pipeline-report.js';
import { formatCount } from './figures.js';

/** What becomes of the rows of an operator, an input or a branch, as their statistics and the summary say it. */
const FATES = {
  rowsOut: 'out',
  rowsFiltered: 'filtered',
  rowsFolded: 'folded',
  rowsConflated: 'conflated',
  rowsDroppedOldest: 'dropped as the oldest',
  rowsDroppedNewest: 'dropped as the newest',
  rowsDropped: 'dropped',
  rowsRejected: 'rejected',
  rowsPending: 'not delivered',
} as const;

/** The others count rows that one of the fates counts, too. */
const COUNTS = [
  'rowsIn',
  'rowsDerived',
  ...(Object.keys(FATES) as (keyof typeof FATES)[]),
  'rowsLate',
  'rowsHeld',
  'rowsUnrouted',
  'rowsNotDurable',
] as const;

/** The rows of an operator, an input or a branch by what became of them. */
export type LineDocument = Readonly<Partial<Record<(typeof COUNTS)[number], number>>> & {
  /** Given by the user. */
  readonly name?: string;
};

/** Rows that a sink took, by what is known of them. */
export interface TakenRows {
  readonly rows: number;
  /** Of these, those that are not durable; `undefined` if that is not known. */
  readonly notDurable?: number | undefined;
  /** Of these, those that no branch got. */
  readonly unrouted?: number | undefined;
  readonly hasBranches: boolean;
}

export const branchesOf = ({ stages }: Pick<JobReport, 'stages'>): readonly StageReport[] =>
  stages.filter(({ kind, statistics }) => kind === 'sink' && isLine(statistics));

export const inputsOf = ({ stages }: Pick<JobReport, 'stages'>): readonly StageReport[] =>
  stages.filter(({ kind, statistics }) => kind === 'source' && isLine(statistics));

export const operatorsOf = ({ stages }: Pick<JobReport, 'stages'>): readonly StageReport[] =>
  stages.filter(({ kind }) => kind === 'operator');

/** Counts of operators, inputs or branches as data, by their ids. */
export const lineDocuments = (lines: readonly StageReport[]): Readonly<Record<string, LineDocument>> =>
  Object.fromEntries(
    lines.map(({ stage, name, statistics }) => [
      stage,
      {
        ...(name !== undefined && { name }),
        ...Object.fromEntries(COUNTS.filter((of) => of in statistics).map((of) => [of, statistics[of]])),
      },
    ]),
  );

/** Says what a sink did with rows. In a run that ended well, all that it took are durable. */
export function takenParts({ rows, notDurable, unrouted = 0, hasBranches }: TakenRows, endedWell: boolean) {
  const ofThese = unrouted > 0 ? ` (${formatCount(unrouted)} of them unrouted)` : '';
  if (endedWell) return [`${formatCount(rows)} out${ofThese}`];
  if (hasBranches) return [`${formatCount(rows)} given to branches${ofThese}`];
  if (notDurable === undefined) {
    return [
      rows === 0 ? '0 out' : `${formatCount(rows)} taken by the sink (it is not known what is durable)`,
    ];
  }
  const lost = notDurable > 0 ? [`${formatCount(notDurable)} taken by the sink but not durable`] : [];
  return [`${formatCount(rows - notDurable)} out`, ...lost];
}

/** Whether what the sink took is durable, or in a checkpoint. */
export const hasEndedWell = ({ outcome, reason }: Pick<JobReport, 'outcome' | 'reason'>): boolean =>
  outcome === 'completed' || reason === 'suspended';

/** Whether a sink passes rows on: a branch of it is reported below its id. */
export const hasBranches = (report: Pick<JobReport, 'stages'>, id: string): boolean =>
  branchesOf(report).some(({ stage }) => stage !== id && stage.startsWith(id));

/**
 * What became of the rows in each branch of a sink, and in each input that has left rows out, one line for each.
 * A count that is 0 is left out.
 */
export function lineTexts(report: JobReport): string {
  const endedWell = hasEndedWell(report);
  const branches = branchesOf(report).map((branch) => {
    const { rowsOut: rows = 0, rowsNotDurable: notDurable, rowsUnrouted: unrouted } = branch.statistics;
    const taken = { rows, notDurable, unrouted, hasBranches: hasBranches(report, branch.stage) };
    return lineText(report, branch, takenParts(taken, endedWell), FATES);
  });
  const inputs = inputsOf(report)
    .filter(hasLeftOut)
    .map((input) => {
      const out = `${formatCount(input.statistics.rowsOut ?? 0)} out`;
      // A join asks for no more of its second source than it needs.
      return lineText(report, input, [out], { ...FATES, rowsPending: 'not asked for' });
    });
  return [...inputs, ...branches].join('');
}

/** Where rows of a kind are, apart from the line from the source to the sink: `3 in sink.branches[0]`. */
export function whereText(
  report: Pick<JobReport, 'stages'>,
  rowsOf: (statistics: StageReport['statistics']) => number,
): string {
  return placesText(rowsByStage(report.stages, rowsOf));
}

/**
 * Which operators a count of a line is the sum of, if it is of more than one: `3 in operators[0], 2 in operators[1]`.
 *
 * @param line - The id of the sink of a branch; left out for the line from the source to the sink.
 */
export function sharesText(
  report: Pick<JobReport, 'stages'>,
  count: 'rowsDerived' | 'rowsFiltered' | 'rowsFolded',
  line?: string,
): string {
  const within = line === undefined ? '' : `${line}.`;
  const own = operatorsOf(report).filter(
    ({ stage }) => stage.startsWith(within) && /^operators\[\d+\]$/.test(stage.slice(within.length)),
  );
  const shares = rowsByStage(own, (statistics) => statistics[count] ?? 0);
  return shares.length > 1 ? placesText(shares) : '';
}

function rowsByStage(
  stages: readonly StageReport[],
  rowsOf: (statistics: StageReport['statistics']) => number,
): readonly string[] {
  return stages
    .map(({ stage, statistics }) => ({ stage, rows: rowsOf(statistics) }))
    .filter(({ rows }) => rows > 0)
    .map(({ stage, rows }) => `${formatCount(rows)} in ${stage}`);
}

function placesText(places: readonly string[]): string {
  const shown = places.slice(0, PLACES_SHOWN);
  if (places.length > shown.length) shown.push(`and ${places.length - shown.length} more places`);
  return shown.length === 0 ? '' : ` (${shown.join(', ')})`;
}

const PLACES_SHOWN = 5;

function lineText(
  report: Pick<JobReport, 'stages'>,
  { stage, name, statistics }: StageReport,
  taken: readonly string[],
  fates: Readonly<Record<keyof typeof FATES, string>>,
): string {
  const count = (of: string) => statistics[of] ?? 0;
  const others = Object.entries(fates)
    .filter(([of]) => of !== 'rowsOut' && count(of) > 0)
    .map(([of, text]) => {
      const shares = of === 'rowsFiltered' || of === 'rowsFolded' ? sharesText(report, of, stage) : '';
      return `${formatCount(count(of))} ${text}${shares}`;
    });
  const derived =
    count('rowsDerived') > 0
      ? ` + ${formatCount(count('rowsDerived'))} derived${sharesText(report, 'rowsDerived', stage)}`
      : '';
  const title = name === undefined ? stage : `${stage} (${name})`;
  const sum = [...taken, ...others].join(' + ');
  return `  ${title}: ${formatCount(count('rowsIn'))} in${derived} = ${sum}\n`;
}

const hasLeftOut = ({ statistics }: StageReport): boolean =>
  Object.keys(FATES).some((of) => of !== 'rowsOut' && of !== 'rowsPending' && (statistics[of] ?? 0) > 0);
