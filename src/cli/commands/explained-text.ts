import type { ExplainedDelivery, Guarantee } from '../../plan/explain-delivery.js';
import type { ExplainedShares } from '../../plan/explain-shared.js';
import type { ExplainedSpec, ExplainedStage } from '../../plan/explain-spec.js';
import type { QueueSettings } from '../../settings/queue-options.js';

/** Returns the lines of a description of a spec, indented from the first level on. */
export function explainedLines({ stages, delivery, unrouted, shared }: ExplainedSpec): readonly string[] {
  return [
    ...stages.flatMap((stage) => stageLines(stage).map((line) => '  '.repeat(stage.depth) + line)),
    ...deliveryLines(delivery),
    ...unrouted.map(
      (sink) => `${sink} may pass a row to no branch, and counts it: a split has "otherwise" for such rows`,
    ),
    ...sharedLines(shared),
  ];
}

function stageLines({ stage, kind, name, use, output, capabilities, queue }: ExplainedStage): string[] {
  const facts = [
    `${stage}: ${use}${name === undefined ? '' : ` (${name})`}`,
    ...(capabilities ? [capabilities.delivery] : []),
    ...(capabilities && 'bounded' in capabilities
      ? [capabilities.bounded ? 'ends by itself' : 'does not end by itself']
      : []),
    ...(queue ? [`${kind === 'source' ? 'before' : 'behind'} ${queueText(queue)}`] : []),
  ];
  const head = facts.join(', ');
  if (!output) return [head];
  const columns = output.columns.map(
    (column) => `${column.name} ${column.type}${column.nullable ? '?' : ''}`,
  );
  return [head, `  ${output.kind}: ${columns.join(', ')}`];
}

function queueText({ batches, rows, bytes, overflow }: QueueSettings): string {
  const policies =
    typeof overflow === 'string'
      ? overflow
      : Object.entries(overflow)
          .map(([kind, policy]) => `${kind} ${policy}`)
          .join(', ');
  return `a queue of ${batches} batches, ${rows} rows, ${bytes} bytes (${policies === '' ? 'block' : policies})`;
}

const GUARANTEES: Readonly<Record<Guarantee, string>> = {
  'exactly-once': 'exactly once',
  'at-least-once': 'at least once',
  'at-most-once': 'at most once',
  none: 'no promise',
  unknown: 'unknown',
};

const REFUSED_WITHOUT = 'refused, since the spec asks for "exactly-once"';

function deliveryLines({ asked, withStore, lossy, refused }: ExplainedDelivery): string[] {
  const left = lossy.map(({ stage, policy }) => `${stage} (${policy})`).join(', ');
  const without =
    'each row once in a run that is not cut short, and a run that is cut short is not resumed' +
    (left === '' ? '' : `; rows may be left out in the queue of ${left}`);
  const texts = withStore.map(({ sink, guarantee, because }) => {
    return { sink, text: [GUARANTEES[guarantee], ...because].join('; ') };
  });
  const isSame = texts.every(({ text }) => text === texts[0]?.text);
  const head = 'delivery with a checkpoint store:';
  const why = 'since rows that would arrive exactly once may be left out in the queue of';
  const withLines =
    refused.length > 0
      ? [`${head} refused, ${why} ${refused.join(', ')}`]
      : isSame
        ? [`${head} ${texts[0]?.text ?? ''}`]
        : [head, ...texts.map(({ sink, text }) => `  ${sink}: ${text}`)];
  return [...withLines, `delivery without one: ${asked === 'exactly-once' ? REFUSED_WITHOUT : without}`];
}

function sharedLines({ columns, budgets, breakers }: ExplainedShares): string[] {
  return [
    ...columns.map(({ sink, branches, copies }) => {
      const copying =
        copies.length === 0
          ? 'all of them only read'
          : `${copies.join(', ')} ${copies.length === 1 ? 'takes a copy of its own' : 'take copies of their own'}`;
      return `shared, and read only: the columns of batches that ${sink} gives to ${branches.join(', ')}; ${copying}`;
    }),
    ...budgets.map(
      ({ name, sources }) => `shared with jobs that name it: budget of ${name}, by ${sources.join(', ')}`,
    ),
    ...breakers.map(
      ({ name, sources }) => `shared with jobs that name it: breaker of ${name}, by ${sources.join(', ')}`,
    ),
  ];
}
