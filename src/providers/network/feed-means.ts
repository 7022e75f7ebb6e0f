import type { Clock } from '../../core/clock.js';
import type { CallGate } from '../../engine/call-gate.js';
import type { StageContext } from '../../engine/stage.js';
import type { StageStatistics } from '../../wire/pipeline-report.js';
import type { PlaybackReader } from './captures/playback.js';
import { LazyNetwork } from './lazy-network.js';
import type { OwnedNetwork } from './owned-network.js';

/** How a source is fed: from the network, recorded or not, or from a capture. */
export interface FeedMeans {
  readonly network: OwnedNetwork;
  readonly clock: Clock;
  readonly gate: CallGate;
  /** Called before the provider is made. */
  open?(): Promise<void>;
  /** What random numbers follow from. Known once it is open. */
  chance(): string;
  /** Why it does not do all of its work. */
  trouble?(): string | undefined;
  statistics?(): StageStatistics;
  /** Missing, if it is not from a capture: that ends. */
  attach?(reader: PlaybackReader): void;
  /** Whether a function of the provider runs. Time of a capture passes only then. */
  setBusy?(isBusy: boolean): void;
}

/** The network, as it is. */
export function fromNetwork(provider: string, context: StageContext): FeedMeans {
  const { clock, gate } = context;
  return { network: new LazyNetwork(provider, clock), clock, gate, chance: () => chanceText(context) };
}

/** Jobs that start together must not draw the same waits, nor must two starts of one. */
export const chanceText = ({ seed, job, id, run }: StageContext): string =>
  `${seed} ${job} ${id} ${run?.id} ${run?.epoch}`;
