import type { SinkCapabilities } from '../engine/sink-capabilities.js';
import type { SourceCapabilities } from '../engine/source-capabilities.js';
import type { StagePlace } from '../wire/stage-tree.js';
import { isBehind, type LossyBranch, refusedBranches } from './lossy-branches.js';

/** How often a row arrives at a sink, however often the run is cut short and gone on with. */
export type Guarantee = 'exactly-once' | 'at-least-once' | 'at-most-once' | 'none' | 'unknown';

/** What is promised for the rows at a sink. Plain data. */
export interface SinkDelivery {
  /** The path of the sink in the spec. */
  readonly sink: string;
  readonly guarantee: Guarantee;
  /** What makes it less than exactly once. */
  readonly because: readonly string[];
}

/** What is promised for the rows of a job. Plain data. */
export interface ExplainedDelivery {
  /** What the spec asks for. Every stage can take part in checkpoints if it is `exactly-once`. */
  readonly asked: 'best-effort' | 'exactly-once';
  /** With a store of checkpoints: at each sink without branches. */
  readonly withStore: readonly SinkDelivery[];
  /** Branches and sources whose queues leave rows out when they are full. */
  readonly lossy: readonly { readonly stage: string; readonly policy: string }[];
  /** Branches that a run with a store is refused for: they leave rows out that would arrive exactly once. */
  readonly refused: readonly string[];
}

/** What of a job decides how its rows arrive. */
export interface DeliveryFacts {
  /** Default: `best-effort`. */
  readonly asked?: 'exactly-once' | undefined;
  /** `undefined` if only user code could report it. */
  readonly source: SourceCapabilities | undefined;
  readonly sinks: readonly {
    readonly place: Pick<StagePlace<unknown>, 'id' | 'path'>;
    /** `undefined` if only user code could report it. */
    readonly capabilities: SinkCapabilities | undefined;
  }[];
  readonly lossy: readonly LossyBranch[];
  /** Sources of the main stream whose queues leave rows out. */
  readonly lossySources?: readonly Pick<LossyBranch, 'id' | 'policy'>[];
}

/** Says how the rows of a job arrive at its sinks. */
export function explainDelivery({
  asked,
  source,
  sinks,
  lossy,
  lossySources = [],
}: DeliveryFacts): ExplainedDelivery {
  const withStore = sinks.map(({ place, capabilities }): SinkDelivery => {
    const because: string[] = [];
    const branches = lossy.filter((branch) => isBehind(place.path, branch));
    const onTheWay = [...lossySources, ...branches];
    for (const { id, policy } of onTheWay)
      because.push(`${id} leaves rows out when its queue is full (${policy})`);
    const isLive = source?.delivery === 'live-only';
    if (isLive)
      because.push('the source is live only: what comes while the job is down is lost, and told as a gap');
    // What a live source gave before a restart does not come again.
    const isRepeated = !isLive && capabilities?.delivery === 'append';
    if (isRepeated) because.push('after a restart, the sink writes the rows since the last checkpoint again');
    if (!source || !capabilities) {
      because.push(`only the code of ${source ? 'the sink' : 'the source'} knows what it promises`);
      return { sink: place.id, guarantee: 'unknown', because };
    }
    return { sink: place.id, guarantee: guaranteeOf(onTheWay.length > 0 || isLive, isRepeated), because };
  });
  const refused = refusedBranches(lossy, {
    hasStore: true,
    source: source?.delivery,
    sinks: sinks.map(({ place: { id, path }, capabilities }) => ({
      id,
      path,
      delivery: capabilities?.delivery,
    })),
  }).map(({ id }) => id);
  const all = [...lossySources, ...lossy].map(({ id, policy }) => ({ stage: id, policy }));
  return { asked: asked ?? 'best-effort', withStore, lossy: all, refused };
}

function guaranteeOf(mayLose: boolean, mayRepeat: boolean): Guarantee {
  if (mayLose) return mayRepeat ? 'none' : 'at-most-once';
  return mayRepeat ? 'at-least-once' : 'exactly-once';
}
